/* tei_heads.c - see tei_heads.h. */
#include "server/routes/tei_heads.h"

#include "server/routes/dialect.h"
#include "server/routes/tei.h"
#include "server/routes/vectors.h"

enum { BYTES_PER_FLOAT = 14 };

/* ---- heads that no model here has ---- */

static void lacks(service *s, exchange *x, const char *message)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    cJSON *tree = request_parse(x->body, &limits, &fault);
    if (tree)
        api_error_answer(x, API_MODEL_LACKS_HEAD, NULL, "%s", message);
    else
        encode_refuse(x, &fault);
    json_free(tree);
    if (x->status == 424)
        metrics_model_type(s->metrics);
}

void tei_rerank(struct service *s, exchange *x)
{
    lacks(s, x, "model is not a re-ranker model; send `query` and `documents` to rank by cosine");
}

void tei_predict(struct service *s, exchange *x)
{
    lacks(s, x, "model is not a classifier model");
}

void tei_embed_sparse(struct service *s, exchange *x)
{
    lacks(s, x, "model is not an embedding model with Splade pooling");
}

/* ---- POST /vertex ---- */

typedef struct {
    text_request base;
    bool normalize;
} vertex_request;

/* One job has one set of options: the last instance that gives one decides for all. */
static bool read_instance(const cJSON *instance, size_t index, vertex_request *r, json_fault *fault)
{
    input named = { .field = "instances", .index = index, .side = ".inputs" };
    bool normalize = true;
    if (!cJSON_IsObject(instance))
        return json_refuse(fault, API_WRONG_TYPE, "instances", "instances[%zu] must be an object, not %s", index,
                           json_kind(instance));
    if (!tei_read_truncation(instance, &r->base.options, fault) || !tei_read_prompt_name(instance, fault)
        || !json_bool(instance, "normalize", &normalize, fault))
        return false;
    r->normalize = r->normalize && normalize;
    return inputs_add_text(&r->base.list, cJSON_GetObjectItemCaseSensitive(instance, "inputs"), named, fault);
}

static bool read_vertex(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    vertex_request *r = request;
    const cJSON *instances, *instance;
    size_t index = 0;
    r->normalize = true;
    if (!inputs_array(body, "instances", "instances", &instances, fault)
        || !inputs_open(&r->base.list, a, (size_t)cJSON_GetArraySize(instances), limits, "instances", fault))
        return false;
    cJSON_ArrayForEach(instance, instances) {
        if (!read_instance(instance, index++, r, fault))
            return false;
    }
    return true;
}

/* Each prediction is what /embed would have answered: a list of one vector. */
static void answer_vertex(encode_job *e)
{
    const vertex_request *r = e->request;
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, r->normalize))
        return;
    json_begin(&w, e->exchange->arena, e->count * (v.width * BYTES_PER_FLOAT + 8));
    json_open(&w, '{');
    json_key(&w, "predictions");
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++) {
        json_open(&w, '[');
        json_floats(&w, vectors_row(&v, i), v.width);
        json_close(&w, ']');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

void tei_vertex(struct service *s, exchange *x)
{
    dialect_start(s, x, read_vertex, answer_vertex, sizeof(vertex_request));
}
