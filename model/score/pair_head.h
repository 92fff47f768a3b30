/* pair_head.h - classes of a pair of sentence vectors: one dense layer on [u; v; |u - v|], softmax in groups.
 *
 * Owns     a pair_head owns its layer (pair_head_clear).
 * Borrows  vectors during a call.
 * Threads  const: shared without locks.
 * Limits   2 to PAIR_HEAD_CLASSES_MAX classes in 1 to PAIR_HEAD_GROUPS_MAX groups of at least two; D up to
 *          PAIR_HEAD_WIDTH_MAX.
 * Source   Conneau et al. 2017 (InferSent, arXiv 1705.02364); Su, "Enhancing RoFormer-Sim" (kexue 8541), formulas.md
 *          A6: five outputs without a bias, two for pairs that match or not, three for contradiction, entailment and
 *          neutral; at training the group that a sample does not speak of is masked, so each group has its own softmax.
 */
#ifndef ROSIM_PAIR_HEAD_H
#define ROSIM_PAIR_HEAD_H

#include "model/score/classifier.h"

enum { PAIR_HEAD_CLASSES_MAX = 64, PAIR_HEAD_GROUPS_MAX = 8, PAIR_HEAD_WIDTH_MAX = CLASSIFIER_WIDTH_MAX / 3 };

typedef struct {
    classifier *linear;                   /* of width 3D; a fit of classifier_fit on such features, or from a file */
    bool unit;                            /* u and v of length 1; else as the model pools them */
    size_t group_count, groups[PAIR_HEAD_GROUPS_MAX];     /* how many classes each has, in their order */
} pair_head;

void pair_head_clear(pair_head *h);

/* ST_INPUT: the groups are not of at least two classes each, or do not add up to the layer's. */
MUST_USE status pair_head_check(const pair_head *h, errinfo *err);

/* One group of `classes`, by classifier_fit on features x[n][3D] of pairs (from pair_head_features with `unit`), which
 * this scales: |u - v| varies less than u and v, and shrinking toward a sphere would drown it, so it is brought to the
 * same variance, and the factor goes into the weights. Errors are classifier_fit's. */
MUST_USE status pair_head_fit(pair_head *out, size_t classes, float *x, bool unit, const size_t *labels, size_t n,
                              size_t d, double shrink, errinfo *err);

/* x[3D] of u[D] and v[D]. */
void pair_head_features(const float *u, const float *v, size_t d, bool unit, float *x);

/* probabilities[classes], which sum to 1 in each group; x[3D] is scratch. */
void pair_head_predict(const pair_head *h, const float *u, const float *v, float *x, double *probabilities);

#endif
