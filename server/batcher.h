/* batcher.h - gathers the texts of many requests into packed batches and runs the model on them.
 *
 * Owns     its queue, one compute thread, the pool's runs, a model_runner, and where texts may be longer than a batch
 *          a second one for short texts in between.
 * Borrows  models and pool until close; each job from submit until its done() has been called.
 * Threads  submit: any thread. open, close: main. done(): on the compute thread, no lock held; must be quick.
 * Limits   max_queue_tokens wait; a job that does not fit gets ST_BUSY at once and whole. A job past its deadline, or
 *          whose client has gone, is finished without being run.
 */
#ifndef ROSIM_BATCHER_H
#define ROSIM_BATCHER_H

#include "model/model.h"
#include "weights/base.h"

typedef struct batcher batcher;
typedef struct job job;

struct job {
    /* filled by the submitter, in memory that outlives done() */
    const model *model;
    attention_kind attention;
    const uint32_t *ids;                  /* [T] all texts, packed */
    const uint32_t *starts;               /* [texts + 1] */
    size_t texts;
    float *vectors;                       /* [texts][dimensions], the batcher writes raw pooled vectors */
    float *token_vectors;                 /* NULL, or [T][dimensions]; such a job shares its batches with no other */
    double dropout;                       /* dropout.h; such a job, too, has its batches to itself */
    const uint64_t *dropout_keys;         /* NULL: none; [texts] */
    int64_t deadline_ns;                  /* clock_now_ns; always set */
    void (*done)(job *j);                 /* called exactly once, also on failure */
    bool (*gone)(const job *j);           /* NULL: never */
    void *context;

    /* filled by the batcher before done() */
    status result;                        /* ST_OK, ST_TIMEOUT, ST_BUSY (draining), ST_INTERNAL, ST_INPUT */
    bool cancelled;                       /* the client was gone */
    errinfo err;
    int64_t queued_ns, started_ns, finished_ns;

    /* the batcher's own */
    job *next;
    size_t next_text, texts_done;
    int64_t rank_ns;                      /* its place in the queue: smaller runs earlier */
};

typedef struct {
    pool *pool;
    const model *const *models;
    size_t model_count;
    size_t max_queue_tokens;              /* 262 144 */
    size_t max_batch_tokens;              /* of several texts together; one longer text is a batch of its own */
    double tokens_per_s;                  /* the speed to believe in until the first batch; 0: a careful guess */
    struct metrics *metrics;              /* NULL: none */
} batcher_options;

/* The bytes that open will allocate: for the memory formula. */
size_t batcher_bytes(const batcher_options *options);

MUST_USE status batcher_open(batcher **out, const batcher_options *options, errinfo *err);
/* ST_BUSY: full now (try later), or closing. ST_INPUT: the job alone exceeds the queue. On failure done() is not
 * called. */
MUST_USE status batcher_submit(batcher *b, job *j, errinfo *err);
size_t batcher_queued_tokens(const batcher *b);
size_t batcher_queued_texts(const batcher *b);
double batcher_tokens_per_s(const batcher *b);            /* measured over recent batches */
double batcher_estimated_wait_s(const batcher *b);        /* queued tokens / recent tokens per second */
int64_t batcher_heartbeat_ns(const batcher *b);           /* last time the compute thread was seen alive */
/* Ends every queued job with ST_BUSY, lets the running batch finish, joins. The handle stays good: submit gives
 * ST_BUSY. Main stops the batcher, then closes http (whose threads may still ask it), then closes the batcher. */
void batcher_stop(batcher *b);
/* Stops, and frees. NULL is fine. */
void batcher_close(batcher *b);

#endif
