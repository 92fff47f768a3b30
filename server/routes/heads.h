/* heads.h - POST /v1/heads: a pair head fitted to labelled pairs; and the classes that one adds to /v1/similarity.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; the fit on the labour thread.
 * Limits   creation.h and pair_head.h.
 */
#ifndef ROSIM_HEADS_H
#define ROSIM_HEADS_H

#include "server/routes/trust.h"
#include "server/schema.h"

extern const schema heads_answer;          /* what heads_write writes */

void heads_create(struct service *s, exchange *x);

/* {"labels": [the likeliest of each group], "probabilities": {...}} of inputs a and b. */
void heads_write(json_out *w, const encode_job *e, const trust *t, size_t a, size_t b);

#endif
