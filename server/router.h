/* router.h - one table: method, path, who may, dialect, handlers, documented statuses.
 *
 * Owns     nothing: the table is constant.    Borrows  the service until the server ends.
 * Threads  handlers run on HTTP threads.
 * Limits   none.
 */
#ifndef ROSIM_ROUTER_H
#define ROSIM_ROUTER_H

#include "server/api_error.h"
#include "server/exchange.h"
#include "server/http.h"
#include "server/schema.h"

struct service;

/* ACCESS_KEY: a bearer key when keys are configured; what a row without a word about access would have. */
typedef enum { ACCESS_KEY, ACCESS_PUBLIC } route_access;

/* What handle and finish are to a JSON body, for one in NDJSON that is worked on as it comes. */
typedef struct {
    size_t (*part)(struct service *s, exchange *x, slice bytes);         /* http.h: on_part */
    void (*end)(struct service *s, exchange *x);                         /* the body is complete: answer, or suspend */
    void (*finish)(struct service *s, exchange *x);                      /* after a resume that follows end */
} route_stream;

typedef struct route {
    const char *method, *path;
    route_access access;
    dialect dialect;
    void (*handle)(struct service *s, exchange *x); /* body complete: answer, or suspend and submit a job */
    void (*finish)(struct service *s, exchange *x); /* after resume: the job is done; answer. NULL: handle answers */
    const char *summary;

    /* For /openapi.json; all may be left out. */
    const schema *body;            /* of the request; NULL: none, or with POST any object */
    const schema *answer;          /* of a success; NULL: not described */
    const char *example;                  /* a body, as JSON */
    int success;                          /* its status; 0: 200, with DELETE 204. 400 or more: there is no success */
    const char *media;                    /* its content type; NULL: application/json */
    const route_stream *stream;           /* takes NDJSON as well; NULL: JSON bodies only */
    int also;                             /* 1 + another dialect in which errors may come, by the shape of the body */
} route;

const route *router_table(size_t *count);

/* What stands in the place of {id} in the path of x; empty where its route has none. As it came: not decoded. */
slice router_id(const exchange *x);

/* The http handlers of a service: finds the route, checks method (405 + Allow), access, content type and encoding,
 * CORS; then calls the route. */
http_handlers router_handlers(struct service *s);
/* For a listener that has /metrics and nothing else. */
http_handlers router_metrics_handlers(struct service *s);

#endif
