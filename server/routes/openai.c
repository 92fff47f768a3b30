/* openai.c - see openai.h.
 *
 * The official client asks for base64 unless told otherwise, so base64 is the usual way and not an extra: the float32
 * array as it lies in memory, which is little-endian on every machine that this builds for.
 */
#include "server/routes/openai.h"

#include "server/router.h"
#include "server/routes/dialect.h"
#include "server/routes/vectors.h"

#include <time.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are sent in base64 as they lie in memory");

enum { DIMENSIONS_MAX = 65536, BYTES_PER_FLOAT = 14, BYTES_PER_ROW = 64, BYTES_PER_ANSWER = 512 };

/* ---- POST /v1/embeddings ---- */

static bool read_format(const cJSON *body, embeddings_request *out, json_fault *fault)
{
    slice name = { NULL, 0 };
    if (!json_string(body, "encoding_format", &name, fault))
        return false;
    out->base64 = name.data && slice_is(name, "base64");
    if (!name.data || out->base64 || slice_is(name, "float"))
        return true;
    return json_refuse(fault, API_INVALID_VALUE, "encoding_format",
                       "encoding_format is \"%.40s\"; it must be float or base64", name.data);
}

bool embeddings_decode(slice body, const request_limits *limits, arena *a, embeddings_request *out, json_fault *fault)
{
    *out = (embeddings_request){ .normalize = true };
    cJSON *tree = request_parse(body, limits, fault);
    if (!tree)
        return false;
    bool good = read_encode_options(tree, limits, a, &out->options, fault) && read_format(tree, out, fault)
                && json_bool(tree, "normalize", &out->normalize, fault)
                && json_size(tree, "dimensions", 1, DIMENSIONS_MAX, &out->dimensions, fault)
                && inputs_read_any(&out->list, tree, "input", limits, a, fault);
    json_free(tree);
    return good;
}

static void write_embedding(json_out *w, const embeddings_request *r, vectors *v, size_t index)
{
    const float *row = vectors_row(v, index);
    json_open(w, '{');
    json_key(w, "object");
    json_text(w, slice_of("embedding"));
    json_key(w, "index");
    json_integer(w, (int64_t)index);
    json_key(w, "embedding");
    if (r->base64)
        json_base64(w, row, v->width * sizeof *row);
    else
        json_floats(w, row, v->width);
    json_close(w, '}');
}

static void answer_embeddings(encode_job *e)
{
    const embeddings_request *r = e->request;
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, r->normalize))
        return;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + e->count * (BYTES_PER_ROW + v.width * BYTES_PER_FLOAT));
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("list"));
    json_key(&w, "data");
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++)
        write_embedding(&w, r, &v, i);
    json_close(&w, ']');
    json_key(&w, "model");
    json_text(&w, slice_of(model_describe(e->model)->name));
    dialect_usage(e, &w);
    encode_warning(e, &w);
    json_close(&w, '}');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

void openai_embeddings(struct service *s, exchange *x)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    encode_job *e = encode_open(s, x, answer_embeddings, sizeof(embeddings_request));
    if (!e)
        return;
    embeddings_request *r = e->request;
    if (!embeddings_decode(x->body, &limits, x->arena, r, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    e->options = r->options;
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->dimensions = r->dimensions;
    encode_start(e);
}

/* ---- GET /v1/models ---- */

static void write_kinds(json_out *w, const char *key, unsigned kinds)
{
    json_key(w, key);
    json_open(w, '[');
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (kinds & 1u << kind)
            json_text(w, slice_of(attention_name(kind)));
    json_close(w, ']');
}

static void write_attention(json_out *w, const model *m)
{
    write_kinds(w, "attention", model_describe(m)->config->attention_trained);
    json_key(w, "default_attention");
    json_text(w, slice_of(attention_name(model_default_attention(m))));
    write_kinds(w, "attention_approx", model_describe(m)->config->attention_approx);
}

static void write_model(json_out *w, const model *m, int64_t created)
{
    const model_info *info = model_describe(m);
    json_open(w, '{');
    json_key(w, "id");
    json_text(w, slice_of(info->name));
    json_key(w, "object");
    json_text(w, slice_of("model"));
    json_key(w, "created");
    json_integer(w, created);
    json_key(w, "owned_by");
    json_text(w, slice_of("rosim"));
    write_attention(w, m);
    json_key(w, "dimensions");
    json_integer(w, (int64_t)info->dimensions);
    json_key(w, "max_length");
    json_integer(w, (int64_t)info->config->max_length);
    json_key(w, "languages");
    json_text(w, slice_of(info->config->languages));
    json_close(w, '}');
}

static int64_t created_at(const struct service *s)
{
    return (int64_t)time(NULL) - (clock_now_ns() - s->started_ns) / 1000000000;
}

void openai_model(struct service *s, exchange *x)
{
    json_out w;
    slice id = router_id(x);
    const model *m = registry_find(x->generation->registry, id);
    if (!m) {
        api_error_answer(x, API_MODEL_NOT_FOUND, "model", "there is no model \"%.*s\"; GET /v1/models lists them",
                         (int)(id.length < 100 ? id.length : 100), id.data);
        return;
    }
    json_begin(&w, x->arena, 0);
    write_model(&w, m, created_at(s));
    encode_send(x, &w);
}

void openai_models(struct service *s, exchange *x)
{
    json_out w;
    int64_t created = created_at(s);
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("list"));
    json_key(&w, "data");
    json_open(&w, '[');
    for (size_t i = 0; i < registry_count(x->generation->registry); i++)
        write_model(&w, registry_at(x->generation->registry, i), created);
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}
