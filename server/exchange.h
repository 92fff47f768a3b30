/* exchange.h - one request and its answer, free of libmicrohttpd: what a route handler sees.
 *
 * Owns     its arena, and everything in it, from the first header byte until the answer is sent or the client is
 *          gone.
 * Borrows  nothing.
 * Threads  belongs to one HTTP thread while a handler runs; between exchange_suspend and exchange_resume to whoever
 *          holds the job. After exchange_resume the resuming thread must not touch it.
 * Limits   the arena: 64 MiB, or the option; full means 503 out_of_memory.
 */
#ifndef ROSIM_EXCHANGE_H
#define ROSIM_EXCHANGE_H

#include "server/trace.h"
#include "weights/base.h"

typedef struct exchange exchange;
struct route;

enum { REQUEST_ID_MAX = 64, ANSWER_HEADERS_MAX = 16 };

struct exchange {
    /* the request */
    arena *arena;
    slice method, path;                   /* path is decoded-free, absolute form stripped, without the query */
    slice body;                           /* complete when the handler is called */
    char request_id[REQUEST_ID_MAX + 1];  /* the client's when well-formed, else ours */
    trace trace;                          /* of the client's traceparent, when well-formed */
    int64_t received_ns;                  /* first header byte */
    int64_t body_ns;                      /* body complete */

    /* the router's and the handler's */
    const struct route *route;            /* NULL until found */
    const void *client;                   /* auth.h: the key's entry, or NULL */
    struct generation *generation;        /* generations.h: its models, from on_request to its end */
    void *state;                          /* the handler's, in the arena */
    int spoken;                           /* 1 + dialect when the body showed another one than the route's; else 0 */

    /* a body that is worked on as it comes: route.part */
    bool streams;
    int64_t patience_ns;                  /* from exchange_resume on, for the client's next bytes; 0: for ever */
    void (*ending)(exchange *x);          /* gives back what is not in the arena; NULL: nothing is */

    /* the answer */
    int status;                           /* 0: not answered yet */
    bool close_connection;
    const char *content_type;             /* static or in the arena */
    slice answer;                         /* in the arena, or static */
    /* NULL, or the answer in parts instead: writes up to room bytes (1 or more) and says how many; 0: that was all. */
    size_t (*produce)(exchange *x, char *out, size_t room);
    struct { const char *name, *value; } headers[ANSWER_HEADERS_MAX];
    size_t header_count;

    struct connection *connection;        /* http.c's own */
};

/* A request header by lower-case name; data NULL when absent. */
slice exchange_header(const exchange *x, const char *name);

void exchange_answer(exchange *x, int status, const char *content_type, slice body);
void exchange_add_header(exchange *x, const char *name, const char *value);

/* Only inside a handler; the handler then returns. The answer is set before resume, or by the route's finish. */
void exchange_suspend(exchange *x);
/* From any thread, exactly once for each suspend: the HTTP thread goes on with the request (route finish, then the
 * answer). */
void exchange_resume(exchange *x);
/* True when the client has hung up; called by the batcher just before compute. */
bool exchange_client_gone(const exchange *x);

#endif
