/* favor.h - the random directions of the attention `favor` (Performer's FAVOR+), the same for the same seed.
 *
 * Owns     nothing.    Borrows  operands during a call.
 * Threads  pure.
 * Limits   head size 256, FAVOR_FEATURES_MAX directions.
 * Source   Choromanski et al. 2021 (arXiv 2009.14794), section 3; formulas.md A3: directions orthogonal in blocks of d,
 *          each as long as a vector of d normal numbers.
 */
#ifndef ROSIM_FAVOR_H
#define ROSIM_FAVOR_H

#include "weights/base.h"

/* 4 d of the usual head; a date. */
enum { FAVOR_FEATURES = 256, FAVOR_FEATURES_MAX = 2048, FAVOR_SEED = 20210806 };

/* directions[d][m]: column j is the direction w_j, for all heads and layers; each is N(0, I), and those of a block of d
 * are orthogonal to each other. block [d][d] is scratch. */
void favor_directions(uint32_t seed, size_t m, size_t d, double *block, float *directions);

#endif
