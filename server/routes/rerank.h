/* rerank.h - POST /rerank, /v1/rerank, /v2/rerank: Cohere's, Jina's and vLLM's request, ranked by cosine.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 * Source   peers.md 2.6. One answer holds the fields of all of them; who reads one dialect skips the rest.
 *          TEI's body (`texts`) asks for a cross-encoder's logits, which no model here has: 424, as TEI answers.
 */
#ifndef ROSIM_RERANK_H
#define ROSIM_RERANK_H

#include "server/exchange.h"
#include "server/service.h"

void rerank_any(struct service *s, exchange *x);          /* /rerank: TEI's body, or the others' */
void rerank_v1(struct service *s, exchange *x);           /* documents come back unless return_documents is false */
void rerank_v2(struct service *s, exchange *x);           /* they do not unless it is true */

#endif
