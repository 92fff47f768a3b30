/* ops.h - what operators and their machines ask: alive, ready, numbers, and a page at the root.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads. None of these waits for the model, so they answer under any load.
 * Limits   none.
 * Source   api.md section 3; reliability.md section 6 (Health).
 */
#ifndef ROSIM_OPS_H
#define ROSIM_OPS_H

#include "server/exchange.h"
#include "server/service.h"

void ops_live(struct service *s, exchange *x);
void ops_ready(struct service *s, exchange *x);
void ops_metrics(struct service *s, exchange *x);
void ops_root(struct service *s, exchange *x);            /* a page for browsers, health for others (TEI's clients) */
void ops_health(struct service *s, exchange *x);          /* TEI's: 200 and no body */

#endif
