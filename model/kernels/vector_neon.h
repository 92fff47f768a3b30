/* vector_neon.h - four lanes: the primitives that the vector_*.h templates are written in, for 64-bit ARM with dot
 * products of bytes (ARMv8.2 and later).
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   only for files compiled with the flags of this instruction set.
 */
#ifndef ROSIM_VECTOR_NEON_H
#define ROSIM_VECTOR_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LANES 4
#define PANEL_VECTORS 4        /* 6 rows x 4 vectors of sums, 4 loads and a broadcast fit 32 registers */
#define INT8_PER_WORD 4        /* SDOT: four signed bytes of x times four of w */
#define INT8_OFFSET 128        /* x is 0 .. 255; its bytes are signed, hence shifted */
#define BF16_DOT 0             /* bf16 weights meet rows of floats */

typedef int8_t int8_element;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float32x4_t vec;
typedef int32x4_t ivec;

ALWAYS_INLINE vec vec_all(float x) { return vdupq_n_f32(x); }
ALWAYS_INLINE ivec ivec_all(uint32_t x) { return vdupq_n_s32((int32_t)x); }
ALWAYS_INLINE ivec ivec_zero(void) { return vdupq_n_s32(0); }
ALWAYS_INLINE vec as_vec(ivec x) { return vreinterpretq_f32_s32(x); }
ALWAYS_INLINE ivec as_ivec(vec x) { return vreinterpretq_s32_f32(x); }
ALWAYS_INLINE vec to_vec(ivec x) { return vcvtq_f32_s32(x); }

ALWAYS_INLINE vec vec_load(const float *p) { return vld1q_f32(p); }
ALWAYS_INLINE ivec ivec_load(const void *p) { ivec v; memcpy(&v, p, sizeof v); return v; }
ALWAYS_INLINE void vec_store(float *p, vec x) { vst1q_f32(p, x); }

/* The first n lanes (all from n = 4 on); the others are zero, or are left alone in memory. */
ALWAYS_INLINE vec vec_load_first(const float *p, size_t n)
{
    vec v = vdupq_n_f32(0.0f);
    if (n >= LANES)
        return vec_load(p);
    memcpy(&v, p, n * sizeof *p);
    return v;
}
ALWAYS_INLINE ivec ivec_load_first(const void *p, size_t n) { return as_ivec(vec_load_first(p, n)); }
ALWAYS_INLINE void vec_store_first(float *p, size_t n, vec x)
{
    if (n >= LANES)
        vec_store(p, x);
    else
        memcpy(p, &x, n * sizeof *p);
}
ALWAYS_INLINE vec vec_fill_after(vec x, size_t n, float filler)
{
    const int32x4_t lane = { 0, 1, 2, 3 };
    return n >= LANES ? x : vbslq_f32(vcltq_s32(lane, vdupq_n_s32((int32_t)n)), x, vec_all(filler));
}

/* a < b ? yes : no */
ALWAYS_INLINE vec vec_less(vec a, vec b, vec yes, vec no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
/* The second operand when one is NaN, which FMAX does not give. */
ALWAYS_INLINE vec vec_max(vec a, vec b) { return vec_less(b, a, a, b); }
ALWAYS_INLINE vec vec_min(vec a, vec b) { return vec_less(a, b, a, b); }
ALWAYS_INLINE vec vec_abs(vec x) { return vabsq_f32(x); }
ALWAYS_INLINE vec vec_round(vec x) { return vrndnq_f32(x); }
/* x 2^n, n whole, -160 .. 160: in two factors, since n passes the range of an exponent. */
ALWAYS_INLINE vec vec_times_power(vec x, vec n)
{
    ivec exponent = vcvtnq_s32_f32(n), first = vshrq_n_s32(exponent, 1), second = vsubq_s32(exponent, first);
    ivec bias = vdupq_n_s32(127);
    x = vmulq_f32(x, as_vec(vshlq_n_s32(vaddq_s32(first, bias), 23)));
    return vmulq_f32(x, as_vec(vshlq_n_s32(vaddq_s32(second, bias), 23)));
}
/* Horizontal, in one fixed order. */
ALWAYS_INLINE float vec_sum(vec x) { return (x[0] + x[2]) + (x[1] + x[3]); }
ALWAYS_INLINE float vec_largest(vec x)
{
    float a = x[0] > x[1] ? x[0] : x[1], b = x[2] > x[3] ? x[2] : x[3];
    return a > b ? a : b;
}

ALWAYS_INLINE vec low_bf16(ivec words) { return as_vec(vshlq_n_s32(words, 16)); }
ALWAYS_INLINE vec high_bf16(ivec words) { return as_vec(vandq_s32(words, vdupq_n_s32((int32_t)0xffff0000u))); }

typedef enum { STEP_F32, STEP_INT8 } step_kind;

/* sum + a * b in each 32-bit lane: one float, or four bytes. */
ALWAYS_INLINE ivec vec_step(step_kind kind, ivec sum, ivec a, ivec b)
{
    if (kind == STEP_F32)
        return as_ivec(vfmaq_f32(as_vec(sum), as_vec(a), as_vec(b)));
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

ALWAYS_INLINE ivec ivec_subtract(ivec a, ivec b) { return vsubq_s32(a, b); }
ALWAYS_INLINE ivec ivec_multiply(ivec a, ivec b) { return vmulq_s32(a, b); }

/* LANES numbers, rounded, plus zero, clamped to 0 .. 255, as signed bytes. */
ALWAYS_INLINE void store_int8(void *p, vec x, int32_t zero)
{
    ivec whole = vaddq_s32(vcvtnq_s32_f32(x), vdupq_n_s32(zero - INT8_OFFSET));
    int16x4_t narrow = vqmovn_s32(whole);
    int8x8_t bytes = vqmovn_s16(vcombine_s16(narrow, narrow));
    memcpy(p, &bytes, LANES);
}

#endif
