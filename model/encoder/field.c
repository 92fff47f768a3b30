/* field.c - see field.h. Everything in a model folder may come from a stranger, so that a number is
 * taken from the double that cJSON parsed and never from its saturating integer. */
#include "model/encoder/field.h"

#include "weights/strict_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 20, SHOWN_BYTES = 48, NAMES_BYTES = 160 };

status field_open(field_set *out, folder *f, const char *label, bool list, errinfo *err)
{
    static const strict_json_rules RULES = { .max_depth = 32, .max_values = 1 << 16 };
    slice text;
    cJSON *node;
    *out = (field_set){ .label = label };
    status st = folder_file(f, label, FILE_MAX_BYTES, &text, err);
    if (st || !text.data)
        return st;
    st = strict_json_parse(&node, text.data, text.length, &RULES, label, err);
    if (st)
        return st;
    if (list ? !cJSON_IsArray(node) : !cJSON_IsObject(node))
        st = fail(err, ST_FORMAT, "%s: must hold a JSON %s", label, list ? "array" : "object");
    else if (!list)
        st = strict_json_unique_keys(node, label, err);
    if (st)
        cJSON_Delete(node);
    else
        out->node = node;
    return st;
}

void field_close(field_set *o)
{
    cJSON_Delete(o->node);
    o->node = NULL;
}

const cJSON *field_find(const field_set *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o->node, key);
    return cJSON_IsNull(item) ? NULL : item;
}

status field_child(field_set *out, const field_set *o, const char *key, const char *label,
                   errinfo *err)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(o->node, key);
    *out = (field_set){ .label = label };
    if (!item || cJSON_IsNull(item))
        return ST_OK;
    if (!cJSON_IsObject(item))
        return fail(err, ST_FORMAT, "%s: %s must be an object", o->label, key);
    out->node = item;
    return ST_OK;
}

status field_size(const field_set *o, const char *key, size_t min, size_t max, size_t *value,
                  errinfo *err)
{
    const cJSON *item = field_find(o, key);
    if (!item)
        return ST_OK;
    if (!cJSON_IsNumber(item))
        return fail(err, ST_FORMAT, "%s: %s must be an integer from %zu to %zu", o->label, key, min,
                    max);
    double x = item->valuedouble;
    if (!(x >= (double)min && x <= (double)max) || x != floor(x))
        return fail(err, ST_FORMAT, "%s: %s is %.12g, must be an integer from %zu to %zu", o->label,
                    key, x, min, max);
    *value = (size_t)x;
    return ST_OK;
}

status field_real(const field_set *o, const char *key, double above, double max, double *value,
                  errinfo *err)
{
    const cJSON *item = field_find(o, key);
    if (!item)
        return ST_OK;
    if (!cJSON_IsNumber(item))
        return fail(err, ST_FORMAT, "%s: %s must be a number", o->label, key);
    double x = item->valuedouble;
    if (!(x > above && x <= max))
        return fail(err, ST_FORMAT, "%s: %s is %g, must be above %g and at most %g", o->label, key,
                    x, above, max);
    *value = x;
    return ST_OK;
}

status field_bool(const field_set *o, const char *key, bool *value, errinfo *err)
{
    const cJSON *item = field_find(o, key);
    if (!item)
        return ST_OK;
    if (!cJSON_IsBool(item))
        return fail(err, ST_FORMAT, "%s: %s must be true or false", o->label, key);
    *value = cJSON_IsTrue(item);
    return ST_OK;
}

status field_text(const field_set *o, const char *key, slice *value, errinfo *err)
{
    const cJSON *item = field_find(o, key);
    if (!item)
        return ST_OK;
    if (!cJSON_IsString(item))
        return fail(err, ST_FORMAT, "%s: %s must be a string", o->label, key);
    *value = slice_of(item->valuestring);
    return ST_OK;
}

static void join_names(const char *const *names, size_t count, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int written = snprintf(out + used, size - used, "%s%s", i ? ", " : "", names[i]);
        used += written > 0 ? (size_t)written : 0;
    }
}

status field_choice(const field_set *o, const char *key, const char *const *names, size_t count,
                    size_t *index, errinfo *err)
{
    char shown[SHOWN_BYTES], known[NAMES_BYTES];
    slice text = { NULL, 0 };
    status st = field_text(o, key, &text, err);
    if (st || !text.data)
        return st;
    for (size_t i = 0; i < count; i++) {
        if (slice_is(text, names[i])) {
            *index = i;
            return ST_OK;
        }
    }
    join_names(names, count, known, sizeof known);
    return fail(err, ST_FORMAT, "%s: %s \"%s\" is not supported; supported: %s", o->label, key,
                field_printable(text, shown, sizeof shown), known);
}

const char *field_printable(slice text, char *out, size_t size)
{
    static const char TAIL[] = "...";
    size_t kept = text.length < size ? text.length : size - sizeof TAIL;
    for (size_t i = 0; i < kept; i++) {
        bool printable = text.data[i] >= ' ' && text.data[i] <= '~' && text.data[i] != '"';
        out[i] = '?';
        if (printable)
            out[i] = text.data[i];
    }
    out[kept] = '\0';
    if (kept < text.length)
        memcpy(out + kept, TAIL, sizeof TAIL);
    return out;
}
