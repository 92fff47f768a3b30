/* adapter.h - a linear map on finished sentence vectors, trained on a user's own pairs: y = M x, or y = x + U V x.
 *
 * Owns     an adapter owns its matrices.
 * Borrows  vectors during a call.
 * Threads  a const adapter is shared without locks; training runs on the caller's thread.
 * Limits   D up to ADAPTER_WIDTH_MAX, rank up to D; ADAPTER_PAIRS_MIN to ADAPTER_PAIRS_MAX pairs.
 * Source   FlatNCE (arXiv 2107.01152; formulas.md A4): its gradient is that of cross-entropy without the positive in
 *          the sum, which stays exact when the negatives are few and easy, as in small batches. Adam: arXiv 1412.6980.
 */
#ifndef ROSIM_ADAPTER_H
#define ROSIM_ADAPTER_H

#include "weights/base.h"

enum { ADAPTER_WIDTH_MAX = 1024, ADAPTER_PAIRS_MIN = 20, ADAPTER_PAIRS_MAX = 16384, ADAPTER_BATCH_MAX = 64,
       ADAPTER_STEPS_MAX = 2000 };

typedef struct {
    size_t width, rank;                   /* rank 0: a full matrix */
    double *weights;                      /* M[D][D], or V[rank][D] then U[D][rank] */
} adapter;

size_t adapter_weights(size_t width, size_t rank);
/* The identity (U is zero). */
MUST_USE status adapter_open(adapter **out, size_t width, size_t rank, uint32_t seed, errinfo *err);
void adapter_close(adapter *a);           /* NULL is fine */
/* y[D]; not normalised. y may not be x. */
void adapter_apply(const adapter *a, const float *x, float *y);

typedef struct {
    const float *a, *b;                   /* [n][D] the two sides */
    const bool *labels;                   /* [n] true: they belong together */
    size_t n;
} adapter_pairs;

/* Mean FlatNCE loss of a batch, log sum of e^(negatives) - positive, over its positives; gradient[weights] when not
 * NULL. Negatives of a positive: every other meeting of its two texts with texts of the batch that differ from its
 * own, and the unrelated pairs themselves. Scores are scale * cosine. */
MUST_USE status adapter_loss(const adapter *a, const adapter_pairs *batch, double scale, double *loss,
                             double *gradient, errinfo *err);

typedef struct {
    size_t rank, batch, steps;            /* steps 0: four passes over the pairs, at least 20 */
    double rate, decay;                   /* of Adam; pull toward the identity per step, times rate */
    double scale;
    uint32_t seed;
} adapter_options;

adapter_options adapter_defaults(void);

typedef struct {
    size_t trained, held_out;             /* pairs; the rest shares a text with a held-out one */
    bool ranked;                          /* no unrelated pairs: quality is mean reciprocal rank, else area under ROC */
    double before, after;                 /* quality on the held-out pairs without and with the adapter */
    double first_loss, last_loss;         /* means over the first and the last tenth of the steps */
} adapter_report;

/* One pair in five is held out, by the seed. ST_INPUT when the adapter does not beat plain vectors there: the report is
 * filled, *out is not. */
MUST_USE status adapter_train(adapter **out, adapter_report *report, const adapter_pairs *pairs, size_t width,
                              const adapter_options *options, errinfo *err);

#endif
