/* lines.h - the lines of stdin in chunks, checked, with progress on stderr.
 *
 * Owns     its line buffer.
 * Borrows  the stream until it returns.
 * Threads  main.
 * Limits   a line is as long as memory allows; invalid UTF-8 and NUL are refused with the line's number.
 */
#ifndef ROSIM_LINES_H
#define ROSIM_LINES_H

#include "weights/base.h"

#include <stdio.h>

enum { LINES_CHUNK = 256 };

typedef struct {
    status (*add)(void *context, slice line, size_t number, errinfo *err);       /* number counts from 1 */
    status (*flush)(void *context, errinfo *err);    /* after each chunk, and before an error is returned */
    void *context;
    size_t chunk;                 /* lines between two flushes */
} lines_sink;

/* Every line, without its newline (LF or CRLF). What stood before a bad line has been flushed when its error returns.
 */
MUST_USE status lines_read(FILE *in, const lines_sink *sink, errinfo *err);

/* ST_INPUT for invalid UTF-8, NUL, or no text at all; `where` begins the message ("line 3"). */
MUST_USE status lines_check_text(slice text, const char *where, errinfo *err);

#endif
