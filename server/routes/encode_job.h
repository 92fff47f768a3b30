/* encode_job.h - the way that every inference route shares: inputs to tokens to one job of the batcher to vectors.
 *
 * Owns     nothing: an encode_job lives in its exchange's arena.
 * Borrows  the service until the server ends; the exchange until its end.
 * Threads  start and finish: the exchange's HTTP thread. Between them the job is the batcher's.
 * Limits   the service's: texts, queued tokens, deadline; the model's: tokens a text, vocabulary.
 */
#ifndef ROSIM_ENCODE_JOB_H
#define ROSIM_ENCODE_JOB_H

#include "server/exchange.h"
#include "server/json_out.h"
#include "server/routes/inputs.h"
#include "server/service.h"

typedef struct {
    size_t total, kept;                   /* tokens before and after truncation, special ones included */
    size_t unknown;                       /* [UNK] among the kept */
    size_t row;                           /* of its vector; inputs with the same text share one */
    const uint32_t *ids;                  /* [kept] */
} encoded_input;

/* Each different text `count` times more, with dropout, in one job with the plain ones; count 0: not. */
typedef struct {
    size_t count;
    double dropout;
    uint32_t seed;
} encode_copies;

typedef struct encode_job encode_job;
struct encode_job {
    /* filled by the route */
    service *service;
    exchange *exchange;
    encode_options options;
    const input *inputs;                  /* [count] */
    size_t count;
    void (*answer)(encode_job *e);        /* every vector is there: write the answer */
    void *request;                        /* the route's own, request_bytes given to encode_open */
    size_t dimensions;                    /* asked for; 0: all */
    encode_copies copies;                 /* not together with wants_tokens */
    bool wants_tokens;                    /* a vector of every token, too */
    void (*work)(encode_job *e);          /* between vectors and answer, on the labour thread; NULL: none */
    bool unwatched;                       /* these texts are not served ones: drift does not count them */

    /* filled by encode_start */
    const model *model;
    attention_kind attention;
    bool untrained;                       /* the answer must carry a warning */
    encoded_input *encoded;               /* [count] */
    size_t tokens, truncated, unknown;    /* sums over the inputs; truncated: inputs that were cut */
    size_t rows, row_tokens;              /* different texts, and their tokens: the work */
    int64_t started_ns, tokenized_ns;
    bool suspended;                       /* encode_start has suspended the exchange: a resume comes */
    bool work_refused;                    /* the labour thread had no room */
    job job;
};

/* A new one in the arena of x, which it becomes the state of; NULL when full, and then x has been answered. */
encode_job *encode_open(service *s, exchange *x, void (*answer)(encode_job *e), size_t request_bytes);

/* Chooses the model, tokenizes, suspends and submits; or answers with what is wrong. */
void encode_start(encode_job *e);
/* The `finish` of every route that uses encode_start. */
void encode_finish(struct service *s, exchange *x);

/* The raw pooled vector of an input, and its width. */
const float *encode_vector(const encode_job *e, size_t index);
size_t encode_width(const encode_job *e);

/* Of a copy, 1 to copies.count; 0: the plain one. */
const float *encode_copy(const encode_job *e, size_t index, size_t copy);

/* With wants_tokens: the vectors of its kept tokens, [kept][width] (encoder.h: token_vectors). */
const float *encode_token_vectors(const encode_job *e, size_t index);

/* Answers with a fault of the decoder. */
void encode_refuse(exchange *x, const json_fault *fault);
/* 200 with what was written, or out_of_memory. */
void encode_send(exchange *x, json_out *w);
/* The member "warning": "the model was not trained for linear attention ..."; nothing where it was. */
void encode_warning(const encode_job *e, json_out *w);

/* Answers 403 when the client's key is not given this model. */
bool encode_may_use(exchange *x, const model *m);

#endif
