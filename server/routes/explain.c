/* explain.c - see explain.h; the arithmetic is model/score/contribution.h.
 *
 * Only a mean of tokens can be divided among tokens. A vector that is the hidden state of [CLS] has no such parts: its
 * score is refused rather than explained by something that merely looks like an explanation.
 */
#include "server/routes/explain.h"

#include "model/score/contribution.h"

#include <string.h>

enum { SCRATCH_FIRST_BYTES = 32 * 1024, SCRATCH_MAX_BYTES = 64 * 1024 * 1024 };

/* ---- the fields ---- */

static const schema place[] = { { .kind = SCHEMA_WHOLE }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema token_members[] = {
    { "token", SCHEMA_TEXT, .must = true, .about = "the text's own bytes; a special token's name" },
    { "id", SCHEMA_WHOLE, .must = true },
    { "start", SCHEMA_EITHER, .of = place, .must = true, .about = "byte of the text; null: special, or of the prompt" },
    { "stop", SCHEMA_EITHER, .of = place, .must = true },
    { "special", SCHEMA_FLAG, .must = true },
    { "contribution", SCHEMA_NUMBER, .must = true, .about = "the sum of its row or column" },
    { 0 }
};
static const schema token = { .kind = SCHEMA_OBJECT, .of = token_members };
static const schema answer_members[] = {
    { "method", SCHEMA_TEXT, .must = true },
    { "a", SCHEMA_LIST, .of = &token, .must = true },
    { "b", SCHEMA_LIST, .of = &token, .must = true },
    { "contributions", SCHEMA_SAME, .of = &schema_vectors, .must = true,
      .about = "a row a token of a, a column a token of b; their sum is the score" },
    { "rest", SCHEMA_NUMBER, .must = true, .about = "rounding that was spread evenly over all of them" },
    { 0 }
};
const schema explain_answer = { .kind = SCHEMA_OBJECT, .of = answer_members };

/* ---- whether ---- */

bool explain_check_request(const similarity_request *r, json_fault *fault)
{
    if (!r->explain)
        return true;
    if (r->form != FORM_PAIRS || r->metric != METRIC_COSINE)
        return json_refuse(fault, API_INVALID_VALUE, "explain", "explain works with pairs and the cosine only");
    if (r->names.adapter.data)
        return json_refuse(fault, API_INVALID_VALUE, "explain", "explain does not go through an adapter");
    if (r->copies.count)
        return json_refuse(fault, API_INVALID_VALUE, "explain", "explain and uncertainty are two requests");
    if (r->columns > EXPLAIN_PAIRS_MAX)
        return json_refuse(fault, API_TOO_MANY_INPUTS, "pairs", "pairs: %zu pairs are to be explained; at most %d are",
                           r->columns, EXPLAIN_PAIRS_MAX);
    return true;
}

static bool is_mean(pooling_kind pooling)
{
    return pooling == POOLING_MEAN || pooling == POOLING_MEAN_POOLER_LINEAR || pooling == POOLING_FIRST_LAST_MEAN;
}

bool explain_check_model(const encode_job *e)
{
    if (!e->model || is_mean(model_describe(e->model)->config->pooling))
        return true;    /* an unknown model is encode_start's to name */
    api_error_answer(e->exchange, API_EXPLAIN_NOT_AVAILABLE, "explain",
                     "the pooling of the model %s is %s; only a mean of tokens (mean, mean_pooler_linear, "
                     "first_last_mean) can be divided among them",
                     model_describe(e->model)->name, pooling_name(model_describe(e->model)->config->pooling));
    return false;
}

/* ---- tokens ---- */

typedef struct { slice text; token_list list; size_t prompt_bytes; } located;

/* The request kept the ids alone; the same text under the same options gives the same tokens, now with their bytes. */
static bool locate(const encode_job *e, const input *in, arena *scratch, located *out)
{
    errinfo err;
    tokenize_options how = { .max_tokens = e->options.max_length, .truncate = e->options.truncate, .offsets = true };
    size_t length = in->prompt.length + in->text.length;
    char *text = arena_take(scratch, length + 1, 1);
    if (!text)
        return false;
    memcpy(text, in->prompt.data ? in->prompt.data : "", in->prompt.length);
    memcpy(text + in->prompt.length, in->text.data, in->text.length);
    text[length] = '\0';
    *out = (located){ .text = { text, length }, .prompt_bytes = in->prompt.length };
    return tokenizer_encode(model_tokenizer(e->model), out->text, &how, scratch, &out->list, &err) == ST_OK;
}

static void put_place(json_out *w, const char *key, size_t at, const located *l, bool shown)
{
    json_key(w, key);
    if (shown)
        json_integer(w, (int64_t)(at - l->prompt_bytes));
    else
        json_literal(w, "null");
}

static void put_token(json_out *w, const encode_job *e, const located *l, size_t i, double contribution)
{
    size_t start = l->list.starts[i], end = l->list.ends[i];
    bool special = start == end, shown = !special && start >= l->prompt_bytes;
    json_open(w, '{');
    json_key(w, "token");
    json_text(w, special ? tokenizer_piece(model_tokenizer(e->model), l->list.ids[i])
                         : (slice){ l->text.data + start, end - start });
    json_field_integer(w, "id", (int64_t)l->list.ids[i]);
    put_place(w, "start", start, l, shown);
    put_place(w, "stop", end, l, shown);
    json_field_literal(w, "special", special ? "true" : "false");
    json_key(w, "contribution");
    json_float(w, (float)contribution);
    json_close(w, '}');
}

/* The sum over the other side: of shares first, first + step, ... */
static double sum_of(const double *shares, size_t first, size_t step, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++)
        sum += shares[first + k * step];
    return sum;
}

static void put_side(json_out *w, const encode_job *e, const char *key, const located *l, const double *shares,
                     size_t first_step, size_t step, size_t others)
{
    json_key(w, key);
    json_open(w, '[');
    for (size_t i = 0; i < l->list.count && !w->failed; i++)
        put_token(w, e, l, i, sum_of(shares, i * first_step, step, others));
    json_close(w, ']');
}

/* ---- one pair ---- */

static void put_shares(json_out *w, const double *shares, size_t rows, size_t columns)
{
    json_key(w, "contributions");
    json_open(w, '[');
    for (size_t i = 0; i < rows && !w->failed; i++) {
        json_open(w, '[');
        for (size_t j = 0; j < columns; j++)
            json_float(w, (float)shares[i * columns + j] + 0.0F);
        json_close(w, ']');
    }
    json_close(w, ']');
}

static bool write_pair(json_out *w, const encode_job *e, size_t pair, float score, arena *scratch)
{
    size_t a = 2 * pair, b = a + 1;
    located left, right;
    arena_reset(scratch);
    pooled_text one = { encode_token_vectors(e, a), e->encoded[a].kept, encode_vector(e, a) };
    pooled_text two = { encode_token_vectors(e, b), e->encoded[b].kept, encode_vector(e, b) };
    double *shares = arena_take(scratch, one.count * two.count, sizeof *shares);
    if (!shares || !locate(e, &e->inputs[a], scratch, &left) || !locate(e, &e->inputs[b], scratch, &right)
        || left.list.count != one.count || right.list.count != two.count)
        return false;
    double rest = contribution_shares(&one, &two, encode_width(e), (double)score, shares);
    json_open(w, '{');
    json_field_text(w, "method", "exact decomposition of the cosine of mean-pooled tokens");
    put_side(w, e, "a", &left, shares, two.count, 1, two.count);
    put_side(w, e, "b", &right, shares, 1, two.count, one.count);
    put_shares(w, shares, one.count, two.count);
    json_key(w, "rest");
    json_float(w, (float)rest + 0.0F);
    json_close(w, '}');
    return true;
}

bool explain_write(json_out *w, const encode_job *e, const float *scores)
{
    const similarity_request *r = e->request;
    arena *scratch = r->explain ? arena_open(SCRATCH_FIRST_BYTES, SCRATCH_MAX_BYTES) : NULL;
    bool good = !r->explain || scratch;
    if (good && r->explain) {
        json_key(w, "explanations");
        json_open(w, '[');
        for (size_t i = 0; i < r->columns && good; i++)
            good = write_pair(w, e, i, scores[i], scratch);
        json_close(w, ']');
    }
    arena_close(scratch);
    if (!good)
        api_error_answer(e->exchange, API_OUT_OF_MEMORY, "explain", "the explanation does not fit into memory");
    return good;
}
