/* bench_cost.c - `rosim bench --cost`: what cost.h predicts, beside what a forward takes, by length and attention.
 *
 * The constants are measured first, as a server measures them, and know nothing of what follows. Lines of the diagram
 * are predictions, dots are measurements.
 */
#include "server/cli/bench.h"
#include "server/cli/bench_measure.h"
#include "server/cli/diagram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_FIRST = 16, LENGTH_LAST = 8192, LENGTHS = 10 };

typedef struct {
    const model *model;
    model_runner *runner;
    attention_kind attention;
    uint32_t *ids, starts[2];
    float *vector;
    status st;
    errinfo *err;
} forward_job;

typedef struct {
    size_t count;                 /* of lengths */
    double tokens[LENGTHS], predicted[ATTENTION_KINDS][LENGTHS], measured[ATTENTION_KINDS][LENGTHS];    /* ms */
} results;

static const bench_column columns[] = {
    { "attention", 9, -1 }, { "tokens", 6, 0 }, { "gmac", 10, 3 }, { "core_percent", 12, 1 },
    { "predicted_ms", 12, 2 }, { "measured_ms", 12, 2 }, { "error_percent", 13, 1 }, { "mebibytes", 10, 2 },
};

static void run_forward(void *context)
{
    forward_job *j = context;
    if (j->st == ST_OK)
        j->st = model_encode(j->model, j->runner, j->ids, j->starts, 1, j->attention, j->vector, j->err);
}

static status measure(bench *b, forward_job *j, const cost_rates *r, size_t i, results *out)
{
    measurement m;
    const size_t n = (size_t)out->tokens[i];
    cost_macs macs = cost_count(model_describe(j->model)->config, j->attention, n);
    double all = (double)(macs.dense + macs.core), predicted = cost_predict_ns(r, j->attention, macs) / 1e6;
    j->starts[1] = (uint32_t)n;
    bench_measure(run_forward, j, 0, b->budget_ns, &m);
    if (j->st)
        return j->st;
    out->predicted[j->attention][i] = predicted;
    out->measured[j->attention][i] = m.min_ns / 1e6;
    bench_table_row(b->table, (bench_cell[]){ { .text = attention_name(j->attention) }, { .number = (double)n },
                    { .number = all / 1e9 }, { .number = 100 * (double)macs.core / all }, { .number = predicted },
                    { .number = m.min_ns / 1e6 }, { .number = 100 * (predicted * 1e6 / m.min_ns - 1) },
                    { .number = (double)model_cost_bytes(j->model, j->attention, n, r->threads) / (1 << 20) } });
    return ST_OK;
}

/* ---- the diagram ---- */

static void find_range(const model *m, const results *r, double *least, double *most)
{
    *least = HUGE_VAL;
    *most = 0;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        for (size_t i = 0; model_trained_for(m, kind) && i < r->count; i++) {
            *least = fmin(*least, fmin(r->predicted[kind][i], r->measured[kind][i]));
            *most = fmax(*most, fmax(r->predicted[kind][i], r->measured[kind][i]));
        }
    *least = pow(10, floor(log10(*least)));
    *most = pow(10, ceil(log10(*most)));
}

static void put_kind(diagram *d, const results *r, attention_kind kind, int row)
{
    const int colour = (int)kind % 5;
    diagram_legend(d, row, colour, attention_name(kind));
    diagram_line(d, r->tokens, r->predicted[kind], r->count, colour, false);
    for (size_t i = 0; i < r->count; i++)
        diagram_dot(d, r->tokens[i], r->measured[kind][i], 4, colour, "%s, %.0f tokens: %.2f ms, predicted %.2f",
                    attention_name(kind), r->tokens[i], r->measured[kind][i], r->predicted[kind][i]);
}

static status draw(const char *path, const model *m, const results *r, errinfo *err)
{
    static const double powers[] = { 1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
    enum { POWERS = sizeof powers / sizeof *powers };
    diagram d;
    size_t first = 0, last = POWERS;
    int row = 0;
    diagram_scale up = { .logarithmic = true, .format = "%g", .label = "milliseconds" };
    const diagram_scale across = { .least = r->tokens[0], .most = r->tokens[r->count - 1], .logarithmic = true,
                                   .ticks = r->tokens, .tick_count = r->count, .format = "%.0f", .label = "tokens" };
    find_range(m, r, &up.least, &up.most);
    while (first < POWERS - 1 && powers[first] < up.least * 0.99)
        first++;
    while (last > first + 1 && powers[last - 1] > up.most * 1.01)
        last--;
    up.ticks = powers + first;
    up.tick_count = last - first;
    status st = diagram_open(&d, path, "time of a forward by length: predicted and measured", &across, &up, err);
    if (st)
        return st;
    diagram_title(&d, "lines: predicted; dots: measured (%s)", precision_name(model_describe(m)->precision));
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (model_trained_for(m, kind))
            put_kind(&d, r, kind, row++);
    return diagram_close(&d, err);
}

/* ---- all of it ---- */

static void tell_constants(bench *b, const model *m, const cost_rates *r)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%.1f us + dense multiply-adds at %.1f G/s", r->start_ns / 1e3, 1 / r->dense_ns);
    bench_table_fact(b->table, "constants", text);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!model_trained_for(m, kind))
            continue;
        (void)snprintf(text, sizeof text, "%.1f us + multiply-adds at %.1f G/s", r->core_start_ns[kind] / 1e3,
                       1 / r->core_ns[kind]);
        bench_table_fact(b->table, attention_name(kind), text);
    }
    size_t from = model_trained_for(m, ATTENTION_LINEAR)
                    ? cost_crossing_time(model_describe(m)->config, r, ATTENTION_LINEAR) : COST_NEVER;
    (void)snprintf(text, sizeof text, from == COST_NEVER ? "none" : "linear is faster from %zu tokens on", from);
    bench_table_fact(b->table, "crossover", text);
}

static status measure_all(bench *b, forward_job *j, const cost_rates *rates, results *r)
{
    const size_t longest = model_describe(j->model)->config->max_length;
    for (size_t n = LENGTH_FIRST; n <= LENGTH_LAST && n <= longest; n *= 2)
        r->tokens[r->count++] = (double)n;
    bench_table_section(b->table, "cost", columns, sizeof columns / sizeof *columns);
    for (j->attention = 0; j->attention < ATTENTION_KINDS && j->st == ST_OK; j->attention++)
        for (size_t i = 0; model_trained_for(j->model, j->attention) && i < r->count && j->st == ST_OK; i++)
            (void)measure(b, j, rates, i, r);
    bench_table_end(b->table);
    return j->st;
}

static status run_model(bench *b, forward_job *j, errinfo *err)
{
    cost_rates rates;
    results r = { 0 };
    const size_t longest = model_describe(j->model)->config->max_length;
    if (longest < 2 * LENGTH_FIRST)
        return fail(err, ST_INPUT, "the model takes %zu tokens; at least %d are needed", longest, 2 * LENGTH_FIRST);
    status st = model_runner_open(&j->runner, &j->model, 1, b->pool, longest, 1, err);
    if (st)
        return st;
    j->ids = calloc(longest, sizeof *j->ids);
    j->vector = calloc(model_describe(j->model)->dimensions, sizeof *j->vector);
    if (!j->ids || !j->vector)
        return fail(err, ST_NOMEM, "out of memory");
    for (size_t i = 0; i < longest; i++)
        j->ids[i] = (uint32_t)(i % model_describe(j->model)->config->vocab_size);
    st = model_measure_cost(j->model, b->pool, &rates, err);
    if (st)
        return st;
    tell_constants(b, j->model, &rates);
    st = measure_all(b, j, &rates, &r);
    return st == ST_OK && b->options->output ? draw(b->options->output, j->model, &r, err) : st;
}

status bench_cost(bench *b, errinfo *err)
{
    model *m = NULL;
    forward_job j = { .err = err };
    status st = model_open(&m, &b->options->models[0], err);
    if (st)
        return st;
    j.model = m;
    bench_table_fact(b->table, "model", model_describe(m)->name);
    bench_table_fact(b->table, "precision", precision_name(model_describe(m)->precision));
    st = run_model(b, &j, err);
    model_runner_close(j.runner);
    free(j.ids);
    free(j.vector);
    model_close(m);
    return st;
}
