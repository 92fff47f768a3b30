/* tei.c - see tei.h.
 *
 * Clients of text-embeddings-inference change their URL and nothing else, so field names, defaults and shapes are
 * theirs; where a rule of theirs would crash or guess (ids outside the vocabulary, bytes behind the document), ours
 * holds.
 */
#include "server/routes/tei.h"

#include "model/score/similarity.h"
#include "server/routes/dialect.h"
#include "server/routes/token_vectors.h"
#include "server/routes/vectors.h"
#include "server/version.h"

#include <string.h>
#include <strings.h>

enum { DIMENSIONS_MAX = 65536, BYTES_PER_FLOAT = 14 };

/* ---- reading ---- */

/* truncate false refuses long texts; true cuts them at the side that truncation_direction leaves. */
bool tei_read_truncation(const cJSON *object, encode_options *out, json_fault *fault)
{
    bool truncate = out->truncate != TRUNCATE_NONE;
    slice direction = { NULL, 0 };
    if (!json_bool(object, "truncate", &truncate, fault) ||
        !json_string(object, "truncation_direction", &direction, fault))
        return false;
    bool left = direction.data && strcasecmp(direction.data, "left") == 0;
    if (direction.data && !left && strcasecmp(direction.data, "right") != 0)
        return json_refuse(fault, API_INVALID_VALUE, "truncation_direction",
                           "truncation_direction is \"%.40s\"; it must be left or right", direction.data);
    out->truncate = !truncate ? TRUNCATE_NONE : left ? TRUNCATE_LEFT : TRUNCATE_RIGHT;
    return true;
}

bool tei_read_prompt_name(const cJSON *object, json_fault *fault)
{
    slice name = { NULL, 0 };
    if (!json_string(object, "prompt_name", &name, fault))
        return false;
    return !name.data || json_refuse(fault, API_INVALID_VALUE, "prompt_name",
                                     "prompt_name is \"%.40s\"; no prompts are configured", name.data);
}

static bool read_embed(const cJSON *tree, const request_limits *limits, arena *a, tei_request *r, json_fault *fault)
{
    return tei_read_truncation(tree, &r->options, fault) && tei_read_prompt_name(tree, fault)
           && json_bool(tree, "normalize", &r->normalize, fault)
           && json_size(tree, "dimensions", 1, DIMENSIONS_MAX, &r->dimensions, fault)
           && inputs_read_any(&r->list, tree, "inputs", limits, a, fault);
}

/* normalize and dimensions mean nothing to single tokens. */
static bool read_embed_all(const cJSON *tree, const request_limits *limits, arena *a, tei_request *r,
                           json_fault *fault)
{
    return tei_read_truncation(tree, &r->options, fault) && tei_read_prompt_name(tree, fault)
           && inputs_read_any(&r->list, tree, "inputs", limits, a, fault);
}

static bool read_sentences(const cJSON *inputs, const request_limits *limits, arena *a, tei_request *r,
                           json_fault *fault)
{
    static const char source_name[] = "inputs.source_sentence", name[] = "inputs.sentences";
    const cJSON *sentences, *source = cJSON_GetObjectItemCaseSensitive(inputs, "source_sentence");
    input named = { .field = source_name, .index = INPUT_SINGLE, .side = "" };
    if (!inputs_array(inputs, "sentences", name, &sentences, fault))
        return false;
    return inputs_open(&r->list, a, 1 + (size_t)cJSON_GetArraySize(sentences), limits, name, fault)
           && inputs_add_text(&r->list, source, named, fault)
           && inputs_add_texts(&r->list, sentences, name, (slice){ NULL, 0 }, fault);
}

static bool read_similarity(const cJSON *tree, const request_limits *limits, arena *a, tei_request *r,
                            json_fault *fault)
{
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(tree, "inputs"),
                *parameters = json_member(tree, "parameters");
    if (!inputs)
        return json_refuse(fault, API_MISSING_FIELD, "inputs", "inputs is missing");
    if (!cJSON_IsObject(inputs))
        return json_refuse(fault, API_WRONG_TYPE, "inputs",
                           "inputs must be an object with source_sentence and sentences, not %s", json_kind(inputs));
    if (parameters && !cJSON_IsObject(parameters))
        return json_refuse(fault, API_WRONG_TYPE, "parameters", "parameters must be an object, not %s",
                           json_kind(parameters));
    return tei_read_truncation(parameters, &r->options, fault) && tei_read_prompt_name(parameters, fault)
           && read_sentences(inputs, limits, a, r, fault);
}

typedef bool tei_reader(const cJSON *tree, const request_limits *limits, arena *a, tei_request *r, json_fault *fault);

static bool decode(tei_reader *reader, slice body, const request_limits *limits, arena *a, tei_request *r,
                   json_fault *fault)
{
    cJSON *tree = request_parse(body, limits, fault);
    if (!tree)
        return false;
    bool good = reader(tree, limits, a, r, fault);
    json_free(tree);
    return good;
}

bool tei_embed_decode(slice body, const request_limits *limits, arena *a, tei_request *r, json_fault *fault)
{
    return decode(read_embed, body, limits, a, r, fault);
}

bool tei_similarity_decode(slice body, const request_limits *limits, arena *a, tei_request *r, json_fault *fault)
{
    return decode(read_similarity, body, limits, a, r, fault);
}

/* ---- answering ---- */

static void answer_embed(encode_job *e)
{
    const tei_request *r = e->request;
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, r->normalize))
        return;
    json_begin(&w, e->exchange->arena, e->count * (v.width * BYTES_PER_FLOAT + 4));
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++)
        json_floats(&w, vectors_row(&v, i), v.width);
    json_close(&w, ']');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

static void answer_embed_all(encode_job *e)
{
    json_out w;
    json_begin(&w, e->exchange->arena, e->tokens * encode_width(e) * BYTES_PER_FLOAT);
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++)
        token_vectors_write(&w, e, i);
    json_close(&w, ']');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

static void answer_similarity(encode_job *e)
{
    json_out w;
    json_begin(&w, e->exchange->arena, e->count * BYTES_PER_FLOAT);
    json_open(&w, '[');
    for (size_t i = 1; i < e->count; i++)
        json_float(&w, similarity_score(METRIC_COSINE, encode_vector(e, 0), encode_vector(e, i), encode_width(e)));
    json_close(&w, ']');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

/* ---- routes ---- */

static void start(encode_job *e, tei_reader *reader)
{
    json_fault fault;
    exchange *x = e->exchange;
    tei_request *r = e->request;
    request_limits limits = request_limits_of(e->service);
    r->normalize = true;
    r->options.truncate = e->service->auto_truncate ? TRUNCATE_RIGHT : TRUNCATE_NONE;
    if (!decode(reader, x->body, &limits, x->arena, r, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    e->options = r->options;
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->dimensions = r->dimensions;
    encode_start(e);
}

void tei_embed(struct service *s, exchange *x)
{
    encode_job *e = encode_open(s, x, answer_embed, sizeof(tei_request));
    if (e)
        start(e, read_embed);
}

void tei_embed_all(struct service *s, exchange *x)
{
    encode_job *e = encode_open(s, x, answer_embed_all, sizeof(tei_request));
    if (!e)
        return;
    e->wants_tokens = true;
    start(e, read_embed_all);
}

void tei_similarity(struct service *s, exchange *x)
{
    encode_job *e = encode_open(s, x, answer_similarity, sizeof(tei_request));
    if (e)
        start(e, read_similarity);
}

static bool read_root(const cJSON *tree, const request_limits *limits, arena *a, tei_request *r, json_fault *fault)
{
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(tree, "inputs");
    r->similarity = cJSON_IsObject(inputs);
    return (r->similarity ? read_similarity : read_embed)(tree, limits, a, r, fault);
}

static void answer_root(encode_job *e)
{
    const tei_request *r = e->request;
    (r->similarity ? answer_similarity : answer_embed)(e);
}

void tei_root(struct service *s, exchange *x)
{
    encode_job *e = encode_open(s, x, answer_root, sizeof(tei_request));
    if (e)
        start(e, read_root);
}

static void write_model_type(json_out *w, const model_info *info)
{
    json_key(w, "model_type");
    json_open(w, '{');
    json_key(w, "embedding");
    json_open(w, '{');
    json_field_text(w, "pooling", pooling_name(info->config->pooling));
    json_close(w, '}');
    json_close(w, '}');
}

void tei_info(struct service *s, exchange *x)
{
    const model_info *info = model_describe(registry_at(x->generation->registry, 0));
    json_out w;
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    json_field_text(&w, "model_id", info->name);
    json_field_literal(&w, "model_sha", "null");
    json_field_text(&w, "model_dtype", info->precision == PRECISION_F32 ? "float32" : precision_name(info->precision));
    json_field_text(&w, "served_model_name", info->name);
    write_model_type(&w, info);
    json_field_integer(&w, "max_concurrent_requests", (int64_t)s->tei_max_concurrent);
    json_field_integer(&w, "max_input_length", (int64_t)info->config->max_length);
    json_field_integer(&w, "max_batch_tokens", (int64_t)s->max_batch_tokens);
    json_field_literal(&w, "max_batch_requests", "null");
    json_field_integer(&w, "max_client_batch_size", (int64_t)s->max_texts);
    json_field_literal(&w, "auto_truncate", s->auto_truncate ? "true" : "false");
    json_field_integer(&w, "tokenization_workers", (int64_t)2);
    json_field_text(&w, "version", ROSIM_VERSION);
    json_field_literal(&w, "sha", "null");
    json_field_literal(&w, "docker_label", "null");
    json_close(&w, '}');
    encode_send(x, &w);
}
