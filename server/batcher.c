/* batcher.c - see batcher.h.
 *
 * The idea: submitters only push onto an inbox (one mutex, held for a few instructions). The compute thread empties
 * the inbox into a list of its own, sorted by rank, and from then on needs no lock: it drops what has expired, packs
 * the best-ranked texts of one (model, attention) into a batch, runs it, hands finished jobs back, and begins again.
 * Nothing waits for a batch to fill: what has arrived while one batch ran is the next batch.
 *
 * Rank is the deadline plus the time that the job's remaining texts will take. With equal timeouts that is first come
 * first served, but for bulk: 1024 texts worth 5 s of work let everything pass that arrives within 5 s of them, and
 * use what room those leave in each batch. Nothing starves, because rank is a point in time: later arrivals rank
 * later, and the rank of a job moves forward as its texts get done.
 *
 * A batch is small, some tens of milliseconds, so what arrives meanwhile waits no longer than that. A text that alone
 * is larger than a batch (thousands of tokens, perhaps seconds) is run by itself; between the steps of its forward a
 * second runner encodes the short texts that have arrived, one batch at a time, so that both get on.
 */
#include "server/batcher.h"

#include "server/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_TEXTS_MAX = 1024, HEARTBEAT_S = 1 };

#define NS_PER_S 1e9
#define RATE_DECAY 0.9               /* of past batches in the measured speed: about ten count */
#define FIRST_TOKENS_PER_S 1000.0    /* a guess until the first batch, of little weight */
#define FIRST_WEIGHT_S 0.01

/* Texts [first, first + count) of a job, at rows [row, row + count) of the batch. */
typedef struct {
    job *job;
    size_t first, count, row;
} piece;

/* Texts of one model and attention on their way through one runner. */
typedef struct {
    model_runner *runner;
    size_t most_tokens, room_tokens, most_texts;    /* most: of several texts; room: of one */
    uint32_t *ids, *starts;          /* [room_tokens], [most_texts + 1] */
    float *vectors;                  /* [most_texts][widest model's dimensions] */
    piece *pieces;                   /* [most_texts] */
    float *token_vectors;            /* of the job, where the rows of this batch go; NULL: not wanted */
    encoder_dropout dropout;         /* of the job; keys NULL: none */
    const model *model;              /* NULL: empty */
    attention_kind attention;
    size_t texts, tokens, piece_count;
} batch;

struct batcher {
    batcher_options options;
    pthread_t thread;
    bool have_lock, have_wake, have_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;

    /* guarded by lock */
    job *inbox, **inbox_end;
    bool closing;

    atomic_size_t queued_tokens, queued_texts;    /* grow under lock, shrink without */
    _Atomic double tokens_per_s;
    _Atomic int64_t heartbeat_ns;

    atomic_bool arrived;             /* the inbox is not empty: a look without the lock */

    /* the compute thread's own */
    job *waiting;                    /* sorted by rank_ns */
    double rate_tokens, rate_s;      /* decayed sums over past batches */
    int64_t aside_ns;                /* spent on short texts in the middle of a long one */
    batch main, aside;               /* aside has no runner where no text is larger than a batch */
};

static size_t text_tokens(const job *j, size_t text)
{
    return j->starts[text + 1] - j->starts[text];
}

static size_t remaining_tokens(const job *j)
{
    return j->starts[j->texts] - j->starts[j->next_text];
}

/* ---- the queue ---- */

static void leave_queue(batcher *b, size_t texts, size_t tokens)
{
    b->queued_tokens -= tokens;
    b->queued_texts -= texts;
}

static void insert_by_rank(batcher *b, job *j)
{
    j->rank_ns = j->deadline_ns + (int64_t)((double)remaining_tokens(j) / b->tokens_per_s * NS_PER_S);
    job **at = &b->waiting;
    while (*at && (*at)->rank_ns <= j->rank_ns)
        at = &(*at)->next;
    j->next = *at;
    *at = j;
}

static void finish(batcher *b, job *j, status result)
{
    metrics *m = b->options.metrics;
    j->result = result;
    j->finished_ns = clock_now_ns();
    if (j->cancelled)
        metrics_add(m, COUNT_CANCELLED, 1);
    else if (result == ST_TIMEOUT)
        metrics_add(m, COUNT_DEADLINE, 1);
    if (j->started_ns)
        metrics_observe(m, HISTOGRAM_COMPUTE, (double)(j->finished_ns - j->started_ns) / NS_PER_S);
    j->done(j);    /* the job is no longer ours */
}

/* Ends a job that still has texts waiting; it is in no list any more. */
static void drop(batcher *b, job *j, status result, const char *why)
{
    leave_queue(b, j->texts - j->next_text, remaining_tokens(j));
    (void)fail(&j->err, result, "%s", why);
    finish(b, j, result);
}

static void drop_expired(batcher *b)
{
    int64_t now = clock_now_ns();
    for (job **at = &b->waiting; *at;) {
        job *j = *at;
        if (j->deadline_ns > now) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        drop(b, j, ST_TIMEOUT, "the deadline passed while the request was queued");
    }
}

static void drop_all(batcher *b)
{
    while (b->waiting) {
        job *j = b->waiting;
        b->waiting = j->next;
        drop(b, j, ST_BUSY, "the server is shutting down");
    }
}

/* ---- forming a batch ---- */

static void batch_reset(batch *b)
{
    b->model = NULL;
    b->token_vectors = NULL;
    b->dropout.keys = NULL;
    b->texts = b->tokens = b->piece_count = 0;
    b->starts[0] = 0;
}

/* One text may be as large as any, several together are not. */
static bool fits(const batch *b, size_t tokens)
{
    return b->texts == 0 ? tokens <= b->room_tokens : b->texts < b->most_texts && b->tokens + tokens <= b->most_tokens;
}

/* Packs texts [first, first + count) of the job behind what is there, as far as they fit. */
static size_t pack(batch *b, const job *j, size_t first, size_t count)
{
    size_t packed = 0, base = j->starts[first], begin = b->tokens;
    while (packed < count && fits(b, text_tokens(j, first + packed))) {
        packed++;
        b->tokens = begin + (j->starts[first + packed] - base);
        b->starts[++b->texts] = (uint32_t)b->tokens;
    }
    memcpy(b->ids + begin, j->ids + base, (b->tokens - begin) * sizeof *b->ids);
    b->model = j->model;
    b->attention = j->attention;
    if (j->token_vectors)
        b->token_vectors = j->token_vectors + base * model_describe(j->model)->dimensions;
    if (j->dropout_keys)
        b->dropout = (encoder_dropout){ j->dropout, j->dropout_keys + first };
    return packed;
}

static bool batch_takes(const batch *b, const job *j)
{
    bool alone = j->token_vectors || b->token_vectors || j->dropout_keys || b->dropout.keys;
    if (b->model && (j->model != b->model || j->attention != b->attention || alone))
        return false;
    return fits(b, text_tokens(j, j->next_text));
}

static void start_job(batcher *b, job *j)
{
    if (j->started_ns)
        return;
    j->started_ns = clock_now_ns();
    double waited_s = (double)(j->started_ns - j->queued_ns) / NS_PER_S;
    metrics_observe(b->options.metrics, HISTOGRAM_QUEUE, waited_s);
}

/* Best rank first; a job whose next text does not fit waits, and smaller ones behind it may still fill the room (the
 * next batch begins with it). Jobs that give texts leave the list. Whether a client is gone is asked here, just before
 * compute. */
static void form_batch(batcher *b, batch *into)
{
    batch_reset(into);
    for (job **at = &b->waiting; *at;) {
        job *j = *at;
        if (!batch_takes(into, j)) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        if (j->gone && j->gone(j)) {
            j->cancelled = true;
            drop(b, j, ST_TIMEOUT, "the client closed the connection");
            continue;
        }
        start_job(b, j);
        piece *p = &into->pieces[into->piece_count++];
        *p = (piece){ .job = j, .first = j->next_text, .row = into->texts };
        size_t before = into->tokens;
        p->count = pack(into, j, p->first, j->texts - p->first);
        j->next_text += p->count;
        leave_queue(b, p->count, into->tokens - before);
    }
}

/* ---- running it ---- */

static status encode(batch *b, errinfo *err)
{
    if (b->dropout.keys)
        return model_encode_dropped(b->model, b->runner, b->ids, b->starts, b->texts, b->attention, &b->dropout,
                                    b->vectors, err);
    return model_encode_tokens(b->model, b->runner, b->ids, b->starts, b->texts, b->attention, b->vectors,
                               b->token_vectors, err);
}

static void deliver(const batch *b, const piece *p)
{
    size_t dimensions = model_describe(p->job->model)->dimensions;
    memcpy(p->job->vectors + p->first * dimensions, b->vectors + p->row * dimensions,
           p->count * dimensions * sizeof *b->vectors);
    p->job->texts_done += p->count;
}

/* The batch failed as a whole: each piece again, alone, so that a bad text fails only its job. */
static void encode_apart(batch *b)
{
    size_t count = b->piece_count;
    for (size_t i = 0; i < count; i++) {
        piece *p = &b->pieces[i];
        batch_reset(b);
        p->row = 0;
        (void)pack(b, p->job, p->first, p->count);
        p->job->result = encode(b, &p->job->err);
        if (p->job->result == ST_OK)
            deliver(b, p);
    }
    b->piece_count = count;
}

static size_t padded_tokens(const batch *b)
{
    size_t longest = 0;
    for (size_t i = 0; i < b->texts; i++)
        longest = longest > b->starts[i + 1] - b->starts[i] ? longest : b->starts[i + 1] - b->starts[i];
    return longest * b->texts;
}

static void measure(batcher *b, size_t texts, size_t tokens, double seconds)
{
    b->rate_tokens = RATE_DECAY * b->rate_tokens + (double)tokens;
    b->rate_s = RATE_DECAY * b->rate_s + seconds;
    b->tokens_per_s = b->rate_tokens / b->rate_s;
    metrics_add(b->options.metrics, COUNT_BATCHES, 1);
    metrics_observe(b->options.metrics, HISTOGRAM_BATCH_TEXTS, (double)texts);
    metrics_observe(b->options.metrics, HISTOGRAM_BATCH_TOKENS, (double)tokens);
    metrics_observe(b->options.metrics, HISTOGRAM_BATCH_SECONDS, seconds);
}

/* A job with texts left goes back to its place; a failed one ends without them. */
static void hand_back(batcher *b, job *j)
{
    if (j->result != ST_OK) {
        leave_queue(b, j->texts - j->next_text, remaining_tokens(j));
        finish(b, j, j->result);
    } else if (j->texts_done == j->texts) {
        finish(b, j, ST_OK);
    } else {
        insert_by_rank(b, j);
    }
}

static void run_batch(batcher *b, batch *ready)
{
    errinfo err;
    size_t texts = ready->texts, tokens = ready->tokens;
    int64_t begin = clock_now_ns(), aside_before = b->aside_ns;
    metrics_add(b->options.metrics, COUNT_PADDED_TOKENS, padded_tokens(ready));
    if (encode(ready, &err) == ST_OK)
        for (size_t i = 0; i < ready->piece_count; i++)
            deliver(ready, &ready->pieces[i]);
    else
        encode_apart(ready);
    int64_t own_ns = clock_now_ns() - begin - (b->aside_ns - aside_before);
    measure(b, texts, tokens, (double)(own_ns + 1) / NS_PER_S);
    for (size_t i = 0; i < ready->piece_count; i++)
        hand_back(b, ready->pieces[i].job);
}

/* ---- the compute thread ---- */

/* Sleeps until there is work or the end; wakes once a second to show that it lives. */
static void sleep_until_work(batcher *b)
{
    while (!b->inbox && !b->closing) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += HEARTBEAT_S;
        (void)pthread_cond_timedwait(&b->wake, &b->lock, &until);
        b->heartbeat_ns = clock_now_ns();
    }
}

/* Moves the inbox to the waiting list; false at the end. Sleeps only if asked to and nothing waits. */
static bool take_inbox(batcher *b, bool sleeps)
{
    (void)pthread_mutex_lock(&b->lock);
    if (sleeps && !b->waiting)
        sleep_until_work(b);
    job *arrived = b->inbox;
    b->inbox = NULL;
    b->inbox_end = &b->inbox;
    b->arrived = false;
    bool closing = b->closing;
    (void)pthread_mutex_unlock(&b->lock);
    while (arrived) {
        job *next = arrived->next;
        insert_by_rank(b, arrived);
        arrived = next;
    }
    return !closing;
}

/* In the middle of a text that is larger than a batch: one batch of the texts that are not. At the end of the server
 * they are left to the compute thread, which ends them. */
static void run_aside(void *context)
{
    batcher *b = context;
    int64_t begin = clock_now_ns();
    b->heartbeat_ns = begin;
    if (b->main.tokens <= b->main.most_tokens || (!b->arrived && !b->waiting) || !take_inbox(b, false))
        return;
    drop_expired(b);
    form_batch(b, &b->aside);
    if (b->aside.texts)
        run_batch(b, &b->aside);
    b->aside_ns += clock_now_ns() - begin;
}

static void *compute_thread(void *argument)
{
    batcher *b = argument;
    while (take_inbox(b, true)) {
        b->heartbeat_ns = clock_now_ns();
        drop_expired(b);
        form_batch(b, &b->main);
        if (b->main.texts)
            run_batch(b, &b->main);
    }
    drop_all(b);
    return NULL;
}

/* ---- open, submit, close ---- */

static status open_lock(batcher *b, errinfo *err)
{
    pthread_condattr_t attributes;
    b->have_lock = pthread_mutex_init(&b->lock, NULL) == 0;
    if (pthread_condattr_init(&attributes) != 0)
        return fail(err, ST_IO, "batcher: no condition variable");
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    b->have_wake = pthread_cond_init(&b->wake, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return b->have_lock && b->have_wake ? ST_OK : fail(err, ST_IO, "batcher: no lock");
}

static size_t widest(const batcher_options *o)
{
    size_t dimensions = 1;
    for (size_t i = 0; i < o->model_count; i++)
        if (model_describe(o->models[i])->dimensions > dimensions)
            dimensions = model_describe(o->models[i])->dimensions;
    return dimensions;
}

static size_t longest_text(const batcher_options *o)
{
    size_t tokens = 1;
    for (size_t i = 0; i < o->model_count; i++)
        if (model_describe(o->models[i])->config->max_length > tokens)
            tokens = model_describe(o->models[i])->config->max_length;
    return tokens;
}

/* The main batch has room for any text. The second one is only for models that take texts larger than a batch. */
static void size_batches(const batcher_options *o, batch *main, batch *aside)
{
    size_t longest = longest_text(o), most = o->max_batch_tokens;
    main->most_tokens = most;
    main->room_tokens = longest > most ? longest : most;
    main->most_texts = most < BATCH_TEXTS_MAX ? most : BATCH_TEXTS_MAX;
    *aside = *main;
    aside->room_tokens = longest > most ? most : 0;
}

static size_t batch_bytes(const batcher_options *o, const batch *b)
{
    if (b->room_tokens == 0)
        return 0;
    return model_runner_bytes(o->models, o->model_count, b->room_tokens, b->most_texts, pool_threads(o->pool))
           + b->room_tokens * sizeof(uint32_t) + b->most_texts * widest(o) * sizeof(float);
}

size_t batcher_bytes(const batcher_options *o)
{
    batch main = { 0 }, aside = { 0 };
    size_batches(o, &main, &aside);
    return batch_bytes(o, &main) + batch_bytes(o, &aside);
}

static status open_batch(const batcher_options *o, batch *b, errinfo *err)
{
    if (b->room_tokens == 0)
        return ST_OK;
    b->ids = calloc(b->room_tokens, sizeof *b->ids);
    b->starts = calloc(b->most_texts + 1, sizeof *b->starts);
    b->vectors = calloc(b->most_texts * widest(o), sizeof *b->vectors);
    b->pieces = calloc(b->most_texts, sizeof *b->pieces);
    if (!b->ids || !b->starts || !b->vectors || !b->pieces)
        return fail(err, ST_NOMEM, "batcher: out of memory for batches of %zu tokens", b->room_tokens);
    return model_runner_open(&b->runner, o->models, o->model_count, o->pool, b->room_tokens, b->most_texts, err);
}

static void close_batch(batch *b)
{
    model_runner_close(b->runner);
    free(b->pieces);
    free(b->vectors);
    free(b->starts);
    free(b->ids);
}

static status open_batches(batcher *b, errinfo *err)
{
    size_batches(&b->options, &b->main, &b->aside);
    status st = open_batch(&b->options, &b->main, err);
    if (st == ST_OK)
        st = open_batch(&b->options, &b->aside, err);
    if (st == ST_OK && b->aside.runner)
        model_runner_between(b->main.runner, run_aside, b);
    return st;
}

status batcher_open(batcher **out, const batcher_options *options, errinfo *err)
{
    status st;
    batcher *b = calloc(1, sizeof *b);
    if (!b)
        return fail(err, ST_NOMEM, "batcher: out of memory");
    b->options = *options;
    b->inbox_end = &b->inbox;
    b->tokens_per_s = options->tokens_per_s > 0 ? options->tokens_per_s : FIRST_TOKENS_PER_S;
    b->rate_tokens = b->tokens_per_s * FIRST_WEIGHT_S;
    b->rate_s = FIRST_WEIGHT_S;
    b->heartbeat_ns = clock_now_ns();
    st = open_lock(b, err);
    if (st) goto bad;
    st = open_batches(b, err);
    if (st) goto bad;
    b->have_thread = pthread_create(&b->thread, NULL, compute_thread, b) == 0;
    if (!b->have_thread) {
        st = fail(err, ST_IO, "batcher: cannot start its thread");
        goto bad;
    }
    *out = b;
    return ST_OK;
bad:
    batcher_close(b);
    return st;
}

static status check_job(const batcher *b, const job *j, errinfo *err)
{
    if (j->texts == 0)
        return fail(err, ST_INPUT, "a job without texts");
    for (size_t i = 0; i < j->texts; i++)
        if (text_tokens(j, i) == 0 || text_tokens(j, i) > b->main.room_tokens)
            return fail(err, ST_INPUT, "text %zu has %zu tokens: must be 1 to %zu", i, text_tokens(j, i),
                        b->main.room_tokens);
    if (j->starts[j->texts] > b->options.max_queue_tokens)
        return fail(err, ST_INPUT, "%u tokens in one request: at most %zu can be queued",
                    j->starts[j->texts], b->options.max_queue_tokens);
    return ST_OK;
}

/* Under the lock: all of the job, or nothing. */
static status admit(batcher *b, job *j, errinfo *err)
{
    size_t tokens = j->starts[j->texts];
    size_t queued = b->queued_tokens;    /* may shrink meanwhile, which only makes room */
    if (b->closing)
        return fail(err, ST_BUSY, "the server is shutting down");
    if (tokens > b->options.max_queue_tokens - queued)
        return fail(err, ST_BUSY, "the queue holds %zu of at most %zu tokens: no room for %zu more",
                    queued, b->options.max_queue_tokens, tokens);
    b->queued_tokens += tokens;
    b->queued_texts += j->texts;
    *b->inbox_end = j;
    b->inbox_end = &j->next;
    b->arrived = true;
    (void)pthread_cond_signal(&b->wake);
    return ST_OK;
}

status batcher_submit(batcher *b, job *j, errinfo *err)
{
    status st = check_job(b, j, err);
    if (st)
        return st;
    j->result = ST_OK;
    j->cancelled = false;
    j->next = NULL;
    j->next_text = j->texts_done = 0;
    j->started_ns = j->finished_ns = 0;
    j->queued_ns = clock_now_ns();
    (void)pthread_mutex_lock(&b->lock);
    st = admit(b, j, err);
    (void)pthread_mutex_unlock(&b->lock);
    if (st)
        metrics_add(b->options.metrics, COUNT_OVERLOADED, 1);
    return st;
}

size_t batcher_queued_tokens(const batcher *b)
{
    return b->queued_tokens;
}

size_t batcher_queued_texts(const batcher *b)
{
    return b->queued_texts;
}

double batcher_tokens_per_s(const batcher *b)
{
    return b->tokens_per_s;
}

double batcher_estimated_wait_s(const batcher *b)
{
    return (double)b->queued_tokens / b->tokens_per_s;
}

int64_t batcher_heartbeat_ns(const batcher *b)
{
    return b->heartbeat_ns;
}

void batcher_stop(batcher *b)
{
    if (!b->have_thread)
        return;
    (void)pthread_mutex_lock(&b->lock);
    b->closing = true;
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    (void)pthread_join(b->thread, NULL);
    b->have_thread = false;
}

void batcher_close(batcher *b)
{
    if (!b)
        return;
    batcher_stop(b);
    close_batch(&b->main);
    close_batch(&b->aside);
    if (b->have_wake)
        (void)pthread_cond_destroy(&b->wake);
    if (b->have_lock)
        (void)pthread_mutex_destroy(&b->lock);
    free(b);
}
