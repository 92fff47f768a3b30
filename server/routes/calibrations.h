/* calibrations.h - POST /v1/calibrations, /v1/classifiers, /v1/adapters, /v1/drift/baselines: making artifacts; and
 * GET, DELETE of any of them.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; fits on the labour thread.
 * Limits   creation.h, and those of calibration.h, classifier.h, adapter.h, drift.h.
 */
#ifndef ROSIM_CALIBRATIONS_H
#define ROSIM_CALIBRATIONS_H

#include "server/exchange.h"
#include "server/service.h"

void calibrations_create(struct service *s, exchange *x);
void classifiers_create(struct service *s, exchange *x);
void adapters_create(struct service *s, exchange *x);
void baselines_create(struct service *s, exchange *x);

/* The kind is read from the path: /v1/calibrations, /v1/calibrations/{id} ... */
void artifacts_list(struct service *s, exchange *x);
void artifacts_show(struct service *s, exchange *x);
void artifacts_delete(struct service *s, exchange *x);

#endif
