/* vector_avx512.h - sixteen lanes: the primitives that the vector_*.h templates are written in, for AVX-512 F, BW,
 * DQ, VL; with AVX512_VNNI or AVX512_BF16 defined as 1 before, for processors that have those as well.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   only for files compiled with the flags of this instruction set.
 */
#ifndef ROSIM_VECTOR_AVX512_H
#define ROSIM_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16
#define PANEL_VECTORS 4        /* 6 rows x 4 vectors of sums, 4 loads and a broadcast fit 32 registers */
#define BF16_DOT AVX512_BF16   /* 0: bf16 weights meet rows of floats */

#if AVX512_VNNI
#define INT8_PER_WORD 4        /* VPDPBUSD: four unsigned bytes of x times four signed bytes of w */
typedef int8_t int8_element;
#else
#define INT8_PER_WORD 2        /* VPMADDWD on 16-bit integers: exact, where VPMADDUBSW on bytes would saturate */
typedef int16_t int8_element;
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef __m512 vec;
typedef __m512i ivec;

ALWAYS_INLINE vec vec_all(float x) { return _mm512_set1_ps(x); }
ALWAYS_INLINE ivec ivec_all(uint32_t x) { return _mm512_set1_epi32((int)x); }
ALWAYS_INLINE ivec ivec_zero(void) { return _mm512_setzero_si512(); }
ALWAYS_INLINE vec as_vec(ivec x) { return _mm512_castsi512_ps(x); }
ALWAYS_INLINE ivec as_ivec(vec x) { return _mm512_castps_si512(x); }
ALWAYS_INLINE vec to_vec(ivec x) { return _mm512_cvtepi32_ps(x); }

ALWAYS_INLINE vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
ALWAYS_INLINE ivec ivec_load(const void *p) { return _mm512_loadu_si512(p); }
ALWAYS_INLINE void vec_store(float *p, vec x) { _mm512_storeu_ps(p, x); }

ALWAYS_INLINE __mmask16 lane_mask(size_t n) { return (__mmask16)(n >= LANES ? 0xffffu : (1u << n) - 1); }

/* The first n lanes (all from n = 16 on); the others are zero, or are left alone in memory. A branch that is foreseen
 * costs less than a mask; where tiles load, the mask stays in a register. */
ALWAYS_INLINE vec vec_load_first(const float *p, size_t n)
{
    return n >= LANES ? vec_load(p) : _mm512_maskz_loadu_ps(lane_mask(n), p);
}
ALWAYS_INLINE ivec ivec_load_first(const void *p, size_t n) { return _mm512_maskz_loadu_epi32(lane_mask(n), p); }
ALWAYS_INLINE void vec_store_first(float *p, size_t n, vec x)
{
    if (n >= LANES)
        vec_store(p, x);
    else
        _mm512_mask_storeu_ps(p, lane_mask(n), x);
}
ALWAYS_INLINE vec vec_fill_after(vec x, size_t n, float filler)
{
    return n >= LANES ? x : _mm512_mask_mov_ps(_mm512_set1_ps(filler), lane_mask(n), x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
ALWAYS_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }    /* the second operand when one is NaN */
ALWAYS_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
ALWAYS_INLINE vec vec_abs(vec x) { return _mm512_abs_ps(x); }
ALWAYS_INLINE vec vec_round(vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT); }
/* x - floor x; 0 of an infinity. */
ALWAYS_INLINE vec vec_fraction(vec x) { return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF); }
ALWAYS_INLINE vec vec_times_power(vec x, vec n) { return _mm512_scalef_ps(x, n); }    /* x 2^floor n */
/* a < b ? yes : no */
ALWAYS_INLINE vec vec_less(vec a, vec b, vec yes, vec no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
/* Horizontal, in one fixed order. */
ALWAYS_INLINE float vec_sum(vec x) { return _mm512_reduce_add_ps(x); }
ALWAYS_INLINE float vec_largest(vec x) { return _mm512_reduce_max_ps(x); }

#define VECTOR_NORMAL_TAIL 1   /* vec_normal_tail(a), P(X > a) for a >= 0 */
#include "model/kernels/vector_avx512_tail.h"

typedef enum { STEP_F32, STEP_BF16, STEP_INT8 } step_kind;

/* sum + a * b in each 32-bit lane: one float, two bf16, or INT8_PER_WORD integers. The assembler forms keep gcc 12 from
 * moving sums to memory. */
ALWAYS_INLINE ivec vec_step(step_kind kind, ivec sum, ivec a, ivec b)
{
    switch (kind) {
    case STEP_F32:
        return as_ivec(_mm512_fmadd_ps(as_vec(a), as_vec(b), as_vec(sum)));
    case STEP_BF16:
        __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
        return sum;
    default:
#if AVX512_VNNI
        __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
        return sum;
#else
        return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
    }
}

ALWAYS_INLINE ivec ivec_subtract(ivec a, ivec b) { return _mm512_sub_epi32(a, b); }
ALWAYS_INLINE ivec ivec_multiply(ivec a, ivec b) { return _mm512_mullo_epi32(a, b); }

/* The halves of words of two bf16 numbers, as floats. */
ALWAYS_INLINE vec low_bf16(ivec words) { return as_vec(_mm512_slli_epi32(words, 16)); }
ALWAYS_INLINE vec high_bf16(ivec words)
{
    return as_vec(_mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000u)));
}

#if AVX512_BF16
/* LANES numbers as bf16, rounded to nearest even; subnormal ones become zero. */
ALWAYS_INLINE __m256i to_bf16_lanes(vec x)
{
    return (__m256i)_mm512_cvtneps_pbh(x);
}

ALWAYS_INLINE void store_bf16(void *p, vec x)
{
    _mm256_storeu_si256(p, to_bf16_lanes(x));
}

/* Words of two numbers, one from each operand. */
ALWAYS_INLINE void store_bf16_pairs(void *p, vec low, vec high)
{
    ivec upper = _mm512_slli_epi32(_mm512_cvtepu16_epi32(to_bf16_lanes(high)), 16);
    _mm512_storeu_si512(p, _mm512_or_si512(_mm512_cvtepu16_epi32(to_bf16_lanes(low)), upper));
}
#endif

/* LANES numbers, rounded, plus zero, clamped to 0 .. 255. */
ALWAYS_INLINE void store_int8(void *p, vec x, int32_t zero)
{
#if AVX512_VNNI
    ivec whole = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero));
    _mm_storeu_si128(p, _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512())));
#else
    ivec whole = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero));
    _mm256_storeu_si256(p, _mm512_cvtepi32_epi16(whole));
#endif
}

#endif
