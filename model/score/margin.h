/* margin.h - how sure a ranking is: the FlatNCE margin of a candidate, which does not saturate where a softmax reads
 * 1.000.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   scores must be finite.
 * Source   Su, "FlatNCE" (kexue 8586; arXiv 2107.01152): loss log sum_{j!=i} e^(s_j - s_i); formulas.md A4.
 */
#ifndef ROSIM_MARGIN_H
#define ROSIM_MARGIN_H

#include "weights/base.h"

#define MARGIN_SCALE 20.0                 /* SimCSE's 1/temperature for cosines */

/* margins[i] = s_i - log sum over j != i of e^(s_j), s = scale * cosines: minus the FlatNCE loss of i, and the logit
 * of its softmax probability. probabilities[i] = sigmoid(margins[i]); NULL is fine. n == 1: +infinity and 1, since
 * there is nothing to be confused with. */
void margin_all(const float *cosines, size_t n, double scale, double *margins, double *probabilities);

double margin_sigmoid(double logit);
double margin_log_sigmoid(double logit);  /* finite for every finite logit */

#endif
