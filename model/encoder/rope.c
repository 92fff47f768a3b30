/* rope.c - see rope.h. Angles are computed in double: at position 8191 a float angle is off by
 * 3e-4, which the eye of a parity test sees. Half-split ("rotate half") layouts are not ours:
 * RoFormer turns neighbours. */
#include "model/encoder/rope.h"

#include <math.h>

void rope_table(size_t positions, size_t d, float *table)
{
    for (size_t i = 0; i < d; i += 2) {
        double frequency = pow(10000.0, -(double)i / (double)d);
        for (size_t m = 0; m < positions; m++) {
            double angle = (double)m * frequency;
            table[m * d + i] = (float)cos(angle);
            table[m * d + i + 1] = (float)sin(angle);
        }
    }
}

static void rotate_row(const float *x, const float *turn, size_t d, float *y)
{
    for (size_t i = 0; i < d; i += 2) {
        float a = x[i], b = x[i + 1], c = turn[i], s = turn[i + 1];
        y[i] = a * c - b * s;
        y[i + 1] = b * c + a * s;
    }
}

void rope_rotate(const float *x, size_t x_stride, const float *table, size_t rows, size_t d,
                 float *y, size_t y_stride)
{
    for (size_t row = 0; row < rows; row++)
        rotate_row(x + row * x_stride, table + row * d, d, y + row * y_stride);
}
