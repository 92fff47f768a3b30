/* rope.h - rotary position embeddings, interleaved pairs, base 10000.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   d even.
 * Source   Su et al. 2021, arXiv 2104.09864, section 3.2.2: (x_2i, x_2i+1) turned by m * 10000^(-2i/d).
 */
#ifndef ROSIM_ROPE_H
#define ROSIM_ROPE_H

#include "weights/base.h"

/* table[positions][d]: cos, sin of pair i at columns 2i, 2i+1; computed in double, stored as float. */
void rope_table(size_t positions, size_t d, float *table);

/* y[row][d] = rotation of x[row][d] by the table's row; y may be x. */
void rope_rotate(const float *x, size_t x_stride, const float *table, size_t rows, size_t d, float *y, size_t y_stride);

#endif
