/* bench_encoder.c - whole forwards: token ids in, vectors out, on all threads of the pool. */
#include "server/cli/bench.h"
#include "server/cli/bench_measure.h"

#include <stdlib.h>

enum { BATCH_TEXTS = 32, BATCH_TOKENS = 16, LENGTH_MIN = 8 };

typedef struct {
    const model *model;
    model_runner *runner;
    attention_kind attention;
    size_t texts, tokens;         /* of each text */
    uint32_t *ids;                /* [tokens of all] */
    uint32_t *starts;             /* [texts + 1] */
    float *vectors;               /* [texts][dimensions] */
    status st;
    errinfo *err;
} forward_job;

static void run_forward(void *context)
{
    forward_job *j = context;
    if (j->st == ST_OK)
        j->st = model_encode(j->model, j->runner, j->ids, j->starts, j->texts, j->attention,
                             j->vectors, j->err);
}

/* Products of the dense layers and of attention; norms, activations and exponentials count for nothing. */
static double operations_of(const forward_job *j)
{
    const encoder_config *c = model_describe(j->model)->config;
    double n = (double)j->tokens, D = (double)c->hidden_size, I = (double)c->intermediate_size;
    double keys = j->attention == ATTENTION_SOFTMAX
                      ? n : (double)linear_map_features(c->map, c->head_size);
    double layer = 2 * n * (4 * D * D + 2 * D * I) + 4 * n * keys * D;
    return layer * (double)c->layers * (double)j->texts;
}

static const bench_column columns[] = {
    { "precision", 9, -1 }, { "attention", 9, -1 }, { "texts", 5, 0 }, { "tokens", 6, 0 },
    { "min_ms", 10, 3 }, { "median_ms", 10, 3 }, { "tokens_per_s", 12, 0 }, { "gops", 9, 1 },
    { "peak_percent", 12, 1 },
};

static status measure(bench *b, precision_kind p, forward_job *j, size_t texts, size_t tokens)
{
    measurement m;
    j->texts = texts;
    j->tokens = tokens;
    for (size_t s = 0; s <= texts; s++)
        j->starts[s] = (uint32_t)(s * tokens);
    bench_measure(run_forward, j, 0, b->budget_ns, &m);
    if (j->st)
        return j->st;
    double rate = operations_of(j) / m.min_ns * 1e9;
    bench_table_row(b->table, (bench_cell[]){ { .text = precision_name(p) },
                    { .text = attention_name(j->attention) }, { .number = (double)texts },
                    { .number = (double)tokens }, { .number = m.min_ns / 1e6 },
                    { .number = m.median_ns / 1e6 },
                    { .number = (double)(texts * tokens) / m.min_ns * 1e9 }, { .number = rate / 1e9 },
                    { .number = 100 * rate / b->peak_all[p] } });
    return ST_OK;
}

static status measure_lengths(bench *b, precision_kind p, forward_job *j)
{
    size_t longest = model_describe(j->model)->config->max_length;
    status st = ST_OK;
    for (size_t tokens = LENGTH_MIN; tokens <= longest && st == ST_OK; tokens *= 2)
        st = measure(b, p, j, 1, tokens);
    if (st == ST_OK && longest >= BATCH_TOKENS)
        st = measure(b, p, j, BATCH_TEXTS, BATCH_TOKENS);
    return st;
}

static status bench_precision(bench *b, const model *m, precision_kind p, errinfo *err)
{
    size_t longest = model_describe(m)->config->max_length, batch = BATCH_TEXTS * BATCH_TOKENS;
    size_t room = longest > batch ? longest : batch;
    forward_job j = { .model = m, .err = err };
    status st = model_runner_open(&j.runner, &m, 1, b->pool, room, BATCH_TEXTS, err);
    if (st)
        return st;
    j.ids = calloc(room, sizeof *j.ids);
    j.starts = calloc(BATCH_TEXTS + 1, sizeof *j.starts);
    j.vectors = calloc(BATCH_TEXTS * model_describe(m)->dimensions, sizeof *j.vectors);
    if (!j.ids || !j.starts || !j.vectors)
        st = fail(err, ST_NOMEM, "out of memory");
    for (size_t i = 0; i < room && j.ids; i++)
        j.ids[i] = (uint32_t)(i % model_describe(m)->config->vocab_size);
    for (j.attention = 0; j.attention < ATTENTION_KINDS && st == ST_OK; j.attention++)
        if (model_trained_for(m, j.attention))
            st = measure_lengths(b, p, &j);
    model_runner_close(j.runner);
    free(j.ids);
    free(j.starts);
    free(j.vectors);
    return st;
}

status bench_encoder(bench *b, errinfo *err)
{
    status st = ST_OK;
    bench_table_section(b->table, "encoder", columns, sizeof columns / sizeof *columns);
    for (precision_kind p = 0; p < PRECISIONS && st == ST_OK; p++) {
        model *m = NULL;
        model_options wanted = b->options->models[0];
        if (!b->kernels->formats[p])
            continue;
        wanted.precision = precision_name(p);
        st = model_open(&m, &wanted, err);
        if (st == ST_OK)
            st = bench_precision(b, m, p, err);
        model_close(m);
    }
    bench_table_end(b->table);
    return st;
}
