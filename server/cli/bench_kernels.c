/* bench_kernels.c - dense layers and attention of the model's own sizes on one thread, as a share of
 * the peak of one thread. Weights stay in the caches as far as they fit: this is about the kernels. */
#include "model/encoder/attention.h"
#include "server/cli/bench.h"
#include "server/cli/bench_measure.h"

#include <math.h>
#include <stdio.h>

enum { ROWS_MAX = 512, SHAPE_BYTES = 32 };

static const double GIGA = 1e9;

/* Numbers in [-1, 1) without a meaning, the same in every run. */
static float *some_floats(arena *a, size_t rows, size_t columns)
{
    float *x = arena_take(a, rows * columns, sizeof *x);
    uint32_t state = 1;
    for (size_t i = 0; x && i < rows * columns; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 23) - 1.0f;
    }
    return x;
}

/* ---- dense layers ---- */

typedef struct {
    dense_weight w;
    const void *x;
    size_t x_stride_bytes, rows;
    float *y;
    void *scratch;
} dense_job;

static void run_dense(void *context)
{
    const dense_job *j = context;
    j->w.format->dense(j->x, j->x_stride_bytes, j->rows, &j->w, 0, j->w.outputs, ACTIVATION_NONE,
                       j->y, j->w.outputs, j->scratch);
}

/* Packs a weight and prepares ROWS_MAX rows. */
static status make_dense(dense_job *j, const dense_format *f, size_t outputs, size_t inputs,
                         arena *a, errinfo *err)
{
    const float *weight = some_floats(a, outputs, inputs), *x = some_floats(a, ROWS_MAX, inputs);
    void *packed = arena_take(a, f->packed_bytes(outputs, inputs), 1);
    size_t row_bytes = f->row_bytes ? f->row_bytes(inputs) : inputs * sizeof *x;
    char *rows = arena_take(a, ROWS_MAX, row_bytes);
    *j = (dense_job){ .w = { f, outputs, inputs, NULL, packed }, .x = x, .x_stride_bytes = row_bytes };
    j->y = arena_take(a, ROWS_MAX * outputs, sizeof *j->y);
    j->scratch = arena_take(a, f->scratch_bytes ? f->scratch_bytes(outputs, inputs) : 1, 1);
    if (!weight || !x || !packed || !rows || !j->y || !j->scratch)
        return fail(err, ST_NOMEM, "out of memory");
    f->pack(weight, outputs, inputs, packed);
    if (!f->row_bytes)
        return ST_OK;
    for (size_t row = 0; row < ROWS_MAX; row++)
        f->prepare(x + row * inputs, inputs, rows + row * row_bytes);
    j->x = rows;
    return ST_OK;
}

static const bench_column dense_columns[] = {
    { "precision", 9, -1 }, { "weight", 12, -1 }, { "rows", 6, 0 }, { "min_us", 10, 1 },
    { "median_us", 10, 1 }, { "gops", 9, 1 }, { "peak_percent", 12, 1 },
};

static void dense_rows(bench *b, precision_kind p, dense_job *j)
{
    char shape[SHAPE_BYTES];
    measurement m;
    (void)snprintf(shape, sizeof shape, "%zux%zu", j->w.outputs, j->w.inputs);
    for (j->rows = 1; j->rows <= ROWS_MAX; j->rows *= 2) {
        double operations = 2.0 * (double)j->rows * (double)j->w.outputs * (double)j->w.inputs;
        bench_measure(run_dense, j, BENCH_WINDOW_NS, b->budget_ns, &m);
        double rate = operations / m.min_ns * GIGA;
        bench_table_row(b->table, (bench_cell[]){ { .text = precision_name(p) }, { .text = shape },
                        { .number = (double)j->rows }, { .number = m.min_ns / 1e3 },
                        { .number = m.median_ns / 1e3 }, { .number = rate / GIGA },
                        { .number = 100 * rate / b->peak_one[p] } });
    }
}

static status bench_dense(bench *b, const encoder_config *c, arena *a, errinfo *err)
{
    const size_t D = c->hidden_size, I = c->intermediate_size;
    const size_t shapes[][2] = { { 3 * D, D }, { D, D }, { I, D }, { D, I } };
    status st = ST_OK;
    bench_table_section(b->table, "dense", dense_columns,
                        sizeof dense_columns / sizeof *dense_columns);
    for (precision_kind p = 0; p < PRECISIONS; p++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes && st == ST_OK; s++) {
            const dense_format *f = b->kernels->formats[p];
            dense_job job;
            if (!f || (f->inputs_multiple && shapes[s][1] % f->inputs_multiple != 0))
                continue;
            arena_reset(a);
            st = make_dense(&job, f, shapes[s][0], shapes[s][1], a, err);
            if (st == ST_OK)
                dense_rows(b, p, &job);
        }
    bench_table_end(b->table);
    return st;
}

/* ---- attention, one head in place within rows of q, k and v of all heads ---- */

typedef struct {
    const kernels *k;
    const attention_format *format;       /* NULL: linear */
    linear_map map;
    attention_head head;
    void *scratch;
} attention_job;

static void run_attention(void *context)
{
    attention_job *j = context;
    if (j->format)
        attention_softmax(j->format, &j->head, j->scratch);
    else
        attention_linear(j->k, j->map, &j->head, j->scratch);
}

static size_t attention_scratch(const attention_job *j)
{
    size_t n = j->head.n, d = j->head.d;
    return j->format ? attention_softmax_scratch_bytes(j->format, n, d)
                     : attention_linear_scratch_floats(j->map, n, d) * sizeof(float);
}

static status make_attention(attention_job *j, const encoder_config *c, size_t n, arena *a,
                             errinfo *err)
{
    const size_t D = c->hidden_size, d = c->head_size;
    const float *qkv = some_floats(a, n, 3 * D), *map = some_floats(a, d, d);
    float *out = arena_take(a, n * D, sizeof *out);
    j->head = (attention_head){ .n = n, .d = d, .stride = 3 * D, .out_stride = D, .q = qkv,
                                .k = qkv + D, .v = qkv + 2 * D, .out = out, .last_query = n,
                                .scale = 1.0f / sqrtf((float)d), .query_map = map, .key_map = map };
    j->scratch = arena_take(a, attention_scratch(j), 1);
    if (!qkv || !map || !out || !j->scratch)
        return fail(err, ST_NOMEM, "out of memory");
    return ST_OK;
}

static const bench_column attention_columns[] = {
    { "precision", 9, -1 }, { "attention", 9, -1 }, { "tokens", 6, 0 }, { "min_us", 11, 1 },
    { "median_us", 11, 1 }, { "gops", 9, 1 }, { "f32_peak_percent", 16, 1 },
};

/* Of the products alone: an exponential counts for nothing. */
static double operations_of(const attention_job *j)
{
    double n = (double)j->head.n, d = (double)j->head.d;
    return j->format ? 4 * n * n * d : 4 * n * d * (double)linear_map_features(j->map, j->head.d);
}

static status attention_lengths(bench *b, const encoder_config *c, precision_kind p,
                                attention_job *j, arena *a, errinfo *err)
{
    for (size_t n = 16; n <= c->max_length; n *= 2) {
        measurement m;
        arena_reset(a);
        status st = make_attention(j, c, n, a, err);
        if (st)
            return st;
        bench_measure(run_attention, j, BENCH_WINDOW_NS, b->budget_ns, &m);
        double rate = operations_of(j) / m.min_ns * GIGA;
        bench_table_row(b->table, (bench_cell[]){ { .text = precision_name(p) },
                        { .text = attention_name(j->format ? ATTENTION_SOFTMAX : ATTENTION_LINEAR) },
                        { .number = (double)n }, { .number = m.min_ns / 1e3 },
                        { .number = m.median_ns / 1e3 }, { .number = rate / GIGA },
                        { .number = 100 * rate / b->peak_one[PRECISION_F32] } });
    }
    return ST_OK;
}

static status bench_attention(bench *b, const encoder_config *c, arena *a, errinfo *err)
{
    status st = ST_OK;
    attention_job job = { .k = b->kernels, .map = c->map };
    bench_table_section(b->table, "attention", attention_columns,
                        sizeof attention_columns / sizeof *attention_columns);
    for (precision_kind p = 0; p < PRECISIONS && st == ST_OK; p++) {
        const attention_format *format = b->kernels->attention[p];
        if (!format || format == job.format)    /* the same as in the precision before */
            continue;
        job.format = format;
        st = attention_lengths(b, c, p, &job, a, err);
    }
    job.format = NULL;
    if (st == ST_OK && c->attention_trained & 1u << ATTENTION_LINEAR)
        st = attention_lengths(b, c, PRECISION_F32, &job, a, err);
    bench_table_end(b->table);
    return st;
}

status bench_kernels(bench *b, const model *m, errinfo *err)
{
    const encoder_config *c = model_describe(m)->config;
    arena *a = arena_open(0, SIZE_MAX / 2);
    if (!a)
        return fail(err, ST_NOMEM, "out of memory");
    status st = bench_dense(b, c, a, err);
    if (st == ST_OK)
        st = bench_attention(b, c, a, err);
    arena_close(a);
    return st;
}
