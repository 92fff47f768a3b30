/* openapi.h - writes what the router's table says as an OpenAPI 3.1 document.
 *
 * Owns     nothing: the text is the arena's.
 * Borrows  the table for ever; service and models during a call, whose limits and keys the document tells.
 * Threads  pure.
 * Limits   the arena's.
 */
#ifndef ROSIM_OPENAPI_H
#define ROSIM_OPENAPI_H

#include "server/service.h"

/* data NULL when the arena is full. */
slice openapi_write(const service *s, const registry *models, arena *a);

#endif
