/* api_error.h - every way to say no, in one table: code, and status per dialect; and the error bodies.
 *
 * Owns     nothing: constant data.    Borrows  the exchange during a call.    Threads  pure.
 * Limits   a message holds 400 bytes.
 * Source   api.md 4 and 6, reliability.md 6.1, peers.md 2.1 (TEI) and 2.4 (OpenAI).
 */
#ifndef ROSIM_API_ERROR_H
#define ROSIM_API_ERROR_H

#include "server/exchange.h"
#include "weights/base.h"

/* COHERE and OLLAMA have OpenAI's statuses and bodies of their own. */
typedef enum { DIALECT_NATIVE, DIALECT_OPENAI, DIALECT_TEI, DIALECT_COHERE, DIALECT_OLLAMA, DIALECTS } dialect;

typedef enum {
    API_OK = 0,
    API_AMBIGUOUS_FRAMING, API_BAD_HEADER, API_BAD_REQUEST, API_BAD_URI,             /* 400, close */
    API_PAYLOAD_TOO_LARGE,                                                           /* 413 */
    API_NOT_FOUND, API_METHOD_NOT_ALLOWED,                                           /* 404, 405 + Allow */
    API_UNSUPPORTED_MEDIA_TYPE, API_UNSUPPORTED_ENCODING,                            /* 415 */
    API_UNAUTHORIZED, API_FORBIDDEN,                                                 /* 401, 403 */
    API_EMPTY_BODY, API_INVALID_JSON, API_INVALID_UTF8, API_JSON_TOO_DEEP, API_DUPLICATE_KEY,    /* 400 */
    API_WRONG_TYPE, API_MISSING_FIELD, API_EMPTY_INPUT, API_TOO_MANY_INPUTS, API_TOO_MANY_FIELDS,
    API_INVALID_CHARACTER, API_INPUT_TOO_LONG, API_OUT_OF_RANGE, API_INVALID_VALUE, API_AMBIGUOUS_INPUT,
    API_TOO_MANY_TOKENS, API_ATTENTION_NOT_TRAINED, API_EXPLAIN_NOT_AVAILABLE,       /* 422 */
    API_MODEL_LACKS_HEAD,                                                            /* 422; TEI's is 424 */
    API_MODEL_NOT_FOUND,                                                             /* 404 */
    API_RATE_LIMITED,                                                                /* 429 + Retry-After */
    API_OVERLOADED, API_DRAINING, API_NOT_READY, API_OUT_OF_MEMORY,                  /* 503 (+ Retry-After) */
    API_DEADLINE_EXCEEDED,                                                           /* 504 */
    API_INTERNAL,                                                                    /* 500 */
    API_ERRORS
} api_error;

const char *api_error_code(api_error e);                          /* "empty_input" */
int api_error_status(api_error e, dialect d);                     /* HTTP status in that dialect */

const struct schema *api_error_schema(dialect d);                 /* the shape of a body, for the OpenAPI file */

/* Answers x in the dialect of its route (native without one). param names the field ("pairs[3].a") or is NULL. */
PRINTF_LIKE(4, 5) void api_error_answer(exchange *x, api_error e, const char *param, const char *format, ...);

#endif
