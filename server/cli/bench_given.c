/* bench_given.c - `rosim bench --ids FILE` and `--texts FILE`: what is compared with other engines.
 *
 * --ids times one forward for each line of token ids, without any tokenizer; --texts times the way
 * of `rosim embed` from text to vector, all lines of the file at a time.
 */
#include "server/cli/bench.h"
#include "server/cli/bench_measure.h"
#include "server/cli/lines.h"
#include "server/cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls add for each line of the file. */
static status read_file(const char *path, const lines_sink *sink, errinfo *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    status st = lines_read(file, sink, err);
    (void)fclose(file);
    return st;
}

static status nothing(void *context, errinfo *err)
{
    (void)context;
    (void)err;
    return ST_OK;
}

/* ---- ids ---- */

typedef struct {
    bench *bench;
    const model *model;
    model_runner *runner;
    uint32_t *ids;                /* [max_length] */
    float *vector;                /* [dimensions] */
    size_t tokens;
    status st;
    errinfo *err;
} ids_job;

static const bench_column ids_columns[] = {
    { "line", 5, 0 }, { "tokens", 6, 0 }, { "calls", 6, 0 }, { "min_ms", 10, 4 },
    { "median_ms", 10, 4 },
};

static void run_ids(void *context)
{
    ids_job *j = context;
    const uint32_t starts[] = { 0, (uint32_t)j->tokens };
    if (j->st == ST_OK)
        j->st = model_encode(j->model, j->runner, j->ids, starts, 1,
                             model_default_attention(j->model), j->vector, j->err);
}

/* Numbers separated by single blanks. */
static status parse_ids(ids_job *j, slice line, size_t number, errinfo *err)
{
    size_t most = model_describe(j->model)->config->max_length;
    const char *at = line.data, *end = line.data + line.length;
    j->tokens = 0;
    while (at < end) {
        uint32_t id = 0;
        const char *start = at;
        for (; at < end && *at >= '0' && *at <= '9' && id < UINT32_MAX / 16; at++)
            id = id * 10 + (uint32_t)(*at - '0');
        if (at == start || (at < end && *at++ != ' '))
            return fail(err, ST_INPUT, "line %zu: wants ids separated by blanks", number);
        if (j->tokens == most)
            return fail(err, ST_INPUT, "line %zu: more than %zu ids", number, most);
        j->ids[j->tokens++] = id;
    }
    return ST_OK;
}

static status measure_ids(void *context, slice line, size_t number, errinfo *err)
{
    measurement m;
    ids_job *j = context;
    bench *b = j->bench;
    status st = parse_ids(j, line, number, err);
    if (st)
        return st;
    bench_measure(run_ids, j, 0, b->budget_ns, &m);
    bench_table_row(b->table, (bench_cell[]){ { .number = (double)number },
                    { .number = (double)j->tokens }, { .number = (double)m.calls },
                    { .number = m.min_ns / 1e6 }, { .number = m.median_ns / 1e6 } });
    return j->st;
}

status bench_given_ids(bench *b, errinfo *err)
{
    model *m = NULL;
    ids_job j = { .bench = b, .err = err };
    status st = model_open(&m, &b->options->models[0], err);
    if (st)
        return st;
    size_t most = model_describe(m)->config->max_length;
    j.model = m;
    st = model_runner_open(&j.runner, &j.model, 1, b->pool, most, 1, err);
    j.ids = calloc(most, sizeof *j.ids);
    j.vector = calloc(model_describe(m)->dimensions, sizeof *j.vector);
    if (st == ST_OK && (!j.ids || !j.vector))
        st = fail(err, ST_NOMEM, "out of memory");
    bench_table_fact(b->table, "precision", precision_name(model_describe(m)->precision));
    bench_table_section(b->table, "ids", ids_columns, sizeof ids_columns / sizeof *ids_columns);
    if (st == ST_OK)
        st = read_file(b->options->ids, &(lines_sink){ measure_ids, nothing, &j, 1 }, err);
    bench_table_end(b->table);
    free(j.ids);
    free(j.vector);
    model_runner_close(j.runner);
    model_close(m);
    return st;
}

/* ---- texts ---- */

typedef struct {
    session *session;
    char *bytes;                  /* of all texts, one behind the other */
    size_t used, capacity;
    size_t *ends;                 /* [count], of each text in bytes */
    size_t count, end_capacity;
    status st;
    errinfo *err;
} texts_job;

static const bench_column texts_columns[] = {
    { "texts", 6, 0 }, { "passes", 6, 0 }, { "best_texts_per_s", 16, 1 },
    { "median_texts_per_s", 18, 1 },
};

static void run_texts(void *context)
{
    texts_job *j = context;
    size_t start = 0;
    session_clear(j->session);
    for (size_t i = 0; i < j->count && j->st == ST_OK; i++) {
        slice text = { j->bytes + start, j->ends[i] - start };
        j->st = session_add(j->session, text, "text", j->err);
        start = j->ends[i];
    }
    if (j->st == ST_OK)
        j->st = session_encode(j->session, j->err);
}

static bool make_room(texts_job *j, size_t bytes)
{
    size_t wanted = 2 * (j->used + bytes), ends = 2 * j->count + 1;
    char *larger = wanted > j->capacity ? realloc(j->bytes, wanted) : j->bytes;
    if (!larger && wanted > 0)
        return false;
    j->bytes = larger;
    j->capacity = wanted > j->capacity ? wanted : j->capacity;
    size_t *longer = ends > j->end_capacity ? realloc(j->ends, ends * sizeof *j->ends) : j->ends;
    if (!longer)
        return false;
    j->ends = longer;
    j->end_capacity = ends > j->end_capacity ? ends : j->end_capacity;
    return true;
}

static status keep_text(void *context, slice line, size_t number, errinfo *err)
{
    texts_job *j = context;
    if (line.length == 0)
        return fail(err, ST_INPUT, "line %zu: no text", number);
    if (!make_room(j, line.length))
        return fail(err, ST_NOMEM, "line %zu: out of memory", number);
    memcpy(j->bytes + j->used, line.data, line.length);
    j->used += line.length;
    j->ends[j->count++] = j->used;
    return ST_OK;
}

static void measure_texts(bench *b, texts_job *j)
{
    measurement m;
    double texts = (double)j->count;
    bench_measure(run_texts, j, 0, b->budget_ns, &m);
    bench_table_row(b->table, (bench_cell[]){ { .number = texts }, { .number = (double)m.calls },
                    { .number = texts / m.min_ns * 1e9 }, { .number = texts / m.median_ns * 1e9 } });
}

status bench_given_texts(bench *b, errinfo *err)
{
    texts_job j = { .err = err };
    status st = read_file(b->options->texts_file,
                          &(lines_sink){ keep_text, nothing, &j, LINES_CHUNK }, err);
    if (st == ST_OK)
        st = session_open(&j.session, b->options, err);
    if (st == ST_OK) {
        bench_table_fact(b->table, "precision",
                         precision_name(model_describe(session_model(j.session))->precision));
        bench_table_section(b->table, "texts", texts_columns,
                            sizeof texts_columns / sizeof *texts_columns);
        measure_texts(b, &j);
        bench_table_end(b->table);
        st = j.st;
    }
    session_close(j.session);
    free(j.bytes);
    free(j.ends);
    return st;
}
