/* trust_rank.h - POST /v1/rank: one query against candidates, best first, with how sure each place is; and POST
 * /v1/classify: texts into the classes of a classifier.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 */
#ifndef ROSIM_TRUST_RANK_H
#define ROSIM_TRUST_RANK_H

#include "server/exchange.h"
#include "server/service.h"

void rank_candidates(struct service *s, exchange *x);
void rank_classify(struct service *s, exchange *x);

#endif
