/* json_out.h - writes answers into one growing buffer of the request's arena: JSON, floats that round-trip, base64.
 *
 * Owns     nothing: the buffer is the arena's.
 * Borrows  the arena until the answer is sent.
 * Threads  one.
 * Limits   the arena's. After a failed growth every write is ignored and json_end says so (sticky).
 */
#ifndef ROSIM_JSON_OUT_H
#define ROSIM_JSON_OUT_H

#include "weights/base.h"

typedef struct {
    arena *arena;
    char *bytes;
    size_t length, capacity;
    bool failed;
    bool comma;                           /* a comma is due before the next value or key */
} json_out;

void json_begin(json_out *w, arena *a, size_t expected_bytes);
void json_raw(json_out *w, slice bytes);                  /* as it is, no comma */
void json_open(json_out *w, char bracket);                /* '{' or '[' */
void json_close(json_out *w, char bracket);               /* '}' or ']' */
void json_key(json_out *w, const char *key);
void json_text(json_out *w, slice utf8);                  /* quoted and escaped */
void json_integer(json_out *w, int64_t value);
void json_number(json_out *w, double value);              /* up to 17 digits; must be finite */
void json_float(json_out *w, float value); /* the shortest of 6..9 digits that reads back equal; finite */
void json_floats(json_out *w, const float *values, size_t n);     /* [a,b,...] */
void json_base64(json_out *w, const void *bytes, size_t n);       /* quoted */
void json_literal(json_out *w, const char *word);         /* true, false, null */
/* A key and its value. */
void json_field_text(json_out *w, const char *key, const char *value);
void json_field_integer(json_out *w, const char *key, int64_t value);
void json_field_literal(json_out *w, const char *key, const char *word);
/* The finished bytes, NUL-terminated; data NULL when memory ran out. */
slice json_end(json_out *w);

#endif
