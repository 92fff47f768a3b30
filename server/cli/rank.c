/* rank.c - `rosim rank QUERY < lines`: every line with its score, best first; equal scores keep
 * their order. All lines are kept until the last one is read; their vectors are not. */
#include "model/score/similarity.h"
#include "server/cli/cli.h"
#include "server/cli/lines.h"
#include "server/cli/output.h"
#include "server/cli/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES = 32, TEXTS_FIRST_BYTES = 1 << 16, LINES_FIRST = 1024 };

typedef struct {
    session *session;
    arena *texts;
    metric metric;
    size_t dimensions, count, scored, capacity;
    slice *lines;                 /* [count], in texts */
    float *scores;                /* [scored] */
    float *query;                 /* [dimensions] */
} ranker;

static status make_room(ranker *r, errinfo *err)
{
    if (r->count < r->capacity)
        return ST_OK;
    size_t capacity = r->capacity ? 2 * r->capacity : LINES_FIRST;
    slice *lines = realloc(r->lines, capacity * sizeof *lines);
    if (lines)
        r->lines = lines;
    float *scores = realloc(r->scores, capacity * sizeof *scores);
    if (scores)
        r->scores = scores;
    if (!lines || !scores)
        return fail(err, ST_NOMEM, "out of memory for %zu lines", capacity);
    r->capacity = capacity;
    return ST_OK;
}

static status add_line(void *context, slice line, size_t number, errinfo *err)
{
    ranker *r = context;
    char where[WHERE_BYTES];
    (void)snprintf(where, sizeof where, "line %zu", number);
    status st = make_room(r, err);
    if (st)
        return st;
    r->lines[r->count] = arena_copy(r->texts, line);
    if (!r->lines[r->count].data)
        return fail(err, ST_NOMEM, "%s: out of memory", where);
    st = session_add(r->session, line, where, err);
    r->count += st == ST_OK;
    return st;
}

static status flush(void *context, errinfo *err)
{
    ranker *r = context;
    status st = session_encode(r->session, err);
    for (size_t i = 0; i < session_count(r->session) && st == ST_OK; i++)
        r->scores[r->scored++] = similarity_score(r->metric, r->query,
                                                  session_vector(r->session, i), r->dimensions);
    session_clear(r->session);
    return st;
}

static status encode_query(ranker *r, const options *o, errinfo *err)
{
    r->dimensions = model_describe(session_model(r->session))->dimensions;
    r->query = calloc(r->dimensions, sizeof *r->query);
    if (!r->query)
        return fail(err, ST_NOMEM, "out of memory");
    status st = session_add(r->session, slice_of(o->arguments[0]), "the query", err);
    if (st == ST_OK)
        st = session_encode(r->session, err);
    if (st == ST_OK)
        memcpy(r->query, session_vector(r->session, 0), r->dimensions * sizeof *r->query);
    session_clear(r->session);
    return st;
}

static status print_json(const slice *line, const ranked *best, arena *a, errinfo *err)
{
    json_out w;
    arena_reset(a);
    json_begin(&w, a, line->length + WHERE_BYTES);
    json_open(&w, '{');
    json_key(&w, "index");
    json_integer(&w, (int64_t)best->index);
    json_key(&w, "score");
    json_float(&w, best->score);
    json_key(&w, "text");
    json_text(&w, *line);
    json_close(&w, '}');
    return output_json(&w, stdout, err);
}

static status print_ranked(ranker *r, const options *o, errinfo *err)
{
    status st = ST_OK;
    ranked *best = calloc(r->scored + 1, sizeof *best);
    arena *a = arena_open(0, SIZE_MAX / 2);
    if (!best || !a)
        st = fail(err, ST_NOMEM, "out of memory for %zu lines", r->scored);
    size_t count = st ? 0 : similarity_rank(r->scores, r->scored, o->top_k, -INFINITY, best);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        const slice *line = &r->lines[best[i].index];
        if (o->json)
            st = print_json(line, &best[i], a, err);
        else
            (void)printf("%.6f\t%s\n", (double)best[i].score, line->data);
    }
    arena_close(a);
    free(best);
    return st ? st : output_flush(stdout, err);
}

static status run(const options *o, errinfo *err)
{
    ranker r = { .texts = arena_open(TEXTS_FIRST_BYTES, SIZE_MAX / 2) };
    (void)metric_parse(slice_of(o->metric), &r.metric);    /* options.c has checked it */
    status st = r.texts ? session_open(&r.session, o, err) : fail(err, ST_NOMEM, "out of memory");
    if (st == ST_OK)
        st = encode_query(&r, o, err);
    if (st == ST_OK)
        st = lines_read(stdin, &(lines_sink){ add_line, flush, &r, o->batch }, err);
    if (st == ST_OK)
        st = print_ranked(&r, o, err);
    free(r.query);
    free(r.scores);
    free(r.lines);
    session_close(r.session);
    arena_close(r.texts);
    return st;
}

int cli_rank(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("rank", &err);
}
