/* guard.h - refuses requests whose framing libmicrohttpd 0.9.75 would misread (request smuggling, hangs).
 *
 * Owns     nothing.    Borrows  its arguments during a call.    Threads  pure functions.
 * Limits   none.
 * Source   RFC 9112 sections 3, 5, 6; the measured table in reliability.md 1.5.
 */
#ifndef ROSIM_GUARD_H
#define ROSIM_GUARD_H

#include "weights/base.h"

typedef struct { slice name, value; } header;

typedef struct { int api_error; char message[120]; } guard_verdict;      /* api_error 0: fine */

/* uri is the raw request target; version e.g. "HTTP/1.1". */
guard_verdict guard_check(slice method, slice uri, slice version, const header *headers, size_t count,
                          size_t body_limit);

#endif
