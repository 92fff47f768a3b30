/* trace.h - W3C Trace Context: where in somebody's trace a request stands. Read, logged and answered; nothing is sent
 * anywhere.
 *
 * Owns     plain data.    Borrows  nothing.    Threads  pure.
 * Limits   version 00 exactly, later ones as far as they look like it; anything else counts as no header.
 * Source   www.w3.org/TR/trace-context (traceparent), its level 2 draft (traceresponse).
 */
#ifndef ROSIM_TRACE_H
#define ROSIM_TRACE_H

#include "weights/base.h"

enum { TRACE_ID_CHARS = 32, SPAN_ID_CHARS = 16, TRACE_FLAGS_CHARS = 2, TRACE_HEADER_BYTES = 56 };

typedef struct {
    char trace_id[TRACE_ID_CHARS + 1];    /* "": the request came without a trace */
    char parent_id[SPAN_ID_CHARS + 1];    /* the caller's span */
    char span_id[SPAN_ID_CHARS + 1];      /* ours, for this request */
    char flags[TRACE_FLAGS_CHARS + 1];
} trace;

/* From the value of a traceparent header and a random number for our span. False, and *out empty, when malformed. */
bool trace_read(trace *out, slice traceparent, uint64_t span);
/* The value of traceresponse: "00-<trace>-<our span>-<flags>". */
void trace_write(const trace *t, char out[TRACE_HEADER_BYTES]);

#endif
