/* vllm.c - see vllm.h.
 *
 * The names of the two sides have changed twice; all are accepted, the newest first. truncate_prompt_tokens is our
 * max_length; a number above the model's means the model's, as -1 does.
 */
#include "server/routes/vllm.h"

#include "server/routes/dialect.h"
#include "server/routes/token_vectors.h"
#include "server/routes/vectors.h"

#include <stdio.h>
#include <string.h>

enum { LENGTH_MAX = 1 << 30, MODEL_LENGTH_MAX = 65536, ID_BYTES = 96, BYTES_PER_SCORE = 64, BYTES_PER_FLOAT = 14,
       BYTES_PER_ANSWER = 512 };

/* "pooling-<request id>". */
static void write_id(json_out *w, const encode_job *e, const char *kind)
{
    char id[ID_BYTES];
    (void)snprintf(id, sizeof id, "%s-%s", kind, e->exchange->request_id);
    json_field_text(w, "id", id);
}

static void open_list(json_out *w, const encode_job *e, const char *kind)
{
    json_open(w, '{');
    write_id(w, e, kind);
    json_field_text(w, "object", "list");
    json_field_integer(w, "created", dialect_created());
    json_field_text(w, "model", model_describe(e->model)->name);
    json_key(w, "data");
    json_open(w, '[');
}

static void close_list(json_out *w, const encode_job *e)
{
    json_close(w, ']');
    dialect_usage(e, w);
    encode_warning(e, w);
    json_close(w, '}');
    dialect_timings(e);
    encode_send(e->exchange, w);
}

static bool read_length(const cJSON *body, encode_options *options, json_fault *fault)
{
    const cJSON *value = json_member(body, "truncate_prompt_tokens");
    size_t length = 0;
    if (cJSON_IsNumber(value) && value->valuedouble < 0 && value->valuedouble > -2)
        return true;
    if (!json_size(body, "truncate_prompt_tokens", 3, LENGTH_MAX, &length, fault))
        return false;
    if (length)
        options->max_length = length < MODEL_LENGTH_MAX ? length : MODEL_LENGTH_MAX;
    options->clamp_length = true;
    return true;
}

/* ---- POST /score ---- */

typedef struct {
    text_request base;
    size_t queries, documents;
} score_request;

/* The first of the names that the body has; the newest one when it has none. */
static const char *first_of(const cJSON *body, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (json_member(body, names[i]))
            return names[i];
    return names[0];
}

static bool read_score(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    static const char *const lefts[] = { "queries", "text_1", "data_1" };
    static const char *const rights[] = { "documents", "items", "text_2", "data_2" };
    score_request *r = request;
    const slice none = { NULL, 0 };
    const char *left = first_of(body, lefts, 3), *right = first_of(body, rights, 4);
    const cJSON *queries = json_member(body, left), *documents = json_member(body, right);
    if (!inputs_count_texts(queries, left, &r->queries, fault)
        || !inputs_count_texts(documents, right, &r->documents, fault))
        return false;
    if (r->queries > 1 && r->queries != r->documents)
        return json_refuse(fault, API_INVALID_VALUE, left,
                           "%s has %zu texts and %s has %zu; they must be 1:1, 1:N or N:N", left, r->queries, right,
                           r->documents);
    return read_encode_options(body, limits, a, &r->base.options, fault)
           && read_length(body, &r->base.options, fault)
           && inputs_open(&r->base.list, a, r->queries + r->documents, limits, right, fault)
           && inputs_add_one_or_many(&r->base.list, queries, left, none, fault)
           && inputs_add_one_or_many(&r->base.list, documents, right, none, fault);
}

static void answer_score(encode_job *e)
{
    const score_request *r = e->request;
    json_out w;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + r->documents * BYTES_PER_SCORE);
    open_list(&w, e, "score");
    for (size_t i = 0; i < r->documents && !w.failed; i++) {
        json_open(&w, '{');
        json_field_integer(&w, "index", (int64_t)i);
        json_field_text(&w, "object", "score");
        json_key(&w, "score");
        json_float(&w, dialect_cosine(e, r->queries > 1 ? i : 0, r->queries + i));
        json_close(&w, '}');
    }
    close_list(&w, e);
}

void vllm_score(struct service *s, exchange *x)
{
    dialect_start(s, x, read_score, answer_score, sizeof(score_request));
}

/* ---- POST /pooling ---- */

typedef struct {
    text_request base;
    bool normalize, base64, tokens;
} pooling_request;

static bool read_task(const cJSON *body, pooling_request *r, json_fault *fault)
{
    slice task = slice_of("embed"), format = slice_of("float");
    if (!json_string(body, "task", &task, fault) || !json_string(body, "encoding_format", &format, fault))
        return false;
    r->tokens = slice_is(task, "token_embed");
    r->base64 = slice_is(format, "base64");
    if (!r->base64 && !slice_is(format, "float"))
        return json_refuse(fault, API_INVALID_VALUE, "encoding_format",
                           "encoding_format is \"%.40s\"; it must be float or base64", format.data);
    if (r->tokens || slice_is(task, "embed"))
        return true;
    return json_refuse(fault, API_MODEL_LACKS_HEAD, "task",
                       "task is \"%.40s\"; the model can do embed and token_embed", task.data);
}

static bool read_pooling(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    pooling_request *r = request;
    r->normalize = true;
    return read_encode_options(body, limits, a, &r->base.options, fault) && read_task(body, r, fault)
           && read_length(body, &r->base.options, fault) && json_bool(body, "normalize", &r->normalize, fault)
           && json_bool(body, "use_activation", &r->normalize, fault)
           && json_size(body, "dimensions", 1, MODEL_LENGTH_MAX, &r->base.dimensions, fault)
           && inputs_read_any(&r->base.list, body, "input", limits, a, fault);
}

static void write_pooled(json_out *w, const encode_job *e, const pooling_request *r, vectors *v, size_t i)
{
    if (r->tokens) {
        token_vectors_write(w, e, i);
        return;
    }
    const float *row = vectors_row(v, i);
    if (r->base64)
        json_base64(w, row, v->width * sizeof *row);
    else
        json_floats(w, row, v->width);
}

static void answer_pooling(encode_job *e)
{
    const pooling_request *r = e->request;
    json_out w;
    vectors v;
    if (!vectors_open(&v, e, r->normalize))
        return;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + e->count * v.width * BYTES_PER_FLOAT);
    open_list(&w, e, "pooling");
    for (size_t i = 0; i < e->count && !w.failed; i++) {
        json_open(&w, '{');
        json_field_integer(&w, "index", (int64_t)i);
        json_field_text(&w, "object", "pooling");
        json_key(&w, "data");
        write_pooled(&w, e, r, &v, i);
        json_close(&w, '}');
    }
    close_list(&w, e);
}

void vllm_pooling(struct service *s, exchange *x)
{
    encode_job *e = dialect_read(s, x, read_pooling, answer_pooling, sizeof(pooling_request));
    if (!e)
        return;
    e->wants_tokens = ((const pooling_request *)e->request)->tokens;
    dialect_encode(e);
}
