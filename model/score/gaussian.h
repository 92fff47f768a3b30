/* gaussian.h - mean and covariance of a stream of vectors, and how far two such laws lie apart.
 *
 * Owns     a gaussian owns its sums. The distances own nothing, and allocate what they need during a call.
 * Borrows  operands during a call.
 * Threads  a gaussian belongs to one thread at a time; a const one is shared.
 * Limits   width up to GAUSSIAN_WIDTH_MAX with the covariance, any width without it (memory: 8 w^2 or 8 w bytes).
 * Source   Welford 1962; Chan, Golub, LeVeque 1979 (merging); distances: Su, kexue 8512 (formulas.md A7).
 */
#ifndef ROSIM_GAUSSIAN_H
#define ROSIM_GAUSSIAN_H

#include "weights/base.h"

enum { GAUSSIAN_WIDTH_MAX = 1024 };

typedef struct {
    size_t width;
    bool full;                            /* false: the diagonal only */
    double count;
    double *mean;                         /* [width] */
    double *scatter;                      /* sums of squared distances: [width][width] or [width] */
} gaussian;

MUST_USE status gaussian_open(gaussian **out, size_t width, bool full, errinfo *err);
void gaussian_close(gaussian *g);         /* NULL is fine */
void gaussian_reset(gaussian *g);
void gaussian_add(gaussian *g, const double *x);
/* into holds both afterwards. Same width and kind. */
void gaussian_merge(gaussian *into, const gaussian *other);
/* Scatter / count; [width][width] or [width]. */
void gaussian_covariance(const gaussian *g, double *out);

typedef struct {
    double kl_forward, kl_backward;       /* KL(p||q), KL(q||p) */
    double bhattacharyya;
    double wasserstein;                   /* W2, not squared */
} gaussian_distance;

enum { GAUSSIAN_DISTANCES = 4 };

/* Between laws given by mean and covariance; each covariance becomes (1 - shrink) S + shrink tr(S)/width I first.
 * diagonal: covariance[width]. ST_INPUT: a covariance that is not positive definite. */
MUST_USE status gaussian_compare(gaussian_distance *out, const gaussian *p, const gaussian *q, double shrink,
                                 errinfo *err);

#endif
