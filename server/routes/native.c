/* native.c - see native.h.
 *
 * The three forms differ in how texts become rows and columns and in how scores are laid out; between those they are
 * one.
 */
#include "server/routes/native.h"

#include "server/routes/encode_job.h"
#include "server/routes/explain.h"
#include "server/routes/heads.h"
#include "server/routes/uncertain.h"
#include "server/routes/usage.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { TOP_K_MAX = 1000000, BYTES_PER_SCORE = 14, BYTES_PER_RANKED = 40, BYTES_PER_ANSWER = 512 };

/* ---- the fields ---- */

static const schema options_members[] = {
    { "metric", SCHEMA_CHOICE, .words = "cosine dot euclidean", .usual = "\"cosine\"",
      .about = "euclidean is the negative distance: larger is always nearer" },
    { "prompt_a", SCHEMA_TEXT, .about = "put before every first text" },
    { "prompt_b", SCHEMA_TEXT, .about = "put before every second text" },
    { "calibration", SCHEMA_SAME, .of = &schema_id, .about = "adds probabilities" },
    { "prior", SCHEMA_NUMBER, .least = 1e-6, .most = 1 - 1e-6, .about = "of a match; with calibration" },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
/* Not of a matrix. */
static const schema closer_members[] = {
    { "head", SCHEMA_SAME, .of = &schema_id, .about = "adds classes" },
    { .kind = SCHEMA_ALSO, .of = uncertain_members },
    { 0 }
};
static const schema pair_members[] = {
    { "a", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "b", SCHEMA_SAME, .of = &schema_text, .must = true },
    { 0 }
};
static const schema pair_texts[] = {
    { .kind = SCHEMA_SAME, .of = &schema_text }, { .kind = SCHEMA_SAME, .of = &schema_text }, { 0 }
};
static const schema pair_shapes[] = {
    { .kind = SCHEMA_OBJECT, .of = pair_members }, { .kind = SCHEMA_TUPLE, .of = pair_texts }, { 0 }
};
static const schema one_pair = { .kind = SCHEMA_EITHER, .of = pair_shapes };
static const schema pairs_members[] = {
    { "pairs", SCHEMA_LIST, .of = &one_pair, .least = 1, .limit = LIMIT_PAIRS, .must = true },
    { "explain", SCHEMA_FLAG, .usual = "false", .about = "what each pair of tokens adds; at most 16 pairs, cosine" },
    { .kind = SCHEMA_ALSO, .of = closer_members },
    { .kind = SCHEMA_ALSO, .of = options_members },
    { 0 }
};
static const schema many_members[] = {
    { "source", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "sentences", SCHEMA_LIST, .of = &schema_text, .least = 1, .limit = LIMIT_DOCUMENTS, .must = true },
    { .kind = SCHEMA_ALSO, .of = closer_members },
    { .kind = SCHEMA_ALSO, .of = options_members },
    { 0 }
};
static const schema matrix_members[] = {
    { "left", SCHEMA_SAME, .of = &schema_texts, .must = true },
    { "right", SCHEMA_SAME, .of = &schema_texts, .must = true, .about = "left and right together keep the limit" },
    { "top_k", SCHEMA_WHOLE, .least = 1, .most = TOP_K_MAX, .about = "the best so many of each row" },
    { "threshold", SCHEMA_NUMBER, .about = "scores below it are left out" },
    { .kind = SCHEMA_ALSO, .of = options_members },
    { 0 }
};
static const schema forms[] = {
    { .kind = SCHEMA_OBJECT, .of = pairs_members },
    { .kind = SCHEMA_OBJECT, .of = many_members },
    { .kind = SCHEMA_OBJECT, .of = matrix_members },
    { 0 }
};
const schema similarity_body = { .kind = SCHEMA_EITHER, .of = forms };

static const schema best_members[] = { { "index", SCHEMA_WHOLE, .must = true },
                                       { "score", SCHEMA_NUMBER, .must = true },
                                       { "probability", SCHEMA_NUMBER, .least = 0, .most = 1 },
                                       { 0 } };
static const schema ranked_score = { .kind = SCHEMA_OBJECT, .of = best_members };
static const schema row_shapes[] = { { .kind = SCHEMA_NUMBER },
                                     { .kind = SCHEMA_SAME, .of = &schema_vector },
                                     { .kind = SCHEMA_LIST, .of = &ranked_score },
                                     { 0 } };
static const schema score_row = { .kind = SCHEMA_EITHER, .of = row_shapes };
static const schema answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "similarity", .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_TEXT, .must = true },
    { "scores", SCHEMA_LIST, .of = &score_row, .must = true,
      .about = "one a pair or sentence; of a matrix a row each, ranked with top_k or threshold" },
    { "probabilities", SCHEMA_LIST, .about = "with calibration, in the shape of the scores" },
    { "classes", SCHEMA_LIST, .of = &heads_answer, .about = "with head" },
    { "uncertainty", SCHEMA_OBJECT, .of = uncertain_answer_members, .about = "with uncertainty" },
    { "explanations", SCHEMA_LIST, .of = &explain_answer, .about = "with explain" },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema similarity_answer = { .kind = SCHEMA_OBJECT, .of = answer_members };

/* ---- reading ---- */

typedef struct {
    const cJSON *body;
    const request_limits *limits;
    arena *arena;
    slice prompt_a, prompt_b;
    similarity_request *out;
    json_fault *fault;
} decoder;

static bool has(const cJSON *body, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(body, name) != NULL;
}

static bool choose_form(decoder *d)
{
    bool pairs = has(d->body, "pairs");
    bool many = has(d->body, "source") || has(d->body, "sentences");
    bool matrix = has(d->body, "left") || has(d->body, "right");
    if (pairs + many + matrix > 1)
        return json_refuse(d->fault, API_AMBIGUOUS_INPUT, NULL,
                           "give one input form only: pairs, or source and sentences, or left and right");
    if (pairs + many + matrix == 0)
        return json_refuse(d->fault, API_MISSING_FIELD, "pairs",
                           "pairs is missing; the other input forms are source and sentences, left and right");
    d->out->form = pairs ? FORM_PAIRS : many ? FORM_ONE_TO_MANY : FORM_MATRIX;
    return true;
}

static bool read_side(decoder *d, const cJSON *value, size_t index, const char *side, slice prompt)
{
    input named = { .prompt = prompt, .field = "pairs", .index = index, .side = side };
    return inputs_add_text(&d->out->list, cJSON_IsNull(value) ? NULL : value, named, d->fault);
}

static bool read_pair(decoder *d, const cJSON *pair, size_t index)
{
    char name[INPUT_NAME_BYTES];
    const cJSON *a, *b;
    input_name(&(input){ .field = "pairs", .index = index, .side = "" }, name);
    if (cJSON_IsArray(pair)) {
        if (cJSON_GetArraySize(pair) != 2)
            return json_refuse(d->fault, API_WRONG_TYPE, name, "%s must hold two strings; it holds %d values", name,
                               cJSON_GetArraySize(pair));
        a = pair->child;
        b = a->next;
    } else if (cJSON_IsObject(pair)) {
        a = cJSON_GetObjectItemCaseSensitive(pair, "a");
        b = cJSON_GetObjectItemCaseSensitive(pair, "b");
    } else {
        return json_refuse(d->fault, API_WRONG_TYPE, name,
                           "%s must be {\"a\", \"b\"} or an array of two strings, not %s", name, json_kind(pair));
    }
    return read_side(d, a, index, ".a", d->prompt_a) && read_side(d, b, index, ".b", d->prompt_b);
}

static bool read_pairs(decoder *d)
{
    const cJSON *pairs, *pair;
    size_t index = 0;
    if (!inputs_array(d->body, "pairs", "pairs", &pairs, d->fault))
        return false;
    d->out->rows = 1;
    d->out->columns = (size_t)cJSON_GetArraySize(pairs);
    if (!inputs_open(&d->out->list, d->arena, 2 * d->out->columns, d->limits, "pairs", d->fault))
        return false;
    cJSON_ArrayForEach(pair, pairs) {
        if (!read_pair(d, pair, index++))
            return false;
    }
    return true;
}

static bool read_one_to_many(decoder *d)
{
    const cJSON *sentences, *source = json_member(d->body, "source");
    input named = { .prompt = d->prompt_a, .field = "source", .index = INPUT_SINGLE, .side = "" };
    if (!inputs_array(d->body, "sentences", "sentences", &sentences, d->fault))
        return false;
    d->out->rows = 1;
    d->out->columns = (size_t)cJSON_GetArraySize(sentences);
    return inputs_open(&d->out->list, d->arena, 1 + d->out->columns, d->limits, "sentences", d->fault)
           && inputs_add_text(&d->out->list, source, named, d->fault)
           && inputs_add_texts(&d->out->list, sentences, "sentences", d->prompt_b, d->fault);
}

static bool read_matrix(decoder *d)
{
    const cJSON *left, *right;
    similarity_request *out = d->out;
    if (!inputs_array(d->body, "left", "left", &left, d->fault) ||
        !inputs_array(d->body, "right", "right", &right, d->fault))
        return false;
    out->rows = (size_t)cJSON_GetArraySize(left);
    out->columns = (size_t)cJSON_GetArraySize(right);
    const char *longer = out->rows > out->columns ? "left" : "right";
    return inputs_open(&out->list, d->arena, out->rows + out->columns, d->limits, longer, d->fault)
           && inputs_add_texts(&out->list, left, "left", d->prompt_a, d->fault)
           && inputs_add_texts(&out->list, right, "right", d->prompt_b, d->fault);
}

/* top_k and threshold would change the shape of the other forms' answers, which api.md fixes: better refused than
 * ignored. */
static bool read_ranking(decoder *d)
{
    static const char *const names[] = { "top_k", "threshold" };
    double threshold = -(double)FLT_MAX;
    for (size_t i = 0; i < 2; i++) {
        if (!json_member(d->body, names[i]))
            continue;
        d->out->ranked = true;
        if (d->out->form != FORM_MATRIX)
            return json_refuse(d->fault, API_INVALID_VALUE, names[i], "%s works with left and right only", names[i]);
    }
    if (!json_size(d->body, "top_k", 1, TOP_K_MAX, &d->out->top_k, d->fault)
        || !json_double(d->body, "threshold", -(double)FLT_MAX, (double)FLT_MAX, &threshold, d->fault))
        return false;
    d->out->threshold = (float)threshold;
    return true;
}

static bool read_metric(decoder *d)
{
    slice name = { NULL, 0 };
    if (!json_string(d->body, "metric", &name, d->fault))
        return false;
    if (!name.data || metric_parse(name, &d->out->metric))
        return true;
    return json_refuse(d->fault, API_INVALID_VALUE, "metric",
                       "metric is \"%.40s\"; it must be cosine, dot or euclidean", name.data);
}

static bool read_prompt(decoder *d, const char *name, slice *out)
{
    if (!json_string(d->body, name, out, d->fault))
        return false;
    *out = arena_copy(d->arena, *out);
    return out->data ||
           json_refuse(d->fault, API_OUT_OF_MEMORY, name, "%s does not fit into the request's memory", name);
}

static bool read_uncertainty(decoder *d)
{
    if (d->out->form == FORM_MATRIX && json_member(d->body, "uncertainty"))
        return json_refuse(d->fault, API_INVALID_VALUE, "uncertainty",
                           "uncertainty works with pairs, and with source and sentences");
    return uncertain_read(d->body, d->out->list.count, &d->out->copies, d->fault);
}

static bool read_head(decoder *d)
{
    if (d->out->form == FORM_MATRIX && json_member(d->body, "head"))
        return json_refuse(d->fault, API_INVALID_VALUE, "head", "head works with pairs, and with source and sentences");
    return trust_read_id(d->body, d->arena, "head", &d->out->names.head, d->fault);
}

static bool read_request(decoder *d)
{
    static bool (*const readers[])(decoder *) = {
        [FORM_PAIRS] = read_pairs, [FORM_ONE_TO_MANY] = read_one_to_many, [FORM_MATRIX] = read_matrix,
    };
    return choose_form(d)
           && read_encode_options(d->body, d->limits, d->arena, &d->out->options, d->fault)
           && trust_read(d->body, d->arena, &d->out->names, d->fault) && read_head(d)
           && read_metric(d) && read_ranking(d)
           && read_prompt(d, "prompt_a", &d->prompt_a) && read_prompt(d, "prompt_b", &d->prompt_b)
           && json_bool(d->body, "explain", &d->out->explain, d->fault)
           && readers[d->out->form](d) && read_uncertainty(d) && explain_check_request(d->out, d->fault);
}

bool similarity_decode(slice body, const request_limits *limits, arena *a, similarity_request *out, json_fault *fault)
{
    *out = (similarity_request){ .metric = METRIC_COSINE };
    cJSON *tree = request_parse(body, limits, fault);
    if (!tree)
        return false;
    decoder d = { .body = tree, .limits = limits, .arena = a, .out = out, .fault = fault };
    bool good = read_request(&d);
    json_free(tree);
    return good;
}

/* ---- answering ---- */

/* Which inputs meet at a row and a column. */
static void operands(const similarity_request *r, size_t row, size_t column, size_t *a, size_t *b)
{
    *a = r->form == FORM_PAIRS ? 2 * column : row;
    *b = r->form == FORM_PAIRS ? 2 * column + 1 : r->rows + column;
}

/* NULL when the arena is full or a score is not finite; then the exchange has been answered. */
static float *compute_scores(const encode_job *e, const similarity_request *r)
{
    size_t n = r->rows * r->columns, width = encode_width(e);
    float *scores = arena_take(e->exchange->arena, n, sizeof *scores);
    if (!scores) {
        api_error_answer(e->exchange, API_OUT_OF_MEMORY, NULL, "%zu scores do not fit into the request's memory", n);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        size_t a, b;
        operands(r, i / r->columns, i % r->columns, &a, &b);
        scores[i] = similarity_score(r->metric, trust_vector(e, &r->trust, a), trust_vector(e, &r->trust, b), width)
                    + 0.0F; /* -0 is 0 */
        if (!isfinite(scores[i])) {
            api_error_answer(e->exchange, API_INTERNAL, NULL, "a score is not a finite number");
            return NULL;
        }
    }
    return scores;
}

static double probability(const encode_job *e, const similarity_request *r, size_t row, size_t column)
{
    size_t a, b;
    operands(r, row, column, &a, &b);
    return trust_probability(e, &r->trust, a, b);
}

/* The shape of the scores; a ranked matrix has them beside its scores instead. */
static void write_probabilities(json_out *w, const encode_job *e, const similarity_request *r)
{
    if (!r->trust.calibrated || r->ranked)
        return;
    json_key(w, "probabilities");
    json_open(w, '[');
    for (size_t row = 0; row < r->rows; row++) {
        if (r->form == FORM_MATRIX)
            json_open(w, '[');
        for (size_t column = 0; column < r->columns; column++)
            json_float(w, (float)probability(e, r, row, column));
        if (r->form == FORM_MATRIX)
            json_close(w, ']');
    }
    json_close(w, ']');
}

static void write_ranked(json_out *w, const encode_job *e, size_t row, const float *scores, ranked *best)
{
    const similarity_request *r = e->request;
    size_t kept = similarity_rank(scores, r->columns, r->top_k, r->threshold, best);
    json_open(w, '[');
    for (size_t i = 0; i < kept; i++) {
        json_open(w, '{');
        json_key(w, "index");
        json_integer(w, (int64_t)best[i].index);
        json_key(w, "score");
        json_float(w, best[i].score);
        if (r->trust.calibrated) {
            json_key(w, "probability");
            json_float(w, (float)probability(e, r, row, best[i].index));
        }
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void write_scores(json_out *w, const encode_job *e, const float *scores)
{
    const similarity_request *r = e->request;
    if (r->form != FORM_MATRIX) {
        json_floats(w, scores, r->columns);
        return;
    }
    ranked *best = r->ranked ? arena_take(w->arena, r->columns, sizeof *best) : NULL;
    if (r->ranked && !best)
        w->failed = true;
    json_open(w, '[');
    for (size_t row = 0; row < r->rows && !w->failed; row++) {
        if (r->ranked)
            write_ranked(w, e, row, scores + row * r->columns, best);
        else
            json_floats(w, scores + row * r->columns, r->columns);
    }
    json_close(w, ']');
}

static size_t expected_bytes(const similarity_request *r)
{
    size_t columns = r->ranked && r->top_k && r->top_k < r->columns ? r->top_k : r->columns;
    return BYTES_PER_ANSWER + r->rows * columns * (r->ranked ? BYTES_PER_RANKED : BYTES_PER_SCORE);
}

static void write_classes(json_out *w, const encode_job *e, const similarity_request *r)
{
    if (!r->trust.head.linear)
        return;
    json_key(w, "classes");
    json_open(w, '[');
    for (size_t column = 0; column < r->columns; column++) {
        size_t a, b;
        operands(r, 0, column, &a, &b);
        heads_write(w, e, &r->trust, a, b);
    }
    json_close(w, ']');
}

static void write_uncertainty(json_out *w, const encode_job *e, const similarity_request *r)
{
    if (!e->copies.count)
        return;
    json_key(w, "uncertainty");
    json_open(w, '{');
    json_key(w, "scores");
    json_open(w, '[');
    for (size_t column = 0; column < r->columns; column++) {
        size_t a, b;
        operands(r, 0, column, &a, &b);
        uncertain_write_score(w, e, &r->trust, r->metric, a, b);
    }
    json_close(w, ']');
    uncertain_write_texts(w, e, &r->trust);
    json_close(w, '}');
}

static void answer_similarity(encode_job *e)
{
    similarity_request *r = e->request;
    if (!trust_adapt(e, &r->trust)) {
        api_error_answer(e->exchange, API_OUT_OF_MEMORY, NULL, "the vectors do not fit into the request's memory");
        return;
    }
    const float *scores = compute_scores(e, r);
    if (!scores)
        return;
    json_out w;
    json_begin(&w, e->exchange->arena, expected_bytes(r));
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("similarity"));
    json_key(&w, "model");
    json_text(&w, slice_of(model_describe(e->model)->name));
    json_key(&w, "attention");
    json_text(&w, slice_of(attention_name(e->attention)));
    json_key(&w, "scores");
    write_scores(&w, e, scores);
    write_probabilities(&w, e, r);
    write_classes(&w, e, r);
    write_uncertainty(&w, e, r);
    if (!explain_write(&w, e, scores))
        return;
    usage_write(&w, e);
    encode_warning(e, &w);
    json_close(&w, '}');
    encode_send(e->exchange, &w);
}

void native_similarity(struct service *s, exchange *x)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    encode_job *e = encode_open(s, x, answer_similarity, sizeof(similarity_request));
    if (!e)
        return;
    similarity_request *r = e->request;
    if (!similarity_decode(x->body, &limits, x->arena, r, &fault)) {
        encode_refuse(x, &fault);
        return;
    }
    e->options = r->options;
    e->copies = r->copies;
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->wants_tokens = r->explain;
    if (trust_resolve(e, &r->names, &r->trust) && (!r->explain || explain_check_model(e)))
        encode_start(e);
}
