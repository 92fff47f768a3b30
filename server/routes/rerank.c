/* rerank.c - see rerank.h.
 *
 * A cosine is not a cross-encoder's relevance, but it ranks; scores stay what they are (-1 to 1) instead of being
 * squeezed into something that looks like a probability.
 */
#include "server/routes/rerank.h"

#include "model/score/similarity.h"
#include "server/routes/dialect.h"
#include "server/routes/tei_heads.h"

#include <float.h>
#include <string.h>

enum { TOP_N_MAX = 1 << 30, LENGTH_MAX = 1 << 30, MODEL_LENGTH_MAX = 65536, BYTES_PER_RESULT = 96,
       BYTES_PER_ANSWER = 512 };

typedef struct {
    text_request base;            /* the query, then the documents */
    size_t documents, top_n;      /* top_n 0: all */
    bool return_documents;
} rerank_request;

/* ---- reading ---- */

/* A document is a string or {"text"}. */
static bool add_documents(input_list *list, const cJSON *documents, json_fault *fault)
{
    const cJSON *element;
    size_t index = 0;
    cJSON_ArrayForEach(element, documents) {
        bool object = cJSON_IsObject(element);
        input named = { .field = "documents", .index = index++, .side = object ? ".text" : "" };
        const cJSON *text = object ? cJSON_GetObjectItemCaseSensitive(element, "text") : element;
        if (!inputs_add_text(list, text, named, fault))
            return false;
    }
    return true;
}

/* Tokens of a document, by its name in each dialect; what the model cannot take is cut anyway. */
static bool read_length(const cJSON *body, encode_options *options, json_fault *fault)
{
    static const char *const names[] = { "max_tokens_per_doc", "truncate_prompt_tokens" };
    size_t length = 0;
    for (size_t i = 0; i < 2; i++) {
        const cJSON *value = json_member(body, names[i]);
        bool none = cJSON_IsNumber(value) && value->valuedouble < 0 && value->valuedouble > -2;
        if (!none && !json_size(body, names[i], 3, LENGTH_MAX, &length, fault))
            return false;
    }
    if (length)
        options->max_length = length < MODEL_LENGTH_MAX ? length : MODEL_LENGTH_MAX;
    options->clamp_length = true;
    return true;
}

static bool read_rerank(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    rerank_request *r = request;
    const cJSON *documents, *query = cJSON_GetObjectItemCaseSensitive(body, "query");
    input named = { .field = "query", .index = INPUT_SINGLE, .side = "" };
    if (!read_encode_options(body, limits, a, &r->base.options, fault)
        || !read_length(body, &r->base.options, fault)
        || !json_size(body, "top_n", 1, TOP_N_MAX, &r->top_n, fault)
        || !json_bool(body, "return_documents", &r->return_documents, fault)
        || !inputs_array(body, "documents", "documents", &documents, fault))
        return false;
    r->documents = (size_t)cJSON_GetArraySize(documents);
    return inputs_open(&r->base.list, a, 1 + r->documents, limits, "documents", fault)
           && inputs_add_text(&r->base.list, query, named, fault)
           && add_documents(&r->base.list, documents, fault);
}

static bool read_v1(const cJSON *body, const request_limits *limits, arena *a, void *request, json_fault *fault)
{
    ((rerank_request *)request)->return_documents = true;
    return read_rerank(body, limits, a, request, fault);
}

/* ---- answering ---- */

static void write_result(json_out *w, const encode_job *e, const rerank_request *r, ranked best)
{
    json_open(w, '{');
    json_field_integer(w, "index", (int64_t)best.index);
    json_key(w, "relevance_score");
    json_float(w, best.score);
    if (r->return_documents) {
        json_key(w, "document");
        json_open(w, '{');
        json_key(w, "text");
        json_text(w, e->inputs[1 + best.index].text);
        json_close(w, '}');
    }
    json_close(w, '}');
}

static void write_meta(json_out *w, const char *version)
{
    json_key(w, "meta");
    json_open(w, '{');
    json_key(w, "api_version");
    json_open(w, '{');
    json_field_text(w, "version", version);
    json_close(w, '}');
    json_key(w, "billed_units");
    json_open(w, '{');
    json_field_integer(w, "search_units", 1);
    json_close(w, '}');
    json_close(w, '}');
}

static size_t expected_bytes(const encode_job *e, const rerank_request *r)
{
    size_t bytes = BYTES_PER_ANSWER + r->documents * BYTES_PER_RESULT;
    for (size_t i = 1; r->return_documents && i < e->count; i++)
        bytes += e->inputs[i].text.length;
    return bytes;
}

static void answer_rerank(encode_job *e)
{
    const rerank_request *r = e->request;
    exchange *x = e->exchange;
    float *scores = arena_take(x->arena, r->documents, sizeof *scores);
    ranked *best = arena_take(x->arena, r->documents, sizeof *best);
    if (!scores || !best) {
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the scores do not fit into the request's memory");
        return;
    }
    for (size_t i = 0; i < r->documents; i++)
        scores[i] = dialect_cosine(e, 0, 1 + i);
    size_t kept = similarity_rank(scores, r->documents, r->top_n, -FLT_MAX, best);
    json_out w;
    json_begin(&w, x->arena, expected_bytes(e, r));
    json_open(&w, '{');
    json_field_text(&w, "id", x->request_id);
    json_field_text(&w, "model", model_describe(e->model)->name);
    json_key(&w, "results");
    json_open(&w, '[');
    for (size_t i = 0; i < kept && !w.failed; i++)
        write_result(&w, e, r, best[i]);
    json_close(&w, ']');
    dialect_usage(e, &w);
    write_meta(&w, slice_is(x->path, "/v2/rerank") ? "2" : "1");
    json_close(&w, '}');
    dialect_timings(e);
    encode_send(x, &w);
}

/* ---- routes ---- */

void rerank_v1(struct service *s, exchange *x)
{
    dialect_start(s, x, read_v1, answer_rerank, sizeof(rerank_request));
}

void rerank_v2(struct service *s, exchange *x)
{
    dialect_start(s, x, read_rerank, answer_rerank, sizeof(rerank_request));
}

/* As llama.cpp does it: `texts` is TEI's body. Anything that cannot be read is the others' to name. */
static bool is_tei_body(const service *s, slice body)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    cJSON *tree = request_parse(body, &limits, &fault);
    bool tei = tree && json_member(tree, "texts") && !json_member(tree, "documents");
    json_free(tree);
    return tei;
}

void rerank_any(struct service *s, exchange *x)
{
    if (is_tei_body(s, x->body)) {
        tei_rerank(s, x);
        return;
    }
    x->spoken = 1 + DIALECT_OPENAI;
    rerank_v1(s, x);
}
