/* errand.h - a request whose answer is made on the labour thread, without texts to encode.
 *
 * Owns     nothing: an errand lives in its exchange's arena.
 * Borrows  the service until the server ends; the exchange until its end.
 * Threads  start and finish: the exchange's HTTP thread. work: the labour thread; it answers the exchange.
 * Limits   those of the labour thread's queue: a full one is 503.
 */
#ifndef ROSIM_ERRAND_H
#define ROSIM_ERRAND_H

#include "server/exchange.h"
#include "server/service.h"

typedef struct errand errand;
struct errand {
    service *service;
    exchange *exchange;
    const model *model;
    void (*work)(errand *e);              /* must answer */
    void *request;                        /* the route's own */
};

/* Suspends x and runs work later; or answers with what is wrong. */
void errand_start(struct service *s, exchange *x, const model *m, void (*work)(errand *e), void *request);
/* The `finish` of every route that uses errand_start. */
void errand_finish(struct service *s, exchange *x);

/* The model called name ("": the first), if the key may use it; NULL: x has been answered. */
const model *errand_model(exchange *x, slice name);

#endif
