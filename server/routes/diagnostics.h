/* diagnostics.h - GET /v1/models/{id}/diagnostics: what the parts of a model do, and which of them looks wrong.
 *
 * Owns     nothing.    Borrows  the service and the exchange; a diagnosis during a call.
 * Threads  HTTP threads; the examination on the labour thread, with one thread and scratch of its own.
 * Limits   those of model/diagnosis.h. It takes a second for a small model, and meanwhile the memory of its folder.
 */
#ifndef ROSIM_DIAGNOSTICS_H
#define ROSIM_DIAGNOSTICS_H

#include "model/diagnosis.h"
#include "server/exchange.h"
#include "server/json_out.h"
#include "server/schema.h"
#include "server/service.h"

extern const schema diagnostics_shape;

void diagnostics_show(struct service *s, exchange *x);

/* The answer, for whoever prints it elsewhere. */
void diagnostics_write(json_out *w, const model *m, const diagnosis *d);

#endif
