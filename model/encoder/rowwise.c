/* rowwise.c - see rowwise.h. */
#include "model/encoder/rowwise.h"

enum {
    BLOCK_ROWS = 64,        /* 64 x 1536 floats and their bf16 or int8 form: half of a second-level cache of 1 MiB */
    LEAST_ROWS = 48,        /* of a thread: with fewer it is better that threads share out the weights */
    BETWEEN_BLOCKS = 4      /* of a thread, then the pool is free where somebody may want it */
};

/* Every block reads all weights of the layer. As fp32 they do not stay in any cache, and more than a block for each
 * thread would cost more than it saves. */
bool rowwise_pays(const forward *f)
{
    const size_t threads = pool_threads(f->pool);
    const bool narrow = f->e->weights.layers[0].qkv.format->row_bytes;
    return !f->batch->observe && !f->batch->dropout && f->tokens >= LEAST_ROWS * threads &&
           (narrow || f->tokens <= BLOCK_ROWS * threads);
}

/* ---- cuts ---- */

enum { DENSE_LAYERS = 4 };

typedef struct {
    const dense_weight *all[DENSE_LAYERS];
} dense_list;

static dense_list denses_of(const layer_weight *layer)
{
    return (dense_list){ { &layer->qkv, &layer->attention_output, &layer->intermediate, &layer->output } };
}

/* The least common multiple of the dense layers' row blocks. */
static size_t row_unit(const layer_weight *layer)
{
    const dense_list denses = denses_of(layer);
    size_t unit = 1;
    for (size_t i = 0; i < DENSE_LAYERS; i++)
        for (size_t step = unit; unit % denses.all[i]->format->row_block; unit += step) { }
    return unit;
}

/* As even as possible for the threads. */
static size_t block_rows(const forward *f, const layer_weight *layer)
{
    const size_t threads = pool_threads(f->pool), unit = row_unit(layer);
    size_t blocks = forward_parts(forward_parts(f->tokens, BLOCK_ROWS), threads) * threads;
    return forward_parts(forward_parts(f->tokens, blocks), unit) * unit;
}

/* ---- scratch of a worker: what dense layers want, the feed-forward's rows, and those rows prepared ---- */

typedef struct {
    size_t wide, prepared, bytes;
} layout;

static size_t dense_bytes(const dense_weight *w)
{
    return w->format->scratch_bytes ? w->format->scratch_bytes(w->outputs, w->inputs) : 0;
}

static layout layout_of(const layer_weight *layer, size_t rows)
{
    const dense_list denses = denses_of(layer);
    const dense_format *format = layer->output.format;
    layout l = { 0 };
    for (size_t i = 0; i < DENSE_LAYERS; i++) {
        size_t wanted = forward_aligned(dense_bytes(denses.all[i]));
        l.wide = wanted > l.wide ? wanted : l.wide;
    }
    l.prepared = l.wide + forward_aligned(rows * layer->intermediate.outputs * sizeof(float));
    l.bytes = l.prepared + (format->row_bytes ? rows * format->row_bytes(layer->output.inputs) : 0);
    return l;
}

size_t rowwise_bytes(const encoder *e, size_t max_tokens)
{
    const layer_weight *layer = &e->weights.layers[0];    /* all layers have the same shapes */
    if (max_tokens < LEAST_ROWS)
        return 0;
    size_t unit = row_unit(layer), rows = forward_parts(BLOCK_ROWS, unit) * unit;
    return layout_of(layer, rows).bytes;
}

/* ---- a block of rows through the layer ---- */

typedef struct {
    const forward *f;
    const layer_weight *layer;
    const dense_weight *next;
    size_t rows;                  /* of a block */
    size_t first_block;           /* of this run */
} rowwise_job;

typedef struct {
    const forward *f;
    size_t first, last;           /* rows */
    void *scratch;
} block;

/* y[rows][outputs] = act(x W' + b), x in the layout of w's format. */
static void multiply(const block *b, const dense_weight *w, const void *x, activation act, float *y)
{
    const dense_format *format = w->format;
    size_t stride = format->row_bytes ? format->row_bytes(w->inputs) : w->inputs * sizeof(float);
    format->dense(x, stride, b->last - b->first, w, 0, w->outputs, act, y, w->outputs, b->scratch);
}

/* x, or where the format wants it the rows that were prepared from it. */
static const void *input_of(const block *b, const dense_weight *w, const float *x)
{
    return w->format->row_bytes ? forward_prepared_row(b->f, w, b->first) : (const void *)(x + b->first * w->inputs);
}

/* x[rows][inputs] in the layout of w's format. */
static const void *prepare(const block *b, const dense_weight *w, const float *x, char *to)
{
    const dense_format *format = w->format;
    if (!format->row_bytes)
        return x;
    for (size_t i = 0; i < b->last - b->first; i++)
        format->prepare(x + i * w->inputs, w->inputs, to + i * format->row_bytes(w->inputs));
    return to;
}

static void attention_output(const block *b, const layer_weight *layer)
{
    const encoder_scratch *s = b->f->s;
    const dense_weight *w = &layer->attention_output;
    const size_t at = b->first * w->inputs;
    char *to = w->format->row_bytes ? forward_prepared_row(b->f, w, b->first) : NULL;
    multiply(b, w, prepare(b, w, s->mixed + at, to), ACTIVATION_NONE, s->delta + b->first * w->outputs);
    forward_norm_rows(b->f, s->hidden, s->delta, layer->attention_norm, w->outputs, &layer->intermediate, b->first,
                      b->last);
}

static void feed_forward(const block *b, const layer_weight *layer, const dense_weight *next)
{
    const encoder_scratch *s = b->f->s;
    const dense_weight *in = &layer->intermediate, *out = &layer->output;
    const layout l = layout_of(layer, b->last - b->first);
    float *wide = (float *)((char *)b->scratch + l.wide);
    multiply(b, in, input_of(b, in, s->hidden), b->f->e->config.act, wide);
    multiply(b, out, prepare(b, out, wide, (char *)b->scratch + l.prepared), ACTIVATION_NONE,
             s->delta + b->first * out->outputs);
    forward_norm_rows(b->f, s->hidden, s->delta, layer->output_norm, out->outputs, next, b->first, b->last);
}

static void rowwise_task(void *context, size_t task, size_t worker)
{
    const rowwise_job *job = context;
    const forward *f = job->f;
    const size_t first = (job->first_block + task) * job->rows, last = first + job->rows;
    const block b = { f, first, last < f->tokens ? last : f->tokens, forward_worker_scratch(f, worker) };
    attention_output(&b, job->layer);
    feed_forward(&b, job->layer, job->next);
    if (job->next)
        multiply(&b, job->next, input_of(&b, job->next, f->s->hidden), ACTIVATION_NONE,
                 f->s->wide + first * job->next->outputs);
}

dense_rows rowwise_run(const forward *f, const layer_weight *layer, const dense_weight *next)
{
    rowwise_job job = { f, layer, next, block_rows(f, layer), 0 };
    const size_t blocks = forward_parts(f->tokens, job.rows);
    const size_t most = f->batch->between ? BETWEEN_BLOCKS * pool_threads(f->pool) : blocks;
    for (; job.first_block < blocks; job.first_block += most) {
        size_t left = blocks - job.first_block;
        forward_run_tasks(f, left < most ? left : most, rowwise_task, &job);
    }
    return (dense_rows){ .x = f->s->hidden, .count = f->tokens, .multiplied = next };
}
