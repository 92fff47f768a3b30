/* docs.h - what describes the API to machines and people: GET /openapi.json, GET /docs.
 *
 * Owns     nothing.    Borrows  the service, which holds the page from its start.
 * Threads  HTTP threads.
 * Limits   none.
 */
#ifndef ROSIM_DOCS_H
#define ROSIM_DOCS_H

#include "server/exchange.h"
#include "server/service.h"

/* The page, without scripts: the router's table, each row with its fields, statuses and an example. data NULL when the
 * arena is full. */
slice docs_write(const service *s, arena *a);

void docs_openapi(struct service *s, exchange *x);
void docs_page(struct service *s, exchange *x);

#endif
