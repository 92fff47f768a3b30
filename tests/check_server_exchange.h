/* check_server_exchange.h - the router called by hand: a real service on tiny models, exchanges without sockets.
 *
 * Stands in for http.c and exchange.c, so a test that includes this must not call them.
 */
#ifndef ROSIM_CHECK_SERVER_EXCHANGE_H
#define ROSIM_CHECK_SERVER_EXCHANGE_H

#include "tests/check_support.h"
#include "server/log.h"
#include "server/router.h"
#include "server/service.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>

enum { CALL_ARENA_BYTES = 8 << 20, QUEUE_TOKENS = 4096, TEXTS_MAX = 16 };

typedef struct { const char *name, *value; } call_header;

struct connection {
    const call_header *headers;           /* up to a NULL name */
    sem_t resumed;
    bool suspended, gone;
};

slice exchange_header(const exchange *x, const char *name)
{
    for (const call_header *h = x->connection->headers; h->name; h++)
        if (strcmp(h->name, name) == 0)
            return slice_of(h->value);
    return (slice){ NULL, 0 };
}

void exchange_answer(exchange *x, int status_code, const char *content_type, slice body)
{
    x->status = status_code;
    x->content_type = content_type;
    x->answer = body;
}

void exchange_add_header(exchange *x, const char *name, const char *value)
{
    ck_assert_uint_lt(x->header_count, ANSWER_HEADERS_MAX);
    x->headers[x->header_count].name = name;
    x->headers[x->header_count++].value = value;
}

void exchange_suspend(exchange *x)
{
    ck_assert(!x->connection->suspended);
    x->connection->suspended = true;
}

void exchange_resume(exchange *x)
{
    (void)sem_post(&x->connection->resumed);
}

bool exchange_client_gone(const exchange *x)
{
    return x->connection->gone;
}

/* ---- the service ---- */

typedef struct {
    registry *registry;
    batcher *batcher;
    pool *pool;
    service service;
    const char *paths[128];
} fixture;

/* The first model has both kinds of attention, the second softmax only. */
static inline void fixture_open(fixture *f, size_t queue_tokens)
{
    static const model_options models[] = { { .path = "tests/golden/encoder/roformer_linear", .name = "both" },
                                            { .path = "tests/golden/encoder/bert", .name = "soft" } };
    errinfo err = { 0 };
    size_t routes;
    log_configure(LOG_ERROR, false);
    const route *table = router_table(&routes);
    *f = (fixture){ .service = { .max_texts = TEXTS_MAX, .timeout_ns = 30000000000, .auto_truncate = true,
                                 .tei_max_concurrent = 512, .max_batch_tokens = 2048,
                                 .max_queue_tokens = queue_tokens } };
    ck_assert_msg(registry_open(&f->registry, models, 2, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(pool_open(&f->pool, 1, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < routes; i++)
        f->paths[i] = table[i].path;
    f->service.metrics = metrics_open(f->paths, routes);
    batcher_options batches = { .pool = f->pool,
                                .models = registry_all(f->registry),
                                .model_count = 2,
                                .max_queue_tokens = queue_tokens,
                                .max_batch_tokens = 2048,
                                .metrics = f->service.metrics };
    ck_assert_msg(batcher_open(&f->batcher, &batches, &err) == ST_OK, "%s", err.text);
    ck_assert_int_eq(generations_open(&f->service.generations, f->registry, f->batcher, &err), ST_OK);
    ck_assert_msg(artifacts_open(&f->service.artifacts, NULL, f->registry, &err) == ST_OK, "%s", err.text);
    f->service.costs = cost_book_open(1);
    ck_assert_ptr_nonnull(f->service.costs);
    f->service.started_ns = clock_now_ns();
    f->service.ready = true;
}

static inline void fixture_close(fixture *f)
{
    generations_close(f->service.generations);
    artifacts_close(f->service.artifacts);
    cost_book_close(f->service.costs);
    metrics_close(f->service.metrics);
    auth_close(f->service.auth);
    pool_close(f->pool);
}

/* ---- one request ---- */

typedef struct {
    exchange x;
    struct connection connection;
} call;

static const call_header json_headers[] = { { "content-type", "application/json" }, { NULL, NULL } };

/* Runs a request from its headers to its answer, as http.c would. */
static inline void call_make(call *c, fixture *f, const char *method, const char *path, const call_header *headers,
                             slice body, size_t arena_bytes)
{
    http_handlers h = router_handlers(&f->service);
    *c = (call){ .connection = { .headers = headers, .gone = c->connection.gone } };
    (void)sem_init(&c->connection.resumed, 0, 0);
    c->x = (exchange){ .arena = arena_open(0, arena_bytes), .method = slice_of(method), .path = slice_of(path),
                       .request_id = "id-1", .received_ns = clock_now_ns(), .connection = &c->connection };
    h.on_headers(h.context, &c->x);
    if (c->x.status == 0) {
        c->x.body = body;
        c->x.body_ns = clock_now_ns();
        h.on_request(h.context, &c->x);
    }
    if (c->connection.suspended)
        (void)sem_wait(&c->connection.resumed);
    if (c->x.status == 0)
        h.on_resumed(h.context, &c->x);
    ck_assert_int_ne(c->x.status, 0);
    h.on_completed(h.context, &c->x);
}

static inline void call_post(call *c, fixture *f, const char *path, const char *body)
{
    call_make(c, f, "POST", path, json_headers, slice_of(body), CALL_ARENA_BYTES);
}

static inline void call_end(call *c)
{
    arena_close(c->x.arena);
    (void)sem_destroy(&c->connection.resumed);
}

static inline const char *call_header_of(const call *c, const char *name)
{
    for (size_t i = 0; i < c->x.header_count; i++)
        if (strcmp(c->x.headers[i].name, name) == 0)
            return c->x.headers[i].value;
    return NULL;
}

static inline bool call_says(const call *c, const char *text)
{
    return c->x.answer.data && strstr(c->x.answer.data, text) != NULL;
}

#endif
