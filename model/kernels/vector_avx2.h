/* vector_avx2.h - eight lanes: the primitives that the vector_*.h templates are written in, for AVX2 with FMA; with
 * VNNI_STEP defined before as the name of the byte product in its encoding, for processors that have that as well.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   only for files compiled with the flags of this instruction set.
 */
#ifndef ROSIM_VECTOR_AVX2_H
#define ROSIM_VECTOR_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define PANEL_VECTORS 2        /* 6 rows x 2 vectors of sums, 2 loads and a broadcast fit 16 registers */
#define BF16_DOT 0             /* bf16 weights meet rows of floats */

#ifdef VNNI_STEP
#define INT8_PER_WORD 4        /* VPDPBUSD: four unsigned bytes of x times four signed bytes of w */
typedef int8_t int8_element;
#else
#define INT8_PER_WORD 2        /* VPMADDWD on 16-bit integers: exact, where VPMADDUBSW on bytes would saturate */
typedef int16_t int8_element;
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef __m256 vec;
typedef __m256i ivec;

ALWAYS_INLINE vec vec_all(float x) { return _mm256_set1_ps(x); }
ALWAYS_INLINE ivec ivec_all(uint32_t x) { return _mm256_set1_epi32((int)x); }
ALWAYS_INLINE ivec ivec_zero(void) { return _mm256_setzero_si256(); }
ALWAYS_INLINE vec as_vec(ivec x) { return _mm256_castsi256_ps(x); }
ALWAYS_INLINE ivec as_ivec(vec x) { return _mm256_castps_si256(x); }
ALWAYS_INLINE vec to_vec(ivec x) { return _mm256_cvtepi32_ps(x); }

ALWAYS_INLINE vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
ALWAYS_INLINE ivec ivec_load(const void *p) { return _mm256_loadu_si256(p); }
ALWAYS_INLINE void vec_store(float *p, vec x) { _mm256_storeu_ps(p, x); }

ALWAYS_INLINE ivec lane_mask(size_t n)
{
    const ivec lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < LANES ? (int)n : LANES), lane);
}

/* The first n lanes (all from n = 8 on); the others are zero, or are left alone in memory. */
ALWAYS_INLINE vec vec_load_first(const float *p, size_t n)
{
    return n >= LANES ? vec_load(p) : _mm256_maskload_ps(p, lane_mask(n));
}
ALWAYS_INLINE ivec ivec_load_first(const void *p, size_t n) { return as_ivec(vec_load_first(p, n)); }
ALWAYS_INLINE void vec_store_first(float *p, size_t n, vec x)
{
    if (n >= LANES)
        vec_store(p, x);
    else
        _mm256_maskstore_ps(p, lane_mask(n), x);
}
ALWAYS_INLINE vec vec_fill_after(vec x, size_t n, float filler)
{
    return n >= LANES ? x : _mm256_blendv_ps(_mm256_set1_ps(filler), x, as_vec(lane_mask(n)));
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
ALWAYS_INLINE vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }    /* the second operand when one is NaN */
ALWAYS_INLINE vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
ALWAYS_INLINE vec vec_abs(vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
ALWAYS_INLINE vec vec_round(vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* x 2^n, n whole, -160 .. 160: in two factors, since n passes the range of an exponent. */
ALWAYS_INLINE vec vec_times_power(vec x, vec n)
{
    ivec exponent = _mm256_cvtps_epi32(n), first = _mm256_srai_epi32(exponent, 1);
    ivec second = _mm256_sub_epi32(exponent, first), bias = _mm256_set1_epi32(127);
    x = _mm256_mul_ps(x, as_vec(_mm256_slli_epi32(_mm256_add_epi32(first, bias), 23)));
    return _mm256_mul_ps(x, as_vec(_mm256_slli_epi32(_mm256_add_epi32(second, bias), 23)));
}
/* a < b ? yes : no */
ALWAYS_INLINE vec vec_less(vec a, vec b, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/* Horizontal, in one fixed order. */
ALWAYS_INLINE float vec_sum(vec x)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
ALWAYS_INLINE float vec_largest(vec x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

ALWAYS_INLINE vec low_bf16(ivec words) { return as_vec(_mm256_slli_epi32(words, 16)); }
ALWAYS_INLINE vec high_bf16(ivec words)
{
    return as_vec(_mm256_and_si256(words, _mm256_set1_epi32((int)0xffff0000u)));
}

typedef enum { STEP_F32, STEP_INT8 } step_kind;

/* sum + a * b in each 32-bit lane: one float, or INT8_PER_WORD integers. The assembler form keeps gcc 12 from moving
 * sums to memory. */
ALWAYS_INLINE ivec vec_step(step_kind kind, ivec sum, ivec a, ivec b)
{
    if (kind == STEP_F32)
        return as_ivec(_mm256_fmadd_ps(as_vec(a), as_vec(b), as_vec(sum)));
#ifdef VNNI_STEP
    __asm__(VNNI_STEP " %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
#else
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
#endif
}

ALWAYS_INLINE ivec ivec_subtract(ivec a, ivec b) { return _mm256_sub_epi32(a, b); }
ALWAYS_INLINE ivec ivec_multiply(ivec a, ivec b) { return _mm256_mullo_epi32(a, b); }

/* LANES numbers, rounded, plus zero: as bytes clamped to 0 .. 255, or as 16-bit integers. */
ALWAYS_INLINE void store_int8(void *p, vec x, int32_t zero)
{
    ivec whole = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(zero));
    ivec packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(whole, whole), 0x08);
    __m128i words = _mm256_castsi256_si128(packed);
#ifdef VNNI_STEP
    _mm_storel_epi64(p, _mm_packus_epi16(words, words));
#else
    _mm_storeu_si128(p, words);
#endif
}

#endif
