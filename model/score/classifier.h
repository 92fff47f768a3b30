/* classifier.h - texts into k classes from a few examples each: softmax regression on sentence vectors, in closed form.
 *
 * Owns     a classifier owns its weights, bias and nothing of what it was fitted from.
 * Borrows  samples during a fit.
 * Threads  const: shared without locks.
 * Limits   2 to CLASSIFIER_CLASSES_MAX classes of at least 2 samples each; D up to CLASSIFIER_WIDTH_MAX.
 * Source   Su, kexue 8578 (formulas.md A5): w_i = S^-1 mu_i, b_i = ln p_i - mu_i' S^-1 mu_i / 2, whitened.
 *
 * The pooled covariance is turned into its eigenvectors once; there every shrinkage l of (1-l) S + l tr(S)/D I is
 * diagonal, and leaving a sample out is a rank-one change (Sherman-Morrison). So the exact leave-one-out loss of each
 * l costs no refit, and the best l is taken.
 */
#ifndef ROSIM_CLASSIFIER_H
#define ROSIM_CLASSIFIER_H

#include "weights/base.h"

enum { CLASSIFIER_CLASSES_MAX = 1000, CLASSIFIER_WIDTH_MAX = 4096 };

typedef struct {
    double log_loss, accuracy;
} classifier_quality;

typedef struct {
    size_t classes, width;                /* k, D */
    size_t samples;
    double shrink;                        /* the one used */
    double *weights;                      /* [k][D] */
    double *bias;                         /* [k] */
    classifier_quality in_sample, leave_one_out;
} classifier;

/* Room for the weights, all zero: for a fit, or to be filled from a file. */
MUST_USE status classifier_open(classifier **out, size_t classes, size_t width, errinfo *err);
void classifier_close(classifier *c);     /* NULL is fine */

/* vectors[n][D] (any scale; unit length is usual), labels[n] < classes. shrink < 0: chosen by leave-one-out. ST_INPUT:
 * a class with fewer than two samples (named by its index), or vectors that do not vary. */
MUST_USE status classifier_fit(classifier **out, size_t classes, const float *vectors, const size_t *labels, size_t n,
                               size_t width, double shrink, errinfo *err);

/* z[k], before any softmax. */
void classifier_logits(const classifier *c, const float *vector, double *z);
/* Logits to probabilities, in place. */
void classifier_softmax(double *z, size_t k);
/* probabilities[k]; they sum to 1. */
void classifier_predict(const classifier *c, const float *vector, double *probabilities);

#endif
