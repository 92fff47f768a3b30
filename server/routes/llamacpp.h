/* llamacpp.h - llama.cpp's dialect: POST /embedding, /detokenize, and /tokenize for its body (`content`).
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 * Source   peers.md 2.7.
 */
#ifndef ROSIM_LLAMACPP_H
#define ROSIM_LLAMACPP_H

#include "server/exchange.h"
#include "server/service.h"

void llamacpp_embedding(struct service *s, exchange *x);  /* embd_normalize: -1 raw, 2 unit length; others refused */
void llamacpp_tokenize(struct service *s, exchange *x);   /* TEI's when the body has `inputs` */
void llamacpp_detokenize(struct service *s, exchange *x);

#endif
