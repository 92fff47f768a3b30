/* uncertainty.h - what the K vectors of a text that was encoded K times with dropout say about each other.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   K from UNCERTAINTY_COPIES_MIN to UNCERTAINTY_COPIES_MAX.
 * Source   Su, "Dropout twice again" (kexue 8496; R-Drop, arXiv 2106.14448), formulas.md A8. The masks themselves are
 *          the encoder's: model/encoder/dropout.h.
 */
#ifndef ROSIM_UNCERTAINTY_H
#define ROSIM_UNCERTAINTY_H

#include "weights/base.h"

enum { UNCERTAINTY_COPIES_MIN = 2, UNCERTAINTY_COPIES_MAX = 64 };

typedef struct { double mean, deviation; } uncertainty_summary;    /* deviation: over K - 1 */

uncertainty_summary uncertainty_scores(const double *scores, size_t k);

typedef struct { double spread, shift; } uncertainty_text;

/* Of K vectors, vectors[c * stride] to [c * stride + d) the one of copy c, and the plain one. spread: 1 - mean cosine
 * over the pairs of copies. shift: 1 - cosine of the plain vector and the mean of the copies' unit vectors, by which
 * averaging weights (dropout off) differs from averaging models. Both are 0 when dropout changes nothing. */
uncertainty_text uncertainty_vectors(const float *plain, const float *vectors, size_t stride, size_t k, size_t d);

/* Mean over the pairs of K logits of the symmetric KL of their probabilities, (p - q)(logit p - logit q) / 2: which is
 * the covariance of probability and logit. */
double uncertainty_divergence(const double *logits, size_t k);

#endif
