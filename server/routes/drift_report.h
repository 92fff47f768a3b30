/* drift_report.h - GET /v1/drift: how far the texts served lately lie from each baseline; and the same as metrics.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads. A report costs a millisecond or so under the lock of the artifacts.
 * Limits   those of drift.h.
 */
#ifndef ROSIM_DRIFT_REPORT_H
#define ROSIM_DRIFT_REPORT_H

#include "server/exchange.h"
#include "server/service.h"

void drift_show(struct service *s, exchange *x);

/* The lines rosim_drift_* of every baseline, for the metrics page, in the arena. */
slice drift_metrics(const struct service *s, arena *a);

#endif
