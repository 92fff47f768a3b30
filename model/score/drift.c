/* drift.c - see drift.h.
 *
 * A text costs one projection on 32 axes and two small updates. The null tables are made once, when the baseline is:
 * for each of some hundred draws a fresh reference, and for each window size a fresh sample against it. Reports look
 * up the table between sizes, on a logarithmic scale, since distances of chance fall like a power of the size.
 */
#include "model/score/drift.h"

#include "model/score/algebra.h"
#include "weights/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 200, SIZE_FIRST = 8, DISTANCES = 2 * GAUSSIAN_DISTANCES };

static const char *const names[DRIFT_STATISTICS] = {
    "diagonal_kl_forward", "diagonal_kl_backward", "diagonal_bhattacharyya", "diagonal_wasserstein",
    "principal_kl_forward", "principal_kl_backward", "principal_bhattacharyya", "principal_wasserstein", "combined",
};

const char *drift_statistic_name(size_t statistic)
{
    return names[statistic];
}

double drift_knot(size_t knot)
{
    static const double last[] = { 97.5, 99, 100 };
    return knot < 20 ? 5 * (double)knot : last[knot - 20];
}

/* ---- two gaussians side by side ---- */

typedef struct { gaussian *diagonal, *principal; } law;

static status law_open(law *l, size_t width, size_t axes, errinfo *err)
{
    *l = (law){ NULL, NULL };
    status st = gaussian_open(&l->diagonal, width, false, err);
    return st ? st : gaussian_open(&l->principal, axes, true, err);
}

static void law_clear(law *l)
{
    gaussian_close(l->diagonal);
    gaussian_close(l->principal);
}

static void law_reset(const law *l)
{
    gaussian_reset(l->diagonal);
    gaussian_reset(l->principal);
}

static void law_merge(const law *into, const law *other)
{
    gaussian_merge(into->diagonal, other->diagonal);
    gaussian_merge(into->principal, other->principal);
}

/* The eight distances of a sample from a reference. */
static status law_compare(const law *sample, const law *reference, double *values, errinfo *err)
{
    gaussian_distance d[2];
    status st = gaussian_compare(&d[0], sample->diagonal, reference->diagonal, DRIFT_SHRINK, err);
    if (st == ST_OK)
        st = gaussian_compare(&d[1], sample->principal, reference->principal, DRIFT_SHRINK, err);
    for (size_t i = 0; st == ST_OK && i < 2; i++) {
        values[4 * i] = d[i].kl_forward;
        values[4 * i + 1] = d[i].kl_backward;
        values[4 * i + 2] = d[i].bhattacharyya;
        values[4 * i + 3] = d[i].wasserstein;
    }
    return st;
}

/* ---- vectors to rows: unit vector, then its projections ---- */

static void place(const float *vector, size_t d, const double *axis_rows, size_t axes, double *row)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)vector[i] * (double)vector[i];
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < d; i++)
        row[i] = (double)vector[i] * scale;
    for (size_t a = 0; a < axes; a++)
        row[d + a] = algebra_dot(axis_rows + a * d, row, d);
}

static void law_add(const law *l, const double *row)
{
    gaussian_add(l->diagonal, row);
    gaussian_add(l->principal, row + l->diagonal->width);
}

/* ---- the null ---- */

typedef struct {
    const double *rows;                   /* [count][stride] */
    size_t count, stride;
    law reference, sample;
    random_sequence random;
    double *draws;                        /* [DRIFT_SIZES][DRIFT_STATISTICS][DRAWS] */
} bootstrap;

static void draw_law(bootstrap *b, const law *l, size_t n)
{
    law_reset(l);
    for (size_t i = 0; i < n; i++)
        law_add(l, b->rows + random_below(&b->random, b->count) * b->stride);
}

static double *draws_of(const bootstrap *b, size_t size, size_t statistic)
{
    return b->draws + (size * DRIFT_STATISTICS + statistic) * DRAWS;
}

/* A larger window is a smaller one with more texts added, which saves half of the work. */
static status draw_once(bootstrap *b, size_t draw, errinfo *err)
{
    double values[DISTANCES];
    draw_law(b, &b->reference, b->count);
    law_reset(&b->sample);
    for (size_t size = 0, n = 0; size < DRIFT_SIZES; size++) {
        for (; n < (size_t)SIZE_FIRST << size; n++)
            law_add(&b->sample, b->rows + random_below(&b->random, b->count) * b->stride);
        status st = law_compare(&b->sample, &b->reference, values, err);
        if (st)
            return st;
        for (size_t s = 0; s < DISTANCES; s++)
            draws_of(b, size, s)[draw] = values[s];
    }
    return ST_OK;
}

static int rising(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double quantile(const double *sorted, size_t n, double percent)
{
    double at = percent / 100 * (double)(n - 1);
    size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

/* How far a set of distances stands out: the largest, each in units of its own 95 % bound. */
static double combine(const double *values, const double *bounds)
{
    double largest = 0;
    for (size_t s = 0; s < DISTANCES; s++)
        largest = fmax(largest, values[s] / bounds[s]);
    return largest;
}

static void table_quantiles(double *knots, const double *draws)
{
    double sorted[DRAWS];
    memcpy(sorted, draws, sizeof sorted);
    qsort(sorted, DRAWS, sizeof *sorted, rising);
    for (size_t k = 0; k < DRIFT_KNOTS; k++)
        knots[k] = fmax(quantile(sorted, DRAWS, drift_knot(k)), 1e-15);
}

enum { KNOT_95 = 19 };

static void table_null(drift_baseline *base, const bootstrap *b)
{
    for (size_t size = 0; size < DRIFT_SIZES; size++) {
        double bounds[DISTANCES], values[DISTANCES];
        for (size_t s = 0; s < DISTANCES; s++) {
            table_quantiles(base->null[size][s], draws_of(b, size, s));
            bounds[s] = base->null[size][s][KNOT_95];
        }
        for (size_t draw = 0; draw < DRAWS; draw++) {
            for (size_t s = 0; s < DISTANCES; s++)
                values[s] = draws_of(b, size, s)[draw];
            draws_of(b, size, DRIFT_COMBINED)[draw] = combine(values, bounds);
        }
        table_quantiles(base->null[size][DRIFT_COMBINED], draws_of(b, size, DRIFT_COMBINED));
    }
}

static status make_null(drift_baseline *base, const double *rows, size_t count, uint32_t seed, errinfo *err)
{
    bootstrap b = { .rows = rows, .count = count, .stride = base->width + base->axes };
    b.random = random_begin(seed, 0);
    b.draws = calloc((size_t)DRIFT_SIZES * DRIFT_STATISTICS * DRAWS, sizeof *b.draws);
    status st = b.draws ? ST_OK : fail(err, ST_NOMEM, "a baseline: out of memory");
    if (st == ST_OK)
        st = law_open(&b.reference, base->width, base->axes, err);
    if (st == ST_OK)
        st = law_open(&b.sample, base->width, base->axes, err);
    for (size_t draw = 0; st == ST_OK && draw < DRAWS; draw++)
        st = draw_once(&b, draw, err);
    if (st == ST_OK)
        table_null(base, &b);
    law_clear(&b.sample);
    law_clear(&b.reference);
    free(b.draws);
    return st;
}

/* ---- the baseline ---- */

status drift_baseline_open(drift_baseline **out, size_t width, errinfo *err)
{
    if (width < 1 || width > GAUSSIAN_WIDTH_MAX)
        return fail(err, ST_INPUT, "a baseline of %zu dimensions: at most %d", width, GAUSSIAN_WIDTH_MAX);
    drift_baseline *b = calloc(1, sizeof *b);
    if (!b)
        return fail(err, ST_NOMEM, "a baseline: out of memory");
    b->width = width;
    b->axes = width < DRIFT_AXES ? width : DRIFT_AXES;
    b->axis_rows = calloc(b->axes * width, sizeof *b->axis_rows);
    law l = { NULL, NULL };
    status st = b->axis_rows ? law_open(&l, width, b->axes, err) : fail(err, ST_NOMEM, "a baseline: out of memory");
    b->diagonal = l.diagonal;
    b->principal = l.principal;
    if (st) {
        drift_baseline_close(b);
        return st;
    }
    *out = b;
    return ST_OK;
}

void drift_baseline_close(drift_baseline *b)
{
    if (!b)
        return;
    law_clear(&(law){ b->diagonal, b->principal });
    free(b->axis_rows);
    free(b);
}

/* The eigenvectors of the largest eigenvalues of the even vectors' covariance. */
static status find_axes(drift_baseline *b, const float *vectors, size_t n, errinfo *err)
{
    size_t d = b->width;
    gaussian *g;
    status st = gaussian_open(&g, d, true, err);
    if (st)
        return st;
    double *row = calloc(2 * d, sizeof *row);
    if (!row)
        st = fail(err, ST_NOMEM, "a baseline: out of memory");
    for (size_t i = 0; st == ST_OK && i < n; i += 2) {
        place(vectors + i * d, d, NULL, 0, row);
        gaussian_add(g, row);
    }
    if (st == ST_OK)
        st = algebra_eigen(g->scatter, d, row, err);
    for (size_t a = 0; st == ST_OK && a < b->axes; a++)
        memcpy(b->axis_rows + a * d, g->scatter + (d - 1 - a) * d, d * sizeof *row);
    free(row);
    gaussian_close(g);
    return st;
}

static status fit(drift_baseline *b, const float *vectors, size_t n, uint32_t seed, errinfo *err)
{
    size_t stride = b->width + b->axes, count = n / 2;
    status st = find_axes(b, vectors, n, err);
    if (st)
        return st;
    double *rows = calloc(count * stride, sizeof *rows);
    if (!rows)
        return fail(err, ST_NOMEM, "a baseline of %zu texts: out of memory", n);
    for (size_t i = 0; i < count; i++) {
        place(vectors + (2 * i + 1) * b->width, b->width, b->axis_rows, b->axes, rows + i * stride);
        law_add(&(law){ b->diagonal, b->principal }, rows + i * stride);
    }
    st = make_null(b, rows, count, seed, err);
    free(rows);
    return st;
}

status drift_baseline_fit(drift_baseline **out, const float *vectors, size_t n, size_t width, uint32_t seed,
                          errinfo *err)
{
    drift_baseline *b;
    if (n < DRIFT_TEXTS_MIN || n > DRIFT_TEXTS_MAX)
        return fail(err, ST_INPUT, "a baseline of %zu texts: must be %d to %d", n, DRIFT_TEXTS_MIN, DRIFT_TEXTS_MAX);
    status st = drift_baseline_open(&b, width, err);
    if (st)
        return st;
    b->texts = n;
    st = fit(b, vectors, n, seed, err);
    if (st)
        drift_baseline_close(b);
    else
        *out = b;
    return st;
}

/* ---- the window ---- */

struct drift_window {
    const drift_baseline *baseline;
    law buckets[DRIFT_BUCKETS];
    size_t current, total;
    double *row;
};

status drift_window_open(drift_window **out, const drift_baseline *b, errinfo *err)
{
    drift_window *w = calloc(1, sizeof *w);
    if (!w)
        return fail(err, ST_NOMEM, "a window: out of memory");
    w->baseline = b;
    w->row = calloc(b->width + b->axes, sizeof *w->row);
    status st = w->row ? ST_OK : fail(err, ST_NOMEM, "a window: out of memory");
    for (size_t i = 0; st == ST_OK && i < DRIFT_BUCKETS; i++)
        st = law_open(&w->buckets[i], b->width, b->axes, err);
    if (st)
        drift_window_close(w);
    else
        *out = w;
    return st;
}

void drift_window_close(drift_window *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < DRIFT_BUCKETS; i++)
        law_clear(&w->buckets[i]);
    free(w->row);
    free(w);
}

void drift_window_reset(drift_window *w)
{
    for (size_t i = 0; i < DRIFT_BUCKETS; i++)
        law_reset(&w->buckets[i]);
    w->total = 0;
}

void drift_window_add(drift_window *w, const float *vector)
{
    const drift_baseline *b = w->baseline;
    if (w->buckets[w->current].diagonal->count >= DRIFT_BUCKET_TEXTS) {
        w->current = (w->current + 1) % DRIFT_BUCKETS;
        law_reset(&w->buckets[w->current]);
    }
    place(vector, b->width, b->axis_rows, b->axes, w->row);
    law_add(&w->buckets[w->current], w->row);
    w->total++;
}

/* Quantiles of the null for n texts: between two sizes of the table, straight lines in logarithms. */
static void null_at(const drift_baseline *b, size_t n, size_t statistic, double *knots)
{
    double at = fmin(fmax(log2((double)n / SIZE_FIRST), 0), DRIFT_SIZES - 1);
    size_t below = (size_t)at, above = below + 1 < DRIFT_SIZES ? below + 1 : below;
    for (size_t k = 0; k < DRIFT_KNOTS; k++) {
        double low = log(b->null[below][statistic][k]), high = log(b->null[above][statistic][k]);
        knots[k] = exp(low + (at - (double)below) * (high - low));
    }
}

static double percentile(const double *knots, double value)
{
    size_t k = 0;
    if (value <= knots[0])
        return 0;
    while (k + 1 < DRIFT_KNOTS && value > knots[k + 1])
        k++;
    if (k + 1 == DRIFT_KNOTS)
        return 100;
    double share = (value - knots[k]) / (knots[k + 1] - knots[k]);
    return drift_knot(k) + share * (drift_knot(k + 1) - drift_knot(k));
}

static void fill_percentiles(drift_report *out, const drift_baseline *b)
{
    double knots[DRIFT_KNOTS], bounds[DISTANCES];
    for (size_t s = 0; s < DRIFT_STATISTICS; s++) {
        null_at(b, out->texts, s, knots);
        if (s < DRIFT_COMBINED)
            bounds[s] = knots[KNOT_95];
        else
            out->values[s] = combine(out->values, bounds);
        out->percentiles[s] = percentile(knots, out->values[s]);
    }
    out->drifted = out->percentiles[DRIFT_COMBINED] >= DRIFT_ALARM;
}

status drift_window_report(drift_report *out, const drift_window *w, errinfo *err)
{
    const drift_baseline *b = w->baseline;
    law recent, reference = { b->diagonal, b->principal };
    status st = law_open(&recent, b->width, b->axes, err);
    for (size_t i = 0; st == ST_OK && i < DRIFT_BUCKETS; i++)
        law_merge(&recent, &w->buckets[i]);
    if (st == ST_OK) {
        *out = (drift_report){ .texts = (size_t)recent.diagonal->count, .total = w->total };
        if (out->texts < SIZE_FIRST)
            st = fail(err, ST_BUSY, "%zu texts so far; a report needs %d", out->texts, SIZE_FIRST);
    }
    if (st == ST_OK)
        st = law_compare(&recent, &reference, out->values, err);
    if (st == ST_OK)
        fill_percentiles(out, b);
    law_clear(&recent);
    return st;
}
