/* strict_json.h - cJSON behind a guard: one linear scan refuses what cJSON would let through or cut silently.
 *
 * Owns     nothing; the caller ends a tree with cJSON_Delete.
 * Borrows  the bytes during the call.
 * Threads  all functions are pure.
 * Limits   those of the rules; numbers have at most 63 characters.
 * Source   reliability.md section 2.1 lists what cJSON accepts.
 */
#ifndef ROSIM_STRICT_JSON_H
#define ROSIM_STRICT_JSON_H

#include "weights/base.h"

#include <cjson/cJSON.h>

typedef struct {
    size_t max_depth;       /* open objects and arrays at once; bounds cJSON's recursion */
    size_t max_values;      /* counted by commas; bounds cJSON's memory, about 80 bytes a value */
    bool integers_only;     /* outside of strings only digits: no sign, fraction, exponent, true, false, null */
} strict_json_rules;

/* Parses a whole document. ST_FORMAT names the label, the byte and the rule: UTF-8, no control characters and no
 * \u0000 in strings, well-formed escapes, no leading zeros, nothing but blanks behind the document. ST_NOMEM.
 * Duplicate keys: see below. */
MUST_USE status strict_json_parse(cJSON **out, const char *bytes, size_t length, const strict_json_rules *rules,
                                  const char *label, errinfo *err);

/* ST_FORMAT when two members of one object have the same (unescaped) name; O(n log n). */
MUST_USE status strict_json_unique_keys(const cJSON *object, const char *label, errinfo *err);

#endif
