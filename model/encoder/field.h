/* field.h - checked reading of the JSON files of a model folder: hostile bytes in, named errors out.
 *
 * Owns     field_open's document, until field_close.
 * Borrows  a field_set borrows from its document; a slice too.
 * Threads  pure.
 * Limits   1 MiB a file. A key that is absent or null leaves the value as it was; a value of the wrong type or out of
 *          range is ST_FORMAT: "config.json: hidden_size is 9000, must be an integer from 1 to 8192".
 */
#ifndef ROSIM_FIELD_H
#define ROSIM_FIELD_H

#include "weights/base.h"
#include "weights/folder.h"

#include <cjson/cJSON.h>

typedef struct {
    const char *label;            /* "config.json", "config.json: rosim": the start of an error text */
    cJSON *node;                  /* NULL: every key is absent */
} field_set;

/* label names the file below the folder; a file that is absent gives node == NULL. The top must be an object or, with
 * list, an array. */
MUST_USE status field_open(field_set *out, folder *f, const char *label, bool list, errinfo *err);
void field_close(field_set *o);

const cJSON *field_find(const field_set *o, const char *key);          /* NULL when absent or null */
MUST_USE status field_child(field_set *out, const field_set *o, const char *key, const char *label, errinfo *err);
MUST_USE status field_size(const field_set *o, const char *key, size_t min, size_t max, size_t *value, errinfo *err);
MUST_USE status field_real(const field_set *o, const char *key, double above, double max, double *value, errinfo *err);
MUST_USE status field_bool(const field_set *o, const char *key, bool *value, errinfo *err);
MUST_USE status field_text(const field_set *o, const char *key, slice *value, errinfo *err);

/* The row of names that equals the text, as its index. Else ST_FORMAT naming the value and every name there is. */
MUST_USE status field_choice(const field_set *o, const char *key, const char *const *names, size_t count, size_t *index,
                            errinfo *err);

/* Printable ASCII of at most size - 1 bytes for an error text: other bytes become '?', a long text ends in "...". */
const char *field_printable(slice text, char *out, size_t size);

#endif
