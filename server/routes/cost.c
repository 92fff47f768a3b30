/* cost.c - see cost.h. */
#include "server/routes/cost.h"

#include "server/json_in.h"
#include "server/json_out.h"
#include "server/routes/encode_job.h"
#include "server/routes/errand.h"

enum { BYTES_PER_LENGTH = 256, BYTES_PER_ANSWER = 2048, LENGTH_FIRST = 16, LENGTH_LAST = 8192 };

typedef struct {
    size_t lengths[COST_LENGTHS_MAX], count;
    cost_rates rates;
} cost_request;

static const schema length = { .kind = SCHEMA_WHOLE, .least = 1, .most = CONFIG_LENGTH_MAX };
static const schema body_members[] = {
    { "model", SCHEMA_TEXT, .about = "a name from GET /v1/models; the first one when left out" },
    { "lengths", SCHEMA_LIST, .of = &length, .least = 1, .most = COST_LENGTHS_MAX,
      .about = "in tokens; powers of two when left out" },
    { 0 }
};
const schema cost_body = { .kind = SCHEMA_OBJECT, .of = body_members };

static const schema whole_or_null[] = { { .kind = SCHEMA_WHOLE }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema crossing_members[] = {
    { "macs", SCHEMA_EITHER, .of = whole_or_null, .must = true },
    { "predicted", SCHEMA_EITHER, .of = whole_or_null, .must = true },
    { "auto", SCHEMA_EITHER, .of = whole_or_null, .must = true },
    { 0 }
};
static const schema crossing = { .kind = SCHEMA_OBJECT, .of = crossing_members };
static const schema kind_members[] = {
    { "macs", SCHEMA_WHOLE, .must = true }, { "core_macs", SCHEMA_WHOLE, .must = true },
    { "predicted_ms", SCHEMA_NUMBER, .must = true }, { "bytes", SCHEMA_WHOLE, .must = true }, { 0 }
};
static const schema kind_of = { .kind = SCHEMA_OBJECT, .of = kind_members };
static const schema row_members[] = {
    { "tokens", SCHEMA_WHOLE, .must = true }, { "served", SCHEMA_FLAG, .must = true },
    { "attention", SCHEMA_MAP, .of = &kind_of, .must = true }, { "fastest", SCHEMA_TEXT, .must = true }, { 0 }
};
static const schema row = { .kind = SCHEMA_OBJECT, .of = row_members };
static const schema rates_members[] = { { "start_us", SCHEMA_NUMBER, .must = true },
                                        { "dense_gmac_per_s", SCHEMA_NUMBER, .must = true }, { 0 } };
static const schema answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "cost", .must = true }, { "model", SCHEMA_TEXT, .must = true },
    { "precision", SCHEMA_TEXT, .must = true }, { "threads", SCHEMA_WHOLE, .must = true },
    { "max_length", SCHEMA_WHOLE, .must = true }, { "constants", SCHEMA_OBJECT, .of = rates_members, .must = true },
    { "crossover", SCHEMA_MAP, .of = &crossing, .must = true }, { "data", SCHEMA_LIST, .of = &row, .must = true }, { 0 }
};
const schema cost_shape = { .kind = SCHEMA_OBJECT, .of = answer_members };

/* ---- reading ---- */

static bool read_length(cost_request *r, const cJSON *value, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input_name(&(input){ .field = "lengths", .index = r->count, .side = "" }, name);
    double tokens = cJSON_IsNumber(value) ? value->valuedouble : 0;
    if (!cJSON_IsNumber(value))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be a whole number, not %s", name, json_kind(value));
    if (!(tokens >= 1 && tokens <= CONFIG_LENGTH_MAX) || tokens > (double)(size_t)tokens)
        return json_refuse(fault, API_OUT_OF_RANGE, name, "%s is %.17g; it must be a whole number from 1 to %d", name,
                           tokens, CONFIG_LENGTH_MAX);
    r->lengths[r->count++] = (size_t)tokens;
    return true;
}

static bool read_lengths(cost_request *r, const cJSON *body, json_fault *fault)
{
    const cJSON *list, *value;
    if (!json_member(body, "lengths")) {
        for (size_t n = LENGTH_FIRST; n <= LENGTH_LAST; n *= 2)
            r->lengths[r->count++] = n;
        return true;
    }
    if (!inputs_array(body, "lengths", "lengths", &list, fault))
        return false;
    int count = cJSON_GetArraySize(list);
    if (count > COST_LENGTHS_MAX)
        return json_refuse(fault, API_TOO_MANY_INPUTS, "lengths", "lengths has %d values; the limit is %d", count,
                           COST_LENGTHS_MAX);
    cJSON_ArrayForEach(value, list) {
        if (!read_length(r, value, fault))
            return false;
    }
    return true;
}

static bool decode(cost_request *r, exchange *x, const request_limits *limits, slice *model_name, json_fault *fault)
{
    cJSON *tree = request_parse(x->body, limits, fault);
    slice name = { "", 0 };
    *model_name = name;
    if (!tree)
        return false;
    bool good = read_lengths(r, tree, fault) && json_string(tree, "model", &name, fault);
    if (good && name.length)
        *model_name = arena_copy(x->arena, name);
    json_free(tree);
    if (good && !model_name->data)
        return json_refuse(fault, API_OUT_OF_MEMORY, "model", "model does not fit into the request's memory");
    return good;
}

/* ---- writing ---- */

static void write_size(json_out *w, const char *key, size_t value)
{
    json_key(w, key);
    if (value == COST_NEVER)
        json_literal(w, "null");
    else
        json_integer(w, (int64_t)value);
}

static void write_number(json_out *w, const char *key, double value)
{
    json_key(w, key);
    json_float(w, (float)value);
}

static void write_rates(json_out *w, const model *m, const cost_rates *r)
{
    json_key(w, "constants");
    json_open(w, '{');
    write_number(w, "start_us", r->start_ns / 1e3);
    write_number(w, "dense_gmac_per_s", 1 / r->dense_ns);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!model_serves(m, kind))
            continue;
        json_key(w, attention_name(kind));
        json_open(w, '{');
        write_number(w, "start_us", r->core_start_ns[kind] / 1e3);
        write_number(w, "core_gmac_per_s", 1 / r->core_ns[kind]);
        json_close(w, '}');
    }
    json_close(w, '}');
}

/* From which length on a kind beats softmax: by counting, by the constants, and where "auto" turns. */
static void write_crossover(json_out *w, const model *m, const cost_rates *r)
{
    const model_info *info = model_describe(m);
    json_key(w, "crossover");
    json_open(w, '{');
    for (attention_kind kind = 0; kind < ATTENTION_KINDS && model_trained_for(m, ATTENTION_SOFTMAX); kind++) {
        if (kind == ATTENTION_SOFTMAX || !model_serves(m, kind))
            continue;
        json_key(w, attention_name(kind));
        json_open(w, '{');
        write_size(w, "macs", cost_crossing_macs(info->config, kind));
        write_size(w, "predicted", cost_crossing_time(info->config, r, kind));
        write_size(w, "auto", info->from_tokens[kind]);
        json_close(w, '}');
    }
    json_close(w, '}');
}

static attention_kind write_kinds(json_out *w, const model *m, const cost_rates *r, size_t n)
{
    attention_kind fastest = model_default_attention(m);
    double least = 0;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!model_serves(m, kind))
            continue;
        cost_macs macs = cost_count(model_describe(m)->config, kind, n);
        double ns = cost_predict_ns(r, kind, macs);
        json_key(w, attention_name(kind));
        json_open(w, '{');
        json_field_integer(w, "macs", (int64_t)(macs.dense + macs.core));
        json_field_integer(w, "core_macs", (int64_t)macs.core);
        write_number(w, "predicted_ms", ns / 1e6);
        write_size(w, "bytes", model_cost_bytes(m, kind, n, r->threads));
        json_close(w, '}');
        if (!(least > 0) || ns < least) {
            least = ns;
            fastest = kind;
        }
    }
    return fastest;
}

static void write_length(json_out *w, const model *m, const cost_rates *r, size_t n)
{
    json_open(w, '{');
    write_size(w, "tokens", n);
    json_field_literal(w, "served", n <= model_describe(m)->config->max_length ? "true" : "false");
    json_key(w, "attention");
    json_open(w, '{');
    attention_kind fastest = write_kinds(w, m, r, n);
    json_close(w, '}');
    json_field_text(w, "fastest", attention_name(fastest));
    json_close(w, '}');
}

static void write_answer(errand *e)
{
    const cost_request *q = e->request;
    const model *m = e->model;
    json_out w;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + q->count * BYTES_PER_LENGTH * ATTENTION_KINDS);
    json_open(&w, '{');
    json_field_text(&w, "object", "cost");
    json_field_text(&w, "model", model_describe(m)->name);
    json_field_text(&w, "precision", precision_name(model_describe(m)->precision));
    write_size(&w, "threads", q->rates.threads);
    write_size(&w, "max_length", model_describe(m)->config->max_length);
    write_rates(&w, m, &q->rates);
    write_crossover(&w, m, &q->rates);
    json_key(&w, "data");
    json_open(&w, '[');
    for (size_t i = 0; i < q->count; i++)
        write_length(&w, m, &q->rates, q->lengths[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(e->exchange, &w);
}

static void work(errand *e)
{
    errinfo err;
    cost_request *q = e->request;
    status st = cost_book_find(e->service->costs, e->model, &q->rates, &err);
    if (st)
        api_error_answer(e->exchange, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INTERNAL, NULL, "%s", err.text);
    else
        write_answer(e);
}

void cost_answer(struct service *s, exchange *x)
{
    json_fault fault;
    slice name;
    request_limits limits = request_limits_of(s);
    cost_request *q = arena_take_zero(x->arena, 1, sizeof *q);
    if (!q) {
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the request does not fit into the memory that one may use");
        return;
    }
    if (!decode(q, x, &limits, &name, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    const model *m = errand_model(x, name);
    if (m)
        errand_start(s, x, m, work, q);
}
