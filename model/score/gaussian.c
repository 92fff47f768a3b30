/* gaussian.c - see gaussian.h.
 *
 * Full covariances: with Sp = L L', everything follows from two Cholesky factors, that of their mean, and the
 * eigenvalues of L' Sq L, whose square roots sum to tr (Sp Sq)^(1/2); no complex square root of a matrix is needed.
 */
#include "model/score/gaussian.h"

#include "model/score/algebra.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t cells(const gaussian *g)
{
    return g->full ? g->width * g->width : g->width;
}

status gaussian_open(gaussian **out, size_t width, bool full, errinfo *err)
{
    assert(width >= 1 && (!full || width <= GAUSSIAN_WIDTH_MAX));
    gaussian *g = calloc(1, sizeof *g);
    if (g) {
        g->width = width;
        g->full = full;
        g->mean = calloc(width, sizeof *g->mean);
        g->scatter = calloc(cells(g), sizeof *g->scatter);
    }
    if (!g || !g->mean || !g->scatter) {
        gaussian_close(g);
        return fail(err, ST_NOMEM, "mean and covariance of %zu dimensions: out of memory", width);
    }
    *out = g;
    return ST_OK;
}

void gaussian_close(gaussian *g)
{
    if (!g)
        return;
    free(g->mean);
    free(g->scatter);
    free(g);
}

void gaussian_reset(gaussian *g)
{
    g->count = 0;
    memset(g->mean, 0, g->width * sizeof *g->mean);
    memset(g->scatter, 0, cells(g) * sizeof *g->scatter);
}

/* scatter += factor * d d', d = x - mean before either moves. */
static void add_outer(gaussian *g, const double *x, double factor)
{
    const double *m = g->mean;
    for (size_t i = 0; i < g->width; i++) {
        double d = factor * (x[i] - m[i]);
        if (!g->full)
            g->scatter[i] += d * (x[i] - m[i]);
        for (size_t j = 0; g->full && j < g->width; j++)
            g->scatter[i * g->width + j] += d * (x[j] - m[j]);
    }
}

void gaussian_add(gaussian *g, const double *x)
{
    add_outer(g, x, g->count / (g->count + 1));
    g->count++;
    for (size_t i = 0; i < g->width; i++)
        g->mean[i] += (x[i] - g->mean[i]) / g->count;
}

void gaussian_merge(gaussian *into, const gaussian *other)
{
    assert(into->width == other->width && into->full == other->full);
    double total = into->count + other->count;
    if (!(other->count > 0))
        return;
    add_outer(into, other->mean, into->count * other->count / total);
    for (size_t i = 0; i < into->width; i++)
        into->mean[i] += (other->mean[i] - into->mean[i]) * other->count / total;
    for (size_t i = 0; i < cells(into); i++)
        into->scatter[i] += other->scatter[i];
    into->count = total;
}

void gaussian_covariance(const gaussian *g, double *out)
{
    for (size_t i = 0; i < cells(g); i++)
        out[i] = g->count > 0 ? g->scatter[i] / g->count : 0;
}

static void shrunk(const gaussian *g, double shrink, double *out)
{
    size_t step = g->full ? g->width + 1 : 1;
    double trace = 0;
    gaussian_covariance(g, out);
    for (size_t i = 0; i < g->width; i++)
        trace += out[i * step];
    for (size_t i = 0; i < cells(g); i++)
        out[i] *= 1 - shrink;
    for (size_t i = 0; i < g->width; i++)
        out[i * step] += shrink * trace / (double)g->width;
}

/* ---- the diagonal: sums over dimensions ---- */

static status compare_diagonal(gaussian_distance *out, const gaussian *p, const gaussian *q, double shrink, double *s,
                               errinfo *err)
{
    const size_t n = p->width;
    const double *a = s, *b = s + n;
    double square = 0;
    shrunk(p, shrink, s);
    shrunk(q, shrink, s + n);
    *out = (gaussian_distance){ 0 };
    for (size_t i = 0; i < n; i++) {
        if (!(a[i] > 0 && b[i] > 0))
            return fail(err, ST_INPUT, "dimension %zu does not vary", i);
        double d = p->mean[i] - q->mean[i], ratio = a[i] / b[i], middle = (a[i] + b[i]) / 2;
        out->kl_forward += (d * d / b[i] - log(ratio) + ratio - 1) / 2;
        out->kl_backward += (d * d / a[i] + log(ratio) + 1 / ratio - 1) / 2;
        out->bhattacharyya += log(middle / sqrt(a[i] * b[i])) / 2 + d * d / middle / 8;
        square += d * d + (sqrt(a[i]) - sqrt(b[i])) * (sqrt(a[i]) - sqrt(b[i]));
    }
    out->wasserstein = sqrt(square);
    return ST_OK;
}

/* ---- full covariances ---- */

/* d' S^-1 d for the factor of S; t[n] is scratch. */
static double distance_within(const double *factor, const gaussian *p, const gaussian *q, double *t)
{
    size_t n = p->width;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        t[i] = p->mean[i] - q->mean[i];
    algebra_solve(factor, n, t);
    for (size_t i = 0; i < n; i++)
        sum += t[i] * (p->mean[i] - q->mean[i]);
    return sum;
}

/* tr(S^-1 T) for the factor of S; t[n] is scratch. */
static double trace_within(const double *factor, const double *other, size_t n, double *t)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(t, other + i * n, n * sizeof *t);
        algebra_solve(factor, n, t);
        sum += t[i];
    }
    return sum;
}

/* out = L' S L, L lower triangular; s is overwritten. */
static void sandwich(const double *l, double *s, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)        /* rows of S times L, in place: column j needs columns >= j only */
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = j; k < n; k++)
                sum += s[i * n + k] * l[k * n + j];
            s[i * n + j] = sum;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = i; k < n; k++)
                sum += l[k * n + i] * s[k * n + j];
            out[i * n + j] = sum;
        }
}

/* sum of the square roots of the eigenvalues of L' S L; s and m are overwritten. */
static status trace_of_root(double *out, const double *l, double *s, size_t n, double *m, double *values, errinfo *err)
{
    sandwich(l, s, n, m);
    for (size_t i = 0; i < n; i++)        /* rounding leaves it not quite symmetric */
        for (size_t j = 0; j < i; j++)
            m[i * n + j] = m[j * n + i] = (m[i * n + j] + m[j * n + i]) / 2;
    status st = algebra_eigen(m, n, values, err);
    *out = 0;
    for (size_t i = 0; st == ST_OK && i < n; i++)
        *out += sqrt(fmax(values[i], 0));
    return st;
}

static double trace_of(const double *s, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i * n + i];
    return sum;
}

static status compare_full(gaussian_distance *out, const gaussian *p, const gaussian *q, double shrink, double *work,
                           errinfo *err)
{
    size_t n = p->width, nn = n * n;
    double *a = work, *b = a + nn, *la = b + nn, *lb = la + nn, *lm = lb + nn, *t = lm + nn, root, square = 0;
    shrunk(p, shrink, a);
    shrunk(q, shrink, b);
    for (size_t i = 0; i < nn; i++) {
        la[i] = a[i];
        lb[i] = b[i];
        lm[i] = (a[i] + b[i]) / 2;
    }
    status st = algebra_factor(la, n, err);
    if (st) return st;
    st = algebra_factor(lb, n, err);
    if (st) return st;
    st = algebra_factor(lm, n, err);
    if (st) return st;
    double da = algebra_log_determinant(la, n), db = algebra_log_determinant(lb, n);
    double dm = algebra_log_determinant(lm, n), order = (double)n;
    out->kl_forward = (distance_within(lb, p, q, t) - da + db + trace_within(lb, a, n, t) - order) / 2;
    out->kl_backward = (distance_within(la, p, q, t) - db + da + trace_within(la, b, n, t) - order) / 2;
    out->bhattacharyya = (dm - (da + db) / 2) / 2 + distance_within(lm, p, q, t) / 8;
    for (size_t i = 0; i < n; i++)
        square += (p->mean[i] - q->mean[i]) * (p->mean[i] - q->mean[i]);
    square += trace_of(a, n) + trace_of(b, n);
    st = trace_of_root(&root, la, b, n, lm, t, err);
    out->wasserstein = sqrt(fmax(square - 2 * root, 0));
    return st;
}

status gaussian_compare(gaussian_distance *out, const gaussian *p, const gaussian *q, double shrink, errinfo *err)
{
    assert(p->width == q->width && p->full == q->full);
    size_t n = p->width;
    if (!(p->count > 1 && q->count > 1))
        return fail(err, ST_INPUT, "%.0f and %.0f samples: at least 2 of each are needed", p->count, q->count);
    double *work = calloc(p->full ? 5 * n * n + n : 2 * n, sizeof *work);
    if (!work)
        return fail(err, ST_NOMEM, "distances of %zu dimensions: out of memory", n);
    status st = p->full ? compare_full(out, p, q, shrink, work, err) : compare_diagonal(out, p, q, shrink, work, err);
    free(work);
    return st;
}
