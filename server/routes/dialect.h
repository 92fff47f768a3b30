/* dialect.h - what the foreign dialects share: a reader of the body, a job, an answer.
 *
 * Owns     nothing: a request lies in its exchange's arena.
 * Borrows  the service until the server ends; the exchange until its end.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 */
#ifndef ROSIM_DIALECT_H
#define ROSIM_DIALECT_H

#include "server/routes/encode_job.h"

/* The first member of every dialect's request: what the job needs. */
typedef struct {
    encode_options options;
    input_list list;
    size_t dimensions;            /* 0: all */
} text_request;

/* Fills a zeroed request, text_request first, from the body. */
typedef bool dialect_reader(const cJSON *body, const request_limits *limits, arena *a, void *request,
                            json_fault *fault);

/* Reads, encodes, answers; or answers with what is wrong. */
void dialect_start(service *s, exchange *x, dialect_reader *read, void (*answer)(encode_job *e),
                   size_t request_bytes);
/* The first half of it, for routes that look at the request before they encode: NULL when x has been answered. */
encode_job *dialect_read(service *s, exchange *x, dialect_reader *read, void (*answer)(encode_job *e),
                         size_t request_bytes);
void dialect_encode(encode_job *e);

/* Both inputs' cosine. */
float dialect_cosine(const encode_job *e, size_t a, size_t b);
/* "usage": prompt_tokens and total_tokens. */
void dialect_usage(const encode_job *e, json_out *w);
/* TEI's x-compute-* headers. */
void dialect_timings(const encode_job *e);
/* Seconds since 1970. */
int64_t dialect_created(void);

#endif
