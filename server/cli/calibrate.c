/* calibrate.c - `rosim calibrate`: labelled pairs of a file to a calibration, in words, JSON, and a diagram.
 *
 * The diagram shows leave-one-out probabilities: in each tenth of the scale, how often pairs that were given this
 * probability did match. Dots on the diagonal are what one wants; a dot's area is its number of pairs.
 */
#include "server/cli/calibrate_diagram.h"
#include "server/cli/cli.h"
#include "server/cli/lines.h"
#include "server/cli/output.h"
#include "server/cli/session.h"

#include "server/artifact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES = 48, JSON_BYTES = 8192, PAIRS_FIRST = 1024 };

typedef struct {
    session *session;
    double *labelled, *unlabelled, *logits;       /* features: the cosine's */
    bool *labels;
    signed char *chunk;                           /* labels of the pairs that are not encoded yet */
    size_t n, others, pending, capacity;
} gathering;

static status grow(gathering *g, errinfo *err)
{
    if (g->n + g->others + g->pending < g->capacity)
        return ST_OK;
    size_t capacity = g->capacity ? 2 * g->capacity : PAIRS_FIRST;
    double *labelled = realloc(g->labelled, capacity * sizeof *labelled);
    g->labelled = labelled ? labelled : g->labelled;
    double *unlabelled = realloc(g->unlabelled, capacity * sizeof *unlabelled);
    g->unlabelled = unlabelled ? unlabelled : g->unlabelled;
    double *logits = realloc(g->logits, capacity * sizeof *logits);
    g->logits = logits ? logits : g->logits;
    bool *labels = realloc(g->labels, capacity * sizeof *labels);
    g->labels = labels ? labels : g->labels;
    signed char *chunk = realloc(g->chunk, capacity);
    g->chunk = chunk ? chunk : g->chunk;
    if (!labelled || !unlabelled || !logits || !labels || !chunk)
        return fail(err, ST_NOMEM, "%zu pairs: out of memory", capacity);
    g->capacity = capacity;
    return ST_OK;
}

static status flush(void *context, errinfo *err)
{
    gathering *g = context;
    size_t pairs = session_count(g->session) / 2, d = model_describe(session_model(g->session))->dimensions;
    status st = session_encode(g->session, err);
    for (size_t i = 0; st == ST_OK && i < pairs; i++) {
        double *x = g->chunk[i] < 0 ? &g->unlabelled[g->others++] : &g->labelled[g->n];
        calibration_measure(CALIBRATION_COS, session_vector(g->session, 2 * i), session_vector(g->session, 2 * i + 1),
                            d, x);
        if (g->chunk[i] >= 0)
            g->labels[g->n++] = g->chunk[i] == 1;
    }
    g->pending = 0;
    session_clear(g->session);
    return st;
}

static status add_line(void *context, slice line, size_t number, errinfo *err)
{
    gathering *g = context;
    char where[WHERE_BYTES];
    static const char marks[] = "01?";
    const char *mark = line.length > 2 && line.data[1] == '\t' ? memchr(marks, line.data[0], 3) : NULL;
    const char *a = line.data + 2, *end = line.data + line.length;
    const char *tab = mark ? memchr(a, '\t', (size_t)(end - a)) : NULL;
    if (!tab || memchr(tab + 1, '\t', (size_t)(end - tab - 1)))
        return fail(err, ST_INPUT, "line %zu: must be 0, 1 or ?, and two texts, with tabs between them", number);
    status st = grow(g, err);
    if (st)
        return st;
    (void)snprintf(where, sizeof where, "line %zu, first text", number);
    st = session_add(g->session, (slice){ a, (size_t)(tab - a) }, where, err);
    if (st)
        return st;
    (void)snprintf(where, sizeof where, "line %zu, second text", number);
    g->chunk[g->pending++] = *mark == '?' ? -1 : (signed char)(*mark - '0');
    return session_add(g->session, (slice){ tab + 1, (size_t)(end - tab - 1) }, where, err);
}

static status read_share(const char *text, const char *name, double *out, errinfo *err)
{
    char *end;
    if (!text)
        return ST_OK;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out > 0 && *out < 1))
        return fail(err, ST_INPUT, "--%s is %s; it must be between 0 and 1", name, text);
    return ST_OK;
}

/* ---- output ---- */

static status print_json(const artifact *a, errinfo *err)
{
    json_out w;
    arena *memory = arena_open(JSON_BYTES, SIZE_MAX / 2);
    if (!memory)
        return fail(err, ST_NOMEM, "out of memory");
    json_begin(&w, memory, JSON_BYTES / 2);
    artifact_write(&w, a, false);
    status st = output_json(&w, stdout, err);
    arena_close(memory);
    return st;
}

static status print_words(const artifact *a, errinfo *err)
{
    const calibration *c = &a->calibration;
    const calibration_quality *q = &c->leave_one_out;
    (void)printf("pairs          %zu matching, %zu others, %zu unlabelled\n", c->matches, c->others, c->unlabelled);
    (void)printf("weight, bias   %.4f, %.4f on -ln(1.02 - cosine); prior %.4f\n", c->weights[0], c->bias, c->prior);
    (void)printf("leave-one-out  log-loss %.4f, Brier %.4f, ECE %.4f (%.4f would be chance alone)\n", q->log_loss,
                 q->brier, q->ece, q->ece_floor);
    (void)printf("in sample      log-loss %.4f, Brier %.4f, ECE %.4f\n", c->in_sample.log_loss, c->in_sample.brier,
                 c->in_sample.ece);
    if (a->threshold.found)
        (void)printf("threshold      probability %.4f: precision %.4f, recall %.4f\n", a->threshold.probability,
                     a->threshold.precision, a->threshold.recall);
    else
        (void)printf("threshold      none reaches precision %.4f\n", a->wanted_precision);
    return output_flush(stdout, err);
}

static status fit(const options *o, gathering *g, errinfo *err)
{
    artifact a = { .kind = ARTIFACT_CALIBRATION, .id = "calibration" };
    const model *m = session_model(g->session);
    calibration_options how = calibration_defaults();
    how.unlabelled = g->unlabelled;
    how.unlabelled_count = g->others;
    status st = read_share(o->prior, "prior", &how.prior, err);
    if (st == ST_OK)
        st = read_share(o->precision_wanted, "precision-wanted", &a.wanted_precision, err);
    if (st == ST_OK)
        st = calibration_fit(&a.calibration, CALIBRATION_COS, g->labelled, g->labels, g->n, &how, g->logits, err);
    if (st == ST_OK)
        st = calibration_find_threshold(&a.threshold, g->logits, g->labels, g->n, a.wanted_precision, err);
    if (st == ST_OK && o->output)
        st = calibrate_diagram(o->output, &a.calibration.leave_one_out, g->n, err);
    if (st)
        return st;
    (void)snprintf(a.model, sizeof a.model, "%s", model_describe(m)->name);
    (void)snprintf(a.attention, sizeof a.attention, "%s", attention_name(model_default_attention(m)));
    return o->json ? print_json(&a, err) : print_words(&a, err);
}

static status run(const options *o, errinfo *err)
{
    gathering g = { 0 };
    FILE *in = fopen(o->arguments[0], "re");
    if (!in)
        return fail(err, ST_IO, "%s: %s", o->arguments[0], strerror(errno));
    status st = session_open(&g.session, o, err);
    if (st == ST_OK)
        st = lines_read(in, &(lines_sink){ add_line, flush, &g, o->batch }, err);
    if (st == ST_OK)
        st = fit(o, &g, err);
    session_close(g.session);
    free(g.labelled);
    free(g.unlabelled);
    free(g.logits);
    free(g.labels);
    free(g.chunk);
    (void)fclose(in);
    return st;
}

int cli_calibrate(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("calibrate", &err);
}
