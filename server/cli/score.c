/* score.c - `rosim score`: two texts, or lines a<TAB>b of stdin. */
#include "model/score/similarity.h"
#include "server/cli/cli.h"
#include "server/cli/lines.h"
#include "server/cli/output.h"
#include "server/cli/session.h"

#include <stdio.h>
#include <string.h>

enum { WHERE_BYTES = 48, JSON_BYTES = 512 };

typedef struct {
    session *session;
    arena *arena;                 /* of one JSON line */
    metric metric;
    bool json;
} scorer;

static float pair_score(const scorer *s, size_t pair)
{
    size_t d = model_describe(session_model(s->session))->dimensions;
    return similarity_score(s->metric, session_vector(s->session, 2 * pair),
                            session_vector(s->session, 2 * pair + 1), d);
}

/* One of usage's lists, over the two sides of a pair: which were cut, or held unknown tokens. */
static void write_report(json_out *w, const scorer *s, size_t pair, bool cut)
{
    static const char *const names[] = { "pairs[0].a", "pairs[0].b" };
    json_key(w, cut ? "truncated" : "unknown");
    json_open(w, '[');
    for (size_t side = 0; side < 2; side++) {
        const session_text *t = session_text_at(s->session, 2 * pair + side);
        if (cut ? t->total == t->kept : t->unknown == 0)
            continue;
        json_open(w, '{');
        json_key(w, "input");
        json_text(w, slice_of(names[side]));
        json_key(w, cut ? "tokens" : "unknown");
        json_integer(w, (int64_t)(cut ? t->total : t->unknown));
        json_key(w, cut ? "kept" : "tokens");
        json_integer(w, (int64_t)t->kept);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* The answer of POST /v1/similarity to this one pair. */
static status print_json(const scorer *s, size_t pair, errinfo *err)
{
    json_out w;
    const model *m = session_model(s->session);
    size_t tokens = session_text_at(s->session, 2 * pair)->kept
                    + session_text_at(s->session, 2 * pair + 1)->kept;
    float score = pair_score(s, pair);
    arena_reset(s->arena);
    json_begin(&w, s->arena, JSON_BYTES);
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("similarity"));
    json_key(&w, "model");
    json_text(&w, slice_of(model_describe(m)->name));
    json_key(&w, "attention");
    json_text(&w, slice_of(attention_name(model_default_attention(m))));
    json_key(&w, "scores");
    json_floats(&w, &score, 1);
    json_key(&w, "usage");
    json_open(&w, '{');
    json_key(&w, "texts");
    json_integer(&w, 2);
    json_key(&w, "tokens");
    json_integer(&w, (int64_t)tokens);
    write_report(&w, s, pair, true);
    write_report(&w, s, pair, false);
    json_close(&w, '}');
    json_close(&w, '}');
    return output_json(&w, stdout, err);
}

/* Scores the pairs gathered so far; a lonely first side of a bad line is left out. */
static status flush(void *context, errinfo *err)
{
    scorer *s = context;
    size_t pairs = session_count(s->session) / 2;
    status st = session_encode(s->session, err);
    for (size_t i = 0; i < pairs && st == ST_OK; i++) {
        if (s->json)
            st = print_json(s, i, err);
        else
            (void)printf("%.6f\n", (double)pair_score(s, i));
    }
    session_clear(s->session);
    return st ? st : output_flush(stdout, err);
}

static status add_line(void *context, slice line, size_t number, errinfo *err)
{
    scorer *s = context;
    char where[WHERE_BYTES];
    const char *tab = line.length ? memchr(line.data, '\t', line.length) : NULL;
    size_t first = tab ? (size_t)(tab - line.data) : line.length;
    if (!tab || memchr(tab + 1, '\t', line.length - first - 1))
        return fail(err, ST_INPUT, "line %zu: must be two texts with one tab between them", number);
    (void)snprintf(where, sizeof where, "line %zu, first text", number);
    status st = session_add(s->session, (slice){ line.data, first }, where, err);
    if (st)
        return st;
    (void)snprintf(where, sizeof where, "line %zu, second text", number);
    return session_add(s->session, (slice){ tab + 1, line.length - first - 1 }, where, err);
}

static status run(const options *o, errinfo *err)
{
    scorer s = { .json = o->json };
    (void)metric_parse(slice_of(o->metric), &s.metric);    /* options.c has checked it */
    status st = session_open(&s.session, o, err);
    if (st)
        return st;
    s.arena = arena_open(JSON_BYTES, SIZE_MAX / 2);
    if (!s.arena) {
        st = fail(err, ST_NOMEM, "out of memory");
    } else if (o->argument_count > 0) {
        st = session_add_arguments(s.session, o, err);
        if (st == ST_OK)
            st = flush(&s, err);
    } else {
        st = lines_read(stdin, &(lines_sink){ add_line, flush, &s, o->batch }, err);
    }
    arena_close(s.arena);
    session_close(s.session);
    return st;
}

int cli_score(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("score", &err);
}
