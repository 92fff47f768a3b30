/* check_server_toy.h - the HTTP layer alone, in this process, behind toy handlers.
 *
 * The toy answers by path: /echo at once, /later from another thread, /finish in on_resumed after another thread
 * resumed, /watch when another thread has seen the client go, /big with a megabyte, /nothing never. /early and
 * /locked are answered before their body.
 */
#ifndef ROSIM_CHECK_SERVER_TOY_H
#define ROSIM_CHECK_SERVER_TOY_H

#include "tests/check_support.h"
#include "tests/raw_http.h"

#include "server/api_error.h"
#include "server/http.h"
#include "server/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BODY_LIMIT = 100000, BIG_BYTES = 1 << 20, WAITING_MAX = 4096 };

static const int64_t MS = 1000000;

/* ---- the toy ---- */

typedef struct {
    http *server;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    exchange *waiting[WAITING_MAX];       /* under lock, like count and stop */
    size_t count;
    bool stop;
    atomic_size_t headers, requests, completed, refused, unanswered, gone;
    atomic_int last_refusal;
    char *big;
} toy;

static inline bool path_is(const exchange *x, const char *path)
{
    return slice_is(x->path, path);
}

static inline void toy_headers(void *context, exchange *x)
{
    toy *t = context;
    atomic_fetch_add(&t->headers, 1);
    if (path_is(x, "/early"))
        exchange_answer(x, 404, "text/plain", slice_of("early"));
    if (path_is(x, "/locked"))
        exchange_answer(x, 401, "text/plain", slice_of("locked"));
}

static inline void toy_wait(toy *t, exchange *x)
{
    exchange_suspend(x);
    (void)pthread_mutex_lock(&t->lock);
    ck_assert_uint_lt(t->count, WAITING_MAX);
    t->waiting[t->count++] = x;
    (void)pthread_cond_signal(&t->filled);
    (void)pthread_mutex_unlock(&t->lock);
}

static inline void toy_request(void *context, exchange *x)
{
    toy *t = context;
    atomic_fetch_add(&t->requests, 1);
    if (path_is(x, "/later") || path_is(x, "/finish") || path_is(x, "/watch")) {
        toy_wait(t, x);
    } else if (path_is(x, "/big")) {
        exchange_answer(x, 200, "application/octet-stream", (slice){ t->big, BIG_BYTES });
    } else if (path_is(x, "/what")) {
        slice value = exchange_header(x, "x-what");
        exchange_add_header(x, "X-Length", value.data ? "some" : "none");
        exchange_answer(x, 200, "text/plain", value);
    } else if (!path_is(x, "/nothing")) {
        exchange_answer(x, 200, "text/plain", x->body);
    }
}

static inline void toy_resumed(void *context, exchange *x)
{
    (void)context;
    exchange_answer(x, 200, "text/plain", x->body);
}

static inline void toy_completed(void *context, exchange *x)
{
    toy *t = context;
    atomic_fetch_add(&t->completed, 1);
    if (x->status == 0)
        atomic_fetch_add(&t->unanswered, 1);
    log_access(x);
}

static inline void toy_refused(void *context, exchange *x, int code_of_ours, const char *message)
{
    toy *t = context;
    atomic_fetch_add(&t->refused, 1);
    atomic_store(&t->last_refusal, code_of_ours);
    int code = code_of_ours == API_PAYLOAD_TOO_LARGE ? 413 : code_of_ours == API_INTERNAL ? 500
             : code_of_ours == API_OUT_OF_MEMORY     ? 503 : 400;
    slice text = arena_copy(x->arena, slice_of(message));
    if (text.data)
        exchange_answer(x, code, "text/plain", text);
}

static inline void sleep_ms(long ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&pause, NULL);
}

/* On the worker's thread, the exchange is its own. */
static inline void toy_work(toy *t, exchange *x)
{
    if (path_is(x, "/watch")) {
        for (int tries = 0; tries < 2000 && !exchange_client_gone(x); tries++)
            sleep_ms(1);
        if (exchange_client_gone(x))
            atomic_fetch_add(&t->gone, 1);
    } else if (exchange_client_gone(x)) {
        atomic_fetch_add(&t->gone, 1);
    }
    if (!path_is(x, "/finish"))
        exchange_answer(x, 200, "text/plain", x->body);
    exchange_resume(x);
}

static inline void *toy_worker(void *context)
{
    toy *t = context;
    (void)pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->count == 0 && !t->stop)
            (void)pthread_cond_wait(&t->filled, &t->lock);
        if (t->count == 0)
            break;
        exchange *x = t->waiting[--t->count];
        (void)pthread_mutex_unlock(&t->lock);
        toy_work(t, x);
        (void)pthread_mutex_lock(&t->lock);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static inline http_options toy_options(void)
{
    return (http_options){ .host = "127.0.0.1", .threads = 2, .connections = 256, .body_bytes = BODY_LIMIT,
                           .arena_bytes = 1 << 20, .header_ns = 10000 * MS, .body_ns = 10000 * MS,
                           .write_ns = 10000 * MS, .idle_ns = 30000 * MS };
}

static inline toy *toy_open(const http_options *options)
{
    toy *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    http_handlers handlers = { toy_headers, NULL, toy_request, toy_resumed, toy_completed, toy_refused, t };
    errinfo err = { 0 };
    t->big = malloc(BIG_BYTES);
    ck_assert_ptr_nonnull(t->big);
    memset(t->big, 'b', BIG_BYTES);
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->filled, NULL);
    ck_assert_int_eq(pthread_create(&t->worker, NULL, toy_worker, t), 0);
    ck_assert_msg(http_open(&t->server, options, &handlers, &err) == ST_OK, "%s", err.text);
    return t;
}

/* Everything that was announced must have been completed by now. */
static inline void toy_close(toy *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->stop = true;
    (void)pthread_cond_signal(&t->filled);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->worker, NULL);
    http_stop_listening(t->server);
    http_close(t->server);
    (void)pthread_cond_destroy(&t->filled);
    (void)pthread_mutex_destroy(&t->lock);
    free(t->big);
    free(t);
}

static inline toy *plain(void)
{
    http_options options = toy_options();
    return toy_open(&options);
}

static inline raw_client client(const toy *t)
{
    raw_client c = raw_open(http_port(t->server));
    ck_assert_int_ge(c.fd, 0);
    return c;
}

/* Sends, reads one answer, checks its status and (unless NULL) its body. */
static inline void expect(raw_client *c, const char *request, int code, const char *body)
{
    ck_assert(raw_say(c, request));
    raw_answer a = raw_read(c, strncmp(request, "HEAD", 4) == 0, 10000);
    ck_assert_msg(a.status == code, "%.40s: got %d, want %d\n%s", request, a.status, code, a.body ? a.body : "");
    if (body)
        ck_assert_str_eq(a.body, body);
    raw_answer_clear(&a);
}

static inline bool soon(const atomic_size_t *count, size_t value)
{
    for (int tries = 0; tries < 5000; tries++) {
        if (atomic_load(count) >= value)
            return true;
        sleep_ms(1);
    }
    return false;
}

#define POST(path, headers, body) "POST " path " HTTP/1.1\r\nHost: a\r\n" headers "\r\n" body
#define GET(path, headers) "GET " path " HTTP/1.1\r\nHost: a\r\n" headers "\r\n"

#endif
