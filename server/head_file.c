/* head_file.c - see head_file.h. */
#include "server/head_file.h"

#include "weights/safetensors.h"
#include "weights/shown.h"
#include "weights/widen.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, HEADER_MAX = 4 << 20, NAME_BYTES = 520, ARTICLE_OUTPUTS = 5, NUMBER_BYTES = 24 };

static const char *const article_labels[ARTICLE_OUTPUTS] = { "different", "same", "contradiction", "entailment",
                                                             "neutral" };
static const size_t article_groups[] = { 2, 3 };

typedef struct {
    const char *path;
    const head_file_options *options;
    const cJSON *about;                   /* the metadata, or NULL */
    artifact *a;
    errinfo *err;
} importing;

/* ---- metadata: the reader of tensors has checked the file, but keeps only the tensors ---- */

static cJSON *read_header(const char *path)
{
    unsigned char length[LENGTH_BYTES];
    size_t bytes = 0;
    FILE *f = fopen(path, "re");
    bool good = f && fread(length, 1, sizeof length, f) == sizeof length;
    for (size_t i = 0; good && i < LENGTH_BYTES; i++)
        bytes |= (size_t)length[i] << (8 * i);
    char *text = good && bytes <= HEADER_MAX ? malloc(bytes + 1) : NULL;
    good = text && fread(text, 1, bytes, f) == bytes;
    cJSON *tree = good ? cJSON_ParseWithLength(text, bytes) : NULL;
    free(text);
    if (f)
        (void)fclose(f);
    return tree;
}

/* A metadata value is a text; this one holds JSON. NULL: absent or no list. */
static cJSON *metadata_list(const importing *m, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->about, key);
    cJSON *list = cJSON_IsString(value) ? cJSON_Parse(value->valuestring) : NULL;
    if (cJSON_IsArray(list))
        return list;
    cJSON_Delete(list);
    return NULL;
}

/* ---- labels and groups ---- */

static status put_label(importing *m, size_t at, slice label)
{
    const size_t classes = m->a->head.linear->classes;
    if (at >= classes)
        return fail(m->err, ST_INPUT, "%s: more labels than the %zu outputs", m->path, classes);
    if (label.length < 1 || label.length >= ARTIFACT_LABEL_BYTES || !shown_is_plain(label))
        return fail(m->err, ST_INPUT, "%s: label %zu must be a text of 1 to %d bytes", m->path, at,
                    ARTIFACT_LABEL_BYTES - 1);
    for (size_t i = 0; i < at; i++)
        if (slice_is(label, m->a->labels[i]))
            return fail(m->err, ST_INPUT, "%s: the label \"%s\" stands there twice", m->path, m->a->labels[i]);
    memcpy(m->a->labels[at], label.data, label.length);
    return ST_OK;
}

static status put_group(importing *m, double classes)
{
    pair_head *h = &m->a->head;
    if (h->group_count == PAIR_HEAD_GROUPS_MAX || !(classes >= 1 && classes <= PAIR_HEAD_CLASSES_MAX) ||
        floor(classes) < classes)
        return fail(m->err, ST_INPUT, "%s: groups must be 1 to %d counts of at most %d", m->path, PAIR_HEAD_GROUPS_MAX,
                    PAIR_HEAD_CLASSES_MAX);
    h->groups[h->group_count++] = (size_t)classes;
    return ST_OK;
}

/* What stands before the next comma; the rest moves behind it. */
static slice next_item(const char **rest)
{
    size_t length = strcspn(*rest, ",");
    slice item = { *rest, length };
    *rest += length + ((*rest)[length] == ',');
    return item;
}

static status labels_of_option(importing *m, const char *text, size_t *count)
{
    status st = ST_OK;
    while (*text && st == ST_OK)
        st = put_label(m, (*count)++, next_item(&text));
    return st;
}

static status labels_of_file(importing *m, size_t *count)
{
    const cJSON *item;
    status st = ST_OK;
    cJSON *list = metadata_list(m, "labels");
    cJSON_ArrayForEach(item, list) {
        if (st == ST_OK)
            st = put_label(m, (*count)++, cJSON_IsString(item) ? slice_of(item->valuestring) : (slice){ "", 0 });
    }
    cJSON_Delete(list);
    return st;
}

static status groups_of_option(importing *m, const char *text)
{
    status st = ST_OK;
    while (*text && st == ST_OK) {
        char number[NUMBER_BYTES];
        slice item = next_item(&text);
        (void)snprintf(number, sizeof number, "%.*s", (int)(item.length < NUMBER_BYTES ? item.length : 0), item.data);
        st = put_group(m, strtod(number, NULL));
    }
    return st;
}

static status groups_of_file(importing *m)
{
    const cJSON *item;
    status st = ST_OK;
    cJSON *list = metadata_list(m, "groups");
    cJSON_ArrayForEach(item, list) {
        if (st == ST_OK)
            st = put_group(m, cJSON_IsNumber(item) ? item->valuedouble : 0);
    }
    cJSON_Delete(list);
    return st;
}

static void use_article(importing *m)
{
    for (size_t i = 0; i < ARTICLE_OUTPUTS; i++)
        (void)put_label(m, i, slice_of(article_labels[i]));
    for (size_t g = 0; g < 2; g++)
        (void)put_group(m, (double)article_groups[g]);
}

static status name_classes(importing *m)
{
    size_t named = 0;
    const size_t classes = m->a->head.linear->classes;
    status st = m->options->labels ? labels_of_option(m, m->options->labels, &named) : labels_of_file(m, &named);
    if (st)
        return st;
    st = m->options->groups ? groups_of_option(m, m->options->groups) : groups_of_file(m);
    if (st)
        return st;
    if (named == 0 && m->a->head.group_count == 0 && classes == ARTICLE_OUTPUTS)
        use_article(m);
    else if (named < classes)
        return fail(m->err, ST_INPUT, "%s: %zu labels for %zu outputs; give --labels, or `labels` in the metadata",
                    m->path, named, classes);
    if (m->a->head.group_count == 0)
        (void)put_group(m, (double)classes);
    return pair_head_check(&m->a->head, m->err);
}

/* ---- tensors ---- */

static bool ends_with(slice name, const char *end)
{
    size_t n = strlen(end);
    return name.length >= n && memcmp(name.data + name.length - n, end, n) == 0;
}

/* `weight`, or the one whose name ends so. NULL: there is none, or more than one. */
static const tensor *find_weight(const safetensors *s)
{
    const tensor *found = safetensors_find(s, slice_of("weight"));
    if (found)
        return found;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const tensor *t = safetensors_at(s, i);
        if (!ends_with(t->name, ".weight"))
            continue;
        if (found)
            return NULL;
        found = t;
    }
    return found;
}

static const tensor *find_bias(const safetensors *s, const tensor *weight)
{
    char name[NAME_BYTES];
    int stem = (int)(weight->name.length - strlen("weight"));
    (void)snprintf(name, sizeof name, "%.*sbias", stem, weight->name.data);
    return safetensors_find(s, slice_of(name));
}

static status copy_numbers(const importing *m, const char *what, const tensor *t, size_t n, double *out)
{
    float *values = malloc(n * sizeof *values);
    status st = ST_OK;
    if (!values)
        return fail(m->err, ST_NOMEM, "%s: out of memory", m->path);
    if (!widen_floats(t, values))
        st = fail(m->err, ST_FORMAT, "%s: tensor %s: type %s; F32, F16 or BF16 is wanted", m->path, what,
                  dtype_name(t->type));
    else if (widen_find_not_finite(values, n) < n)
        st = fail(m->err, ST_FORMAT, "%s: tensor %s holds a number that is not finite", m->path, what);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        out[i] = (double)values[i];
    free(values);
    return st;
}

static status read_layer(importing *m, const safetensors *s)
{
    const tensor *weight = find_weight(s), *bias = weight ? find_bias(s, weight) : NULL;
    pair_head *h = &m->a->head;
    if (!weight)
        return fail(m->err, ST_FORMAT, "%s: no tensor `weight`, nor exactly one .weight", m->path);
    if (weight->rank != 2 || weight->shape[0] < 2 || weight->shape[0] > PAIR_HEAD_CLASSES_MAX ||
        weight->shape[1] % 3 != 0 || weight->shape[1] < 3)
        return fail(m->err, ST_FORMAT, "%s: tensor weight must be [classes][3 x dimensions], with 2 to %d classes",
                    m->path, PAIR_HEAD_CLASSES_MAX);
    const size_t classes = weight->shape[0], width = weight->shape[1];
    if (bias && (bias->rank != 1 || bias->shape[0] != classes))
        return fail(m->err, ST_FORMAT, "%s: tensor bias must be [%zu]", m->path, classes);
    status st = classifier_open(&h->linear, classes, width, m->err);
    if (st)
        return st;
    m->a->labels = calloc(classes, sizeof *m->a->labels);
    if (!m->a->labels)
        return fail(m->err, ST_NOMEM, "%s: out of memory", m->path);
    st = copy_numbers(m, "weight", weight, classes * width, h->linear->weights);
    return st || !bias ? st : copy_numbers(m, "bias", bias, classes, h->linear->bias);
}

status head_file_read(artifact **out, const char *path, const head_file_options *o, errinfo *err)
{
    safetensors *s = NULL;
    cJSON *header = NULL;
    importing m = { .path = path, .options = o, .err = err };
    status st = safetensors_open(&s, AT_FDCWD, path, err);
    if (st)
        return st;
    header = read_header(path);
    m.about = cJSON_GetObjectItemCaseSensitive(header, "__metadata__");
    m.a = artifact_open(ARTIFACT_HEAD);
    st = m.a ? read_layer(&m, s) : fail(err, ST_NOMEM, "%s: out of memory", path);
    if (st == ST_OK)
        st = name_classes(&m);
    if (st == ST_OK) {
        const cJSON *unit = cJSON_GetObjectItemCaseSensitive(m.about, "unit_vectors");
        m.a->head.unit = o->unit_vectors || (cJSON_IsString(unit) && strcmp(unit->valuestring, "true") == 0);
        *out = m.a;
    } else {
        artifact_close(m.a);
    }
    cJSON_Delete(header);
    safetensors_close(s);
    return st;
}
