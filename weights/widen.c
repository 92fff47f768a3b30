/* widen.c - see widen.h. Every binary16 and bfloat16 value is an fp32 value: nothing is rounded. */
#include "weights/widen.h"

#include <string.h>

static const uint32_t FLOAT_EXPONENT = 0x7f800000;    /* all ones: infinity or NaN */
static const uint32_t SIGN = 0x80000000;

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bfloat16 is the upper half of an fp32. */
float widen_bf16(uint16_t half)
{
    return float_of_bits((uint32_t)half << 16);
}

uint16_t narrow_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & ~SIGN) > FLOAT_EXPONENT)
        return (uint16_t)(bits >> 16 | 0x40);    /* quiet, so that it cannot round to infinity */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* 1 sign bit, 5 exponent bits with bias 15, 10 fraction bits. */
float widen_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1f;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 0x1f)
        return float_of_bits(sign | FLOAT_EXPONENT | fraction << 13);
    if (exponent == 0) {    /* zero or subnormal: fraction * 2^-24 */
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static uint16_t half_at(const tensor *t, size_t index)
{
    uint16_t half;
    memcpy(&half, (const char *)t->data + index * sizeof half, sizeof half);
    return half;
}

bool widen_floats(const tensor *t, float *out)
{
    size_t count = t->bytes / dtype_bytes(t->type);
    switch (t->type) {
    case DTYPE_F32:
        memcpy(out, t->data, t->bytes);
        return true;
    case DTYPE_F16:
        for (size_t i = 0; i < count; i++)
            out[i] = widen_f16(half_at(t, i));
        return true;
    case DTYPE_BF16:
        for (size_t i = 0; i < count; i++)
            out[i] = widen_bf16(half_at(t, i));
        return true;
    default:
        return false;
    }
}

void widen_int8(const tensor *t, const tensor *row_scales, float *out)
{
    const int8_t *values = t->data;
    size_t rows = t->shape[0], columns = t->shape[1];
    for (size_t row = 0; row < rows; row++) {
        float scale;
        memcpy(&scale, (const char *)row_scales->data + row * sizeof scale, sizeof scale);
        for (size_t column = 0; column < columns; column++)
            out[row * columns + column] = (float)values[row * columns + column] * scale;
    }
}

size_t widen_find_not_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if ((bits & FLOAT_EXPONENT) == FLOAT_EXPONENT)
            return i;
    }
    return count;
}
