/* spearman.h - the rank correlation of two lists of scores.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   none.
 * Source   Spearman 1904; ties get the mean of their ranks, as in SciPy's spearmanr.
 */
#ifndef ROSIM_SPEARMAN_H
#define ROSIM_SPEARMAN_H

#include "weights/base.h"

/* Pearson's correlation of the ranks. NAN when n < 2 or a list is constant. Scores are finite. ranks: room for 2 n
 * numbers; order: for n indices. */
double spearman(const float *a, const float *b, size_t n, double *ranks, size_t *order);

#endif
