/* json_in.h - bytes from outside to a checked JSON tree, and typed access that names the field in its errors.
 *
 * Owns     nothing; the tree is the caller's (json_free).
 * Borrows  the bytes during json_parse.
 * Threads  pure.
 * Limits   depth 16, 1 000 000 members in all, 100 000 keys, 100 000 containers, 63 characters a number, body as http
 *          allows.
 * Source   RFC 8259; what cJSON lets through stands in reliability.md 2.1: a linear pre-scan refuses it first.
 */
#ifndef ROSIM_JSON_IN_H
#define ROSIM_JSON_IN_H

#include "server/api_error.h"
#include "weights/base.h"

#include <cjson/cJSON.h>

typedef struct { api_error code; char param[96]; char message[256]; } json_fault;    /* code API_OK: none */

/* How many values of a kind a caller can use: more are refused before a tree is built (it costs 42 bytes a byte). 0:
 * any. */
typedef struct { size_t strings, numbers; } json_limits;

/* Pre-scan (UTF-8, escapes, control characters, numbers, depth, duplicate keys, trailing bytes), then cJSON. NULL on
 * fault. */
cJSON *json_parse(slice bytes, json_fault *fault);
/* The same; over limits->strings is API_TOO_MANY_INPUTS, over limits->numbers API_TOO_MANY_TOKENS. */
cJSON *json_parse_limited(slice bytes, const json_limits *limits, json_fault *fault);
void json_free(cJSON *tree);

/* Fills fault and returns false, so that a caller can write: return json_refuse(fault, API_WRONG_TYPE, "input", ...).
 */
PRINTF_LIKE(4, 5) bool json_refuse(json_fault *fault, api_error code, const char *param, const char *format, ...);

/* "a string", "null" ...: what a message calls the value that was found. */
const char *json_kind(const cJSON *value);

/* A member of an object: NULL when absent. required: absent is API_MISSING_FIELD. null counts as absent. */
const cJSON *json_member(const cJSON *object, const char *name);

/* Each returns false and fills fault (API_WRONG_TYPE, API_OUT_OF_RANGE, API_INVALID_VALUE) naming param; absent keeps
 * *out. */
bool json_bool(const cJSON *object, const char *name, bool *out, json_fault *fault);
bool json_size(const cJSON *object, const char *name, size_t min, size_t max, size_t *out, json_fault *fault);
bool json_double(const cJSON *object, const char *name, double min, double max, double *out, json_fault *fault);
bool json_string(const cJSON *object, const char *name, slice *out,
                 json_fault *fault); /* out lives as long as the tree */

#endif
