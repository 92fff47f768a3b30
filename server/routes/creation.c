/* creation.c - see creation.h. */
#include "server/routes/creation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_PER_ANSWER = 4096 };

/* ---- reading ---- */

static bool read_label(const cJSON *value, const char *name, signed char *out, json_fault *fault)
{
    *out = -1;
    if (!value || cJSON_IsNull(value))
        return true;
    if (cJSON_IsBool(value)) {
        *out = cJSON_IsTrue(value) ? 1 : 0;
        return true;
    }
    if (!cJSON_IsNumber(value) || !(value->valuedouble == 0 || value->valuedouble == 1))
        return json_refuse(fault, API_INVALID_VALUE, name, "%s.label must be 0, 1, false, true or null", name);
    *out = value->valuedouble > 0 ? 1 : 0;
    return true;
}

size_t creation_class(creation *c, slice label, size_t most)
{
    for (size_t i = 0; i < c->class_count; i++)
        if (slice_is(label, c->class_names[i]))
            return i;
    if (c->class_count == most)
        return most;
    memcpy(c->class_names[c->class_count], label.data, label.length);
    c->class_names[c->class_count][label.length] = '\0';
    return c->class_count++;
}

status creation_check_classes(const creation *c, size_t n, errinfo *err)
{
    for (size_t i = 0; i < c->class_count; i++) {
        size_t count = 0;
        for (size_t j = 0; j < n; j++)
            count += c->classes[j] == i;
        if (count < 2)
            return fail(err, ST_INPUT, "the label \"%.64s\" has one example; at least 2 are needed", c->class_names[i]);
    }
    return ST_OK;
}

/* A text, or a whole number or truth value as its text: "1". */
static bool read_class(creation *c, const cJSON *value, const char *name, size_t *out, json_fault *fault)
{
    char digits[16] = "";
    const char *label = cJSON_IsString(value) ? value->valuestring : digits;
    bool whole = cJSON_IsNumber(value) && fabs(value->valuedouble) <= 1e6 &&
                 !(floor(value->valuedouble) < value->valuedouble);
    if (whole)
        (void)snprintf(digits, sizeof digits, "%.0f", value->valuedouble);
    else if (cJSON_IsBool(value))
        (void)snprintf(digits, sizeof digits, "%d", cJSON_IsTrue(value) ? 1 : 0);
    if (!label[0] || strlen(label) >= ARTIFACT_LABEL_BYTES)
        return json_refuse(fault, API_INVALID_VALUE, name,
                           "%s.label must be a text of 1 to %d bytes, or a whole number", name,
                           ARTIFACT_LABEL_BYTES - 1);
    *out = creation_class(c, slice_of(label), PAIR_HEAD_CLASSES_MAX);
    if (*out < PAIR_HEAD_CLASSES_MAX)
        return true;
    return json_refuse(fault, API_OUT_OF_RANGE, name, "there are more than %d labels", PAIR_HEAD_CLASSES_MAX);
}

static bool read_pair(creation *c, const cJSON *pair, size_t index, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    const cJSON *a = NULL, *b = NULL, *label = NULL;
    input named = { .field = "pairs", .index = index, .side = "" };
    input_name(&named, name);
    if (cJSON_IsArray(pair)) {
        a = cJSON_GetArrayItem(pair, 0);
        b = cJSON_GetArrayItem(pair, 1);
        label = cJSON_GetArrayItem(pair, 2);
    } else if (cJSON_IsObject(pair)) {
        a = cJSON_GetObjectItemCaseSensitive(pair, "a");
        b = cJSON_GetObjectItemCaseSensitive(pair, "b");
        label = cJSON_GetObjectItemCaseSensitive(pair, "label");
    } else {
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be {\"a\", \"b\", \"label\"} or [a, b, label], not %s",
                           name, json_kind(pair));
    }
    named.side = ".a";
    bool good = inputs_add_text(&c->list, a, named, fault);
    named.side = ".b";
    good = good && inputs_add_text(&c->list, b, named, fault);
    return good && (c->classes ? read_class(c, label, name, &c->classes[index], fault)
                               : read_label(label, name, &c->labels[index], fault));
}

static bool read_pairs(creation *c, const cJSON *body, const request_limits *limits, arena *a, bool classes,
                       json_fault *fault)
{
    const cJSON *pairs, *pair;
    size_t index = 0;
    if (!inputs_array(body, "pairs", "pairs", &pairs, fault))
        return false;
    c->pairs = (size_t)cJSON_GetArraySize(pairs);
    if (!inputs_open(&c->list, a, 2 * c->pairs, limits, "pairs", fault))
        return false;
    if (classes) {
        c->classes = arena_take(a, c->pairs, sizeof *c->classes);
        c->class_names = arena_take(a, PAIR_HEAD_CLASSES_MAX, sizeof *c->class_names);
    } else {
        c->labels = arena_take(a, c->pairs, 1);
    }
    if (classes ? !c->classes || !c->class_names : !c->labels)
        return json_refuse(fault, API_OUT_OF_MEMORY, "pairs", "pairs do not fit into the request's memory");
    cJSON_ArrayForEach(pair, pairs) {
        if (!read_pair(c, pair, index++, fault))
            return false;
    }
    return true;
}

bool creation_read_pairs(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    return read_pairs(c, body, limits, a, false, fault);
}

bool creation_read_class_pairs(creation *c, const cJSON *body, const request_limits *limits, arena *a,
                               json_fault *fault)
{
    return read_pairs(c, body, limits, a, true, fault);
}

static bool read_id(creation *c, const cJSON *body, arena *a, json_fault *fault)
{
    if (!json_string(body, "id", &c->id, fault))
        return false;
    if (!c->id.data)
        return true;
    if (!artifact_name_is_good(c->id))
        return json_refuse(fault, API_INVALID_VALUE, "id", "id must be 1 to %d characters a-z A-Z 0-9 . _ -",
                           ARTIFACT_NAME_BYTES - 1);
    c->id = arena_copy(a, c->id);
    return c->id.data || json_refuse(fault, API_OUT_OF_MEMORY, "id", "out of memory");
}

static bool decode(encode_job *e, creation *c, json_fault *fault)
{
    arena *a = e->exchange->arena;
    request_limits limits = request_limits_of(e->service);
    limits.texts = limits.texts > CREATION_TEXTS_MAX ? limits.texts : CREATION_TEXTS_MAX;
    cJSON *tree = request_parse(e->exchange->body, &limits, fault);
    if (!tree)
        return false;
    bool good = read_encode_options(tree, &limits, a, &e->options, fault) && read_id(c, tree, a, fault)
                && trust_read(tree, a, &c->names, fault) && c->route->read(c, tree, &limits, a, fault);
    json_free(tree);
    c->names.calibration = (slice){ NULL, 0 };
    c->prior = c->names.prior;
    c->names.prior = 0;
    return good;
}

/* ---- on the labour thread ---- */

static void copy_name(char *out, size_t room, const char *name)
{
    size_t n = strlen(name) < room ? strlen(name) : room - 1;
    memcpy(out, name, n);
    out[n] = '\0';
}

static void work(encode_job *e)
{
    creation *c = e->request;
    artifact *made = artifact_open(c->route->kind);
    if (!made || !trust_adapt(e, &c->trust)) {
        artifact_close(made);
        c->st = fail(&c->err, ST_NOMEM, "out of memory");
        return;
    }
    copy_name(made->model, sizeof made->model, model_describe(e->model)->name);
    copy_name(made->attention, sizeof made->attention, attention_name(e->attention));
    copy_name(made->tag, sizeof made->tag, e->options.tag.data ? e->options.tag.data : "");
    copy_name(made->id, sizeof made->id, c->id.data ? c->id.data : "");
    copy_name(made->adapter_id, sizeof made->adapter_id, c->names.adapter.data ? c->names.adapter.data : "");
    c->st = c->route->fit(e, c, made, &c->err);
    if (c->st)
        artifact_close(made);
    else
        c->st = artifacts_put(e->service->artifacts, made, e->exchange->generation->registry, c->made, &c->err);
}

/* ---- answering ---- */

static void write_made(void *context, artifact *a)
{
    artifact_write(context, a, false);
}

/* ST_FORMAT: the models were replaced while it was made; what it says would hold for the old ones only. */
static api_error error_of(status st)
{
    switch (st) {
    case ST_INPUT: return API_INVALID_VALUE;
    case ST_BUSY: return API_OUT_OF_RANGE;
    case ST_FORMAT: return API_NOT_READY;
    case ST_NOMEM: return API_OUT_OF_MEMORY;
    default: return API_INTERNAL;
    }
}

static void answer(encode_job *e)
{
    json_out w;
    const creation *c = e->request;
    exchange *x = e->exchange;
    if (c->st) {
        api_error_answer(x, error_of(c->st), NULL, "%s", c->err.text);
        return;
    }
    json_begin(&w, x->arena, BYTES_PER_ANSWER);
    if (artifacts_visit(e->service->artifacts, c->route->kind, slice_of(c->made), write_made, &w) == 0)
        trust_not_found(x, NULL, artifact_kind_name(c->route->kind), slice_of(c->made));
    else
        encode_send(x, &w);
}

void creation_start(struct service *s, exchange *x, const creation_route *route)
{
    json_fault fault;
    encode_job *e = encode_open(s, x, answer, sizeof(creation));
    if (!e)
        return;
    creation *c = e->request;
    c->route = route;
    if (!decode(e, c, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    if (!trust_resolve(e, &c->names, &c->trust))
        return;
    e->inputs = c->list.items;
    e->count = c->list.count;
    e->work = work;
    e->unwatched = true;
    encode_start(e);
}
