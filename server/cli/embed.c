/* embed.c - `rosim embed`: a vector for each text, as NDJSON or as a NumPy file.
 *
 * The file is only complete, and its header only right, when the status is 0; after a bad line it
 * holds the vectors of the lines before.
 */
#include "model/score/similarity.h"
#include "server/cli/cli.h"
#include "server/cli/lines.h"
#include "server/cli/npy.h"
#include "server/cli/output.h"
#include "server/cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES = 32, BYTES_PER_NUMBER = 14 };

typedef struct {
    session *session;
    arena *arena;
    FILE *out;
    bool npy, normalize;
    size_t dimensions, rows;
    float *row;                   /* [dimensions], normalised */
} embedder;

static status print_json(embedder *e, errinfo *err)
{
    json_out w;
    arena_reset(e->arena);
    json_begin(&w, e->arena, e->dimensions * BYTES_PER_NUMBER);
    json_open(&w, '{');
    json_key(&w, "index");
    json_integer(&w, (int64_t)e->rows);
    json_key(&w, "embedding");
    json_floats(&w, e->row, e->dimensions);
    json_close(&w, '}');
    return output_json(&w, e->out, err);
}

static status flush(void *context, errinfo *err)
{
    embedder *e = context;
    status st = session_encode(e->session, err);
    for (size_t i = 0; i < session_count(e->session) && st == ST_OK; i++) {
        const float *vector = session_vector(e->session, i);
        if (e->normalize)
            similarity_normalize(vector, e->dimensions, e->row);
        else
            memcpy(e->row, vector, e->dimensions * sizeof *e->row);
        if (e->npy)
            npy_write_row(e->out, e->row, e->dimensions);
        else
            st = print_json(e, err);
        e->rows++;
    }
    session_clear(e->session);
    return st ? st : output_flush(e->out, err);
}

static status add_line(void *context, slice line, size_t number, errinfo *err)
{
    char where[WHERE_BYTES];
    (void)snprintf(where, sizeof where, "line %zu", number);
    return session_add(((embedder *)context)->session, line, where, err);
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), tail_length = strlen(tail);
    return length >= tail_length && strcmp(text + length - tail_length, tail) == 0;
}

static status open_output(embedder *e, const char *path, errinfo *err)
{
    e->out = path ? fopen(path, "wbe") : stdout;
    if (!e->out)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    e->npy = path && ends_with(path, ".npy");
    return e->npy ? npy_write_header(e->out, 0, e->dimensions, err) : ST_OK;
}

static status embed_all(embedder *e, const options *o, errinfo *err)
{
    if (o->argument_count == 0)
        return lines_read(stdin, &(lines_sink){ add_line, flush, e, o->batch }, err);
    status st = session_add_arguments(e->session, o, err);
    return st ? st : flush(e, err);
}

/* The header gets its rows even after a failure, whose message is kept. */
static status close_output(embedder *e, status st, errinfo *err)
{
    if (!e->out || e->out == stdout)
        return st;
    if (e->npy) {
        status written = npy_write_header(e->out, e->rows, e->dimensions, st ? NULL : err);
        st = st ? st : written;
    }
    if (fclose(e->out) != 0 && st == ST_OK)
        st = fail(err, ST_IO, "cannot write the output: %s", strerror(errno));
    return st;
}

static status run(const options *o, errinfo *err)
{
    embedder e = { .normalize = o->normalize };
    status st = session_open(&e.session, o, err);
    if (st)
        return st;
    e.dimensions = model_describe(session_model(e.session))->dimensions;
    e.arena = arena_open(e.dimensions * BYTES_PER_NUMBER, SIZE_MAX / 2);
    e.row = calloc(e.dimensions, sizeof *e.row);
    if (e.arena && e.row)
        st = open_output(&e, o->output, err);
    else
        st = fail(err, ST_NOMEM, "out of memory");
    if (st == ST_OK)
        st = close_output(&e, embed_all(&e, o, err), err);
    free(e.row);
    arena_close(e.arena);
    session_close(e.session);
    return st;
}

int cli_embed(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("embed", &err);
}
