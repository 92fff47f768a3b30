/* bench_machine.c - where and on what the numbers were measured; and the machine's peaks. */
#include "model/kernels/peak.h"
#include "server/cli/bench.h"
#include "server/cli/bench_measure.h"
#include "server/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef BENCH_COMPILER_FLAGS
#define BENCH_COMPILER_FLAGS "unknown flags"
#endif

enum { TEXT_BYTES = 704, PEAK_STEPS = 1 << 14, TASKS_PER_THREAD = 8, STREAM_BYTES = 64 << 20 };

static const double GIGA = 1e9;

/* What stands behind `key` and a colon in a file of lines; "unknown" when nothing does. */
static void find_value(const char *path, const char *key, char *out, size_t size)
{
    char line[TEXT_BYTES];
    FILE *file = fopen(path, "re");
    (void)snprintf(out, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, key, strlen(key)) != 0)
            continue;
        (void)snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (file)
        (void)fclose(file);
}

/* The load average of the last minute counts this program too, but for a short while only. */
static double load(void)
{
    char line[TEXT_BYTES] = "";
    FILE *file = fopen("/proc/loadavg", "re");
    if (file && !fgets(line, sizeof line, file))
        line[0] = '\0';
    if (file)
        (void)fclose(file);
    return strtod(line, NULL);
}

static void describe_load(char *out, size_t size)
{
    double now = load();
    (void)snprintf(out, size, "%.2f", now);
    if (now > 0.5)
        (void)fprintf(stderr, "rosim bench: the load average is %.2f: other processes are running, "
                              "the numbers will be lower than those of a quiet machine\n", now);
}

void bench_machine(bench *b)
{
    char text[TEXT_BYTES];
    struct tm utc;
    time_t now = time(NULL);
    bench_table_fact(b->table, "rosim", ROSIM_VERSION);
    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc) > 0)
        bench_table_fact(b->table, "date", text);
    find_value("/proc/cpuinfo", "model name", text, sizeof text);
    bench_table_fact(b->table, "processor", text);
    (void)snprintf(text, sizeof text, "%zu of %zu usable processors", pool_threads(b->pool),
                   pool_usable_processors());
    bench_table_fact(b->table, "threads", text);
    kernels_describe(b->kernels, text, sizeof text);
    bench_table_fact(b->table, "kernels", text);
    bench_table_fact(b->table, "compiler", __VERSION__ ", " BENCH_COMPILER_FLAGS);
    describe_load(text, sizeof text);
    bench_table_fact(b->table, "load", text);
}

/* ---- peaks ---- */

static void run_loop(void *context)
{
    ((const peak_loop *)context)->run(PEAK_STEPS);
}

typedef struct {
    pool *pool;
    const peak_loop *loop;
    const char *memory;           /* [STREAM_BYTES], or NULL for a loop */
    uint64_t *sums;               /* [tasks] */
} peak_job;

static void run_task(void *context, size_t task, size_t worker)
{
    const peak_job *job = context;
    size_t part = STREAM_BYTES / TASKS_PER_THREAD;
    (void)worker;
    if (job->loop)
        job->loop->run(PEAK_STEPS);
    else
        job->sums[task] = peak_read(job->memory + task % TASKS_PER_THREAD * part, part);
}

static size_t tasks_of(const peak_job *job)
{
    return pool_threads(job->pool) * TASKS_PER_THREAD;
}

static void run_tasks(void *context)
{
    peak_job *job = context;
    pool_run(job->pool, tasks_of(job), run_task, job);
}

static void read_alone(void *context)
{
    peak_job *job = context;
    job->sums[0] = peak_read(job->memory, STREAM_BYTES);
}

static const bench_column columns[] = {
    { "loop", 24, -1 }, { "precision", 9, -1 }, { "one_thread", 10, 1 }, { "all_threads", 11, 1 },
    { "unit", 8, -1 },
};

static void lift(double *peak, double value)
{
    *peak = value > *peak ? value : *peak;
}

static void measure_loop(bench *b, const peak_loop *loop)
{
    measurement one, all;
    peak_job job = { .pool = b->pool, .loop = loop };
    double steps = (double)PEAK_STEPS * loop->operations;
    bench_measure(run_loop, (void *)(uintptr_t)loop, BENCH_WINDOW_NS, b->budget_ns, &one);
    bench_measure(run_tasks, &job, BENCH_WINDOW_NS, b->budget_ns, &all);
    double alone = steps / one.min_ns * GIGA;
    double together = steps * (double)tasks_of(&job) / all.min_ns * GIGA;
    lift(&b->peak_one[loop->precision], alone);
    lift(&b->peak_all[loop->precision], together);
    bench_table_row(b->table, (bench_cell[]){ { .text = loop->name },
                    { .text = precision_name(loop->precision) }, { .number = alone / GIGA },
                    { .number = together / GIGA }, { .text = "Gop/s" } });
}

static status measure_stream(bench *b, errinfo *err)
{
    measurement one, all;
    peak_job job = { .pool = b->pool };
    status st = ST_OK;
    char *memory = aligned_alloc(64, STREAM_BYTES);
    job.sums = calloc(tasks_of(&job), sizeof *job.sums);
    if (!memory || !job.sums) {
        st = fail(err, ST_NOMEM, "out of memory");
        goto out;
    }
    memset(memory, 1, STREAM_BYTES);
    job.memory = memory;
    bench_measure(read_alone, &job, 0, b->budget_ns, &one);
    bench_measure(run_tasks, &job, 0, b->budget_ns, &all);
    double together = STREAM_BYTES * (double)pool_threads(b->pool) / all.min_ns;
    bench_table_row(b->table, (bench_cell[]){ { .text = "read, 64 MiB" }, { .text = "" },
                    { .number = STREAM_BYTES / one.min_ns }, { .number = together },
                    { .text = "GB/s" } });
out:
    free(memory);
    free(job.sums);
    return st;
}

status bench_peaks(bench *b, errinfo *err)
{
    bench_table_section(b->table, "peak", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; peak_at(i); i++)
        if (peak_at(i)->runs_here())
            measure_loop(b, peak_at(i));
    status st = measure_stream(b, err);
    bench_table_end(b->table);
    for (precision_kind p = 0; p < PRECISIONS; p++) {    /* without a loop of its own: fp32 arithmetic */
        lift(&b->peak_one[p], b->peak_one[PRECISION_F32]);
        lift(&b->peak_all[p], b->peak_all[PRECISION_F32]);
    }
    return st;
}
