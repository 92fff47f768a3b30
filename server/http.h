/* http.h - libmicrohttpd glue: connections, suspend and resume, deadlines of slow clients, drain. No JSON, no
 * tensors.
 *
 * Owns     the daemon, its threads, the reaper, every exchange.
 * Borrows  the handlers, their context and tls until close.
 * Threads  open, drain, close: main. Handlers run on the HTTP threads. exchange_resume: any thread.
 * Limits   those of http_options; defaults in api.md section 5 and reliability.md 1.8.
 * Source   reliability.md section 1: poll mode and a pool of 2 (epoll stalls), the guard, the reaper, the order of a
 *          drain.
 */
#ifndef ROSIM_HTTP_H
#define ROSIM_HTTP_H

#include "server/exchange.h"
#include "weights/base.h"

typedef struct http http;

typedef struct {
    /* Headers are complete, the body is not. Answering here (exchange_answer) refuses the request before its body. */
    void (*on_headers)(void *context, exchange *x);
    /* A part of a body whose exchange streams (on_headers said so). Returns how much of it was used: less than all
     * only after a suspend; the rest comes again after the resume. */
    size_t (*on_part)(void *context, exchange *x, slice bytes);
    /* The body is complete: answer, or suspend. */
    void (*on_request)(void *context, exchange *x);
    /* Called on an HTTP thread after a resume, when there is no answer yet. Must answer. */
    void (*on_resumed)(void *context, exchange *x);
    /* The answer has been sent, or the client is gone (then status may be 0); the exchange ends after it. */
    void (*on_completed)(void *context, exchange *x);
    /* HTTP-level refusals (guard, body too large, arena full) become answers through this: code is an api_error. */
    void (*on_refused)(void *context, exchange *x, int api_error, const char *message);
    void *context;
} http_handlers;

typedef struct {
    const char *host;                     /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;                        /* 0: any free one */
    size_t threads;                       /* HTTP threads, 2 */
    size_t connections;                   /* 1024 */
    size_t body_bytes;                    /* 2 MiB */
    size_t stream_bytes;                  /* of a body in NDJSON, which is never held as a whole; 0: body_bytes */
    size_t arena_bytes;                   /* per request, 64 MiB */
    int64_t header_ns, body_ns, write_ns; /* deadlines kept by the reaper: 10 s, 30 s, 30 s */
    int64_t idle_ns;                      /* keep-alive, 75 s */
    struct tls *tls;                      /* https with its certificate; NULL: http */
} http_options;

MUST_USE status http_open(http **out, const http_options *options, const http_handlers *handlers, errinfo *err);
uint16_t http_port(const http *h);
size_t http_in_flight(const http *h);     /* exchanges between on_headers and on_completed */
size_t http_connections(const http *h);

/* Every later answer carries Connection: close. */
void http_close_after_answer(http *h);
/* No new connections: quiesce and shut the listening socket down; the rest goes on. */
void http_stop_listening(http *h);
/* All exchanges must have been resumed. Joins the threads. NULL is fine. */
void http_close(http *h);

#endif
