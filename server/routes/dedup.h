/* dedup.h - POST /v1/dedup: near-duplicate groups of a batch of texts.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; groups are found on the labour thread.
 * Limits   those of request_limits; time grows with the square of the number of texts, memory does not.
 */
#ifndef ROSIM_DEDUP_H
#define ROSIM_DEDUP_H

#include "server/exchange.h"
#include "server/schema.h"
#include "server/service.h"

extern const schema dedup_body, dedup_answer;

void dedup_texts(struct service *s, exchange *x);

#endif
