/* vllm.h - vLLM's dialect: POST /score, /v1/score, /pooling.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 * Source   peers.md 2.6; vLLM's entrypoints for scoring and pooling. A bi-encoder's score is the cosine there, too.
 */
#ifndef ROSIM_VLLM_H
#define ROSIM_VLLM_H

#include "server/exchange.h"
#include "server/service.h"

void vllm_score(struct service *s, exchange *x);      /* queries and documents: 1:1, 1:N, N:N */
void vllm_pooling(struct service *s, exchange *x);    /* the sentence vector, or with task token_embed the tokens' */

#endif
