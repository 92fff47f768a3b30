/* trust_rank.c - see trust_rank.h.
 *
 * The margin of a candidate is the logit of its softmax probability (scale 20), computed without ever forming that
 * probability, so that it goes on growing where the probability reads 1.000. abstain_below compares with the best
 * one's margin: below it the answer says "abstain": true, and the caller should not take the best for an answer.
 */
#include "server/routes/trust_rank.h"

#include "model/score/margin.h"
#include "model/score/similarity.h"
#include "server/routes/trust.h"
#include "server/routes/uncertain.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { BYTES_PER_ANSWER = 512, BYTES_PER_CANDIDATE = 128, TOP_K_MAX = 1000000 };

typedef struct {
    input_list list;                      /* rank: query first */
    trust_names names;
    trust trust;
    encode_copies copies;                 /* rank only */
    size_t top_k;                         /* 0: all */
    bool may_abstain, with_texts;
    double abstain_below, scale;
    slice classifier;
} rank_request;

/* ---- what both routes share ---- */

typedef bool reader(rank_request *r, const cJSON *tree, const request_limits *limits, arena *a, json_fault *fault);

static void start(struct service *s, exchange *x, reader *read, void (*answer)(encode_job *e))
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    encode_job *e = encode_open(s, x, answer, sizeof(rank_request));
    if (!e)
        return;
    rank_request *r = e->request;
    cJSON *tree = request_parse(x->body, &limits, &fault);
    bool good = tree && read_encode_options(tree, &limits, x->arena, &e->options, &fault) &&
                trust_read(tree, x->arena, &r->names, &fault) && read(r, tree, &limits, x->arena, &fault);
    json_free(tree);
    if (!good) {
        encode_refuse(x, &fault);
        return;
    }
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->copies = r->copies;
    if (trust_resolve(e, &r->names, &r->trust))
        encode_start(e);
}

static void put_head(json_out *w, const encode_job *e, const char *object)
{
    json_open(w, '{');
    json_key(w, "object");
    json_text(w, slice_of(object));
    json_key(w, "model");
    json_text(w, slice_of(model_describe(e->model)->name));
    json_key(w, "attention");
    json_text(w, slice_of(attention_name(e->attention)));
}

static void put_tail(json_out *w, const encode_job *e)
{
    json_key(w, "usage");
    json_open(w, '{');
    json_key(w, "texts");
    json_integer(w, (int64_t)e->count);
    json_key(w, "tokens");
    json_integer(w, (int64_t)e->tokens);
    json_close(w, '}');
    encode_warning(e, w);
    json_close(w, '}');
}

static void no_memory(exchange *x)
{
    api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the answer does not fit into the request's memory");
}

/* ---- rank ---- */

static bool read_rank(rank_request *r, const cJSON *tree, const request_limits *limits, arena *a, json_fault *fault)
{
    const cJSON *candidates;
    slice none = { NULL, 0 };
    input query = { .field = "query", .index = INPUT_SINGLE, .side = "" };
    r->scale = MARGIN_SCALE;
    r->may_abstain = json_member(tree, "abstain_below") != NULL;
    return json_size(tree, "top_k", 1, TOP_K_MAX, &r->top_k, fault)
           && json_double(tree, "abstain_below", -(double)FLT_MAX, (double)FLT_MAX, &r->abstain_below, fault)
           && json_double(tree, "scale", 0.01, 1000, &r->scale, fault)
           && json_bool(tree, "return_texts", &r->with_texts, fault)
           && inputs_array(tree, "candidates", "candidates", &candidates, fault)
           && inputs_open(&r->list, a, 1 + (size_t)cJSON_GetArraySize(candidates), limits, "candidates", fault)
           && inputs_add_text(&r->list, json_member(tree, "query"), query, fault)
           && inputs_add_texts(&r->list, candidates, "candidates", none, fault)
           && uncertain_read(tree, r->list.count, &r->copies, fault);
}

typedef struct { float *cosines; double *margins, *shares; ranked *order; size_t n; } ranking;

static bool rank_all(const encode_job *e, const rank_request *r, ranking *out)
{
    arena *a = e->exchange->arena;
    size_t n = e->count - 1;
    *out = (ranking){ arena_take(a, n, sizeof(float)), arena_take(a, n, sizeof(double)),
                      arena_take(a, n, sizeof(double)), arena_take(a, n, sizeof(ranked)), n };
    if (!out->cosines || !out->margins || !out->shares || !out->order)
        return false;
    for (size_t i = 0; i < n; i++)
        out->cosines[i] = similarity_score(METRIC_COSINE, trust_vector(e, &r->trust, 0),
                                           trust_vector(e, &r->trust, i + 1), encode_width(e));
    margin_all(out->cosines, n, r->scale, out->margins, out->shares);
    (void)similarity_rank(out->cosines, n, 0, -FLT_MAX, out->order);
    return true;
}

static void put_candidate(json_out *w, const encode_job *e, const rank_request *r, const ranking *k, size_t i)
{
    json_open(w, '{');
    json_key(w, "index");
    json_integer(w, (int64_t)i);
    json_key(w, "cosine");
    json_float(w, k->cosines[i] + 0.0F);
    json_key(w, "softmax");
    json_number(w, k->shares[i]);
    json_key(w, "margin");
    if (isfinite(k->margins[i]))
        json_number(w, k->margins[i]);
    else
        json_literal(w, "null");          /* one candidate has no rival */
    if (r->trust.calibrated) {
        json_key(w, "probability");
        json_number(w, trust_probability(e, &r->trust, 0, i + 1));
    }
    if (e->copies.count) {
        json_key(w, "uncertainty");
        uncertain_write_score(w, e, &r->trust, METRIC_COSINE, 0, i + 1);
    }
    if (r->with_texts) {
        json_key(w, "text");
        json_text(w, e->inputs[i + 1].text);
    }
    json_close(w, '}');
}

static void answer_rank(encode_job *e)
{
    json_out w;
    ranking k;
    rank_request *r = e->request;
    if (!trust_adapt(e, &r->trust) || !rank_all(e, r, &k)) {
        no_memory(e->exchange);
        return;
    }
    size_t shown = r->top_k && r->top_k < k.n ? r->top_k : k.n;
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + shown * BYTES_PER_CANDIDATE);
    put_head(&w, e, "ranking");
    json_key(&w, "results");
    json_open(&w, '[');
    for (size_t i = 0; i < shown; i++)
        put_candidate(&w, e, r, &k, k.order[i].index);
    json_close(&w, ']');
    if (e->copies.count) {
        json_key(&w, "uncertainty");
        json_open(&w, '{');
        uncertain_write_texts(&w, e, &r->trust);
        json_close(&w, '}');
    }
    if (r->may_abstain) {
        json_key(&w, "abstain");
        json_literal(&w, k.margins[k.order[0].index] < r->abstain_below ? "true" : "false");
    }
    put_tail(&w, e);
    encode_send(e->exchange, &w);
}

void rank_candidates(struct service *s, exchange *x)
{
    start(s, x, read_rank, answer_rank);
}

/* ---- classify ---- */

static bool read_classify(rank_request *r, const cJSON *tree, const request_limits *limits, arena *a, json_fault *fault)
{
    const cJSON *texts;
    slice none = { NULL, 0 };
    if (!json_string(tree, "classifier", &r->classifier, fault) ||
        !json_size(tree, "top_k", 1, TOP_K_MAX, &r->top_k, fault))
        return false;
    if (!r->classifier.data)
        return json_refuse(fault, API_MISSING_FIELD, "classifier", "classifier is missing");
    if (!artifact_name_is_good(r->classifier))
        return json_refuse(fault, API_INVALID_VALUE, "classifier", "classifier is not an id");
    r->classifier = arena_copy(a, r->classifier);
    if (!r->classifier.data)
        return json_refuse(fault, API_OUT_OF_MEMORY, "classifier", "out of memory");
    return inputs_array(tree, "texts", "texts", &texts, fault)
           && inputs_open(&r->list, a, (size_t)cJSON_GetArraySize(texts), limits, "texts", fault)
           && inputs_add_texts(&r->list, texts, "texts", none, fault);
}

typedef struct { const encode_job *e; const rank_request *r; json_out *w; double *p; float *unit; bool answered; } work;

static void put_classes(work *k, const artifact *a, const double *p)
{
    size_t n = a->classifier->classes, shown = k->r->top_k && k->r->top_k < n ? k->r->top_k : n;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = p[i] > p[best] ? i : best;
    json_open(k->w, '{');
    json_key(k->w, "label");
    json_text(k->w, slice_of(a->labels[best]));
    json_key(k->w, "probabilities");
    json_open(k->w, '{');
    double bar = HUGE_VAL;
    for (size_t put = 0; put < shown; put++) {    /* best first, without sorting: k is small, or top_k is */
        size_t next = n;
        for (size_t i = 0; i < n; i++)
            if (p[i] >= 0 && p[i] <= bar && (next == n || p[i] > p[next]))
                next = i;
        json_key(k->w, a->labels[next]);
        json_number(k->w, p[next]);
        k->p[next] = -1;
    }
    json_close(k->w, '}');
    json_close(k->w, '}');
}

/* Under the store's lock: a text costs classes times D products. */
static void classify_all(void *context, artifact *a)
{
    work *k = context;
    const encode_job *e = k->e;
    size_t width = encode_width(e);
    const char *own = a->adapter_id, *asked = k->r->names.adapter.data ? k->r->names.adapter.data : "";
    bool kin = trust_same_model(e, a) && strcmp(a->attention, attention_name(e->attention)) == 0
               && strcmp(own, asked) == 0 && a->classifier->width == width;
    k->p = arena_take(e->exchange->arena, a->classifier->classes, sizeof *k->p);
    k->unit = arena_take(e->exchange->arena, width, sizeof *k->unit);
    if (!kin) {
        api_error_answer(e->exchange, API_INVALID_VALUE, "classifier",
                         "the classifier %s was made with model %s, %s attention, adapter \"%s\"", a->id, a->model,
                         a->attention, own);
        k->answered = true;
    }
    for (size_t i = 0; kin && k->p && k->unit && i < e->count; i++) {
        similarity_normalize(trust_vector(e, &k->r->trust, i), width, k->unit);
        classifier_predict(a->classifier, k->unit, k->p);
        put_classes(k, a, k->p);
    }
    if (!k->p || !k->unit)
        k->w->failed = true;
}

static void answer_classify(encode_job *e)
{
    json_out w;
    rank_request *r = e->request;
    work k = { .e = e, .r = r, .w = &w };
    if (!trust_adapt(e, &r->trust)) {
        no_memory(e->exchange);
        return;
    }
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + e->count * BYTES_PER_CANDIDATE);
    put_head(&w, e, "classification");
    json_key(&w, "classifier");
    json_text(&w, r->classifier);
    json_key(&w, "results");
    json_open(&w, '[');
    if (artifacts_visit(e->service->artifacts, ARTIFACT_CLASSIFIER, r->classifier, classify_all, &k) == 0) {
        trust_not_found(e->exchange, "classifier", "classifier", r->classifier);
        return;
    }
    if (k.answered)
        return;
    json_close(&w, ']');
    put_tail(&w, e);
    encode_send(e->exchange, &w);
}

void rank_classify(struct service *s, exchange *x)
{
    start(s, x, read_classify, answer_classify);
}
