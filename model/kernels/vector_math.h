/* vector_math.h - exp, tanh, GELU, softmax, norms and dot of a level, written once for all vector widths.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   a template: included once by a level's .c file, after its vector_<set>.h. Error bounds: README.md.
 *
 * The last elements of a row go through the same vector code with the missing lanes filled, so that the value of an
 * element does not depend on where it stands. Sums of a row run lane by lane, then across in one order.
 */
#ifndef ROSIM_VECTOR_MATH_H
#define ROSIM_VECTOR_MATH_H

#include "model/kernels/kernels.h"

#include <math.h>

/* e^x = 2^n e^r with |r| <= ln 2 / 2; ln 2 comes in two parts, the first so short that n times it is exact. */
ALWAYS_INLINE vec vec_exp(vec x)
{
    x = vec_min(vec_all(89.0f), vec_max(vec_all(-104.0f), x));    /* beyond: 0 and infinity; NaN stays */
    vec n = vec_round(x * vec_all(0x1.715476p0f));
    vec r = vec_fma(n, vec_all(-0x1.63p-1f), x);
    r = vec_fma(n, vec_all(0x1.bd0106p-13f), r);
    vec p = vec_all(1.3814538e-3f);
    p = vec_fma(p, r, vec_all(8.3687454e-3f));
    p = vec_fma(p, r, vec_all(4.1668389e-2f));
    p = vec_fma(p, r, vec_all(1.6666521e-1f));
    p = vec_fma(p, r, vec_all(4.9999994e-1f));
    p = vec_fma(r * r, p, r) + vec_all(1.0f);
    return vec_times_power(p, n);
}

#if BF16_DOT
/* 2^x for what is rounded to bf16 next (half a unit there is 4e-3): relative error below 7.5e-5; 0 for -infinity; NaN
 * stays. */
ALWAYS_INLINE vec vec_exp2_rough(vec x)
{
    vec r = vec_fraction(x), p = vec_all(7.80245438e-2f);
    p = vec_fma(p, r, vec_all(2.26067126e-1f));
    p = vec_fma(p, r, vec_all(6.95833564e-1f));
    p = vec_fma(p, r, vec_all(9.99925196e-1f));
    return vec_times_power(p, x);
}
#endif

/* An odd polynomial up to 0.625; beyond 1 - 2 / (e^2x + 1), which loses nothing there. */
ALWAYS_INLINE vec vec_tanh(vec x)
{
    vec a = vec_abs(x), square = x * x;
    vec p = vec_all(-5.7049897e-3f);
    p = vec_fma(p, square, vec_all(2.0639090e-2f));
    p = vec_fma(p, square, vec_all(-5.3739715e-2f));
    p = vec_fma(p, square, vec_all(1.3331442e-1f));
    p = vec_fma(p, square, vec_all(-3.3333281e-1f));
    vec small = vec_fma(x, square * p, x);
    vec large = vec_all(1.0f) - vec_all(2.0f) / (vec_exp(a + a) + vec_all(1.0f));
    large = vec_less(x, vec_all(0.0f), vec_all(0.0f) - large, large);
    return vec_less(a, vec_all(0.625f), small, large);
}

#if !VECTOR_NORMAL_TAIL
/* P(X > a) = e^(-a^2/2) t q(t), t = 1 / (1 + a / sqrt 8), a >= 0. */
ALWAYS_INLINE vec vec_normal_tail(vec a)
{
    vec t = vec_all(1.0f) / vec_fma(a, vec_all(0.35355339f), vec_all(1.0f));
    vec q = vec_all(0.5f * -0.0590691008f);
    q = vec_fma(q, t, vec_all(0.5f * 0.2845756114f));
    q = vec_fma(q, t, vec_all(0.5f * -0.4872010946f));
    q = vec_fma(q, t, vec_all(0.5f * 0.2780683637f));
    q = vec_fma(q, t, vec_all(0.5f * -0.0266264044f));
    q = vec_fma(q, t, vec_all(0.5f * 0.2026871443f));
    q = vec_fma(q, t, vec_all(0.5f * 0.2431036979f));
    q = vec_fma(q, t, vec_all(0.5f * 0.2823753059f));
    q = vec_fma(q, t, vec_all(0.5f * 0.2820864320f));
    return vec_exp(a * a * vec_all(-0.5f)) * (t * q);
}
#endif

/* x P(X <= x) = max(x, 0) - |x| P(X > |x|), X normal. The tail is small where it is subtracted and relatively exact
 * where it stands alone: no cancellation on either side. */
ALWAYS_INLINE vec vec_gelu(vec x)
{
    vec a = vec_abs(x);
    return vec_fma(-a, vec_normal_tail(a), vec_max(vec_all(0.0f), x));
}

ALWAYS_INLINE vec vec_gelu_tanh(vec x)
{
    const float sqrt_2_over_pi = 0.79788456f;
    vec inner = vec_fma(x * x * x, vec_all(0.044715f), x) * vec_all(sqrt_2_over_pi);
    return x * vec_all(0.5f) * (vec_all(1.0f) + vec_tanh(inner));
}

ALWAYS_INLINE vec vec_activate(activation act, vec x)
{
    switch (act) {
    case ACTIVATION_GELU: return vec_gelu(x);
    case ACTIVATION_GELU_TANH: return vec_gelu_tanh(x);
    case ACTIVATION_RELU: return vec_max(vec_all(0.0f), x);
    case ACTIVATION_TANH: return vec_tanh(x);
    default: return x;
    }
}

static void level_exp(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        vec_store_first(x + i, n - i, vec_exp(vec_load_first(x + i, n - i)));
}

static void level_activate(activation act, float *x, size_t n)
{
    if (act == ACTIVATION_NONE)
        return;
    for (size_t i = 0; i < n; i += LANES)
        vec_store_first(x + i, n - i, vec_activate(act, vec_load_first(x + i, n - i)));
}

static void level_softmax(float *x, size_t n)
{
    vec top = vec_all(-INFINITY), sum = vec_all(0.0f);
    for (size_t i = 0; i < n; i += LANES)
        top = vec_max(top, vec_fill_after(vec_load_first(x + i, n - i), n - i, -INFINITY));
    top = vec_all(vec_largest(top));
    for (size_t i = 0; i < n; i += LANES) {
        vec e = vec_exp(vec_fill_after(vec_load_first(x + i, n - i), n - i, -INFINITY) - top);
        sum = sum + e;
        vec_store_first(x + i, n - i, e);
    }
    vec factor = vec_all(1.0f / vec_sum(sum));
    for (size_t i = 0; i < n; i += LANES)
        vec_store_first(x + i, n - i, vec_load_first(x + i, n - i) * factor);
}

/* Sums of a row run in so many chains of vectors, in turn: one alone would wait for each addition. */
enum { CHAINS = 4 };

ALWAYS_INLINE float sum_of_chains(const vec *chains)
{
    return vec_sum((chains[0] + chains[1]) + (chains[2] + chains[3]));
}

/* y = x + residual; returns the sum of the elements. */
static float add_residual(const float *x, const float *residual, size_t n, float *y)
{
    vec sums[CHAINS] = { vec_all(0.0f), vec_all(0.0f), vec_all(0.0f), vec_all(0.0f) };
    for (size_t i = 0; i < n;)
#pragma GCC unroll 4
        for (size_t c = 0; c < CHAINS && i < n; c++, i += LANES) {
            vec v = vec_load_first(x + i, n - i);
            if (residual)
                v = v + vec_load_first(residual + i, n - i);
            sums[c] = sums[c] + v;
            vec_store_first(y + i, n - i, v);
        }
    return sum_of_chains(sums);
}

/* The sum of x - mean, which in exact arithmetic is zero. */
static float sum_of_rest(const float *x, size_t n, float mean)
{
    vec sums[CHAINS] = { vec_all(0.0f), vec_all(0.0f), vec_all(0.0f), vec_all(0.0f) }, shift = vec_all(mean);
    for (size_t i = 0; i < n;)
#pragma GCC unroll 4
        for (size_t c = 0; c < CHAINS && i < n; c++, i += LANES)
            sums[c] = sums[c] + vec_fill_after(vec_load_first(x + i, n - i) - shift, n - i, 0.0f);
    return sum_of_chains(sums);
}

static float sum_of_squares(const float *x, size_t n, float mean, float rest)
{
    vec sums[CHAINS] = { vec_all(0.0f), vec_all(0.0f), vec_all(0.0f), vec_all(0.0f) };
    vec shift = vec_all(mean), more = vec_all(rest);
    for (size_t i = 0; i < n;)
#pragma GCC unroll 4
        for (size_t c = 0; c < CHAINS && i < n; c++, i += LANES) {
            vec v = vec_fill_after(vec_load_first(x + i, n - i) - shift - more, n - i, 0.0f);
            sums[c] = vec_fma(v, v, sums[c]);
        }
    return sum_of_chains(sums);
}

/* x = (x - mean - rest) * factor * gamma + beta; NULL: 1 and 0. */
static void scale_and_shift(float *x, size_t n, float mean, float rest, float factor, const float *gamma,
                            const float *beta)
{
    vec shift = vec_all(mean), more = vec_all(rest), scale = vec_all(factor);
    for (size_t i = 0; i < n; i += LANES) {
        vec v = (vec_load_first(x + i, n - i) - shift - more) * scale;
        if (gamma)
            v = v * vec_load_first(gamma + i, n - i);
        if (beta)
            v = v + vec_load_first(beta + i, n - i);
        vec_store_first(x + i, n - i, v);
    }
}

/* The mean is taken twice, the second time of the differences: a row of equal values must come out as zeros, or an
 * epsilon of 1e-12 would blow the rounding of the first mean up a million times. */
static void level_layer_norm(const float *x, const float *residual, const float *gamma, const float *beta, float eps,
                             size_t n, float *y)
{
    float mean = add_residual(x, residual, n, y) / (float)n;
    float rest = sum_of_rest(y, n, mean) / (float)n;
    float variance = sum_of_squares(y, n, mean, rest) / (float)n;
    scale_and_shift(y, n, mean, rest, (float)(1.0 / sqrt((double)variance + (double)eps)), gamma, beta);
}

static void level_rms_norm(const float *x, const float *residual, const float *gamma, float eps, size_t n, float *y)
{
    add_residual(x, residual, n, y);
    float mean_square = sum_of_squares(y, n, 0, 0) / (float)n;
    scale_and_shift(y, n, 0, 0, (float)(1.0 / sqrt((double)mean_square + (double)eps)), gamma, NULL);
}

static float level_dot(const float *a, const float *b, size_t n)
{
    vec sum = vec_all(0.0f);
    for (size_t i = 0; i < n; i += LANES)
        sum = vec_fma(vec_load_first(a + i, n - i), vec_load_first(b + i, n - i), sum);
    return vec_sum(sum);
}

#endif
