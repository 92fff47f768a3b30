/* fidelity.c - see fidelity.h. Text by text: once with softmax under an observer, who compares every kind on each
 * layer's own rows, then once with each kind from end to end. A vector depends on its text alone, so that these are the
 * vectors that the server would give.
 */
#include "model/fidelity.h"

#include "model/score/similarity.h"
#include "model/score/spearman.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct {
    const fidelity_subject *subject;
    fidelity *out;
    pool *pool;
    model_runner *runner;
    size_t longest;
    void *scratch;                /* of the observer, made when it first sees the encoder */
} probe;

/* ---- measuring ---- */

static void watch(void *context, const encoder_view *view)
{
    probe *p = context;
    if (view->stage != VIEW_ATTENTION)
        return;
    if (!p->scratch) {
        size_t bytes = attention_errors_bytes(view->encoder, p->longest);
        p->scratch = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
    }
    if (p->scratch)
        attention_errors_add(&p->out->layer[view->layer - 1], view, p->subject->kinds, p->scratch);
}

static float *row_of(const fidelity *f, attention_kind kind, size_t text)
{
    return f->vectors[kind] + text * f->dimensions;
}

static bool compared(const fidelity_subject *s, attention_kind kind)
{
    return (s->kinds & 1u << kind) && kind != ATTENTION_SOFTMAX;
}

static status measure_text(probe *p, size_t text, errinfo *err)
{
    const fidelity_subject *s = p->subject;
    const uint32_t *ids = s->ids + s->starts[text], starts[2] = { 0, s->starts[text + 1] - s->starts[text] };
    float *softmax = row_of(p->out, ATTENTION_SOFTMAX, text);
    status st = model_encode_observed(s->model, p->runner, ids, starts, 1, ATTENTION_SOFTMAX, softmax, watch, p, err);
    if (!st && !p->scratch)
        st = fail(err, ST_NOMEM, "fidelity: out of memory");
    if (st)
        return st;
    similarity_normalize(softmax, p->out->dimensions, softmax);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!compared(s, kind))
            continue;
        float *vector = row_of(p->out, kind, text);
        if (model_encode(s->model, p->runner, ids, starts, 1, kind, vector, NULL) == ST_OK)
            similarity_normalize(vector, p->out->dimensions, vector);
        else
            memset(vector, 0, p->out->dimensions * sizeof *vector);
    }
    return ST_OK;
}

static status measure_all(probe *p, errinfo *err)
{
    const fidelity_subject *s = p->subject;
    for (size_t text = 0; text < s->texts; text++) {
        if (s->stop && s->stop(s->context))
            return fail(err, ST_TIMEOUT, "fidelity: stopped after %zu of %zu texts", text, s->texts);
        status st = measure_text(p, text, err);
        if (st)
            return st;
    }
    return ST_OK;
}

static status check(const fidelity_subject *s, errinfo *err)
{
    if (!model_trained_for(s->model, ATTENTION_SOFTMAX))
        return fail(err, ST_INPUT, "fidelity: the model was not trained for softmax attention");
    if (s->texts == 0 || s->texts > FIDELITY_TEXTS_MAX)
        return fail(err, ST_INPUT, "fidelity: %zu texts; must be 1 to %d", s->texts, FIDELITY_TEXTS_MAX);
    if (s->starts[s->texts] > FIDELITY_TOKENS_MAX)
        return fail(err, ST_INPUT, "fidelity: %u tokens; at most %d", s->starts[s->texts], FIDELITY_TOKENS_MAX);
    return ST_OK;
}

static status open_vectors(fidelity *f, const fidelity_subject *s, errinfo *err)
{
    const model_info *info = model_describe(s->model);
    *f = (fidelity){ .texts = s->texts, .layers = info->config->layers, .dimensions = info->dimensions };
    f->layer = calloc(f->layers, sizeof *f->layer);
    bool good = f->layer != NULL;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS && good; kind++) {
        if (kind != ATTENTION_SOFTMAX && !compared(s, kind))
            continue;
        f->vectors[kind] = calloc(f->texts * f->dimensions, sizeof *f->vectors[kind]);
        good = f->vectors[kind] != NULL;
    }
    return good ? ST_OK : fail(err, ST_NOMEM, "fidelity: out of memory for %zu vectors", f->texts);
}

static size_t longest_of(const fidelity_subject *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->texts; i++)
        if (s->starts[i + 1] - s->starts[i] > longest)
            longest = s->starts[i + 1] - s->starts[i];
    return longest;
}

status fidelity_measure(fidelity *out, const fidelity_subject *subject, errinfo *err)
{
    fidelity made = { 0 };
    status st = check(subject, err);
    if (st)
        return st;
    probe p = { .subject = subject, .out = &made, .longest = longest_of(subject) };
    st = open_vectors(&made, subject, err);
    if (st) goto out;
    st = pool_open(&p.pool, 1, err);
    if (st) goto out;
    st = model_runner_open(&p.runner, &subject->model, 1, p.pool, p.longest, 1, err);
    if (st) goto out;
    st = measure_all(&p, err);
    if (st) goto out;
    *out = made;
    made = (fidelity){ 0 };
out:
    model_runner_close(p.runner);
    pool_close(p.pool);
    free(p.scratch);
    fidelity_clear(&made);
    return st;
}

void fidelity_clear(fidelity *f)
{
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        free(f->vectors[kind]);
    free(f->layer);
    *f = (fidelity){ 0 };
}

/* ---- reading it ---- */

static double cosine_of(const fidelity *f, attention_kind kind, size_t text)
{
    return (double)similarity_score(METRIC_COSINE, row_of(f, ATTENTION_SOFTMAX, text), row_of(f, kind, text),
                                    f->dimensions);
}

double fidelity_mean_cosine(const fidelity *f, attention_kind kind)
{
    double sum = 0;
    for (size_t text = 0; text < f->texts; text++)
        sum += cosine_of(f, kind, text);
    return sum / (double)f->texts;
}

double fidelity_least_cosine(const fidelity *f, attention_kind kind)
{
    double least = 1;
    for (size_t text = 0; text < f->texts; text++)
        least = fmin(least, cosine_of(f, kind, text));
    return least;
}

static void score_pairs(const fidelity *f, attention_kind kind, const uint32_t (*pairs)[2], size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = similarity_score(METRIC_COSINE, row_of(f, kind, pairs[i][0]), row_of(f, kind, pairs[i][1]),
                                  f->dimensions);
}

static void list_all_pairs(size_t texts, uint32_t (*pairs)[2])
{
    size_t at = 0;
    for (uint32_t a = 0; a < texts; a++)
        for (uint32_t b = a + 1; b < texts; b++, at++) {
            pairs[at][0] = a;
            pairs[at][1] = b;
        }
}

status fidelity_spearman(const fidelity *f, attention_kind kind, const uint32_t (*pairs)[2], size_t count, double *out,
                         errinfo *err)
{
    uint32_t (*all)[2] = NULL;
    if (!pairs)
        count = f->texts * (f->texts - 1) / 2;
    *out = (double)NAN;
    if (count < 2)
        return ST_OK;
    float *scores = calloc(2 * count, sizeof *scores);
    double *ranks = calloc(2 * count, sizeof *ranks);
    size_t *order = calloc(count, sizeof *order);
    if (!pairs)
        all = calloc(count, sizeof *all);
    bool good = scores && ranks && order && (pairs || all);
    if (good && !pairs)
        list_all_pairs(f->texts, all);
    if (good) {
        score_pairs(f, ATTENTION_SOFTMAX, pairs ? pairs : (const uint32_t (*)[2])all, count, scores);
        score_pairs(f, kind, pairs ? pairs : (const uint32_t (*)[2])all, count, scores + count);
        *out = spearman(scores, scores + count, count, ranks, order);
    }
    free(all);
    free(order);
    free(ranks);
    free(scores);
    return good ? ST_OK : fail(err, ST_NOMEM, "fidelity: out of memory for %zu scores", count);
}
