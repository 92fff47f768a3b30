/* pooling.h - hidden states of one sequence to one vector.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure on disjoint outputs.
 * Limits   none.       Source   formulas.md B1.7; sentence-transformers Pooling; Su 2020 (first-last mean).
 */
#ifndef ROSIM_POOLING_H
#define ROSIM_POOLING_H

#include "model/encoder/config.h"

/* out[d] before the pooler's dense layer, if there is one. first[n][d]: the first layer's output (first_last_mean only,
 * else NULL); last[n][d]: the last one's. Sums run over tokens in ascending order. */
void pooling_reduce(pooling_kind pooling, const float *first, const float *last, size_t n, size_t d, float *out);

bool pooling_has_dense(pooling_kind pooling);             /* pooler_linear, pooler_tanh, mean_pooler_linear */

#endif
