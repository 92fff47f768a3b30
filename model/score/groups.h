/* groups.h - near-duplicates: the connected components of the graph that joins vectors of cosine >= threshold.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   time grows with n squared times d, memory with n: no matrix is kept.
 */
#ifndef ROSIM_GROUPS_H
#define ROSIM_GROUPS_H

#include "weights/base.h"

/* vectors[n][d] as the model gives them; unit[n][d] is scratch. group[i]: the least index of the component of i. Two
 * vectors are joined when similarity_score (cosine) says so, to the bit. */
void groups_find(const float *vectors, size_t n, size_t d, float threshold, float *unit, size_t *group);

/* Of members[count] (indices into unit, which groups_find has filled): the place in members of the one with the
 * greatest mean cosine to all of them; the earliest of equals. sum[d] is scratch. */
size_t groups_centre(const float *unit, size_t d, const size_t *members, size_t count, double *sum);

#endif
