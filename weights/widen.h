/* widen.h - stored numbers widened to fp32, exactly: F32, F16, BF16, and I8 with a scale per row; and fp32 to BF16.
 *
 * Owns     nothing.
 * Borrows  its arguments during the call; stored numbers need not be aligned.
 * Threads  all functions are pure.
 * Limits   none.
 */
#ifndef ROSIM_WIDEN_H
#define ROSIM_WIDEN_H

#include "weights/safetensors.h"

/* One number of IEEE binary16 or bfloat16, subnormals, infinities and NaN included. */
float widen_f16(uint16_t half);
float widen_bf16(uint16_t half);

/* The nearest bfloat16, ties to even; NaN stays one. */
uint16_t narrow_bf16(float value);

/* Fills out[product of shape] from F32, F16 or BF16; false (and nothing written) for another type. */
MUST_USE bool widen_floats(const tensor *t, float *out);
/* The same for I8 [rows][columns] with row_scales F32 [rows]: value times its row's scale. */
void widen_int8(const tensor *t, const tensor *row_scales, float *out);

/* The index of the first infinity or NaN, count when there is none. */
size_t widen_find_not_finite(const float *values, size_t count);

#endif
