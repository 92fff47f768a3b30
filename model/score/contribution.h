/* contribution.h - a cosine of two mean-pooled vectors, taken apart into what each pair of tokens adds to it.
 *
 * The idea: u is the mean of the token vectors t[n], v that of s[m]; so cos(u, v) = sum over i, j of
 * <t[i]/n, s[j]/m> / (|u| |v|). Nothing is approximated; what rounding leaves over (a pooler in int8 rounds the mean
 * and the tokens apart) is spread evenly, so that the sum is the score, and is told.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   none: n x m values come out.
 */
#ifndef ROSIM_CONTRIBUTION_H
#define ROSIM_CONTRIBUTION_H

#include "weights/base.h"

typedef struct { const float *tokens; size_t count; const float *pooled; } pooled_text;   /* [count][width], [width] */

/* shares[a.count][b.count], which sum to score. Returns the rest that was spread over all of them. */
double contribution_shares(const pooled_text *a, const pooled_text *b, size_t width, double score, double *shares);

#endif
