/* calibration.c - see calibration.h.
 *
 * Leaving sample i out changes one class mean by a rank-one amount and the pooled scatter by n_k/(n_k-1) r r', r its
 * distance from its class mean; so the sums are downdated instead of summed again, exactly. The correction's gradient
 * and Hessian lose one term likewise, and the gradient follows the other samples' z to first order.
 */
#include "model/score/calibration.h"

#include "model/score/algebra.h"
#include "model/score/margin.h"
#include "model/score/similarity.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F = CALIBRATION_FEATURES_MAX, S = CALIBRATION_SHAPE };

static const double NEAREST = 1.02;       /* keeps the logarithm finite at cosine 1; chosen on sets not judged on */
static const double SMALLEST_PROBABILITY = 1e-12;
/* Ridge of the correction in pairs' worth of curvature: offset and slope are well fitted already, hence the more. Below
 * some hundred pairs its four numbers are noise that costs more than it mends, so there it is stiffened. */
static const double RIDGE[S] = { 400, 400, 100, 100 }, STIFF_BELOW = 300;
static const double CURVATURE = 0.15;     /* p (1 - p) of a typical sample */

static const char *const names[CALIBRATION_KINDS] = { "cos", "cos+l1+l2" };

calibration_options calibration_defaults(void)
{
    return (calibration_options){ .shrink = 0.1, .usual_pairs = CALIBRATION_USUAL_PAIRS };
}

size_t calibration_features(calibration_kind kind)
{
    return kind == CALIBRATION_COS ? 1 : 3;
}

const char *calibration_kind_name(calibration_kind kind)
{
    return names[kind];
}

bool calibration_kind_parse(slice name, calibration_kind *out)
{
    for (calibration_kind kind = 0; kind < CALIBRATION_KINDS; kind++) {
        if (slice_is(name, names[kind])) {
            *out = kind;
            return true;
        }
    }
    return false;
}

double calibration_of_cosine(double cosine)
{
    return -log(NEAREST - fmin(cosine, 1));
}

static double inverse_length(const float *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)x[i] * (double)x[i];
    return sum > 0 ? 1 / sqrt(sum) : 0;
}

/* Distances as -ln, like the cosine's: of unit vectors for L1, of the raw ones for L2. */
void calibration_measure(calibration_kind kind, const float *a, const float *b, size_t d, double *x)
{
    x[0] = calibration_of_cosine((double)similarity_score(METRIC_COSINE, a, b, d));
    if (kind == CALIBRATION_COS)
        return;
    double scale_a = inverse_length(a, d), scale_b = inverse_length(b, d), sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += fabs((double)a[i] * scale_a - (double)b[i] * scale_b);
    double raw = -(double)similarity_score(METRIC_EUCLIDEAN, a, b, d) * sqrt(scale_a * scale_b);
    x[1] = -log(0.05 + sum / sqrt((double)d));
    x[2] = -log(0.05 + raw);
}

/* ---- the two Gaussians ---- */

typedef struct {
    size_t d, n[2];
    double mean[2][F];
    double scatter[F * F];                /* pooled: sum over both classes of r r' */
    double middle[F];                     /* of the unlabelled; used when pinned */
    bool pinned;
} moments;

static void gather(moments *m, const double *x, const bool *labels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = labels[i];
        m->n[k]++;
        for (size_t j = 0; j < m->d; j++)
            m->mean[k][j] += (x[i * m->d + j] - m->mean[k][j]) / (double)m->n[k];
    }
    for (size_t i = 0; i < n; i++) {
        const double *mean = m->mean[labels[i]], *row = x + i * m->d;
        for (size_t j = 0; j < m->d; j++)
            for (size_t k = 0; k < m->d; k++)
                m->scatter[j * m->d + k] += (row[j] - mean[j]) * (row[k] - mean[k]);
    }
}

static void pin(moments *m, const double *x, size_t n)
{
    m->pinned = n > 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m->d; j++)
            m->middle[j] += (x[i * m->d + j] - m->middle[j]) / (double)(i + 1);
}

static moments without(const moments *m, const double *row, size_t k)
{
    moments less = *m;
    double n = (double)m->n[k], factor = n / (n - 1), r[F];
    less.n[k]--;
    for (size_t j = 0; j < m->d; j++) {
        r[j] = row[j] - m->mean[k][j];
        less.mean[k][j] -= r[j] / (n - 1);
    }
    for (size_t j = 0; j < m->d; j++)
        for (size_t i = 0; i < m->d; i++)
            less.scatter[j * m->d + i] -= factor * r[j] * r[i];
    return less;
}

/* The pooled covariance, shrunk toward a multiple of I, factored. ST_INPUT: features that do not vary. */
static status factor_covariance(const moments *m, double shrink, double *s, errinfo *err)
{
    double trace = 0, n = (double)(m->n[0] + m->n[1]);
    for (size_t j = 0; j < m->d; j++)
        trace += m->scatter[j * m->d + j] / n;
    if (!(trace > 1e-12))
        return fail(err, ST_INPUT, "the pairs of a class are all equally similar; give pairs that differ");
    for (size_t j = 0; j < m->d * m->d; j++)
        s[j] = (1 - shrink) * m->scatter[j] / n;
    for (size_t j = 0; j < m->d; j++)
        s[j * m->d + j] += shrink * trace / (double)m->d;
    return algebra_factor(s, m->d, err);
}

/* Weights and bias at the samples' own share of matches. */
static status solve_gaussians(const moments *m, const calibration_options *o, double *weights, double *bias,
                              errinfo *err)
{
    double s[F * F], difference[F], n = (double)(m->n[0] + m->n[1]), share = (double)m->n[1] / n;
    status st = factor_covariance(m, o->shrink, s, err);
    if (st)
        return st;
    for (size_t j = 0; j < m->d; j++)
        weights[j] = difference[j] = m->mean[1][j] - m->mean[0][j];
    algebra_solve(s, m->d, weights);
    if (m->d == 1)
        weights[0] = (n * weights[0] + o->usual_pairs * CALIBRATION_USUAL_SLOPE) / (n + o->usual_pairs);
    double prior = o->prior > 0 ? o->prior : share;
    *bias = log(share / (1 - share));
    for (size_t j = 0; j < m->d; j++) {
        double centre = m->pinned ? m->middle[j] - (prior - 0.5) * difference[j] : (m->mean[0][j] + m->mean[1][j]) / 2;
        *bias -= weights[j] * centre;
    }
    return ST_OK;
}

/* ---- the correction ---- */

typedef struct {
    double samples, gradient[S], hessian[S * S];
    double follow[S][F + 1];              /* d gradient / d (bias, weights) */
} step;

static void shape_of(double z, double basis[S])
{
    basis[0] = 1;
    basis[1] = z;
    basis[2] = tanh(z);
    basis[3] = sqrt(1 + z * z);
}

static void slope_of(double z, double slope[S])
{
    double t = tanh(z);
    slope[0] = 0;
    slope[1] = 1;
    slope[2] = 1 - t * t;
    slope[3] = z / sqrt(1 + z * z);
}

static void add_sample(step *t, const double *x, size_t d, double z, bool label, double sign)
{
    double basis[S], slope[S], p = margin_sigmoid(z);
    shape_of(z, basis);
    slope_of(z, slope);
    t->samples += sign;
    for (size_t i = 0; i < S; i++) {
        t->gradient[i] += sign * ((label ? 1 : 0) - p) * basis[i];
        for (size_t j = 0; j < S; j++)
            t->hessian[i * S + j] += sign * p * (1 - p) * basis[i] * basis[j];
        double by_z = sign * (((label ? 1 : 0) - p) * slope[i] - p * (1 - p) * basis[i]);
        t->follow[i][0] += by_z;
        for (size_t j = 0; j < d; j++)
            t->follow[i][1 + j] += by_z * x[j];
    }
}

/* Derivative of z + s.basis: a corrected logit must still rise with z, or ranks would change. */
static bool rises(const double shape[S])
{
    for (double z = -12; z <= 12; z += 0.25) {
        double slope[S];
        slope_of(z, slope);
        if (1 + algebra_dot(shape, slope, S) < 0.05)
            return false;
    }
    return true;
}

static status take_step(const step *t, const calibration_options *o, double shape[S], errinfo *err)
{
    double h[S * S];
    memset(shape, 0, S * sizeof *shape);
    if (o->plain)
        return ST_OK;
    memcpy(h, t->hessian, sizeof h);
    double few = STIFF_BELOW / t->samples, stiffness = CURVATURE * (1 + few * few);
    for (size_t i = 0; i < S; i++)
        h[i * S + i] += RIDGE[i] * stiffness;
    status st = algebra_factor(h, S, err);
    if (st)
        return st;
    memcpy(shape, t->gradient, S * sizeof *shape);
    algebra_solve(h, S, shape);
    for (int halvings = 0; !rises(shape) && halvings < 8; halvings++)
        for (size_t i = 0; i < S; i++)
            shape[i] /= 2;
    return ST_OK;
}

static double corrected(double z, const double shape[S])
{
    double basis[S];
    shape_of(z, basis);
    return z + algebra_dot(shape, basis, S);
}

/* ---- the fit ---- */

static status check_samples(const double *x, const bool *labels, size_t n, size_t d, errinfo *err)
{
    size_t matches = 0;
    for (size_t i = 0; i < n; i++)
        matches += labels[i];
    if (matches < 2 || n - matches < 2)
        return fail(err, ST_INPUT, "%zu matching and %zu other pairs: at least 2 of each are needed", matches,
                    n - matches);
    if (matches > CALIBRATION_PAIRS_MAX || n - matches > CALIBRATION_PAIRS_MAX)
        return fail(err, ST_INPUT, "%zu pairs: at most %d of each class", n, CALIBRATION_PAIRS_MAX);
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return fail(err, ST_INPUT, "feature %zu of pair %zu is not finite", i % d, i / d);
    return ST_OK;
}

static status leave_one_out(const calibration *c, const moments *m, const step *whole, const calibration_options *o,
                            const double *z, const double *x, const bool *labels, size_t n, double *logits,
                            errinfo *err)
{
    for (size_t i = 0; i < n; i++) {
        double weights[F], bias, shape[S];
        const double *row = x + i * m->d;
        moments less = without(m, row, labels[i]);
        status st = solve_gaussians(&less, o, weights, &bias, err);
        if (st)
            return st;
        step t = *whole;
        add_sample(&t, row, m->d, z[i], labels[i], -1);
        for (size_t j = 0; j < S; j++) {
            t.gradient[j] += t.follow[j][0] * (bias - c->bias);
            for (size_t k = 0; k < m->d; k++)
                t.gradient[j] += t.follow[j][1 + k] * (weights[k] - c->weights[k]);
        }
        st = take_step(&t, o, shape, err);
        if (st)
            return st;
        logits[i] = corrected(bias + algebra_dot(weights, row, m->d), shape);
    }
    return ST_OK;
}

/* Moves the bias from the samples' share of matches to the population's. */
static double prior_shift(double from, double to)
{
    return log(to / (1 - to)) - log(from / (1 - from));
}

static status fit(calibration *c, const moments *m, const double *x, const bool *labels, size_t n,
                  const calibration_options *o, double *z, double *logits, errinfo *err)
{
    step whole = { 0 };
    status st = solve_gaussians(m, o, c->weights, &c->bias, err);
    if (st)
        return st;
    if (m->d == 1 && !(c->weights[0] > 0))
        return fail(err, ST_INPUT, "matching pairs lie farther apart than the others: are the labels swapped?");
    for (size_t i = 0; i < n; i++) {
        z[i] = c->bias + algebra_dot(c->weights, x + i * m->d, m->d);
        add_sample(&whole, x + i * m->d, m->d, z[i], labels[i], 1);
    }
    st = take_step(&whole, o, c->shape, err);
    if (st)
        return st;
    st = leave_one_out(c, m, &whole, o, z, x, labels, n, logits, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        z[i] = corrected(z[i], c->shape);
    calibration_judge(&c->in_sample, z, labels, n);
    calibration_judge(&c->leave_one_out, logits, labels, n);
    return ST_OK;
}

status calibration_fit(calibration *out, calibration_kind kind, const double *x, const bool *labels, size_t n,
                       const calibration_options *options, double *logits, errinfo *err)
{
    calibration c = { .kind = kind };
    moments m = { .d = calibration_features(kind) };
    status st = check_samples(x, labels, n, m.d, err);
    if (st)
        return st;
    assert(options->prior >= 0 && options->prior < 1 && options->shrink >= 0 && options->shrink < 1);
    double *work = malloc(2 * n * sizeof *work);
    if (!work)
        return fail(err, ST_NOMEM, "a calibration from %zu pairs: out of memory", n);
    gather(&m, x, labels, n);
    pin(&m, options->unlabelled, options->unlabelled_count);
    st = fit(&c, &m, x, labels, n, options, work, logits ? logits : work + n, err);
    free(work);
    if (st)
        return st;
    double share = (double)m.n[1] / (double)n;
    c.matches = m.n[1];
    c.others = m.n[0];
    c.unlabelled = options->unlabelled_count;
    c.prior = share;
    if (options->prior > 0) {    /* after the correction, so that it moves the bias alone */
        c.shape[0] += prior_shift(share, options->prior);
        c.prior = options->prior;
    }
    *out = c;
    return ST_OK;
}

double calibration_logit(const calibration *c, const double *x)
{
    return corrected(c->bias + algebra_dot(c->weights, x, calibration_features(c->kind)), c->shape);
}

double calibration_logit_at(const calibration *c, const double *x, double prior)
{
    return calibration_logit(c, x) + (prior > 0 ? prior_shift(c->prior, prior) : 0);
}

double calibration_probability(const calibration *c, const double *x, double prior)
{
    return margin_sigmoid(calibration_logit_at(c, x, prior));
}

/* ---- judging ---- */

void calibration_judge(calibration_quality *out, const double *logits, const bool *labels, size_t n)
{
    double noise[CALIBRATION_BINS] = { 0 };
    *out = (calibration_quality){ 0 };
    for (size_t i = 0; i < n; i++) {
        double p = margin_sigmoid(logits[i]), y = labels[i] ? 1 : 0;
        size_t bin = (size_t)fmin(p * CALIBRATION_BINS, CALIBRATION_BINS - 1);
        out->log_loss -= fmax(margin_log_sigmoid(labels[i] ? logits[i] : -logits[i]), log(SMALLEST_PROBABILITY));
        out->brier += (p - y) * (p - y);
        out->bins[bin].count++;
        out->bins[bin].mean_probability += p;
        out->bins[bin].matches += y;
        noise[bin] += p * (1 - p);
    }
    for (size_t b = 0; b < CALIBRATION_BINS; b++) {
        calibration_bin *bin = &out->bins[b];
        out->ece += fabs(bin->mean_probability - bin->matches) / (double)n;
        out->ece_floor += sqrt(noise[b] * 2 / 3.14159265358979323846) / (double)n;    /* E|normal| */
        if (bin->count) {
            bin->mean_probability /= (double)bin->count;
            bin->matches /= (double)bin->count;
        }
    }
    out->log_loss /= (double)n;
    out->brier /= (double)n;
}

typedef struct { double logit; bool label; } judged;

static int highest_first(const void *left, const void *right)
{
    const judged *a = left, *b = right;
    return a->logit < b->logit ? 1 : a->logit > b->logit ? -1 : (int)a->label - (int)b->label;
}

status calibration_find_threshold(calibration_threshold *out, const double *logits, const bool *labels, size_t n,
                                  double precision, errinfo *err)
{
    size_t matches = 0, hits = 0;
    judged *sorted = malloc((n ? n : 1) * sizeof *sorted);
    if (!sorted)
        return fail(err, ST_NOMEM, "a threshold from %zu pairs: out of memory", n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (judged){ logits[i], labels[i] };
        matches += labels[i];
    }
    qsort(sorted, n, sizeof *sorted, highest_first);
    *out = (calibration_threshold){ 0 };
    for (size_t i = 0; i < n; i++) {
        hits += sorted[i].label;
        bool last_of_ties = i + 1 == n || sorted[i + 1].logit < sorted[i].logit;
        if (last_of_ties && (double)hits >= precision * (double)(i + 1))
            *out = (calibration_threshold){ .probability = margin_sigmoid(sorted[i].logit),
                                            .precision = (double)hits / (double)(i + 1),
                                            .recall = (double)hits / (double)matches,
                                            .found = true };
    }
    free(sorted);
    return ST_OK;
}
