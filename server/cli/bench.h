/* bench.h - what the parts of rosim bench share.
 *
 * Owns     plain data.    Borrows  everything in it, for the time of a bench.    Threads  main.    Limits  none.
 */
#ifndef ROSIM_BENCH_H
#define ROSIM_BENCH_H

#include "model/kernels/kernels.h"
#include "model/model.h"
#include "server/cli/bench_table.h"
#include "server/options.h"

typedef struct {
    const options *options;
    const kernels *kernels;
    pool *pool;
    bench_table *table;
    int64_t budget_ns;                    /* of one measurement */
    double peak_one[PRECISIONS];          /* operations a second, on one thread and on all */
    double peak_all[PRECISIONS];
} bench;

void bench_machine(bench *b);             /* the facts: processor, level, compiler, load */
MUST_USE status bench_peaks(bench *b, errinfo *err);      /* fills peak_one and peak_all */
/* Dense layers and attention of the model's sizes, on one thread. */
MUST_USE status bench_kernels(bench *b, const model *m, errinfo *err);
/* Whole forwards by length, attention and precision, on all threads. */
MUST_USE status bench_encoder(bench *b, errinfo *err);
MUST_USE status bench_given_ids(bench *b, errinfo *err);          /* --ids */
MUST_USE status bench_given_texts(bench *b, errinfo *err);        /* --texts */
MUST_USE status bench_cost(bench *b, errinfo *err);               /* --cost */

#endif
