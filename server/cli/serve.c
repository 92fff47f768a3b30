/* serve.c - `rosim serve`: puts the server together, waits for a signal, takes it apart again.
 *
 * Order of the end (reliability.md 1.7): say "draining" in /readyz and close connections after each
 * answer; go on serving for --drain-delay, since load balancers learn late; stop listening; wait
 * for the requests in flight, at most --drain; give the rest 503; stop the HTTP threads.
 *
 * --drain-delay is 0 by default, so that Ctrl-C ends at once; images and charts set 5 or more.
 */
#include "server/cli/cli.h"
#include "server/cli/loading.h"
#include "server/cli/memory.h"
#include "server/cli/output.h"
#include "server/cli/reload.h"
#include "server/cli/startup.h"
#include "server/http.h"
#include "server/log.h"
#include "server/option_table.h"
#include "server/router.h"
#include "server/routes/docs.h"
#include "server/service.h"
#include "server/signals.h"
#include "server/tls.h"
#include "server/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ARENA_BYTES = 64 << 20, SPARE_FILES = 64, METRICS_CONNECTIONS = 32, DOCUMENTS_BYTES = 8 << 20,
       STREAM_BYTES = 1 << 30,
       KERNEL_BYTES = 640, DRAIN_POLL_NS = 10000000, LAST_ANSWERS_NS = 1000000000 };

static const int64_t NS_PER_S = 1000000000;

typedef struct {
    const options *options;
    pool *pool;
    generations *generations;
    tls *tls;
    const char **route_paths;
    metrics *metrics;
    auth *auth;
    artifacts *artifacts;
    labour *labour;
    cost_book *costs;
    arena *documents;             /* what /docs answers */
    service service;
    http *metrics_http;           /* NULL: no port of its own */
    _Atomic(http *) http;         /* the watched gauges look at it from HTTP threads */
} server;

/* ---- coming up ---- */

static status open_models(server *s, errinfo *err)
{
    const options *o = s->options;
    char line[KERNEL_BYTES];
    registry *models;
    batcher *b;
    const kernels *best;
    status st = pool_open(&s->pool, o->threads, err);
    if (st)
        return st;
    if (kernels_choose(&best, o->kernel, NULL) == ST_OK) {
        kernels_describe(best, line, sizeof line);
        log_line(LOG_INFO, "kernels: %s; %zu threads", line, pool_threads(s->pool));
    }
    const loading how = { .options = o, .pool = s->pool, .metrics = s->metrics };
    st = loading_run(&how, &models, &b, err);
    if (st)
        return st;
    s->service.max_batch_tokens = startup_batches(models, s->pool, o).max_batch_tokens;
    st = artifacts_open(&s->artifacts, o->state_dir, models, err);
    if (!st)
        st = generations_open(&s->generations, models, b, err);
    if (st) {
        batcher_close(b);
        registry_close(models);
    }
    return st;
}

static double watch_connections(void *context)
{
    http *h = ((server *)context)->http;
    return h ? (double)http_connections(h) : 0;
}

static double watch_in_flight(void *context)
{
    http *h = ((server *)context)->http;
    return h ? (double)http_in_flight(h) : 0;
}

static double watch_queue_tokens(void *context)
{
    generations *g = ((server *)context)->generations;
    return g ? (double)generations_queued_tokens(g) : 0;
}

static double watch_queue_texts(void *context)
{
    generations *g = ((server *)context)->generations;
    return g ? (double)generations_queued_texts(g) : 0;
}

static double watch_generations(void *context)
{
    generations *g = ((server *)context)->generations;
    return g ? (double)generations_alive(g) : 0;
}

static status open_metrics(server *s, errinfo *err)
{
    size_t count;
    const route *routes = router_table(&count);
    s->route_paths = calloc(count + 1, sizeof *s->route_paths);
    if (!s->route_paths)
        return fail(err, ST_NOMEM, "metrics: out of memory");
    for (size_t i = 0; i < count; i++)
        s->route_paths[i] = routes[i].path;
    s->metrics = metrics_open(s->route_paths, count);
    if (!s->metrics)
        return fail(err, ST_NOMEM, "metrics: out of memory");
    metrics_watch(s->metrics, GAUGE_CONNECTIONS, watch_connections, s);
    metrics_watch(s->metrics, GAUGE_IN_FLIGHT, watch_in_flight, s);
    metrics_watch(s->metrics, GAUGE_QUEUE_TOKENS, watch_queue_tokens, s);
    metrics_watch(s->metrics, GAUGE_QUEUE_TEXTS, watch_queue_texts, s);
    metrics_watch(s->metrics, GAUGE_GENERATIONS, watch_generations, s);
    return ST_OK;
}

static void fill_service(server *s)
{
    const options *o = s->options;
    s->service.generations = s->generations;
    s->service.metrics = s->metrics;
    s->service.auth = s->auth;
    s->service.artifacts = s->artifacts;
    s->service.labour = s->labour;
    s->service.costs = s->costs;
    s->service.cors_origins = o->cors_origins;
    s->service.cors_count = o->cors_count;
    s->service.max_texts = o->max_texts;
    s->service.timeout_ns = (int64_t)o->timeout_s * NS_PER_S;
    s->service.auto_truncate = o->auto_truncate;
    s->service.metrics_apart = o->metrics_port != 0;
    s->service.tei_max_concurrent = o->max_concurrent;
    s->service.max_queue_tokens = o->max_queue_tokens;
    s->service.started_ns = clock_now_ns();
    s->service.ready = true;
}

/* What the API is, for people. */
static status write_documents(server *s, errinfo *err)
{
    s->documents = arena_open(0, DOCUMENTS_BYTES);
    if (s->documents)
        s->service.docs = docs_write(&s->service, s->documents);
    return s->service.docs.data ? ST_OK : fail(err, ST_NOMEM, "/docs: out of memory");
}

/* Every connection is a file; the soft limit is often 1024. */
static void raise_file_limit(size_t connections)
{
    struct rlimit limit;
    rlim_t wanted = connections + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_line(LOG_WARN, "only %llu files may be open, --connections %zu needs %llu",
                 (unsigned long long)limit.rlim_cur, connections, (unsigned long long)wanted);
}

static http_options settings_of(const server *s)
{
    const options *o = s->options;
    return (http_options){
        .host = o->host,
        .port = (uint16_t)o->port,
        .threads = HTTP_THREADS,
        .connections = o->connections,
        .body_bytes = o->body_bytes,
        .stream_bytes = STREAM_BYTES,
        .arena_bytes = ARENA_BYTES,
        .header_ns = (int64_t)o->header_timeout_s * NS_PER_S,
        .body_ns = (int64_t)o->body_timeout_s * NS_PER_S,
        .write_ns = (int64_t)o->write_timeout_s * NS_PER_S,
        .idle_ns = (int64_t)o->idle_s * NS_PER_S,
        .tls = s->tls,
    };
}

static void announce(const char *what, const http_options *settings, const http *h)
{
    bool v6 = strchr(settings->host, ':') != NULL;
    log_line(LOG_INFO, "%s on %s://%s%s%s:%u", what, settings->tls ? "https" : "http", v6 ? "[" : "", settings->host,
             v6 ? "]" : "", (unsigned)http_port(h));
}

/* Few connections, one thread, no certificate: who scrapes is near. */
static status open_metrics_port(server *s, errinfo *err)
{
    const options *o = s->options;
    http_options settings = settings_of(s);
    http_handlers handlers = router_metrics_handlers(&s->service);
    settings.host = o->metrics_host ? o->metrics_host : o->host;
    settings.port = (uint16_t)o->metrics_port;
    settings.threads = 1;
    settings.connections = METRICS_CONNECTIONS;
    settings.tls = NULL;
    status st = http_open(&s->metrics_http, &settings, &handlers, err);
    if (st == ST_OK)
        announce("metrics", &settings, s->metrics_http);
    return st;
}

static status open_http(server *s, errinfo *err)
{
    http *h;
    http_options settings = settings_of(s);
    http_handlers handlers = router_handlers(&s->service);
    raise_file_limit(settings.connections);
    status st = s->service.metrics_apart ? open_metrics_port(s, err) : ST_OK;
    if (st)
        return st;
    st = http_open(&h, &settings, &handlers, err);
    if (st)
        return st;
    s->http = h;
    announce("listening", &settings, h);
    return ST_OK;
}

static status server_open(server *s, errinfo *err)
{
    const options *o = s->options;
    status st = o->tls_key ? tls_open(&s->tls, o->tls_certificate, o->tls_key, err) : ST_OK;
    if (st) return st;
    st = auth_open(&s->auth, o->api_keys, o->api_key_count, o->api_key_file, err);
    if (st) return st;
    st = open_metrics(s, err);
    if (st) return st;
    st = open_models(s, err);
    if (st) return st;
    st = labour_open(&s->labour, err);
    if (st) return st;
    s->costs = cost_book_open(pool_threads(s->pool));
    if (!s->costs)
        return fail(err, ST_NOMEM, "costs: out of memory");
    fill_service(s);
    st = write_documents(s, err);
    if (st) return st;
    return open_http(s, err);
}

/* ---- going down ---- */

static void sleep_ns(int64_t ns)
{
    struct timespec time = { ns / NS_PER_S, ns % NS_PER_S };
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        continue;
}

/* True when nothing is in flight any more. */
static bool wait_for_answers(const server *s, int64_t ns)
{
    int64_t end = clock_now_ns() + ns;
    while (http_in_flight(s->http) > 0 && clock_now_ns() < end)
        sleep_ns(DRAIN_POLL_NS);
    return http_in_flight(s->http) == 0;
}

static void drain(server *s)
{
    const options *o = s->options;
    log_line(LOG_INFO, "draining: %zu requests in flight", http_in_flight(s->http));
    s->service.leaving = true;
    http_close_after_answer(s->http);
    sleep_ns((int64_t)o->drain_delay_s * NS_PER_S);
    s->service.draining = true;
    http_stop_listening(s->http);
    if (wait_for_answers(s, (int64_t)o->drain_s * NS_PER_S))
        return;
    log_line(LOG_WARN, "%zu requests were not done in time", http_in_flight(s->http));
    generations_stop(s->generations);
    (void)wait_for_answers(s, LAST_ANSWERS_NS);
}

/* Half-built servers too. The batcher answers everybody before http goes, and is freed after it. */
static void server_close(server *s)
{
    generations_stop(s->generations);
    labour_close(s->labour);
    s->labour = NULL;
    http_close(s->http);
    http_close(s->metrics_http);
    cost_book_close(s->costs);
    generations_close(s->generations);
    auth_close(s->auth);
    metrics_close(s->metrics);
    free(s->route_paths);
    pool_close(s->pool);
    artifacts_close(s->artifacts);
    tls_close(s->tls);
    arena_close(s->documents);
}

static log_level level_of(const char *name)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    log_level level = LOG_ERROR;
    while (level < LOG_DEBUG && strcmp(names[level], name) != 0)
        level++;
    return level;
}

int cli_serve(const options *o)
{
    errinfo err = { 0 };
    server s = { .options = o };
    signals_block();
    log_configure(level_of(o->log_level), o->log_json);
    log_line(LOG_INFO, "rosim %s", ROSIM_VERSION);
    for (size_t i = 0; i < o->foreign_count; i++)
        log_line(LOG_WARN, "--%s has no effect: %s", o->foreign[i], foreign_find(slice_of(o->foreign[i]))->why);
    status st = server_open(&s, &err);
    if (st) {
        log_line(LOG_ERROR, "cannot serve: %s", err.text);
    } else {
        const reload again = { o, &s.service, s.pool, s.tls };
        while (signals_wait() == SIGNAL_RELOAD)
            reload_all(&again);
        drain(&s);
    }
    server_close(&s);
    if (st == ST_OK)
        log_line(LOG_INFO, "stopped");
    return st == ST_OK ? EXIT_DONE : EXIT_FAILED;
}
