/* encode_job.c - see encode_job.h.
 *
 * Everything that can be refused is refused before the connection is suspended, and the request enters the queue
 * whole or not at all. A text that stands in a request several times is encoded once: a vector depends on its text
 * alone. Suspend comes before submit, because the job may be done before submit returns.
 */
#include "server/routes/encode_job.h"

#include "server/log.h"
#include "server/routes/trust.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SCRATCH_FIRST_BYTES = 32 * 1024, SCRATCH_MAX_BYTES = 256 * 1024 * 1024, JITTER_S = 3 };

static const double NS_PER_S = 1e9;
static const int64_t NS_PER_MS = 1000000;

static bool no_memory(exchange *x)
{
    api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the request does not fit into the memory that one request may use");
    return false;
}

encode_job *encode_open(service *s, exchange *x, void (*answer)(encode_job *e), size_t request_bytes)
{
    encode_job *e = arena_take_zero(x->arena, 1, sizeof *e);
    void *request = arena_take_zero(x->arena, 1, request_bytes);
    if (!e || !request) {
        (void)no_memory(x);
        return NULL;
    }
    e->request = request;
    e->service = s;
    e->exchange = x;
    e->answer = answer;
    e->started_ns = clock_now_ns();
    x->state = e;
    return e;
}

void encode_refuse(exchange *x, const json_fault *fault)
{
    api_error_answer(x, fault->code, fault->param[0] ? fault->param : NULL, "%s", fault->message);
}

void encode_send(exchange *x, json_out *w)
{
    slice body = json_end(w);
    if (body.data)
        exchange_answer(x, 200, "application/json", body);
    else
        (void)no_memory(x);
}

void encode_warning(const encode_job *e, json_out *w)
{
    if (!e->untrained)
        return;
    char text[160];
    const char *kind = attention_name(e->attention);
    bool approximate = attention_approximates(e->attention) && model_trained_for(e->model, ATTENTION_SOFTMAX);
    int n = snprintf(text, sizeof text,
                     approximate ? "%s attention approximates the softmax that the model was trained for; "
                                   "POST /v1/models/{id}/fidelity says how well"
                                 : "the model was not trained for %s attention; its vectors may be meaningless", kind);
    json_key(w, "warning");
    json_text(w, (slice){ text, (size_t)n });
}

/* ---- model, attention, length ---- */

bool encode_may_use(exchange *x, const model *m)
{
    const char *name = model_describe(m)->name;
    if (!x->client || auth_may_use(x->client, name))
        return true;
    api_error_answer(x, API_FORBIDDEN, "model", "this key may not use the model %s", name);
    return false;
}

static bool choose_model(encode_job *e)
{
    e->model = registry_find(e->exchange->generation->registry, e->options.model);
    if (e->model)
        return encode_may_use(e->exchange, e->model);
    api_error_answer(e->exchange, API_MODEL_NOT_FOUND, "model",
                     "there is no model \"%.100s\" here; GET /v1/models lists them", e->options.model.data);
    return false;
}

/* What is not trained but listed as an approximation is served, with the warning. */
static bool choose_attention(encode_job *e)
{
    char trained[64] = "";
    e->attention = e->options.attention_given ? e->options.attention : model_default_attention(e->model);
    e->untrained = !model_trained_for(e->model, e->attention);
    if (model_serves(e->model, e->attention) || e->options.allow_untrained)
        return true;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        size_t used = strlen(trained);
        if (model_serves(e->model, kind))
            (void)snprintf(trained + used, sizeof trained - used, "%s%s", used ? ", " : "", attention_name(kind));
    }
    api_error_answer(
        e->exchange, API_ATTENTION_NOT_TRAINED, "attention",
        "the model %s was not trained for %s attention; it has: %s (allow_untrained serves it all the same)",
        model_describe(e->model)->name, attention_name(e->attention), trained);
    return false;
}

/* "auto" looks at the longest text: the texts of one request must be comparable. */
static void choose_faster_attention(encode_job *e)
{
    size_t longest = 0;
    for (size_t i = 0; i < e->count; i++)
        if (e->encoded[i].kept > longest)
            longest = e->encoded[i].kept;
    if (e->options.attention_auto)
        e->attention = model_fastest_attention(e->model, longest);
    e->untrained = !model_trained_for(e->model, e->attention);
}

static bool choose_length(encode_job *e)
{
    size_t most = model_describe(e->model)->config->max_length;
    if (e->options.max_length == 0 || (e->options.clamp_length && e->options.max_length > most))
        e->options.max_length = most;
    if (e->options.max_length <= most)
        return true;
    api_error_answer(e->exchange, API_OUT_OF_RANGE, "max_length",
                     "max_length is %zu; the model takes at most %zu tokens", e->options.max_length, most);
    return false;
}

static bool choose_dimensions(encode_job *e)
{
    size_t most = encode_width(e);
    if (e->dimensions <= most)
        return true;
    api_error_answer(e->exchange, API_OUT_OF_RANGE, "dimensions", "dimensions is %zu; the model %s has %zu",
                     e->dimensions, model_describe(e->model)->name, most);
    return false;
}

/* ---- tokens ---- */

static bool too_long(encode_job *e, const char *name, size_t tokens)
{
    api_error_answer(e->exchange, API_INPUT_TOO_LONG, name, "%s has %zu tokens; the limit is %zu", name, tokens,
                     e->options.max_length);
    return false;
}

/* Ids are taken as they were given, special tokens included or not. */
static bool encode_ids(encode_job *e, const input *in, encoded_input *out)
{
    char name[INPUT_NAME_BYTES];
    size_t vocabulary = model_describe(e->model)->config->vocab_size, limit = e->options.max_length;
    input_name(in, name);
    for (size_t i = 0; i < in->id_count; i++) {
        if (in->ids[i] < vocabulary)
            continue;
        api_error_answer(e->exchange, API_OUT_OF_RANGE, name, "%s[%zu] is %u; the vocabulary has %zu entries", name, i,
                         (unsigned)in->ids[i], vocabulary);
        return false;
    }
    *out = (encoded_input){ .total = in->id_count, .kept = in->id_count, .ids = in->ids };
    if (out->total <= limit)
        return true;
    if (e->options.truncate == TRUNCATE_NONE)
        return too_long(e, name, out->total);
    out->kept = limit;
    if (e->options.truncate == TRUNCATE_LEFT)
        out->ids += out->total - limit;
    if (e->options.truncate != TRUNCATE_MIDDLE)
        return true;
    uint32_t *joined = arena_take(e->exchange->arena, limit, sizeof *joined);
    if (!joined)
        return no_memory(e->exchange);
    size_t head = (limit + 1) / 2, tail = limit / 2;
    memcpy(joined, in->ids, head * sizeof *joined);
    memcpy(joined + head, in->ids + in->id_count - tail, tail * sizeof *joined);
    out->ids = joined;
    return true;
}

static slice with_prompt(const input *in, arena *a)
{
    if (in->prompt.length == 0)
        return in->text;
    char *text = arena_take(a, in->prompt.length + in->text.length, 1);
    if (!text)
        return (slice){ NULL, 0 };
    memcpy(text, in->prompt.data, in->prompt.length);
    memcpy(text + in->prompt.length, in->text.data, in->text.length);
    return (slice){ text, in->prompt.length + in->text.length };
}

static bool tokenizer_failed(encode_job *e, const char *name, status st, const errinfo *err)
{
    if (st == ST_NOMEM)
        return no_memory(e->exchange);
    api_error_answer(e->exchange, st == ST_INPUT ? API_INVALID_VALUE : API_INTERNAL, name, "%s: %s", name, err->text);
    return false;
}

/* The scratch is the caller's, and emptied here; only the ids are kept. */
static bool encode_text(encode_job *e, const input *in, arena *scratch, encoded_input *out)
{
    char name[INPUT_NAME_BYTES];
    errinfo err;
    token_list tokens;
    tokenize_options how = { .max_tokens = e->options.max_length, .truncate = e->options.truncate };
    input_name(in, name);
    arena_reset(scratch);
    slice text = with_prompt(in, scratch);
    if (!text.data)
        return no_memory(e->exchange);
    status st = tokenizer_encode(model_tokenizer(e->model), text, &how, scratch, &tokens, &err);
    if (st)
        return tokenizer_failed(e, name, st, &err);
    if (tokens.count > e->options.max_length)
        return too_long(e, name, tokens.total);
    uint32_t *ids = arena_take(e->exchange->arena, tokens.count, sizeof *ids);
    if (!ids)
        return no_memory(e->exchange);
    memcpy(ids, tokens.ids, tokens.count * sizeof *ids);
    *out = (encoded_input){ .total = tokens.total, .kept = tokens.count, .unknown = tokens.unknown, .ids = ids };
    return true;
}

/* ---- the same text twice ---- */

typedef struct { size_t *slots, mask; } text_index;    /* open addressing; a slot holds an input's index + 1 */

static bool index_open(text_index *t, arena *a, size_t count)
{
    size_t size = 4;
    while (size < 2 * count)
        size *= 2;
    *t = (text_index){ arena_take_zero(a, size, sizeof *t->slots), size - 1 };
    return t->slots != NULL;
}

static uint64_t hash_text(slice text)    /* FNV-1a; a request holds so few texts that collisions cannot hurt */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* The index of an earlier input with the same text and prompt, or `at` itself, which is then noted. */
static size_t index_find(text_index *t, const input *inputs, size_t at)
{
    size_t slot = (size_t)hash_text(inputs[at].text) & t->mask;
    for (; t->slots[slot]; slot = (slot + 1) & t->mask) {
        size_t earlier = t->slots[slot] - 1;
        if (slice_equal(inputs[earlier].text, inputs[at].text) &&
            slice_equal(inputs[earlier].prompt, inputs[at].prompt))
            return earlier;
    }
    t->slots[slot] = at + 1;
    return at;
}

/* ---- all inputs ---- */

static bool encode_one(encode_job *e, size_t i, text_index *seen, arena *scratch)
{
    const input *in = &e->inputs[i];
    encoded_input *out = &e->encoded[i];
    size_t earlier = in->text.data ? index_find(seen, e->inputs, i) : i;
    if (earlier < i) {
        *out = e->encoded[earlier];
        return true;
    }
    if (!(in->text.data ? encode_text(e, in, scratch, out) : encode_ids(e, in, out)))
        return false;
    out->row = e->rows++;
    e->row_tokens += out->kept;
    size_t most = e->service->max_queue_tokens, tokens = e->row_tokens * (1 + e->copies.count);
    if (tokens <= most)
        return true;
    api_error_answer(e->exchange, API_TOO_MANY_TOKENS, NULL, "the request has at least %zu tokens; the queue takes %zu",
                     tokens, most);
    return false;
}

static void count_input(encode_job *e, const encoded_input *in)
{
    e->tokens += in->kept;
    e->unknown += in->unknown;
    e->truncated += in->total > in->kept;
    metrics_observe(e->service->metrics, HISTOGRAM_INPUT_TOKENS, (double)in->kept);
}

static bool encode_inputs(encode_job *e)
{
    text_index seen;
    exchange *x = e->exchange;
    e->encoded = arena_take_zero(x->arena, e->count, sizeof *e->encoded);
    arena *scratch = arena_open(SCRATCH_FIRST_BYTES, SCRATCH_MAX_BYTES);
    bool good = e->encoded && scratch && index_open(&seen, x->arena, e->count);
    if (!good)
        (void)no_memory(x);
    for (size_t i = 0; good && i < e->count; i++)
        good = encode_one(e, i, &seen, scratch);
    arena_close(scratch);
    for (size_t i = 0; good && i < e->count; i++)
        count_input(e, &e->encoded[i]);
    return good;
}

static void count_tokens(encode_job *e)
{
    metrics *m = e->service->metrics;
    e->tokenized_ns = clock_now_ns();
    metrics_observe(m, HISTOGRAM_TOKENIZE, (double)(e->tokenized_ns - e->started_ns) / NS_PER_S);
    metrics_add(m, COUNT_TEXTS, e->count);
    metrics_add(m, COUNT_TOKENS, e->tokens);
    metrics_add(m, COUNT_TRUNCATED, e->truncated);
    metrics_add(m, COUNT_UNKNOWN_TOKENS, e->unknown);
}

/* ---- the job ---- */

static void run_work(void *context)
{
    encode_job *e = context;
    e->work(e);
    exchange_resume(e->exchange);
}

static void on_done(job *j)
{
    encode_job *e = j->context;
    labour_task task = { run_work, e };
    if (!e->work || j->result) {
        exchange_resume(e->exchange);
    } else if (!e->service->labour) {
        run_work(e);
    } else if (!labour_submit(e->service->labour, task)) {
        e->work_refused = true;
        exchange_resume(e->exchange);
    }
}

static bool client_gone(const job *j)
{
    const encode_job *e = j->context;
    return exchange_client_gone(e->exchange);
}

/* Behind the plain texts, copy by copy. NULL: the arena is full. */
static const uint64_t *pack_copies(const encode_job *e, uint32_t *ids, uint32_t *starts)
{
    const size_t rows = e->rows;
    uint64_t *keys = arena_take_zero(e->exchange->arena, rows * (1 + e->copies.count), sizeof *keys);
    for (size_t copy = 1; keys && copy <= e->copies.count; copy++) {
        const uint32_t shift = (uint32_t)(copy * e->row_tokens);
        memcpy(ids + shift, ids, e->row_tokens * sizeof *ids);
        for (size_t row = 0; row < rows; row++) {
            starts[copy * rows + row + 1] = shift + starts[row + 1];
            keys[copy * rows + row] = dropout_key(e->copies.seed, (uint32_t)copy, ids + starts[row],
                                                  starts[row + 1] - starts[row]);
        }
    }
    return keys;
}

static void pack_rows(const encode_job *e, uint32_t *ids, uint32_t *starts)
{
    starts[0] = 0;
    for (size_t i = 0, row = 0; i < e->count; i++) {
        const encoded_input *in = &e->encoded[i];
        if (in->row != row)    /* rows were given in the order of first appearance */
            continue;
        memcpy(ids + starts[row], in->ids, in->kept * sizeof *ids);
        starts[row + 1] = starts[row] + (uint32_t)in->kept;
        row++;
    }
}

static bool pack_job(encode_job *e)
{
    arena *a = e->exchange->arena;
    const size_t times = 1 + e->copies.count, texts = e->rows * times;
    uint32_t *ids = arena_take(a, e->row_tokens * times, sizeof *ids);
    uint32_t *starts = arena_take(a, texts + 1, sizeof *starts);
    size_t floats;
    if (!ids || !starts || !size_multiply(texts, encode_width(e), &floats))
        return no_memory(e->exchange);
    float *vectors = arena_take(a, floats, sizeof *vectors), *token_vectors = NULL;
    if (e->wants_tokens && size_multiply(e->row_tokens, encode_width(e), &floats))
        token_vectors = arena_take(a, floats, sizeof *token_vectors);
    if (!vectors || (e->wants_tokens && !token_vectors))
        return no_memory(e->exchange);
    pack_rows(e, ids, starts);
    const uint64_t *keys = e->copies.count ? pack_copies(e, ids, starts) : NULL;
    if (e->copies.count && !keys)
        return no_memory(e->exchange);
    int64_t timeout_ns = e->options.timeout_ms ? (int64_t)e->options.timeout_ms * NS_PER_MS : e->service->timeout_ns;
    e->job = (job){ .model = e->model, .attention = e->attention, .ids = ids, .starts = starts, .texts = texts,
                    .vectors = vectors, .token_vectors = token_vectors, .dropout = e->copies.dropout,
                    .dropout_keys = keys, .deadline_ns = e->exchange->body_ns + timeout_ns, .done = on_done,
                    .gone = client_gone, .context = e };
    return true;
}

/* Clients that were refused together should not come back together, hence the jitter. */
static void refuse_for_now(encode_job *e, api_error code, double wait_s, const char *why)
{
    exchange *x = e->exchange;
    char *seconds = arena_take(x->arena, 1, 24);
    unsigned jitter = (unsigned)(clock_now_ns() / 1000 % JITTER_S);
    double wait = fmin(fmax(ceil(wait_s), 1), 3600) + jitter;
    if (seconds) {
        (void)snprintf(seconds, 24, "%.0f", wait);
        exchange_add_header(x, "Retry-After", seconds);
    }
    api_error_answer(x, code, NULL, "%s; try again in %.0f s", why, wait);
}

static bool within_rate(encode_job *e)
{
    const auth_client *client = e->exchange->client;
    double wait_s = client ? auth_wait_s(client, e->tokens * (1 + e->copies.count), clock_now_ns()) : 0;
    if (wait_s > 0)
        refuse_for_now(e, API_RATE_LIMITED, wait_s, "the rate of tokens of this key is used up");
    return !(wait_s > 0);
}

static void deadline_exceeded(exchange *x)
{
    api_error_answer(x, API_DEADLINE_EXCEEDED, NULL, "the deadline of the request has passed");
}

/* What would only wait for its deadline is refused at once. */
static bool within_deadline(encode_job *e)
{
    double left_s = (double)(e->job.deadline_ns - clock_now_ns()) / NS_PER_S;
    double wait_s = batcher_estimated_wait_s(e->exchange->generation->batcher);
    if (left_s <= 0) {
        metrics_add(e->service->metrics, COUNT_DEADLINE, 1);
        deadline_exceeded(e->exchange);
    } else if (wait_s > left_s) {
        metrics_add(e->service->metrics, COUNT_OVERLOADED, 1);
        refuse_for_now(e, API_OVERLOADED, wait_s, "the queue is longer than the deadline of the request");
    } else {
        return true;
    }
    return false;
}

static void submit_failed(encode_job *e, status st, const errinfo *err)
{
    const batcher *b = e->exchange->generation->batcher;
    if (st == ST_INPUT)
        api_error_answer(e->exchange, API_TOO_MANY_TOKENS, NULL, "%s", err->text);
    else if (atomic_load(&e->service->draining))
        api_error_answer(e->exchange, API_DRAINING, NULL, "the server is shutting down");
    else
        refuse_for_now(e, API_OVERLOADED, batcher_estimated_wait_s(b), "the queue is full");
}

static void count_answer(const encode_job *e)
{
    double seconds = (double)(clock_now_ns() - e->exchange->received_ns) / NS_PER_S;
    metrics_inference(e->service->metrics, e->count, e->exchange->status, seconds);
}

static bool prepare(encode_job *e)
{
    if (!choose_model(e) || !choose_attention(e) || !choose_length(e) || !choose_dimensions(e) || !encode_inputs(e))
        return false;
    choose_faster_attention(e);
    count_tokens(e);
    return pack_job(e) && within_rate(e) && within_deadline(e);
}

void encode_start(encode_job *e)
{
    errinfo err;
    if (!prepare(e)) {
        count_answer(e);
        return;
    }
    e->suspended = true;
    exchange_suspend(e->exchange);
    status st = batcher_submit(e->exchange->generation->batcher, &e->job, &err);
    if (!st)
        return;    /* the batcher's from here on, and perhaps done already */
    submit_failed(e, st, &err);
    count_answer(e);
    exchange_resume(e->exchange);
}

static void job_failed(const encode_job *e)
{
    exchange *x = e->exchange;
    if (e->job.result == ST_BUSY) {
        api_error_answer(x, API_DRAINING, NULL, "the server is shutting down");
    } else if (e->job.result == ST_TIMEOUT) {
        deadline_exceeded(x);
    } else {
        log_line(LOG_ERROR, "request %s: %s", x->request_id, e->job.err.text);
        api_error_answer(x, API_INTERNAL, NULL, "the model gave no usable result");
    }
}

void encode_finish(struct service *s, exchange *x)
{
    encode_job *e = x->state;
    (void)s;
    if (e->job.result)
        job_failed(e);
    else if (e->work_refused)
        refuse_for_now(e, API_OVERLOADED, 1, "too many fits are waiting");
    else
        e->answer(e);
    if (!e->job.result && !e->unwatched)
        trust_watch(e);
    count_answer(e);
}

const float *encode_vector(const encode_job *e, size_t index)
{
    return e->job.vectors + e->encoded[index].row * encode_width(e);
}

const float *encode_copy(const encode_job *e, size_t index, size_t copy)
{
    return e->job.vectors + (copy * e->rows + e->encoded[index].row) * encode_width(e);
}

const float *encode_token_vectors(const encode_job *e, size_t index)
{
    return e->job.token_vectors + (size_t)e->job.starts[e->encoded[index].row] * encode_width(e);
}

size_t encode_width(const encode_job *e)
{
    return model_describe(e->model)->dimensions;
}
