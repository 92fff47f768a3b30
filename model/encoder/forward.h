/* forward.h - the steps that encoder.c puts in order, each shared out over the pool.
 *
 * Owns     encoder_scratch owns one arena, carved once.
 * Borrows  a forward borrows everything.
 * Threads  a step returns when all its tasks are done; tasks write disjoint memory.
 * Limits   private to this folder. Cuts lie on the kernels' blocks, so that no cut changes a bit; those of a step
 *          depend on shapes only, those of rowwise.c on the number of threads too.
 */
#ifndef ROSIM_FORWARD_H
#define ROSIM_FORWARD_H

#include "model/encoder/encoder.h"
#include "model/encoder/layers.h"

struct encoder {
    encoder_config config;
    const kernels *k;
    precision_kind precision;
    layers weights;
    arena *tables;
    const float *rope;            /* [max_length][d] */
    const float *feature_rope;    /* [max_length][F] for the linear map; NULL where it does not turn */
    const float *directions;      /* [d][m] of favor */
};

/* A run of queries of one sequence: the unit of attention's work, times heads. */
typedef struct {
    uint32_t sequence, first_query, last_query;
} attention_item;

struct encoder_scratch {
    arena *memory;
    size_t max_tokens, max_sequences, threads, worker_bytes;
    char *workers;                /* [threads][worker_bytes] */
    float *hidden;                /* [T][D] the residual stream */
    float *mixed;                 /* [T][D] values mixed by attention */
    float *delta;                 /* [T][D] what a sublayer adds */
    float *wide;                  /* [T][max(3D, I, E)] */
    char *prepared;               /* [T] rows of x as the next dense layer's format reads them */
    float *first;                 /* [T][D] the first layer's output; NULL unless it is pooled */
    float *pooled;                /* [S][D] */
    uint32_t *positions;          /* [T] of each token in its sequence */
    attention_item *items;
};

typedef struct {
    const encoder *e;
    encoder_scratch *s;
    pool *pool;
    const encoder_batch *batch;
    size_t tokens;
    bool first_only;              /* attention is wanted for the first token of each sequence only */
} forward;

/* The input of a dense layer. */
typedef struct {
    const float *x;
    size_t count;
    bool prepared;                /* s->prepared holds the rows in the layer's format already */
    bool multiplied;              /* s->wide holds the layer's output already */
} dense_rows;

/* Queries of an attention_item when there are few heads to share out: keys and values are packed once an item. */
enum { FORWARD_QUERIES = 256 };

static inline size_t forward_parts(size_t whole, size_t part)
{
    return (whole + part - 1) / part;
}

/* To whole cache lines. */
static inline size_t forward_aligned(size_t bytes)
{
    return forward_parts(bytes, 64) * 64;
}

/* Tasks over the pool. Afterwards the pool is free, for whoever asked to be told. */
void forward_run_tasks(const forward *f, size_t count, pool_task *task, void *context);
/* s->worker_bytes of one worker. */
void *forward_worker_scratch(const forward *f, size_t worker);
/* Of row t of w's input, in the layout of w's format. */
void *forward_prepared_row(const forward *f, const dense_weight *w, size_t t);

const attention_format *forward_attention_format(const encoder *e);

/* What a head of the layer (0 to L-1) finds among an encoder's tables: ropes, scale, maps, directions. The rest of the
 * head is left as it is; its n is set. */
void forward_head_tables(const encoder *e, size_t layer, size_t head, attention_head *h);
/* Any kind of attention, and the scratch that is enough for every kind. */
void forward_attend(const encoder *e, attention_kind kind, const attention_head *h, void *scratch);
size_t forward_attention_bytes(const encoder *e, size_t n);

/* x[T][E] = the sum of the embeddings, normalised. */
void forward_embed(const forward *f, float *x);

/* y[rows][outputs] = act(x W' + b). */
void forward_dense(const forward *f, dense_rows rows, const dense_weight *w, activation act, float *y);

/* x[T][width] = norm(x + add); then s->prepared, where the format of the dense layer that reads x next asks for it
 * (next NULL: none does). Returns x as that layer's input. */
dense_rows forward_norm(const forward *f, float *x, const float *add, norm_weight w, size_t width,
                        const dense_weight *next);

/* The same of rows first to last - 1, by the caller alone. */
void forward_norm_rows(const forward *f, float *x, const float *add, norm_weight w, size_t width,
                       const dense_weight *next, size_t first, size_t last);

/* With dropout: x[T][width], what a sublayer adds (or the embeddings, layer 0), through the mask of each sequence. */
void forward_dropout(const forward *f, float *x, size_t width, size_t layer, dropout_site site);

/* Moves the first row of every sequence of x[T][width] together: x[S][width]. */
void forward_gather_first(const forward *f, float *x, size_t width);

/* What q.k is multiplied by in a sequence of n tokens. */
float forward_score_scale(const encoder_config *c, size_t n);

/* s->mixed from the queries, keys and values in s->wide. */
void forward_attention(const forward *f, const layer_weight *layer);

/* out[S][D]: pooling_reduce of each sequence. */
void forward_pool(const forward *f, float *out);

#endif
