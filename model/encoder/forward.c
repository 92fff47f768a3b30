/* forward.c - see forward.h. A step is a small struct on the stack, a task function, and a count
 * that follows from the shapes. Rows are cut on the kernels' row block and columns on a panel of
 * fixed width, so that every element is computed the same way whoever computes it and whatever
 * stands beside it in the batch.
 */
#include "model/encoder/forward.h"

#include "model/encoder/attention.h"
#include "model/encoder/pooling.h"

#include <math.h>
#include <string.h>

enum {
    PANEL_COLUMNS = 64,     /* of a dense task: even one short text is shared out evenly */
    TASK_PANELS = 4,        /* of a dense task at most */
    DENSE_ROWS = 96,        /* of a dense task at most: so many meet a panel while it is in the cache */
    ROWS_PER_TASK = 4,      /* of a norm, an embedding or a conversion task */
    LONG_TOKENS = 1024      /* attention over so many is run in parts, where somebody may want the pool in between */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void *forward_worker_scratch(const forward *f, size_t worker)
{
    return f->s->workers + worker * f->s->worker_bytes;
}

void forward_run_tasks(const forward *f, size_t count, pool_task *task, void *context)
{
    pool_run(f->pool, count, task, context);
    if (f->batch->between)
        f->batch->between(f->batch->between_context);
}

/* ---- rows: embeddings and norms ---- */

typedef struct {
    const forward *f;
    float *x;
    const float *add;
    norm_weight w;
    size_t width;
    const dense_weight *next;     /* what reads x next in a format of its own; NULL: nothing */
} rows_job;

static void norm_row(const rows_job *job, float *x, const float *add)
{
    const kernels *k = job->f->e->k;
    float eps = job->f->e->config.norm_eps;
    if (job->f->e->config.norm == NORM_RMS)
        k->rms_norm(x, add, job->w.gamma, eps, job->width, x);
    else
        k->layer_norm(x, add, job->w.gamma, job->w.beta, eps, job->width, x);
}

void *forward_prepared_row(const forward *f, const dense_weight *w, size_t t)
{
    return f->s->prepared + t * w->format->row_bytes(w->inputs);
}

static void norm_rows(const rows_job *job, size_t first, size_t last)
{
    for (size_t t = first; t < last; t++) {
        float *x = job->x + t * job->width;
        norm_row(job, x, job->add ? job->add + t * job->width : NULL);
        if (job->next)
            job->next->format->prepare(x, job->width, forward_prepared_row(job->f, job->next, t));
    }
}

static void norm_task(void *context, size_t task, size_t worker)
{
    const rows_job *job = context;
    (void)worker;
    norm_rows(job, task * ROWS_PER_TASK, smaller((task + 1) * ROWS_PER_TASK, job->f->tokens));
}

static rows_job norm_job(const forward *f, float *x, const float *add, norm_weight w, size_t width,
                         const dense_weight *next)
{
    return (rows_job){ f, x, add, w, width, next && next->format->row_bytes ? next : NULL };
}

void forward_norm_rows(const forward *f, float *x, const float *add, norm_weight w, size_t width,
                       const dense_weight *next, size_t first, size_t last)
{
    rows_job job = norm_job(f, x, add, w, width, next);
    norm_rows(&job, first, last);
}

dense_rows forward_norm(const forward *f, float *x, const float *add, norm_weight w, size_t width,
                        const dense_weight *next)
{
    rows_job job = norm_job(f, x, add, w, width, next);
    forward_run_tasks(f, forward_parts(f->tokens, ROWS_PER_TASK), norm_task, &job);
    return (dense_rows){ .x = x, .count = f->tokens, .prepared = job.next };
}

void forward_gather_first(const forward *f, float *x, size_t width)
{
    for (size_t s = 1; s < f->batch->sequences; s++)
        memmove(x + s * width, x + f->batch->starts[s] * width, width * sizeof *x);
}

static void copy_word(const word_table *words, uint32_t id, size_t width, float *x)
{
    if (words->f32) {
        memcpy(x, words->f32 + (size_t)id * width, width * sizeof *x);
        return;
    }
    const uint16_t *row = words->bf16 + (size_t)id * width;
    for (size_t i = 0; i < width; i++) {
        uint32_t bits = (uint32_t)row[i] << 16;    /* as widen_bf16, here where the compiler sees the loop */
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void embed_row(const rows_job *job, size_t t, float *x)
{
    const layers *w = &job->f->e->weights;
    copy_word(&w->words, job->f->batch->ids[t], job->width, x);
    for (size_t i = 0; i < job->width; i++)
        x[i] += w->types[i];
    if (w->positions) {
        const float *position = w->positions + (size_t)job->f->s->positions[t] * job->width;
        for (size_t i = 0; i < job->width; i++)
            x[i] += position[i];
    }
    norm_row(job, x, NULL);
}

static void embed_rows(void *context, size_t task, size_t worker)
{
    const rows_job *job = context;
    size_t last = smaller((task + 1) * ROWS_PER_TASK, job->f->tokens);
    (void)worker;
    for (size_t t = task * ROWS_PER_TASK; t < last; t++)
        embed_row(job, t, job->x + t * job->width);
}

void forward_embed(const forward *f, float *x)
{
    const encoder *e = f->e;
    rows_job job = { .f = f, .x = x, .w = e->weights.embedding_norm, .width = e->config.embedding_size };
    forward_run_tasks(f, forward_parts(f->tokens, ROWS_PER_TASK), embed_rows, &job);
}

/* ---- dropout ---- */

typedef struct {
    const forward *f;
    float *x;
    size_t width, layer;
    dropout_site site;
} dropout_job;

static void dropout_sequence(void *context, size_t task, size_t worker)
{
    const dropout_job *job = context;
    const encoder_batch *b = job->f->batch;
    const size_t first = b->starts[task] * job->width, last = b->starts[task + 1] * job->width;
    (void)worker;
    if (b->dropout->keys[task] != DROPOUT_PLAIN)
        dropout_apply(b->dropout->keys[task], b->dropout->p, job->layer, job->site, job->x + first, last - first);
}

void forward_dropout(const forward *f, float *x, size_t width, size_t layer, dropout_site site)
{
    dropout_job job = { f, x, width, layer, site };
    if (f->batch->dropout)
        forward_run_tasks(f, f->batch->sequences, dropout_sequence, &job);
}

/* ---- dense layers ---- */

typedef struct {
    const forward *f;
    const void *x;
    size_t x_stride_bytes;
    const dense_weight *w;
    activation act;
    float *y;
    size_t rows, row_part, row_parts, panel;
} dense_job;

typedef struct {
    const forward *f;
    const dense_weight *w;
    dense_rows rows;
} prepare_job;

static void prepare_rows(void *context, size_t task, size_t worker)
{
    const prepare_job *job = context;
    const size_t inputs = job->w->inputs;
    size_t last = smaller((task + 1) * ROWS_PER_TASK, job->rows.count);
    (void)worker;
    for (size_t t = task * ROWS_PER_TASK; t < last; t++)
        job->w->format->prepare(job->rows.x + t * inputs, inputs, forward_prepared_row(job->f, job->w, t));
}

/* Tasks of one panel follow each other: its weights stay in the cache while the rows pass by. */
static void dense_task(void *context, size_t task, size_t worker)
{
    const dense_job *job = context;
    const dense_weight *w = job->w;
    const dense_format *format = w->format;
    size_t row = task % job->row_parts * job->row_part;
    size_t first = task / job->row_parts * job->panel;
    format->dense((const char *)job->x + row * job->x_stride_bytes, job->x_stride_bytes,
                  smaller(job->row_part, job->rows - row), w, first,
                  smaller(first + job->panel, w->outputs), job->act, job->y + row * w->outputs,
                  w->outputs, forward_worker_scratch(job->f, worker));
}

/* Tasks of 96 and 32 rows would leave one thread waiting for the other: 128 rows are 64 and 64. */
static size_t even_part(size_t rows, size_t row_block)
{
    size_t wanted = forward_parts(rows, forward_parts(rows, DENSE_ROWS));
    return forward_parts(wanted, row_block) * row_block;
}

/* Taking a task costs two threads a tenth of a microsecond, and one of 16 rows is done in two: several panels are one
 * task, as many as leave the threads equal shares. */
static size_t panels_per_task(size_t panels, size_t threads)
{
    const size_t share = forward_parts(panels, threads);
    size_t count = smaller(share, TASK_PANELS);
    while (share % count)
        count--;
    return count;
}

void forward_dense(const forward *f, dense_rows rows, const dense_weight *w, activation act, float *y)
{
    const dense_format *format = w->format;
    const size_t row_part = even_part(rows.count, format->row_block);
    dense_job job = {
        .f = f, .x = rows.x, .x_stride_bytes = w->inputs * sizeof *rows.x, .w = w, .act = act, .y = y,
        .rows = rows.count, .row_part = row_part, .row_parts = forward_parts(rows.count, row_part),
        .panel = forward_parts(PANEL_COLUMNS, format->column_block) * format->column_block,
    };
    if (job.row_parts == 1)
        job.panel *= panels_per_task(forward_parts(w->outputs, job.panel), pool_threads(f->pool));
    if (format->row_bytes) {
        prepare_job prepare = { f, w, rows };
        if (!rows.prepared)
            forward_run_tasks(f, forward_parts(rows.count, ROWS_PER_TASK), prepare_rows, &prepare);
        job.x = f->s->prepared;
        job.x_stride_bytes = format->row_bytes(w->inputs);
    }
    forward_run_tasks(f, job.row_parts * forward_parts(w->outputs, job.panel), dense_task, &job);
}

/* ---- attention ---- */

const attention_format *forward_attention_format(const encoder *e)
{
    const attention_format *format = e->k->attention[e->precision];
    return format ? format : e->k->attention[PRECISION_F32];
}

typedef struct {
    const forward *f;
    const layer_weight *layer;
    size_t first;                 /* of the tasks, the one that this run begins with */
} attention_job;

float forward_score_scale(const encoder_config *c, size_t n)
{
    double root = sqrt((double)c->head_size);
    if (c->scale == SCALE_NONE)
        return 1;
    if (c->scale == SCALE_LOG512 && n > 1)    /* log 1 is 0; a single key has weight 1 by any scale */
        return (float)(log((double)n) / log(512.0) / root);
    return (float)(1 / root);
}

void forward_head_tables(const encoder *e, size_t layer, size_t head, attention_head *h)
{
    const encoder_config *c = &e->config;
    const layer_weight *w = &e->weights.layers[layer];
    const size_t d = c->head_size;
    h->rope = e->rope;
    h->feature_rope = e->feature_rope;
    h->rotary_value = c->rotary_value;
    h->scale = forward_score_scale(c, h->n);
    h->query_map = w->query_map ? w->query_map + head * d * d : NULL;
    h->key_map = w->key_map ? w->key_map + head * d * d : NULL;
    h->favor_features = c->favor_features;
    h->directions = e->directions;
}

void forward_attend(const encoder *e, attention_kind kind, const attention_head *h, void *scratch)
{
    if (attention_approximates(kind))
        attention_approx(e->k, kind, h, scratch);
    else if (kind == ATTENTION_LINEAR)
        attention_linear(e->k, e->config.map, h, scratch);
    else
        attention_softmax(forward_attention_format(e), h, scratch);
}

size_t forward_attention_bytes(const encoder *e, size_t n)
{
    const encoder_config *c = &e->config;
    size_t softmax = attention_softmax_scratch_bytes(forward_attention_format(e), n, c->head_size);
    size_t linear = attention_linear_scratch_floats(c->map, n, c->head_size) * sizeof(float);
    size_t approx = attention_approx_scratch_floats(n, c->head_size, c->favor_features) * sizeof(float);
    size_t most = softmax > linear ? softmax : linear;
    return most > approx ? most : approx;
}

static attention_head head_of(const attention_job *job, const attention_item *item, size_t head)
{
    const forward *f = job->f;
    const encoder *e = f->e;
    const size_t d = e->config.head_size, width = e->config.hidden_size;
    const size_t start = f->batch->starts[item->sequence];
    const float *rows = f->s->wide + start * 3 * width + head * d;
    attention_head h = {
        .n = f->batch->starts[item->sequence + 1] - start, .d = d, .stride = 3 * width, .out_stride = width,
        .q = rows, .k = rows + width, .v = rows + 2 * width,
        .out = f->s->mixed + start * width + head * d,
        .first_query = item->first_query,
        .last_query = item->last_query,
    };
    forward_head_tables(e, (size_t)(job->layer - e->weights.layers), head, &h);
    return h;
}

static void attention_task(void *context, size_t task, size_t worker)
{
    const attention_job *job = context;
    const encoder *e = job->f->e;
    const size_t heads = e->config.heads, item = (job->first + task) / heads, head_index = (job->first + task) % heads;
    attention_head head = head_of(job, &job->f->s->items[item], head_index);
    forward_attend(e, job->f->batch->attention, &head, forward_worker_scratch(job->f, worker));
}

/* How many queries an item has at most. All but softmax gather all keys before the first query, and softmax packs them:
 * a sequence stays whole unless that would leave processors without work. */
static size_t queries_per_item(const forward *f)
{
    size_t heads = f->batch->sequences * f->e->config.heads;
    if (f->first_only)
        return 1;
    if (f->batch->attention != ATTENTION_SOFTMAX || heads >= 4 * pool_threads(f->pool))
        return SIZE_MAX;
    return FORWARD_QUERIES;
}

static size_t list_items(const forward *f)
{
    const size_t most = queries_per_item(f);
    size_t count = 0;
    for (size_t s = 0; s < f->batch->sequences; s++) {
        size_t n = f->batch->starts[s + 1] - f->batch->starts[s];
        size_t wanted = f->first_only ? 1 : n;
        for (size_t first = 0, last; first < wanted; first = last) {
            last = wanted - first < most ? wanted : first + most;
            f->s->items[count++] = (attention_item){ (uint32_t)s, (uint32_t)first, (uint32_t)last };
        }
    }
    return count;
}

void forward_attention(const forward *f, const layer_weight *layer)
{
    attention_job job = { f, layer, 0 };
    const size_t count = list_items(f) * f->e->config.heads;
    const size_t part = f->batch->between && f->tokens > LONG_TOKENS ? pool_threads(f->pool) : count;
    for (; job.first < count; job.first += part)
        forward_run_tasks(f, smaller(part, count - job.first), attention_task, &job);
}

/* ---- pooling ---- */

typedef struct {
    const forward *f;
    float *out;
} pool_job;

static void pool_sequence(void *context, size_t task, size_t worker)
{
    const pool_job *job = context;
    const forward *f = job->f;
    const size_t width = f->e->config.hidden_size, start = f->batch->starts[task];
    const float *first = f->s->first ? f->s->first + start * width : NULL;
    (void)worker;
    pooling_reduce(f->e->config.pooling, first, f->s->hidden + start * width,
                   f->batch->starts[task + 1] - start, width, job->out + task * width);
}

void forward_pool(const forward *f, float *out)
{
    pool_job job = { f, out };
    forward_run_tasks(f, f->batch->sequences, pool_sequence, &job);
}
