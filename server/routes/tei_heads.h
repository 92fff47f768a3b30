/* tei_heads.h - TEI's routes for models with a head: /rerank, /predict, /embed_sparse; and its cloud aliases.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 * Source   peers.md 2.1 and 2.2: an embedding model answers 424 Backend there, after the body has been read.
 */
#ifndef ROSIM_TEI_HEADS_H
#define ROSIM_TEI_HEADS_H

#include "server/exchange.h"
#include "server/service.h"

void tei_rerank(struct service *s, exchange *x);
void tei_predict(struct service *s, exchange *x);
void tei_embed_sparse(struct service *s, exchange *x);
void tei_vertex(struct service *s, exchange *x);          /* {"instances": [embed bodies]} -> {"predictions": [...]} */

#endif
