/* cost.h - POST /v1/cost: what texts of given lengths cost on this machine, for each kind of attention.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; measuring and answering on the labour thread.
 * Limits   64 lengths of 1 to 65 536 tokens.
 * Source   formulas.md A2.
 */
#ifndef ROSIM_ROUTES_COST_H
#define ROSIM_ROUTES_COST_H

#include "server/exchange.h"
#include "server/schema.h"
#include "server/service.h"

enum { COST_LENGTHS_MAX = 64 };

extern const schema cost_body, cost_shape;

void cost_answer(struct service *s, exchange *x);

#endif
