/* fidelity_report.h - POST /v1/models/{id}/fidelity: how far approximating attentions are from softmax on given texts.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; measuring on the labour thread, until the request's deadline.
 * Limits   those of model/fidelity.h: 256 texts, 32 768 tokens; FIDELITY_PAIRS_MAX pairs.
 * Source   formulas.md A3.
 */
#ifndef ROSIM_FIDELITY_REPORT_H
#define ROSIM_FIDELITY_REPORT_H

#include "server/exchange.h"
#include "server/schema.h"
#include "server/service.h"

enum { FIDELITY_PAIRS_MAX = 32640 };      /* all pairs of 256 texts */

extern const schema fidelity_body, fidelity_answer;

void fidelity_report(struct service *s, exchange *x);

#endif
