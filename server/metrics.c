/* metrics.c - see metrics.h.
 *
 * Numbers are kept once and shown twice: under our names, with HELP and TYPE, and under TEI's, so
 * that dashboards made for it keep working. TEI counts every text of a request in its te_embed_*
 * series; here their durations are the whole request's. te_predict_* stays 0: no such route.
 */
#include "server/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUCKETS_MAX = 36, TEXT_BYTES = 256 * 1024 };

typedef enum { SCALE_SECONDS, SCALE_INPUT, SCALE_BATCH_TOKENS, SCALE_BATCH_TEXTS, SCALES } scale;

static const struct { size_t buckets; double first, factor; } scales[SCALES] = {
    [SCALE_SECONDS] = { 35, 1e-5 * 1.5, 1.5 },
    [SCALE_INPUT] = { 20, 1, 2 },
    [SCALE_BATCH_TOKENS] = { 21, 1, 2 },
    [SCALE_BATCH_TEXTS] = { 13, 1, 2 },
};

static const struct { const char *name, *help; } counters[COUNTERS] = {
    [COUNT_TEXTS] = { "rosim_texts_total", "Texts encoded." },
    [COUNT_TOKENS] = { "rosim_tokens_total", "Tokens of these texts, special tokens included." },
    [COUNT_TRUNCATED] = { "rosim_truncated_total", "Texts that were cut to the model's length." },
    [COUNT_UNKNOWN_TOKENS] = { "rosim_unknown_tokens_total", "Tokens outside the vocabulary." },
    [COUNT_CANCELLED] = { "rosim_cancelled_total", "Requests whose client had gone." },
    [COUNT_DEADLINE] = { "rosim_deadline_exceeded_total", "Requests dropped at their deadline." },
    [COUNT_OVERLOADED] = { "rosim_overloaded_total", "Requests refused: queue full." },
    [COUNT_BATCHES] = { "rosim_batches_total", "Batches run." },
    [COUNT_PADDED_TOKENS] = { "rosim_padded_tokens_total",
                              "Tokens that these batches would have had, padded to their longest text." },
};

static const struct { const char *name, *help; } gauges[GAUGES] = {
    [GAUGE_QUEUE_TOKENS] = { "rosim_queue_tokens", "Tokens waiting." },
    [GAUGE_QUEUE_TEXTS] = { "rosim_queue_texts", "Texts waiting." },
    [GAUGE_CONNECTIONS] = { "rosim_connections", "Open connections." },
    [GAUGE_IN_FLIGHT] = { "rosim_requests_in_flight", "Requests begun and not yet answered." },
    [GAUGE_GENERATIONS] = { "rosim_model_generations", "Sets of models in memory: 1, or more while requests of an "
                                                       "older one end." },
};

static const struct { const char *name, *help; scale scale; } histograms[HISTOGRAMS] = {
    [HISTOGRAM_REQUEST] = { "rosim_request_seconds", "Inference requests, first byte to answer.",
                            SCALE_SECONDS },
    [HISTOGRAM_TOKENIZE] = { "rosim_tokenize_seconds", "Tokenizing one request.", SCALE_SECONDS },
    [HISTOGRAM_QUEUE] = { "rosim_queue_seconds", "Waiting for the first batch.", SCALE_SECONDS },
    [HISTOGRAM_COMPUTE] = { "rosim_compute_seconds", "First batch begun to last one done.",
                            SCALE_SECONDS },
    [HISTOGRAM_INPUT_TOKENS] = { "rosim_input_tokens", "Tokens of a text.", SCALE_INPUT },
    [HISTOGRAM_BATCH_TOKENS] = { "rosim_batch_tokens", "Tokens of a batch.", SCALE_BATCH_TOKENS },
    [HISTOGRAM_BATCH_TEXTS] = { "rosim_batch_texts", "Texts of a batch.", SCALE_BATCH_TEXTS },
    [HISTOGRAM_BATCH_SECONDS] = { "rosim_batch_seconds", "One batch in the kernels.", SCALE_SECONDS },
};

static const struct { const char *name; metrics_histogram shows; } te_histograms[] = {
    { "te_request_duration", HISTOGRAM_REQUEST },
    { "te_request_tokenization_duration", HISTOGRAM_TOKENIZE },
    { "te_request_queue_duration", HISTOGRAM_QUEUE },
    { "te_request_inference_duration", HISTOGRAM_COMPUTE },
    { "te_embed_duration", HISTOGRAM_REQUEST },
    { "te_embed_tokenization_duration", HISTOGRAM_TOKENIZE },
    { "te_embed_queue_duration", HISTOGRAM_QUEUE },
    { "te_embed_inference_duration", HISTOGRAM_COMPUTE },
    { "te_predict_duration", HISTOGRAMS },    /* HISTOGRAMS: never observed */
    { "te_predict_tokenization_duration", HISTOGRAMS },
    { "te_predict_queue_duration", HISTOGRAMS },
    { "te_predict_inference_duration", HISTOGRAMS },
    { "te_request_input_length", HISTOGRAM_INPUT_TOKENS },
    { "te_batch_next_size", HISTOGRAM_BATCH_TEXTS },
    { "te_batch_next_tokens", HISTOGRAM_BATCH_TOKENS },
};

/* The last entry of both stands for everything else. */
static const int statuses[] = { 200, 204, 400, 401, 403, 404, 405, 408, 413, 415, 422, 424, 429,
                                431, 500, 503, 504, 0 };
enum { STATUSES = sizeof statuses / sizeof *statuses };

enum { FAILED_OVERLOADED, FAILED_VALIDATION, FAILED_BATCH_SIZE, FAILED_TOKENIZATION,
       FAILED_INFERENCE, FAILED_MODEL_TYPE, FAILED_DROPPED, FAILURES };
static const char *const failures[FAILURES] = { "overloaded", "validation", "batch_size",
                                                "tokenization", "inference", "model_type",
                                                "dropped" };
enum { METHOD_SINGLE, METHOD_BATCH, METHODS };
static const char *const methods[METHODS] = { "single", "batch" };

static const char *const parts[PARTS] = { "keys", "certificate", "models", "state" };
static const char *const reload_results[RELOADS] = { "ok", "unchanged", "failed" };

typedef struct {
    scale scale;
    _Atomic uint64_t buckets[BUCKETS_MAX + 1];    /* not cumulative; the last is +Inf */
    _Atomic double sum;
} histogram;

/* Rows of one path (GET and POST) count together, in the first: label sets must not repeat. */
typedef struct {
    const char *path;
    size_t first;                                 /* row that counts for this one */
    _Atomic double seconds;
    _Atomic uint64_t statuses[STATUSES];
} route_series;

struct metrics {
    size_t route_count;
    double bounds[SCALES][BUCKETS_MAX];
    _Atomic uint64_t counters[COUNTERS];
    _Atomic double gauges[GAUGES];
    struct { double (*read)(void *context); void *context; } watched[GAUGES];
    _Atomic uint64_t reloads[PARTS][RELOADS];
    histogram histograms[HISTOGRAMS + 1];         /* the last is never observed */
    _Atomic uint64_t te_count[METHODS], te_success[METHODS], te_failure[FAILURES];
    _Atomic uint64_t te_embed_count, te_embed_success;
    route_series routes[];                        /* [route_count + 1], last: none matched */
};

/* ---- counting ---- */

static void bump(_Atomic uint64_t *counter, uint64_t by)
{
    (void)atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_to_sum(_Atomic double *sum, double value)
{
    double old = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &old, old + value, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

metrics *metrics_open(const char *const *route_paths, size_t routes)
{
    metrics *m = calloc(1, sizeof *m + (routes + 1) * sizeof *m->routes);
    if (!m)
        return NULL;
    m->route_count = routes;
    for (size_t r = 0; r <= routes; r++) {
        m->routes[r].path = r < routes ? route_paths[r] : "other";
        while (strcmp(m->routes[m->routes[r].first].path, m->routes[r].path) != 0)
            m->routes[r].first++;
    }
    for (size_t s = 0; s < SCALES; s++) {
        m->bounds[s][0] = scales[s].first;
        for (size_t i = 1; i < scales[s].buckets; i++)
            m->bounds[s][i] = m->bounds[s][i - 1] * scales[s].factor;
    }
    for (size_t h = 0; h < HISTOGRAMS; h++)
        m->histograms[h].scale = histograms[h].scale;
    return m;
}

void metrics_close(metrics *m)
{
    free(m);
}

void metrics_add(metrics *m, metrics_counter counter, uint64_t by)
{
    if (m)
        bump(&m->counters[counter], by);
}

void metrics_observe(metrics *m, metrics_histogram which, double value)
{
    if (!m)
        return;
    histogram *h = &m->histograms[which];
    size_t i = 0;
    while (i < scales[h->scale].buckets && value > m->bounds[h->scale][i])
        i++;
    bump(&h->buckets[i], 1);
    add_to_sum(&h->sum, value);
}

void metrics_set(metrics *m, metrics_gauge gauge, double value)
{
    if (m)
        atomic_store_explicit(&m->gauges[gauge], value, memory_order_relaxed);
}

void metrics_watch(metrics *m, metrics_gauge gauge, double (*read)(void *context), void *context)
{
    if (!m)
        return;
    m->watched[gauge].read = read;
    m->watched[gauge].context = context;
}

void metrics_reload(metrics *m, metrics_part part, metrics_reload_result result)
{
    if (m)
        bump(&m->reloads[part][result], 1);
}

void metrics_request(metrics *m, size_t route, int http_status, double seconds)
{
    if (!m)
        return;
    size_t s = 0;
    while (s + 1 < STATUSES && statuses[s] != http_status)
        s++;
    size_t row = m->routes[route < m->route_count ? route : m->route_count].first;
    bump(&m->routes[row].statuses[s], 1);
    add_to_sum(&m->routes[row].seconds, seconds);
}

static size_t failure_of(int http_status)
{
    switch (http_status) {
    case 400: case 413: case 422: return FAILED_VALIDATION;
    case 429: case 503: return FAILED_OVERLOADED;
    case 0: case 504: return FAILED_DROPPED;    /* 0: the client went before the answer */
    default: return FAILED_INFERENCE;
    }
}

void metrics_inference(metrics *m, size_t texts, int http_status, double seconds)
{
    if (!m)
        return;
    size_t method = texts > 1 ? METHOD_BATCH : METHOD_SINGLE;
    metrics_observe(m, HISTOGRAM_REQUEST, seconds);
    bump(&m->te_count[method], 1);
    bump(&m->te_embed_count, texts);
    if (http_status == 200) {
        bump(&m->te_success[method], 1);
        bump(&m->te_embed_success, texts);
    } else {
        bump(&m->te_failure[failure_of(http_status)], 1);
    }
}

void metrics_model_type(metrics *m)
{
    if (!m)
        return;
    bump(&m->te_count[METHOD_SINGLE], 1);
    bump(&m->te_failure[FAILED_MODEL_TYPE], 1);
}

/* ---- the text ---- */

typedef struct {
    arena *arena;
    char *bytes;
    size_t length, capacity;
    bool failed;
} page;

/* Twice the room; the old bytes stay in the arena, unused, until the request ends. */
static void grow(page *p)
{
    char *more = arena_take(p->arena, p->capacity, 2);
    p->failed = !more;
    if (p->failed)
        return;
    memcpy(more, p->bytes, p->length);
    p->bytes = more;
    p->capacity *= 2;
}

PRINTF_LIKE(2, 3) static void put(page *p, const char *format, ...)
{
    while (!p->failed) {
        va_list arguments;
        size_t room = p->capacity - p->length;
        va_start(arguments, format);
        int length = vsnprintf(p->bytes + p->length, room, format, arguments);
        va_end(arguments);
        if (length >= 0 && (size_t)length < room) {
            p->length += (size_t)length;
            return;
        }
        grow(p);
    }
}

static void put_head(page *p, const char *name, const char *help, const char *type)
{
    if (help)
        put(p, "# HELP %s %s\n", name, help);
    put(p, "# TYPE %s %s\n", name, type);
}

static void put_counter(page *p, const char *name, const char *help, uint64_t value)
{
    put_head(p, name, help, "counter");
    put(p, "%s %llu\n", name, (unsigned long long)value);
}

static void put_gauge(page *p, const char *name, const char *help, double value)
{
    put_head(p, name, help, "gauge");
    put(p, "%s %.15g\n", name, value);
}

/* One series of a labelled counter. */
static void put_labelled(page *p, const char *name, const char *label, const char *value,
                         const _Atomic uint64_t *counter)
{
    put(p, "%s{%s=\"%s\"} %llu\n", name, label, value, (unsigned long long)count_of(counter));
}

static void put_histogram(page *p, const metrics *m, const char *name, const char *help,
                          metrics_histogram which)
{
    const histogram *h = &m->histograms[which];
    uint64_t total = 0;
    put_head(p, name, help, "histogram");
    for (size_t i = 0; i < scales[h->scale].buckets; i++) {
        total += count_of(&h->buckets[i]);
        put(p, "%s_bucket{le=\"%.10g\"} %llu\n", name, m->bounds[h->scale][i],
            (unsigned long long)total);
    }
    total += count_of(&h->buckets[scales[h->scale].buckets]);
    put(p, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.15g\n%s_count %llu\n", name,
        (unsigned long long)total, name, atomic_load_explicit(&h->sum, memory_order_relaxed), name,
        (unsigned long long)total);
}

static void put_routes(page *p, const metrics *m)
{
    put_head(p, "rosim_requests_total", "Answers by route and status.", "counter");
    for (size_t r = 0; r <= m->route_count; r++) {
        for (size_t s = 0; m->routes[r].first == r && s < STATUSES; s++) {
            unsigned long long n = count_of(&m->routes[r].statuses[s]);
            put(p, "rosim_requests_total{route=\"%s\",status=\"", m->routes[r].path);
            if (statuses[s])
                put(p, "%d\"} %llu\n", statuses[s], n);
            else
                put(p, "other\"} %llu\n", n);
        }
    }
    put_head(p, "rosim_route_seconds_total", "First byte to answer, by route.", "counter");
    for (size_t r = 0; r <= m->route_count; r++)
        if (m->routes[r].first == r)
            put(p, "rosim_route_seconds_total{route=\"%s\"} %.15g\n", m->routes[r].path,
                atomic_load_explicit(&m->routes[r].seconds, memory_order_relaxed));
}

static void put_reloads(page *p, const metrics *m)
{
    put_head(p, "rosim_reloads_total", "Parts read again on SIGHUP.", "counter");
    for (size_t i = 0; i < (size_t)PARTS * RELOADS; i++)
        put(p, "rosim_reloads_total{part=\"%s\",result=\"%s\"} %llu\n", parts[i / RELOADS], reload_results[i % RELOADS],
            (unsigned long long)count_of(&m->reloads[i / RELOADS][i % RELOADS]));
}

static double gauge_value(const metrics *m, metrics_gauge g)
{
    if (m->watched[g].read)
        return m->watched[g].read(m->watched[g].context);
    return atomic_load_explicit(&m->gauges[g], memory_order_relaxed);
}

/* Second field of /proc/self/statm, in pages; 0 where there is no such file. */
static double resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    (void)fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* 1: all texts of a batch are of one length; 0: no batch yet. What padding would waste is 1 less this. */
static double packing_efficiency(const metrics *m)
{
    double tokens = atomic_load_explicit(&m->histograms[HISTOGRAM_BATCH_TOKENS].sum, memory_order_relaxed);
    double padded = (double)count_of(&m->counters[COUNT_PADDED_TOKENS]);
    return padded > 0 ? fmin(tokens / padded, 1) : 0;
}

static void put_own(page *p, const metrics *m)
{
    put_routes(p, m);
    for (size_t i = 0; i < COUNTERS; i++)
        put_counter(p, counters[i].name, counters[i].help, count_of(&m->counters[i]));
    for (size_t i = 0; i < GAUGES; i++)
        put_gauge(p, gauges[i].name, gauges[i].help, gauge_value(m, (metrics_gauge)i));
    put_gauge(p, "rosim_packing_efficiency", "Tokens run, of those that a padded batch would have run.",
              packing_efficiency(m));
    put_reloads(p, m);
    put_gauge(p, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    for (size_t i = 0; i < HISTOGRAMS; i++)
        put_histogram(p, m, histograms[i].name, histograms[i].help, (metrics_histogram)i);
}

static void put_te(page *p, const metrics *m)
{
    put_head(p, "te_request_count", NULL, "counter");
    for (size_t i = 0; i < METHODS; i++)
        put_labelled(p, "te_request_count", "method", methods[i], &m->te_count[i]);
    put_head(p, "te_request_success", NULL, "counter");
    for (size_t i = 0; i < METHODS; i++)
        put_labelled(p, "te_request_success", "method", methods[i], &m->te_success[i]);
    put_head(p, "te_request_failure", NULL, "counter");
    for (size_t i = 0; i < FAILURES; i++)
        put_labelled(p, "te_request_failure", "err", failures[i], &m->te_failure[i]);
    put_counter(p, "te_embed_count", NULL, count_of(&m->te_embed_count));
    put_counter(p, "te_embed_success", NULL, count_of(&m->te_embed_success));
    put_counter(p, "te_predict_count", NULL, 0);
    put_counter(p, "te_predict_success", NULL, 0);
    put_gauge(p, "te_queue_size", NULL, gauge_value(m, GAUGE_QUEUE_TEXTS));
    for (size_t i = 0; i < sizeof te_histograms / sizeof *te_histograms; i++)
        put_histogram(p, m, te_histograms[i].name, NULL, te_histograms[i].shows);
}

slice metrics_text(const metrics *m, arena *a)
{
    page p = { .arena = a, .bytes = arena_take(a, TEXT_BYTES, 1), .capacity = TEXT_BYTES };
    if (!p.bytes)
        return (slice){ NULL, 0 };
    put_own(&p, m);
    put_te(&p, m);
    return p.failed ? (slice){ NULL, 0 } : (slice){ p.bytes, p.length };
}
