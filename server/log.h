/* log.h - one line on stderr per event, as text or JSON. Never a text of a client, never a key.
 *
 * Owns     the level and the format: the process's only mutable globals besides the stop flag, set once at start.
 * Borrows  its arguments during a call.    Threads  any; a line is one write.
 * Limits   a line holds 2048 bytes; control characters are escaped; repeated library messages are limited to 10 a
 *          second.
 */
#ifndef ROSIM_LOG_H
#define ROSIM_LOG_H

#include "server/exchange.h"
#include "weights/base.h"

#include <stdarg.h>

typedef enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

void log_configure(log_level level, bool json);
PRINTF_LIKE(2, 3) void log_line(log_level level, const char *format, ...);
/* A message of the HTTP library, at LOG_DEBUG; more than 10 a second are counted and dropped. */
void log_library(const char *format, va_list arguments);
/* At LOG_INFO: method (at most 16 bytes), path without its query (at most 128), status, bytes, times, request id,
 * client name, and where in a trace it stands. */
void log_access(const exchange *x);

#endif
