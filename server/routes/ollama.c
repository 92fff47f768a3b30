/* ollama.c - see ollama.h. */
#include "server/routes/ollama.h"

#include "server/routes/dialect.h"
#include "server/routes/vectors.h"
#include "server/version.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DIMENSIONS_MAX = 65536, BYTES_PER_FLOAT = 14, BYTES_PER_ANSWER = 256, TIME_BYTES = 32, FIGURE_BYTES = 48 };

typedef struct {
    text_request base;
    bool empty;                   /* nothing to embed: Ollama loads the model then, and so say we */
} ollama_request;

/* ---- reading ---- */

static bool read_model(const cJSON *body, arena *a, encode_options *options, json_fault *fault)
{
    static const char latest[] = ":latest";
    const size_t tail = sizeof latest - 1;
    slice name = { NULL, 0 };
    if (!json_string(body, "model", &name, fault))
        return false;
    if (name.length == 0)
        return json_refuse(fault, API_MISSING_FIELD, "model", "model is required");
    if (name.length > tail && memcmp(name.data + name.length - tail, latest, tail) == 0)
        name.length -= tail;
    options->model = arena_copy(a, name);
    return options->model.data || json_refuse(fault, API_OUT_OF_MEMORY, NULL, "out of memory");
}

static bool is_empty(const cJSON *value)
{
    if (cJSON_IsString(value))
        return value->valuestring[0] == '\0';
    return !value || (cJSON_IsArray(value) && !value->child);
}

static bool read_embed(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    ollama_request *r = request;
    const cJSON *value = json_member(body, "input");
    bool truncate = true;
    size_t count;
    if (!read_model(body, a, &r->base.options, fault) || !json_bool(body, "truncate", &truncate, fault)
        || !json_size(body, "dimensions", 1, DIMENSIONS_MAX, &r->base.dimensions, fault))
        return false;
    r->base.options.truncate = truncate ? TRUNCATE_RIGHT : TRUNCATE_NONE;
    r->empty = is_empty(value);
    return r->empty || (inputs_count_texts(value, "input", &count, fault)
                        && inputs_open(&r->base.list, a, count, limits, "input", fault)
                        && inputs_add_one_or_many(&r->base.list, value, "input", (slice){ NULL, 0 }, fault));
}

static bool read_prompt(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    ollama_request *r = request;
    const cJSON *value = json_member(body, "prompt");
    input named = { .field = "prompt", .index = INPUT_SINGLE, .side = "" };
    if (!read_model(body, a, &r->base.options, fault))
        return false;
    r->empty = is_empty(value);
    return r->empty || (inputs_open(&r->base.list, a, 1, limits, "prompt", fault)
                        && inputs_add_text(&r->base.list, value, named, fault));
}

/* ---- answering ---- */

static void write_durations(json_out *w, const exchange *x, size_t tokens)
{
    json_field_integer(w, "total_duration", clock_now_ns() - x->received_ns);
    json_field_integer(w, "load_duration", 0);
    json_field_integer(w, "prompt_eval_count", (int64_t)tokens);
}

static void answer_embed(encode_job *e)
{
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, true))
        return;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + e->count * v.width * BYTES_PER_FLOAT);
    json_open(&w, '{');
    json_field_text(&w, "model", model_describe(e->model)->name);
    json_key(&w, "embeddings");
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++)
        json_floats(&w, vectors_row(&v, i), v.width);
    json_close(&w, ']');
    write_durations(&w, e->exchange, e->tokens);
    json_close(&w, '}');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

static void answer_embeddings(encode_job *e)
{
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, false))
        return;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + v.width * BYTES_PER_FLOAT);
    json_open(&w, '{');
    json_key(&w, "embedding");
    json_floats(&w, vectors_row(&v, 0), v.width);
    json_close(&w, '}');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

static const model *find_model(exchange *x, slice name)
{
    const model *m = registry_find(x->generation->registry, name);
    if (!m)
        api_error_answer(x, API_MODEL_NOT_FOUND, "model", "model \"%.100s\" not found", name.data);
    return m && encode_may_use(x, m) ? m : NULL;
}

static void answer_nothing(exchange *x, slice name, const char *key)
{
    json_out w;
    const model *m = find_model(x, name);
    if (!m)
        return;
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    if (strcmp(key, "embeddings") == 0)
        json_field_text(&w, "model", model_describe(m)->name);
    json_key(&w, key);
    json_open(&w, '[');
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}

/* ---- routes ---- */

void ollama_embed(struct service *s, exchange *x)
{
    encode_job *e = dialect_read(s, x, read_embed, answer_embed, sizeof(ollama_request));
    const ollama_request *r = e ? e->request : NULL;
    if (r && r->empty)
        answer_nothing(x, r->base.options.model, "embeddings");
    else if (r)
        dialect_encode(e);
}

void ollama_embeddings(struct service *s, exchange *x)
{
    encode_job *e = dialect_read(s, x, read_prompt, answer_embeddings, sizeof(ollama_request));
    const ollama_request *r = e ? e->request : NULL;
    if (r && r->empty)
        answer_nothing(x, r->base.options.model, "embedding");
    else if (r)
        dialect_encode(e);
}

static void write_details(json_out *w, const model_info *info)
{
    json_key(w, "details");
    json_open(w, '{');
    json_field_text(w, "family", info->config->family);
    json_field_text(w, "quantization_level", precision_name(info->precision));
    json_close(w, '}');
}

static void write_tag(json_out *w, const model *m, const char *since)
{
    const model_info *info = model_describe(m);
    char digest[TIME_BYTES];
    (void)snprintf(digest, sizeof digest, "%zu-parameters", info->parameters);
    json_open(w, '{');
    json_field_text(w, "name", info->name);
    json_field_text(w, "model", info->name);
    json_field_text(w, "modified_at", since);
    json_field_integer(w, "size", (int64_t)info->weight_bytes);
    json_field_text(w, "digest", digest);
    write_details(w, info);
    json_close(w, '}');
}

/* The keys of model_info begin with the architecture, as GGUF has them. */
static void write_figure(json_out *w, const model_info *info, const char *name, size_t value)
{
    char key[FIGURE_BYTES];
    (void)snprintf(key, sizeof key, "%s.%s", info->config->family, name);
    json_field_integer(w, key, (int64_t)value);
}

static void write_model_info(json_out *w, const model_info *info)
{
    json_key(w, "model_info");
    json_open(w, '{');
    json_field_text(w, "general.architecture", info->config->family);
    json_field_integer(w, "general.parameter_count", (int64_t)info->parameters);
    write_figure(w, info, "block_count", info->config->layers);
    write_figure(w, info, "context_length", info->config->max_length);
    write_figure(w, info, "embedding_length", info->dimensions);
    json_close(w, '}');
}

static bool read_show(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    ollama_request *r = request;
    (void)limits;
    return read_model(body, a, &r->base.options, fault);
}

void ollama_show(struct service *s, exchange *x)
{
    json_out w;
    encode_job *e = dialect_read(s, x, read_show, NULL, sizeof(ollama_request));
    const ollama_request *r = e ? e->request : NULL;
    const model *m = r ? find_model(x, r->base.options.model) : NULL;
    if (!m)
        return;
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    write_details(&w, model_describe(m));
    write_model_info(&w, model_describe(m));
    json_key(&w, "capabilities");
    json_open(&w, '[');
    json_text(&w, slice_of("embedding"));
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}

void ollama_tags(struct service *s, exchange *x)
{
    json_out w;
    char since[TIME_BYTES] = "";
    struct tm utc;
    time_t started = time(NULL) - (time_t)((clock_now_ns() - s->started_ns) / 1000000000);
    if (gmtime_r(&started, &utc))
        (void)strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    json_key(&w, "models");
    json_open(&w, '[');
    for (size_t i = 0; i < registry_count(x->generation->registry); i++)
        write_tag(&w, registry_at(x->generation->registry, i), since);
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}

void ollama_version(struct service *s, exchange *x)
{
    json_out w;
    (void)s;
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    json_field_text(&w, "version", ROSIM_VERSION);
    json_close(&w, '}');
    encode_send(x, &w);
}
