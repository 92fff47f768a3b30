/* bench.c - `rosim bench`: how fast a model runs here, and how near that is to what the machine can do.
 *
 * The yardstick (peak.h) is measured in the same run: only ratios survive a change of machine or day.
 */
#include "server/cli/bench.h"

#include "server/cli/cli.h"
#include "server/cli/output.h"

enum { NS_PER_MS = 1000000 };

static status bench_all(bench *b, const model *m, errinfo *err)
{
    status st = bench_peaks(b, err);
    if (st == ST_OK)
        st = bench_kernels(b, m, err);
    return st == ST_OK ? bench_encoder(b, err) : st;
}

static status bench_model(bench *b, errinfo *err)
{
    model *m = NULL;
    model_options f32 = b->options->models[0];
    f32.precision = precision_name(PRECISION_F32);
    status st = model_open(&m, &f32, err);
    if (st)
        return st;
    bench_table_fact(b->table, "model", model_describe(m)->name);
    st = bench_all(b, m, err);
    model_close(m);
    return st;
}

static status measure(bench *b, errinfo *err)
{
    bench_machine(b);
    if (b->options->cost)
        return bench_cost(b, err);
    if (b->options->ids)
        return bench_given_ids(b, err);
    if (b->options->texts_file)
        return bench_given_texts(b, err);
    return bench_model(b, err);
}

static status run(const options *o, errinfo *err)
{
    bench_table table;
    bench b = { .options = o, .table = &table, .budget_ns = (int64_t)o->measure_ms * NS_PER_MS };
    status st = bench_table_open(&table, o->json, err);
    if (st == ST_OK)
        st = kernels_choose(&b.kernels, o->kernel, err);
    if (st == ST_OK)
        st = pool_open(&b.pool, o->threads, err);
    if (st == ST_OK)
        st = measure(&b, err);
    if (st == ST_OK)
        st = bench_table_finish(&table, err);
    pool_close(b.pool);
    bench_table_close(&table);
    return st;
}

int cli_bench(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("bench", &err);
}
