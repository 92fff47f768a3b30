/* fidelity_report.c - see fidelity_report.h. The texts go through the queue once, with softmax, like those of any other
 * request: so they are admitted, cut and refused by the same rules. What follows is the labour thread's.
 */
#include "server/routes/fidelity_report.h"

#include "model/fidelity.h"
#include "server/router.h"
#include "server/routes/encode_job.h"
#include "server/routes/usage.h"

#include <math.h>

enum { BYTES_PER_LAYER = 256, BYTES_PER_ANSWER = 2048 };

static const unsigned APPROXIMATIONS = 1u << ATTENTION_FAVOR | 1u << ATTENTION_TAYLOR2 | 1u << ATTENTION_EXPLIMIT2;

typedef struct { double deviation, mean_z, error[ATTENTION_KINDS]; } layer_row;
typedef struct { double mean_cosine, least_cosine, spearman; } kind_row;

typedef struct {
    input_list list;
    unsigned kinds;
    uint32_t (*pairs)[2];                 /* NULL: all */
    size_t pair_count;

    /* by the labour thread */
    status st;
    errinfo err;
    layer_row *layers;                    /* [the model's] */
    kind_row rows[ATTENTION_KINDS];
} fidelity_request;

/* ---- the fields ---- */

static const schema kind_name = { .kind = SCHEMA_CHOICE, .words = "linear favor taylor2 explimit2" };
static const schema text_index = { .kind = SCHEMA_WHOLE, .most = FIDELITY_TEXTS_MAX - 1 };
static const schema two_indices[] = { { .kind = SCHEMA_SAME, .of = &text_index },
                                      { .kind = SCHEMA_SAME, .of = &text_index },
                                      { 0 } };
static const schema index_pair = { .kind = SCHEMA_TUPLE, .of = two_indices };
static const schema body_members[] = {
    { "texts", SCHEMA_LIST, .of = &schema_text, .least = 1, .most = FIDELITY_TEXTS_MAX, .must = true },
    { "kinds", SCHEMA_LIST, .of = &kind_name, .least = 1, .most = 64,
      .about = "compared with softmax; left out: favor, taylor2, explimit2" },
    { "pairs", SCHEMA_LIST, .of = &index_pair, .least = 1, .most = FIDELITY_PAIRS_MAX,
      .about = "indices into texts, whose scores are compared in rank; left out: all pairs" },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema fidelity_body = { .kind = SCHEMA_OBJECT, .of = body_members };

static const schema number = { .kind = SCHEMA_NUMBER };
static const schema number_or_null[] = { { .kind = SCHEMA_NUMBER }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema layer_members[] = {
    { "layer", SCHEMA_WHOLE, .least = 1, .must = true },
    { "score_deviation", SCHEMA_NUMBER, .must = true, .about = "of the scaled scores q.k" },
    { "mean_z", SCHEMA_NUMBER, .must = true, .about = "|q + k|^2 times the scale: favor needs about e^z features" },
    { "error", SCHEMA_MAP, .of = &number, .must = true, .about = "relative L2 of attention's output, by kind" },
    { 0 }
};
static const schema layer_object = { .kind = SCHEMA_OBJECT, .of = layer_members };
static const schema kind_members[] = {
    { "cosine_mean", SCHEMA_NUMBER, .must = true, .about = "of a text's vector with softmax and with this kind" },
    { "cosine_least", SCHEMA_NUMBER, .must = true },
    { "spearman", SCHEMA_EITHER, .of = number_or_null, .must = true, .about = "of the pairs' scores" },
    { "served", SCHEMA_FLAG, .must = true, .about = "without allow_untrained" },
    { 0 }
};
static const schema kind_object = { .kind = SCHEMA_OBJECT, .of = kind_members };
static const schema favor_members[] = {
    { "seed", SCHEMA_WHOLE, .must = true }, { "features", SCHEMA_WHOLE, .must = true }, { 0 }
};
static const schema answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "fidelity", .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "precision", SCHEMA_TEXT, .must = true },
    { "favor", SCHEMA_OBJECT, .of = favor_members, .must = true },
    { "kinds", SCHEMA_MAP, .of = &kind_object, .must = true },
    { "layers", SCHEMA_LIST, .of = &layer_object, .must = true },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { 0 }
};
const schema fidelity_answer = { .kind = SCHEMA_OBJECT, .of = answer_members };

/* ---- reading ---- */

static bool read_kinds(const cJSON *body, fidelity_request *r, json_fault *fault)
{
    const cJSON *list, *item;
    size_t index = 0;
    r->kinds = APPROXIMATIONS;
    if (!json_member(body, "kinds"))
        return true;
    if (!inputs_array(body, "kinds", "kinds", &list, fault))
        return false;
    r->kinds = 0;
    cJSON_ArrayForEach(item, list) {
        char name[INPUT_NAME_BYTES];
        attention_kind kind = ATTENTION_SOFTMAX;
        input_name(&(input){ .field = "kinds", .index = index++, .side = "" }, name);
        if (!cJSON_IsString(item))
            return json_refuse(fault, API_WRONG_TYPE, name, "%s must be a string, not %s", name, json_kind(item));
        if (!attention_parse(slice_of(item->valuestring), &kind) || kind == ATTENTION_SOFTMAX)
            return json_refuse(fault, API_INVALID_VALUE, name,
                               "%s is \"%.40s\"; it must be linear, favor, taylor2 or explimit2", name,
                               item->valuestring);
        r->kinds |= 1u << kind;
    }
    return true;
}

static bool read_index(const cJSON *value, const char *name, size_t texts, uint32_t *out, json_fault *fault)
{
    double x = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!cJSON_IsNumber(value))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must hold two indices of texts", name);
    if (!(x >= 0 && x < (double)texts) || x > floor(x))
        return json_refuse(fault, API_OUT_OF_RANGE, name, "%s holds %.17g; there are texts 0 to %zu", name, x,
                           texts - 1);
    *out = (uint32_t)x;
    return true;
}

static bool read_pair(const cJSON *pair, size_t index, size_t texts, uint32_t out[2], json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input_name(&(input){ .field = "pairs", .index = index, .side = "" }, name);
    if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2)
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be an array of two indices of texts", name);
    return read_index(pair->child, name, texts, &out[0], fault)
           && read_index(pair->child->next, name, texts, &out[1], fault);
}

static bool read_pairs(const cJSON *body, fidelity_request *r, arena *a, json_fault *fault)
{
    const cJSON *list, *pair;
    size_t index = 0;
    if (!json_member(body, "pairs"))
        return true;
    if (!inputs_array(body, "pairs", "pairs", &list, fault))
        return false;
    r->pair_count = (size_t)cJSON_GetArraySize(list);
    if (r->pair_count > FIDELITY_PAIRS_MAX)
        return json_refuse(fault, API_TOO_MANY_INPUTS, "pairs", "pairs: the request has %zu; at most %d are allowed",
                           r->pair_count, FIDELITY_PAIRS_MAX);
    r->pairs = arena_take(a, r->pair_count, sizeof *r->pairs);
    if (!r->pairs)
        return json_refuse(fault, API_OUT_OF_MEMORY, "pairs", "pairs do not fit into the request's memory");
    cJSON_ArrayForEach(pair, list) {
        if (!read_pair(pair, index, r->list.count, r->pairs[index], fault))
            return false;
        index++;
    }
    return true;
}

static bool read_body(const cJSON *body, const request_limits *limits, encode_job *e, json_fault *fault)
{
    const cJSON *texts;
    arena *a = e->exchange->arena;
    fidelity_request *r = e->request;
    return read_encode_options(body, limits, a, &e->options, fault) && read_kinds(body, r, fault)
           && inputs_array(body, "texts", "texts", &texts, fault)
           && inputs_open(&r->list, a, (size_t)cJSON_GetArraySize(texts), limits, "texts", fault)
           && inputs_add_texts(&r->list, texts, "texts", (slice){ NULL, 0 }, fault) && read_pairs(body, r, a, fault);
}

/* The model is the path's, and softmax is what the others are compared with, whatever the body says. */
static bool decode(encode_job *e, json_fault *fault)
{
    request_limits limits = request_limits_of(e->service);
    limits.texts = FIDELITY_TEXTS_MAX;
    cJSON *tree = request_parse(e->exchange->body, &limits, fault);
    if (!tree)
        return false;
    bool good = read_body(tree, &limits, e, fault);
    json_free(tree);
    e->options.model = arena_copy(e->exchange->arena, router_id(e->exchange));
    if (good && !e->options.model.data)
        return json_refuse(fault, API_OUT_OF_MEMORY, NULL, "the request does not fit into the memory that one may use");
    e->options.attention_given = true;
    e->options.attention_auto = e->options.allow_untrained = false;
    e->options.attention = ATTENTION_SOFTMAX;
    return good;
}

/* ---- on the labour thread ---- */

static bool should_stop(void *context)
{
    const encode_job *e = context;
    return clock_now_ns() > e->job.deadline_ns || exchange_client_gone(e->exchange);
}

/* Equal texts have one row; pairs of indices become pairs of rows. */
static void point_at_rows(const encode_job *e, fidelity_request *r)
{
    for (size_t i = 0; i < r->pair_count; i++)
        for (size_t side = 0; side < 2; side++)
            r->pairs[i][side] = (uint32_t)e->encoded[r->pairs[i][side]].row;
}

static void keep_layers(fidelity_request *r, const fidelity *f)
{
    for (size_t layer = 0; layer < f->layers; layer++) {
        const attention_errors *sum = &f->layer[layer];
        layer_row *row = &r->layers[layer];
        *row = (layer_row){ .deviation = attention_errors_score_deviation(sum),
                            .mean_z = attention_errors_mean_z(sum) };
        for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
            row->error[kind] = attention_errors_relative(sum, kind);
    }
}

static status keep_kinds(fidelity_request *r, const fidelity *f, errinfo *err)
{
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        kind_row *row = &r->rows[kind];
        if (!(r->kinds & 1u << kind))
            continue;
        row->mean_cosine = fidelity_mean_cosine(f, kind);
        row->least_cosine = fidelity_least_cosine(f, kind);
        status st = fidelity_spearman(f, kind, (const uint32_t (*)[2])r->pairs, r->pair_count, &row->spearman, err);
        if (st)
            return st;
    }
    return ST_OK;
}

static void work(encode_job *e)
{
    fidelity f;
    fidelity_request *r = e->request;
    const fidelity_subject subject = { .model = e->model, .ids = e->job.ids, .starts = e->job.starts, .texts = e->rows,
                                       .kinds = r->kinds, .stop = should_stop, .context = e };
    r->layers = arena_take_zero(e->exchange->arena, model_describe(e->model)->config->layers, sizeof *r->layers);
    if (!r->layers) {
        r->st = fail(&r->err, ST_NOMEM, "the report does not fit into the request's memory");
        return;
    }
    point_at_rows(e, r);
    r->st = fidelity_measure(&f, &subject, &r->err);
    if (r->st)
        return;
    keep_layers(r, &f);
    r->st = keep_kinds(r, &f, &r->err);
    fidelity_clear(&f);
}

/* ---- answering ---- */

static void write_number(json_out *w, const char *key, double value)
{
    json_key(w, key);
    if (isfinite(value))
        json_float(w, (float)value);
    else
        json_literal(w, "null");
}

static void write_kinds(json_out *w, const encode_job *e, const fidelity_request *r)
{
    json_key(w, "kinds");
    json_open(w, '{');
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!(r->kinds & 1u << kind))
            continue;
        json_key(w, attention_name(kind));
        json_open(w, '{');
        write_number(w, "cosine_mean", r->rows[kind].mean_cosine);
        write_number(w, "cosine_least", r->rows[kind].least_cosine);
        write_number(w, "spearman", r->rows[kind].spearman);
        json_field_literal(w, "served", model_serves(e->model, kind) ? "true" : "false");
        json_close(w, '}');
    }
    json_close(w, '}');
}

static void write_layer(json_out *w, const fidelity_request *r, size_t layer)
{
    const layer_row *row = &r->layers[layer];
    json_open(w, '{');
    json_field_integer(w, "layer", (int64_t)layer + 1);
    write_number(w, "score_deviation", row->deviation);
    write_number(w, "mean_z", row->mean_z);
    json_key(w, "error");
    json_open(w, '{');
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (r->kinds & 1u << kind)
            write_number(w, attention_name(kind), row->error[kind]);
    json_close(w, '}');
    json_close(w, '}');
}

static void write_report(encode_job *e)
{
    json_out w;
    const fidelity_request *r = e->request;
    const model_info *info = model_describe(e->model);
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + BYTES_PER_LAYER * info->config->layers);
    json_open(&w, '{');
    json_field_text(&w, "object", "fidelity");
    json_field_text(&w, "model", info->name);
    json_field_text(&w, "precision", precision_name(info->precision));
    json_key(&w, "favor");
    json_open(&w, '{');
    json_field_integer(&w, "seed", (int64_t)info->config->favor_seed);
    json_field_integer(&w, "features", (int64_t)info->config->favor_features);
    json_close(&w, '}');
    write_kinds(&w, e, r);
    json_key(&w, "layers");
    json_open(&w, '[');
    for (size_t layer = 0; layer < info->config->layers; layer++)
        write_layer(&w, r, layer);
    json_close(&w, ']');
    usage_write(&w, e);
    json_close(&w, '}');
    encode_send(e->exchange, &w);
}

static void answer(encode_job *e)
{
    static const struct { status st; api_error code; } codes[] = {
        { ST_INPUT, API_TOO_MANY_TOKENS }, { ST_TIMEOUT, API_DEADLINE_EXCEEDED }, { ST_NOMEM, API_OUT_OF_MEMORY },
    };
    const fidelity_request *r = e->request;
    api_error code = API_INTERNAL;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].st == r->st)
            code = codes[i].code;
    if (r->st)
        api_error_answer(e->exchange, code, r->st == ST_INPUT ? "texts" : NULL, "%s", r->err.text);
    else
        write_report(e);
}

void fidelity_report(struct service *s, exchange *x)
{
    json_fault fault;
    encode_job *e = encode_open(s, x, answer, sizeof(fidelity_request));
    if (!e)
        return;
    fidelity_request *r = e->request;
    if (!decode(e, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->work = work;
    e->unwatched = true;
    encode_start(e);
}
