/* tensor_table.c - see tensor_table.h.
 *
 * The table is sorted by offset once, to prove that the tensors tile the data without a hole, an
 * overlap or a tail (no polyglots), then by name, for the lookup.
 *
 * Refused although the reference reader takes it: tensors without elements, offsets that are not a
 * multiple of the element size, unknown fields, element types of less than a byte.
 */
#include "weights/tensor_table.h"

#include "weights/shown.h"
#include "weights/strict_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TENSORS_MAX = 65536,
    NAME_BYTES_MAX = 511,
    VALUES_MAX = TENSORS_MAX * 20    /* an entry of rank 8 counts 18 */
};

static const double LARGEST_SIZE =
    9007199254740991.0; /* 2^53 - 1: no other integer becomes this double */

/* What the checks of one header share. */
typedef struct {
    tensor_table *table;
    const char *label;
    size_t data_bytes;
    size_t names_used;
    errinfo *err;
} reader;

PRINTF_LIKE(2, 3) static status bad_file(const reader *r, const char *format, ...)
{
    char rule[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    return fail(r->err, ST_FORMAT, "%s: %s", r->label, rule);
}

PRINTF_LIKE(3, 4) static status bad_tensor(const reader *r, slice name, const char *format, ...)
{
    char rule[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    slice shown = shown_name(name);
    return bad_file(r, "tensor %.*s: %s", (int)shown.length, shown.data, rule);
}

static bool read_size(const cJSON *number, size_t *out)
{
    double value = number->valuedouble;
    if (!cJSON_IsNumber(number) || !(value >= 0) || value > LARGEST_SIZE
        || value > (double)SIZE_MAX)
        return false;
    *out = (size_t)value;
    return (double)*out == value;
}

static status read_dtype(const reader *r, const cJSON *field, tensor *t)
{
    if (!cJSON_IsString(field))
        return bad_tensor(r, t->name, "dtype is no string");
    for (int type = 0; type <= DTYPE_U64; type++) {
        if (strcmp(field->valuestring, dtype_name((dtype)type)) != 0)
            continue;
        t->type = (dtype)type;
        return ST_OK;
    }
    slice shown = shown_name(slice_of(field->valuestring));
    return bad_tensor(r, t->name, "unsupported dtype %.*s", (int)shown.length, shown.data);
}

/* Also computes the size that the shape asks for. */
static status read_shape(const reader *r, const cJSON *field, tensor *t)
{
    const cJSON *item;
    t->bytes = dtype_bytes(t->type);
    if (!cJSON_IsArray(field))
        return bad_tensor(r, t->name, "shape is no list");
    cJSON_ArrayForEach(item, field) {
        size_t extent;
        if (t->rank == TENSOR_RANK_MAX)
            return bad_tensor(r, t->name, "shape has more than %d dimensions", TENSOR_RANK_MAX);
        if (!read_size(item, &extent))
            return bad_tensor(r, t->name, "dimension %zu of shape is no integer below 2^53",
                              t->rank);
        if (extent == 0)
            return bad_tensor(r, t->name, "dimension %zu of shape is 0", t->rank);
        if (!size_multiply(t->bytes, extent, &t->bytes))
            return bad_tensor(r, t->name, "shape asks for more bytes than can be counted");
        t->shape[t->rank++] = extent;
    }
    return ST_OK;
}

static status read_offsets(const reader *r, const cJSON *field, tensor_entry *e)
{
    size_t end;
    slice name = e->tensor.name;
    if (!cJSON_IsArray(field) || cJSON_GetArraySize(field) != 2)
        return bad_tensor(r, name, "data_offsets is no list of two");
    if (!read_size(field->child, &e->begin) || !read_size(field->child->next, &end))
        return bad_tensor(r, name, "data_offsets are no integers below 2^53");
    if (end < e->begin)
        return bad_tensor(r, name, "data_offsets [%zu,%zu] end before they begin", e->begin, end);
    if (end > r->data_bytes)
        return bad_tensor(r, name, "data_offsets [%zu,%zu] pass the end of the data, %zu", e->begin,
                          end, r->data_bytes);
    if (end - e->begin != e->tensor.bytes)
        return bad_tensor(
            r, name, "data_offsets [%zu,%zu] hold %zu bytes, its shape and dtype %s want %zu",
            e->begin, end, end - e->begin, dtype_name(e->tensor.type), e->tensor.bytes);
    if (e->begin % dtype_bytes(e->tensor.type) != 0)
        return bad_tensor(r, name,
                          "data_offsets begin at %zu, not aligned to %s; save the file again",
                          e->begin, dtype_name(e->tensor.type));
    return ST_OK;
}

/* Finds the three fields; an unknown, missing or repeated one is refused. */
static status find_fields(const reader *r, const cJSON *item, slice name, const cJSON *fields[3])
{
    static const char *const names[] = { "dtype", "shape", "data_offsets" };
    const cJSON *child;
    if (!cJSON_IsObject(item))
        return bad_tensor(r, name, "its entry is no object");
    cJSON_ArrayForEach(child, item) {
        size_t i = 0;
        while (i < 3 && strcmp(child->string, names[i]) != 0)
            i++;
        if (i == 3)
            return bad_tensor(r, name, "a field that is none of dtype, shape, data_offsets");
        if (fields[i])
            return bad_tensor(r, name, "the field %s is there twice", names[i]);
        fields[i] = child;
    }
    for (size_t i = 0; i < 3; i++)
        if (!fields[i])
            return bad_tensor(r, name, "no field %s", names[i]);
    return ST_OK;
}

static status read_entry(reader *r, const cJSON *item, tensor_entry *e)
{
    const cJSON *fields[3] = { NULL, NULL, NULL };
    slice name = slice_of(item->string);
    if (name.length == 0 || name.length > NAME_BYTES_MAX)
        return bad_file(r, "a tensor's name has %zu bytes, allowed are 1 to %d", name.length,
                        NAME_BYTES_MAX);
    if (!shown_is_plain(name))
        return bad_file(r, "a tensor's name holds control characters");
    e->tensor.name.data = memcpy(r->table->names + r->names_used, name.data, name.length);
    e->tensor.name.length = name.length;
    r->names_used += name.length;

    status st = find_fields(r, item, name, fields);
    if (st == ST_OK)
        st = read_dtype(r, fields[0], &e->tensor);
    if (st == ST_OK)
        st = read_shape(r, fields[1], &e->tensor);
    if (st == ST_OK)
        st = read_offsets(r, fields[2], e);
    return st;
}

static status check_metadata(const reader *r, const cJSON *item)
{
    const cJSON *child;
    if (!cJSON_IsObject(item))
        return bad_file(r, "__metadata__ is no object");
    cJSON_ArrayForEach(child, item)
        if (!cJSON_IsString(child))
            return bad_file(r, "__metadata__ holds a value that is no string");
    return strict_json_unique_keys(item, r->label, r->err);
}

static int compare_begins(const void *a, const void *b)
{
    size_t x = ((const tensor_entry *)a)->begin, y = ((const tensor_entry *)b)->begin;
    return (x > y) - (x < y);
}

int tensor_name_compare(slice a, slice b)
{
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_names(const void *a, const void *b)
{
    return tensor_name_compare(((const tensor_entry *)a)->tensor.name,
                               ((const tensor_entry *)b)->tensor.name);
}

/* Every byte of the data belongs to exactly one tensor. */
static status check_tiling(const reader *r)
{
    size_t expected = 0;
    tensor_table *table = r->table;
    qsort(table->entries, table->count, sizeof *table->entries, compare_begins);
    for (size_t i = 0; i < table->count; i++) {
        const tensor_entry *e = &table->entries[i];
        if (e->begin > expected)
            return bad_tensor(r, e->tensor.name, "a hole of %zu bytes before its data",
                              e->begin - expected);
        if (e->begin < expected)
            return bad_tensor(r, e->tensor.name, "its data overlap those of another tensor");
        expected += e->tensor.bytes;
    }
    if (expected != r->data_bytes)
        return bad_file(r, "%zu bytes behind the last tensor", r->data_bytes - expected);
    return ST_OK;
}

static status read_entries(reader *r, const cJSON *tree)
{
    const cJSON *item;
    status st = strict_json_unique_keys(tree, r->label, r->err);
    cJSON_ArrayForEach(item, tree) {
        if (st != ST_OK)
            return st;
        if (strcmp(item->string, "__metadata__") == 0)
            st = check_metadata(r, item);
        else if (r->table->count == TENSORS_MAX)
            st = bad_file(r, "more than %d tensors", TENSORS_MAX);
        else
            st = read_entry(r, item, &r->table->entries[r->table->count++]);
    }
    if (st == ST_OK)
        st = check_tiling(r);
    if (st == ST_OK && r->table->count)
        qsort(r->table->entries, r->table->count, sizeof *r->table->entries, compare_names);
    return st;
}

status tensor_table_read(tensor_table *t, const char *header, size_t length, size_t data_bytes,
                         const char *label, errinfo *err)
{
    static const strict_json_rules rules = {
        .max_depth = 4, .max_values = VALUES_MAX, .integers_only = true
    };
    reader r = { .table = t, .label = label, .data_bytes = data_bytes, .err = err };
    cJSON *tree = NULL;
    if (length == 0 || header[0] != '{')
        return bad_file(&r, "no safetensors file: the header does not start with {");
    while (header[length - 1] == ' ')    /* the padding that the format allows */
        length--;
    if (header[length - 1] != '}')
        return bad_file(&r, "the header does not end with } and blanks");
    status st = strict_json_parse(&tree, header, length, &rules, label, err);
    if (st != ST_OK)
        return st;
    size_t items = (size_t)cJSON_GetArraySize(tree);
    t->entries = calloc(items + 1, sizeof *t->entries);
    t->names = malloc(length);    /* names are never longer than their escapes in the header */
    if (t->entries && t->names)
        st = read_entries(&r, tree);
    else
        st = fail(err, ST_NOMEM, "%s: no memory for %zu tensors", label, items);
    cJSON_Delete(tree);
    return st;
}

void tensor_table_attach(tensor_table *t, const void *data)
{
    for (size_t i = 0; i < t->count; i++)
        t->entries[i].tensor.data = (const char *)data + t->entries[i].begin;
}

void tensor_table_clear(tensor_table *t)
{
    free(t->entries);
    free(t->names);
    *t = (tensor_table){ 0 };
}
