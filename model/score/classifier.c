/* classifier.c - see classifier.h.
 *
 * Samples are moved to the overall mean and turned into the eigenbasis of the pooled scatter W. There, for a sample of
 * class c at distance r from its class mean and n_c samples of that class, leaving it out gives
 *   W' = W - f r r', f = n_c / (n_c - 1),   mean_c' = mean_c - r / (n_c - 1),   ln p_i' from the smaller counts,
 * and S' = (1-l) W'/(n-1) + l tr(W')/((n-1) D) I = A - g r r' with A diagonal, g = (1-l) f / (n-1).
 */
#include "model/score/classifier.h"

#include "model/score/algebra.h"
#include "model/score/margin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SHRINKS[] = { 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.95 };
enum { SHRINK_COUNT = sizeof SHRINKS / sizeof *SHRINKS, BLOCK = 64 };

/* Of the whole scatter, what is taken to stay when a sample is left out. Without it a class of two, beside classes of
 * equal texts, would leave nothing, and logits that are no numbers. */
static const double LEAST_SCATTER = 1e-6;

typedef struct {
    size_t k, n, d;
    const size_t *labels;
    double *centre;                       /* [D] overall mean */
    double *rows;                         /* [n][D] eigen coordinates */
    double *means;                        /* [k][D] */
    double *basis;                        /* [D][D] a row an eigenvector */
    double *values;                       /* [D] eigenvalues of W */
    double *scratch;                      /* [2 D + k] */
    double *block;                        /* [BLOCK][D] */
    size_t *counts;                       /* [k] */
    double trace;
} fitting;

/* ---- a classifier ---- */

status classifier_open(classifier **out, size_t classes, size_t width, errinfo *err)
{
    if (classes < 2 || classes > CLASSIFIER_CLASSES_MAX)
        return fail(err, ST_INPUT, "%zu classes: must be 2 to %d", classes, CLASSIFIER_CLASSES_MAX);
    if (width < 1 || width > CLASSIFIER_WIDTH_MAX)
        return fail(err, ST_INPUT, "vectors of %zu dimensions: must be 1 to %d", width, CLASSIFIER_WIDTH_MAX);
    classifier *c = calloc(1, sizeof *c);
    if (!c)
        return fail(err, ST_NOMEM, "a classifier: out of memory");
    c->classes = classes;
    c->width = width;
    c->weights = calloc(classes * width, sizeof *c->weights);
    c->bias = calloc(classes, sizeof *c->bias);
    if (!c->weights || !c->bias) {
        classifier_close(c);
        return fail(err, ST_NOMEM, "a classifier of %zu classes: out of memory", classes);
    }
    *out = c;
    return ST_OK;
}

void classifier_close(classifier *c)
{
    if (!c)
        return;
    free(c->weights);
    free(c->bias);
    free(c);
}

void classifier_softmax(double *z, size_t k)
{
    double top = z[0], sum = 0;
    for (size_t i = 1; i < k; i++)
        top = fmax(top, z[i]);
    for (size_t i = 0; i < k; i++)
        sum += z[i] = exp(z[i] - top);
    for (size_t i = 0; i < k; i++)
        z[i] /= sum;
}

void classifier_logits(const classifier *c, const float *vector, double *z)
{
    for (size_t i = 0; i < c->classes; i++) {
        const double *w = c->weights + i * c->width;
        double sum = c->bias[i];
        for (size_t j = 0; j < c->width; j++)
            sum += w[j] * (double)vector[j];
        z[i] = sum;
    }
}

void classifier_predict(const classifier *c, const float *vector, double *probabilities)
{
    classifier_logits(c, vector, probabilities);
    classifier_softmax(probabilities, c->classes);
}

/* ---- moments, and their eigenbasis ---- */

static void fitting_clear(fitting *f)
{
    free(f->centre);
    free(f->rows);
    free(f->means);
    free(f->basis);
    free(f->values);
    free(f->scratch);
    free(f->block);
    free(f->counts);
}

static status fitting_init(fitting *f, errinfo *err)
{
    size_t cells;
    if (!size_multiply(f->n, f->d, &cells))
        return fail(err, ST_NOMEM, "%zu samples are too many", f->n);
    f->centre = calloc(f->d, sizeof(double));
    f->rows = calloc(cells, sizeof(double));
    f->means = calloc(f->k * f->d, sizeof(double));
    f->basis = calloc(f->d * f->d, sizeof(double));
    f->values = calloc(f->d, sizeof(double));
    f->scratch = calloc(2 * f->d + f->k, sizeof(double));
    f->block = calloc(BLOCK * f->d, sizeof(double));
    f->counts = calloc(f->k, sizeof(size_t));
    if (f->centre && f->rows && f->means && f->basis && f->values && f->scratch && f->block && f->counts)
        return ST_OK;
    return fail(err, ST_NOMEM, "a classifier from %zu samples: out of memory", f->n);
}

static status count_classes(fitting *f, errinfo *err)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->labels[i] >= f->k)
            return fail(err, ST_INPUT, "sample %zu has class %zu of %zu", i, f->labels[i], f->k);
        f->counts[f->labels[i]]++;
    }
    for (size_t c = 0; c < f->k; c++)
        if (f->counts[c] < 2)
            return fail(err, ST_INPUT, "class %zu has %zu samples; at least 2 are needed", c, f->counts[c]);
    return ST_OK;
}

static void average(fitting *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->d; j++)
            f->centre[j] += f->rows[i * f->d + j] / (double)f->n;
    for (size_t i = 0; i < f->n; i++) {
        double *mean = f->means + f->labels[i] * f->d, *row = f->rows + i * f->d;
        for (size_t j = 0; j < f->d; j++) {
            row[j] -= f->centre[j];
            mean[j] += row[j] / (double)f->counts[f->labels[i]];
        }
    }
}

/* Block by block of samples, so that BLAS has something to chew on. */
static void scatter(fitting *f)
{
    const size_t d = f->d;
    for (size_t first = 0; first < f->n; first += BLOCK) {
        size_t rows = f->n - first < BLOCK ? f->n - first : BLOCK;
        for (size_t i = 0; i < rows * d; i++)
            f->block[i] = f->rows[first * d + i] - f->means[f->labels[first + i / d] * d + i % d];
        algebra_product(true, false, d, d, rows, 1, f->block, f->block, 1, f->basis);
    }
    for (size_t j = 0; j < d; j++)    /* a product may round its two triangles apart */
        for (size_t m = 0; m < j; m++)
            f->basis[m * d + j] = f->basis[j * d + m];
}

/* rows[n][D] into the eigenbasis. */
static void turn(const fitting *f, double *rows, size_t n)
{
    const size_t d = f->d;
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t count = n - first < BLOCK ? n - first : BLOCK;
        algebra_product(false, true, count, d, d, 1, rows + first * d, f->basis, 0, f->block);
        memcpy(rows + first * d, f->block, count * d * sizeof *rows);
    }
}

static status prepare(fitting *f, const float *vectors, errinfo *err)
{
    status st = fitting_init(f, err);
    if (st)
        return st;
    st = count_classes(f, err);
    if (st)
        return st;
    for (size_t i = 0; i < f->n * f->d; i++)
        f->rows[i] = (double)vectors[i];
    average(f);
    scatter(f);
    st = algebra_eigen(f->basis, f->d, f->values, err);
    if (st)
        return st;
    for (size_t j = 0; j < f->d; j++) {
        f->values[j] = fmax(f->values[j], 0);
        f->trace += f->values[j];
    }
    if (!(f->trace > 1e-12 * (double)f->n))
        return fail(err, ST_INPUT, "the samples of each class are all the same");
    turn(f, f->rows, f->n);
    turn(f, f->means, f->k);
    return ST_OK;
}

/* ---- logits of the samples ---- */

/* a[D]: the inverse of the shrunk covariance, diagonal here. */
static void invert(const fitting *f, double shrink, double trace, double n, double *a)
{
    double level = shrink * trace / (n * (double)f->d), least = 1e-12 * trace / (n * (double)f->d);
    for (size_t j = 0; j < f->d; j++)
        a[j] = 1 / fmax((1 - shrink) * f->values[j] / n + level, least);
}

/* x' A^-1 y, with the inverse given. */
static double inner(const double *x, const double *y, const double *a, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++)
        sum += x[j] * y[j] * a[j];
    return sum;
}

/* z[k] of sample i when it has been left out; exact. */
static void logits_without(const fitting *f, size_t i, double shrink, double *z)
{
    size_t own = f->labels[i], d = f->d;
    double n = (double)f->n, n_own = (double)f->counts[own], factor = n_own / (n_own - 1);
    double *a = f->scratch, *r = f->scratch + d;
    const double *x = f->rows + i * d, *mean_own = f->means + own * d;
    for (size_t j = 0; j < d; j++)
        r[j] = x[j] - mean_own[j];
    double rest = f->trace - factor * algebra_dot(r, r, d);
    invert(f, shrink, fmax(rest, LEAST_SCATTER * f->trace), n - 1, a);
    double g = (1 - shrink) * factor / (n - 1), rr = inner(r, r, a, d), rx = inner(r, x, a, d);
    double boost = g / fmax(1 - g * rr, 1e-12), back = 1 / (n_own - 1);
    for (size_t c = 0; c < f->k; c++) {
        const double *mean = f->means + c * d;
        double rm = inner(r, mean, a, d), xm = inner(x, mean, a, d), mm = inner(mean, mean, a, d);
        double count = (double)f->counts[c];
        if (c == own) {    /* the mean without it: mean - back r */
            mm += back * back * rr - 2 * back * rm;
            xm -= back * rx;
            rm -= back * rr;
            count -= 1;
        }
        z[c] = log(count / (n - 1)) + xm + boost * rx * rm - (mm + boost * rm * rm) / 2;
    }
}

static void judge(const fitting *f, const double *z, size_t i, classifier_quality *q)
{
    double top = z[0], sum = 0;
    size_t best = 0;
    for (size_t c = 1; c < f->k; c++)
        if (z[c] > z[best])
            best = c;
    top = z[best];
    for (size_t c = 0; c < f->k; c++)
        sum += exp(z[c] - top);
    q->log_loss += (log(sum) + top - z[f->labels[i]]) / (double)f->n;
    q->accuracy += best == f->labels[i] ? 1 : 0;    /* a count until the last sample */
    if (i + 1 == f->n)
        q->accuracy /= (double)f->n;
}

static classifier_quality leave_one_out(const fitting *f, double shrink)
{
    classifier_quality q = { 0 };
    double *z = f->scratch + 2 * f->d;
    for (size_t i = 0; i < f->n; i++) {
        logits_without(f, i, shrink, z);
        judge(f, z, i, &q);
    }
    return q;
}

static double choose_shrink(const fitting *f)
{
    double best = SHRINKS[0], best_loss = HUGE_VAL;
    for (size_t s = 0; s < SHRINK_COUNT; s++) {
        double loss = leave_one_out(f, SHRINKS[s]).log_loss;
        if (loss < best_loss) {
            best_loss = loss;
            best = SHRINKS[s];
        }
    }
    return best;
}

/* ---- weights in the coordinates of the caller ---- */

static void fill(const fitting *f, classifier *c)
{
    double *a = f->scratch, *z = f->scratch + 2 * f->d;
    invert(f, c->shrink, f->trace, (double)f->n, a);
    for (size_t k = 0; k < f->k; k++) {
        const double *mean = f->means + k * f->d;
        double *w = c->weights + k * f->d;
        for (size_t j = 0; j < f->d; j++)
            for (size_t m = 0; m < f->d; m++)
                w[m] += mean[j] * a[j] * f->basis[j * f->d + m];
        c->bias[k] = log((double)f->counts[k] / (double)f->n) - inner(mean, mean, a, f->d) / 2
                     - algebra_dot(w, f->centre, f->d);
    }
    for (size_t i = 0; i < f->n; i++) {
        const double *x = f->rows + i * f->d;
        for (size_t k = 0; k < f->k; k++) {
            const double *mean = f->means + k * f->d;
            z[k] = log((double)f->counts[k] / (double)f->n) + inner(x, mean, a, f->d) - inner(mean, mean, a, f->d) / 2;
        }
        judge(f, z, i, &c->in_sample);
    }
}

status classifier_fit(classifier **out, size_t classes, const float *vectors, const size_t *labels, size_t n,
                      size_t width, double shrink, errinfo *err)
{
    classifier *c;
    fitting f = { .k = classes, .n = n, .d = width, .labels = labels };
    status st = classifier_open(&c, classes, width, err);
    if (st)
        return st;
    st = prepare(&f, vectors, err);
    if (st == ST_OK) {
        c->samples = n;
        c->shrink = shrink < 0 ? choose_shrink(&f) : shrink;
        c->leave_one_out = leave_one_out(&f, c->shrink);
        fill(&f, c);
        *out = c;
    } else {
        classifier_close(c);
    }
    fitting_clear(&f);
    return st;
}
