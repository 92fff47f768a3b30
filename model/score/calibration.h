/* calibration.h - from labelled pairs to "probability that these two mean the same", in closed form.
 *
 * Owns     nothing: a calibration is plain data, and may be stored field by field.
 * Borrows  samples during a fit.
 * Threads  pure; a const calibration is shared freely.
 * Limits   2 to CALIBRATION_PAIRS_MAX samples of each class; at most 3 features.
 * Source   Su, "Does logistic regression have an analytic solution?" (kexue 8578), formulas.md A5; the correction is
 *          one Newton step (Le Cam's one-step estimator). Bins: Guo et al. 2017 (arXiv 1706.04599).
 *
 * z = w.x + b comes from two Gaussians with one covariance (Cholesky). Cosines are no Gaussians, but -ln(1.02 - cos)
 * nearly is, and that is the feature. What is left is corrected by logit = z + s.(1, z, tanh z, sqrt(1 + z^2)), where s
 * is one Newton step of the logistic loss from s = 0, held back by a ridge so that few samples leave z alone. Another
 * prior moves the logit by a constant, so the bias and nothing else. Unlabelled pairs, if there are any, say where the
 * middle between the two classes lies. Quality and thresholds are at the samples' own share of matches.
 */
#ifndef ROSIM_CALIBRATION_H
#define ROSIM_CALIBRATION_H

#include "weights/base.h"

typedef enum { CALIBRATION_COS, CALIBRATION_COS_L1_L2, CALIBRATION_KINDS } calibration_kind;

enum { CALIBRATION_FEATURES_MAX = 3, CALIBRATION_SHAPE = 4, CALIBRATION_BINS = 10, CALIBRATION_PAIRS_MAX = 65536 };

/* Slope of the logit against -ln(1.02 - cos) that other labelled sets have: odds fall with the third power of the
 * distance (AFQMC 1.5, ATEC 4.9, COVID 4.0, SimCLUE 3.6, BQ 2.4 under the default model), and how many pairs of ours
 * weigh as much as that habit. */
#define CALIBRATION_USUAL_SLOPE 3.0
#define CALIBRATION_USUAL_PAIRS 50.0

typedef struct { size_t count; double mean_probability, matches; } calibration_bin;      /* matches: share in [0, 1] */

typedef struct {
    double log_loss, brier, ece;
    double ece_floor;                     /* what a perfect calibration would show on so many samples */
    calibration_bin bins[CALIBRATION_BINS];
} calibration_quality;

typedef struct {
    calibration_kind kind;
    double weights[CALIBRATION_FEATURES_MAX], bias;       /* z */
    double shape[CALIBRATION_SHAPE];
    double prior;                         /* share of matches that the bias stands for */
    size_t matches, others, unlabelled;   /* fitted from */
    calibration_quality in_sample, leave_one_out;
} calibration;

typedef struct {
    double prior;                         /* of the population; 0: the share among the samples */
    double shrink;                        /* toward tr(S)/D I, in [0, 1); moves nothing with one feature */
    double usual_pairs;                   /* weight of the usual slope, in pairs; one feature only; 0: none */
    bool plain;                           /* the two Gaussians alone, as in the article: no correction */
    const double *unlabelled;             /* [unlabelled_count][features]; NULL: none */
    size_t unlabelled_count;
} calibration_options;

calibration_options calibration_defaults(void);
size_t calibration_features(calibration_kind kind);
const char *calibration_kind_name(calibration_kind kind);         /* "cos", "cos+l1+l2" */
bool calibration_kind_parse(slice name, calibration_kind *out);

/* x[features] of a pair of vectors [d]. */
void calibration_measure(calibration_kind kind, const float *a, const float *b, size_t d, double *x);
/* The first feature of a cosine. */
double calibration_of_cosine(double cosine);

/* x[n][features], labels[n] 0 or 1. logits[n], if given, become those of leave-one-out. ST_INPUT: fewer than two of a
 * class, features that do not vary, or matches that lie farther apart than the others (labels swapped?). */
MUST_USE status calibration_fit(calibration *out, calibration_kind kind, const double *x, const bool *labels, size_t n,
                                const calibration_options *options, double *logits, errinfo *err);

double calibration_logit(const calibration *c, const double *x);  /* at c->prior */
/* prior 0: the calibration's own. */
double calibration_logit_at(const calibration *c, const double *x, double prior);
/* In (0, 1). */
double calibration_probability(const calibration *c, const double *x, double prior);

void calibration_judge(calibration_quality *out, const double *logits, const bool *labels, size_t n);

typedef struct { double probability, precision, recall; bool found; } calibration_threshold;

/* The lowest probability from which on at least `precision` of the samples are matches (leave-one-out logits, so that
 * the fit does not praise itself). */
MUST_USE status calibration_find_threshold(calibration_threshold *out, const double *logits, const bool *labels,
                                           size_t n, double precision, errinfo *err);

#endif
