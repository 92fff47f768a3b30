/* vector_portable.h - four lanes in the vector notation that gcc and clang share: SSE2, NEON, or plain scalars. It
 * refuses to contract multiply and add, since that would tie the bits to the compiler.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   only for generic.c, which is compiled with the baseline flags.
 */
#ifndef ROSIM_VECTOR_PORTABLE_H
#define ROSIM_VECTOR_PORTABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LANES 4
#define PANEL_VECTORS 2        /* 6 rows x 2 vectors of sums, 2 loads and a broadcast fit the 16 registers of SSE2 */
#define INT8_PER_WORD 2        /* integers of 16 bits: products and their sums are exact, and need no zero point */
#define BF16_DOT 0             /* bf16 weights meet rows of floats */

typedef int16_t int8_element;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));

ALWAYS_INLINE vec vec_all(float x) { return (vec){ x, x, x, x }; }
ALWAYS_INLINE ivec ivec_all(uint32_t x) { int32_t i = (int32_t)x; return (ivec){ i, i, i, i }; }
ALWAYS_INLINE ivec ivec_zero(void) { return (ivec){ 0 }; }
ALWAYS_INLINE vec as_vec(ivec x) { return (vec)x; }
ALWAYS_INLINE ivec as_ivec(vec x) { return (ivec)x; }
ALWAYS_INLINE vec to_vec(ivec x) { return __builtin_convertvector(x, vec); }

ALWAYS_INLINE vec vec_load(const float *p) { vec v; memcpy(&v, p, sizeof v); return v; }
ALWAYS_INLINE ivec ivec_load(const void *p) { ivec v; memcpy(&v, p, sizeof v); return v; }
ALWAYS_INLINE void vec_store(float *p, vec x) { memcpy(p, &x, sizeof x); }

/* The first n lanes (all from n = 4 on); the others are zero, or are left alone in memory. */
ALWAYS_INLINE vec vec_load_first(const float *p, size_t n)
{
    vec v = { 0 };
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

ALWAYS_INLINE vec pick(ivec mask, vec yes, vec no) { return as_vec((mask & as_ivec(yes)) | (~mask & as_ivec(no))); }
ALWAYS_INLINE vec vec_fill_after(vec x, size_t n, float filler)
{
    const ivec lane = { 0, 1, 2, 3 };
    return n >= LANES ? x : pick(lane < ivec_all((uint32_t)n), x, vec_all(filler));
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
ALWAYS_INLINE vec vec_max(vec a, vec b) { return pick(a > b, a, b); }    /* b when one is NaN */
ALWAYS_INLINE vec vec_min(vec a, vec b) { return pick(a < b, a, b); }
ALWAYS_INLINE vec vec_abs(vec x) { return as_vec(as_ivec(x) & 0x7fffffff); }
/* To nearest even, within +-2^22: adding 1.5 * 2^23 leaves the integer in the low bits. */
ALWAYS_INLINE vec vec_round(vec x) { return (x + 0x1.8p23f) - 0x1.8p23f; }
ALWAYS_INLINE ivec vec_to_whole(vec x) { return as_ivec(x + 0x1.8p23f) - as_ivec(vec_all(0x1.8p23f)); }
/* x 2^n, n whole, -160 .. 160: in two factors, since n passes the range of an exponent. */
ALWAYS_INLINE vec vec_times_power(vec x, vec n)
{
    ivec exponent = vec_to_whole(n), first = exponent >> 1, second = exponent - first;
    return x * as_vec((first + 127) << 23) * as_vec((second + 127) << 23);
}
ALWAYS_INLINE vec vec_less(vec a, vec b, vec yes, vec no) { return pick(a < b, yes, no); }
ALWAYS_INLINE float vec_sum(vec x) { return (x[0] + x[2]) + (x[1] + x[3]); }
ALWAYS_INLINE float vec_largest(vec x)
{
    float a = x[0] > x[1] ? x[0] : x[1], b = x[2] > x[3] ? x[2] : x[3];
    return a > b ? a : b;
}

ALWAYS_INLINE vec low_bf16(ivec words) { return as_vec(words << 16); }
ALWAYS_INLINE vec high_bf16(ivec words) { return as_vec(words & (int32_t)0xffff0000); }

typedef enum { STEP_F32, STEP_INT8 } step_kind;

/* The low and the high 16 bits of each lane, multiplied and added. */
ALWAYS_INLINE ivec multiply_pairs(ivec a, ivec b)
{
#if defined(__SSE2__)
    return (ivec)__builtin_ia32_pmaddwd128((__attribute__((vector_size(16))) short)a,
                                           (__attribute__((vector_size(16))) short)b);
#else
    return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}

ALWAYS_INLINE ivec vec_step(step_kind kind, ivec sum, ivec a, ivec b)
{
    if (kind == STEP_F32)
        return as_ivec(as_vec(a) * as_vec(b) + as_vec(sum));
    return sum + multiply_pairs(a, b);
}

ALWAYS_INLINE ivec ivec_subtract(ivec a, ivec b) { return a - b; }
ALWAYS_INLINE ivec ivec_multiply(ivec a, ivec b) { return a * b; }

/* LANES numbers, rounded, plus zero (0 .. 256), as 16-bit integers. */
ALWAYS_INLINE void store_int8(void *p, vec x, int32_t zero)
{
    ivec whole = vec_to_whole(x) + zero;
    const int16_t integers[LANES] = { (int16_t)whole[0], (int16_t)whole[1], (int16_t)whole[2], (int16_t)whole[3] };
    memcpy(p, integers, sizeof integers);
}

#endif
