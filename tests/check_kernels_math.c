/* check_kernels_math.c - exp, activations, softmax and norms of every level against double. The
 * bounds here are those of model/kernels/README.md. Errors in ulp are relative to the spacing of
 * floats at the true value. */
#include "tests/check_kernels_support.h"

enum { CHUNK = 4096 };

static double ulps(float got, double want)
{
    if ((double)got == want || (isnan(got) && isnan(want)))
        return 0;
    int exponent = want == 0 ? -126 : ilogb(want);
    return fabs((double)got - want) / ldexp(1, (exponent < -126 ? -126 : exponent) - 23);
}

typedef double reference(double x);

static double gelu_in_double(double x)
{
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static double gelu_tanh_in_double(double x)
{
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The largest error in ulp over every stride-th float from first to last (bit patterns of one
 * sign). */
static double worst_ulps(void (*f)(float *, size_t), reference *want, float first, float last,
                         uint32_t stride)
{
    static float x[CHUNK], y[CHUNK];
    uint32_t bits, end;
    memcpy(&bits, &first, sizeof bits);
    memcpy(&end, &last, sizeof end);
    double worst = 0;
    while (bits <= end) {
        size_t count = 0;
        for (; count < CHUNK && bits <= end; bits += stride)
            x[count++] = from_bits(bits);
        memcpy(y, x, count * sizeof *x);
        f(y, count);
        for (size_t i = 0; i < count; i++)
            worst = fmax(worst, ulps(y[i], want((double)x[i])));
    }
    return worst;
}

/* Every 997th float (a prime, so that all low bits occur): 4.3 million values of both signs. */
enum { STRIDE = 997 };

START_TEST(exp_is_within_its_bound_over_all_floats)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    ck_assert_double_le(worst_ulps(k->exp, exp, 0.0f, 88.72f, STRIDE), 1.0);
    ck_assert_double_le(worst_ulps(k->exp, exp, -0.0f, -104.0f, STRIDE), 1.0);
}
END_TEST

START_TEST(exp_saturates_and_keeps_nan)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    float x[] = { -INFINITY, -1e30f, -104.5f, 0, -0.0f, 88.8f, 1e30f, INFINITY, NAN };
    k->exp(x, 9);
    float want[] = { 0, 0, 0, 1, 1, INFINITY, INFINITY, INFINITY };
    for (int i = 0; i < 8; i++)
        ck_assert_float_eq(x[i], want[i]);
    ck_assert(isnan(x[8]));
}
END_TEST

static const kernels *activating;

static void apply_tanh(float *x, size_t n)
{
    activating->activate(ACTIVATION_TANH, x, n);
}

START_TEST(tanh_is_within_its_bound_over_all_floats)
{
    if (!(activating = level_at(_i)))
        return;
    ck_assert_double_le(worst_ulps(apply_tanh, tanh, 0.0f, INFINITY, STRIDE), 1.5);
    ck_assert_double_le(worst_ulps(apply_tanh, tanh, -0.0f, -INFINITY, STRIDE), 1.5);
}
END_TEST

/* Largest absolute and relative error on [from, to] in steps of 1e-5 of the range. */
typedef struct {
    double absolute, relative;
} errors;

static errors worst_errors(const kernels *k, activation act, reference *want, double from,
                           double to)
{
    errors worst = { 0, 0 };
    for (int block = 0; block < 250; block++) {
        float x[1600], y[1600];
        for (int i = 0; i < 1600; i++)
            x[i] = (float)(from + (to - from) * (block * 1600 + i) / (250 * 1600));
        memcpy(y, x, sizeof x);
        k->activate(act, y, 1600);
        for (int i = 0; i < 1600; i++) {
            double true_value = want((double)x[i]), error = fabs((double)y[i] - true_value);
            worst.absolute = fmax(worst.absolute, error);
            if (true_value != 0)
                worst.relative = fmax(worst.relative, error / fabs(true_value));
        }
    }
    return worst;
}

/* The absolute bound is little more than half an ulp of the largest values with a tail; golden
 * hidden states of 1e-5 after several layers would bear 5e-7. The relative bounds say that
 * small x lose no digits, and the negative tail only where it is next to nothing: at -5, where it is 1e-6, a table's
 * absolute error of 3e-9 times x shows. */
START_TEST(gelu_is_within_its_bound)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU, gelu_in_double, -20, 20).absolute, 3e-7);
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU, gelu_in_double, -1, 1).relative, 5e-7);
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU, gelu_in_double, -1e-3, 1e-3).relative,
                        5e-7);
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU, gelu_in_double, -2, 2).relative, 1e-6);
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU, gelu_in_double, -5, 5).relative, 2e-5);
}
END_TEST

/* The quotient of x near 8 has half an ulp of 2.4e-7, and so has its denominator. */
START_TEST(gelu_tanh_is_within_its_bound)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    ck_assert_double_le(
        worst_errors(k, ACTIVATION_GELU_TANH, gelu_tanh_in_double, -20, 20).absolute, 6e-7);
    ck_assert_double_le(worst_errors(k, ACTIVATION_GELU_TANH, gelu_tanh_in_double, -1, 1).relative,
                        4e-7);
}
END_TEST

START_TEST(activations_are_exact_where_they_must_be)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    static const activation all[] = { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_RELU,
                                      ACTIVATION_TANH };
    for (size_t i = 0; i < 4; i++) {
        float x[] = { 0, -30, 30, NAN };
        k->activate(all[i], x, 4);
        ck_assert_float_eq(x[0], 0);
        ck_assert_float_eq(x[1], all[i] == ACTIVATION_TANH ? -1 : 0);
        ck_assert_float_eq(x[2], all[i] == ACTIVATION_TANH ? 1 : 30);
        ck_assert_msg(isnan(x[3]), "activation %d hides a NaN", all[i]);
    }
    float untouched[] = { -1.5f, 2.5f };
    k->activate(ACTIVATION_NONE, untouched, 2);
    ck_assert(untouched[0] == -1.5f && untouched[1] == 2.5f);
}
END_TEST

static void apply(const kernels *k, int function, float *x, size_t n)
{
    if (function == 0)
        k->exp(x, n);
    else
        k->activate((activation)function, x, n);
}

START_TEST(an_element_has_the_same_bits_at_every_place_of_any_row)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    enum { LONGEST = 40 };
    for (int function = 0; function <= ACTIVATION_TANH; function++)
        for (size_t n = 1; n <= LONGEST; n++) {
            float x[LONGEST + 1], alone[LONGEST];
            fill_random(x, LONGEST + 1, (uint32_t)n);
            memcpy(alone, x, sizeof alone);
            float behind = x[n];
            apply(k, function, x, n);
            for (size_t i = 0; i < n; i++)
                apply(k, function, alone + i, 1);
            ck_assert_mem_eq(x, alone, n * sizeof *x);
            ck_assert_float_eq(x[n], behind);
        }
}
END_TEST

/* e^(x - max) within one ulp and half an ulp each for the difference (of numbers up to 8), sum
 * and quotient. */
START_TEST(softmax_equals_double_for_any_length)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    static float x[3000], y[3000];
    for (size_t n = 1; n <= 3000; n = n < 70 ? n + 1 : n * 2) {
        fill_random(x, n, (uint32_t)n);
        double most = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = x[i] * 4 + 100;
            most = fmax(most, (double)x[i]);
        }
        for (size_t i = 0; i < n; i++)
            sum += exp((double)x[i] - most);
        memcpy(y, x, n * sizeof *x);
        k->softmax(y, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_double_le(ulps(y[i], exp((double)x[i] - most) / sum), 8);
    }
}
END_TEST

START_TEST(softmax_gives_zero_for_minus_infinity_and_survives_large_scores)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    float one[] = { -INFINITY, -3, -INFINITY, -INFINITY, -INFINITY };
    k->softmax(one, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_float_eq(one[i], i == 1);
    float large[] = { 3e38f, -3e38f, 3e38f, -INFINITY, 0, 3e38f, 3e38f };
    k->softmax(large, 7);
    float want[] = { 0.25f, 0, 0.25f, 0, 0, 0.25f, 0.25f };
    for (int i = 0; i < 7; i++)
        ck_assert_float_eq(large[i], want[i]);
    float sick[] = { 1, NAN, 2 };
    k->softmax(sick, 3);
    ck_assert(isnan(sick[0]) && isnan(sick[1]) && isnan(sick[2]));
}
END_TEST

typedef struct {
    float x[1024], residual[1024], gamma[1024], beta[1024], y[1024];
} row;

static row *row_make(size_t n, float offset)
{
    static row r;
    fill_random(r.x, n, 1);
    fill_random(r.residual, n, 2);
    fill_random(r.gamma, n, 3);
    fill_random(r.beta, n, 4);
    for (size_t i = 0; i < n; i++)
        r.x[i] += offset;
    return &r;
}

static double norm_in_double(const row *r, bool residual, bool centred, double eps, size_t n,
                             size_t at)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; centred && i < n; i++)
        mean += (double)(residual ? r->x[i] + r->residual[i] : r->x[i]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = (double)(residual ? r->x[i] + r->residual[i] : r->x[i]) - mean;
        squares += d * d / (double)n;
    }
    return ((double)(residual ? r->x[at] + r->residual[at] : r->x[at]) - mean) /
           sqrt(squares + eps);
}

/* Normalised values reach sqrt(n) <= 32; four roundings of a float each. An offset of 1000 must
 * cost nothing: the reference starts from the same rounded sums. */
START_TEST(layer_norm_equals_double)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    for (size_t n = 2; n <= 1024; n = n < 40 ? n + 1 : n * 2)
        for (int variant = 0; variant < 4; variant++) {
            bool residual = variant & 1;
            row *r = row_make(n, variant & 2 ? 1000.0f : 0.0f);
            k->layer_norm(r->x, residual ? r->residual : NULL, r->gamma, r->beta, 1e-12f, n, r->y);
            for (size_t i = 0; i < n; i++) {
                double normal = norm_in_double(r, residual, true, 1e-12, n, i);
                double want = normal * (double)r->gamma[i] + (double)r->beta[i];
                ck_assert_double_le(fabs((double)r->y[i] - want), 4 * 0x1p-24 * (fabs(normal) + 1));
            }
        }
}
END_TEST

/* With epsilon 1e-12 the slightest error of the mean would be multiplied by a million. */
START_TEST(layer_norm_of_equal_values_is_beta)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    static const float values[] = { 0, 1.2345678f, -0.1f, 12345.678f, 1e-20f, 3e18f };
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
        for (size_t n = 1; n <= 1024; n = n < 20 ? n + 1 : n * 3) {
            row *r = row_make(n, 0);
            for (size_t i = 0; i < n; i++)
                r->x[i] = values[v];
            k->layer_norm(r->x, NULL, r->gamma, r->beta, 1e-12f, n, r->y);
            for (size_t i = 0; i < n; i++)
                ck_assert_float_eq(r->y[i], r->beta[i]);
        }
}
END_TEST

START_TEST(rms_norm_equals_double)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    for (size_t n = 1; n <= 1024; n = n < 40 ? n + 1 : n * 2)
        for (int variant = 0; variant < 4; variant++) {
            bool residual = variant & 1, gamma = variant & 2;
            row *r = row_make(n, 0.5f);
            k->rms_norm(r->x, residual ? r->residual : NULL, gamma ? r->gamma : NULL, 1e-6f, n,
                        r->y);
            for (size_t i = 0; i < n; i++) {
                double normal = norm_in_double(r, residual, false, 1e-6, n, i);
                double want = gamma ? normal * (double)r->gamma[i] : normal;
                /* Three roundings of the result; the sum of squares runs in float lanes, its error is halved by the
                 * root. */
                ck_assert_double_le(fabs((double)r->y[i] - want), (3 + sqrt((double)n) / 4) * 0x1p-24 * fabs(want));
            }
        }
}
END_TEST

START_TEST(norms_may_write_over_their_input)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    row *r = row_make(37, 0);
    k->layer_norm(r->x, r->residual, r->gamma, r->beta, 1e-5f, 37, r->y);
    k->layer_norm(r->x, r->residual, r->gamma, r->beta, 1e-5f, 37, r->x);
    ck_assert_mem_eq(r->x, r->y, 37 * sizeof *r->x);
    r = row_make(37, 0);
    k->rms_norm(r->x, r->residual, r->gamma, 1e-5f, 37, r->y);
    k->rms_norm(r->x, r->residual, r->gamma, 1e-5f, 37, r->x);
    ck_assert_mem_eq(r->x, r->y, 37 * sizeof *r->x);
}
END_TEST

/* Sums in float lanes: roundings of both signs, relative to the sum of the magnitudes. */
START_TEST(dot_equals_double)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    for (size_t n = 1; n <= 1024; n = n < 40 ? n + 1 : n * 2) {
        row *r = row_make(n, 0.25f);
        double want = 0, magnitude = 0;
        for (size_t i = 0; i < n; i++) {
            want += (double)r->x[i] * (double)r->residual[i];
            magnitude += fabs((double)r->x[i] * (double)r->residual[i]);
        }
        ck_assert_double_le(fabs((double)k->dot(r->x, r->residual, n) - want),
                            (2 + sqrt((double)n) / 4) * 0x1p-24 * magnitude);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("math");
    TCase *t = tcase_create("math");
    int levels = levels_compiled_in();
    tcase_add_loop_test(t, exp_is_within_its_bound_over_all_floats, 0, levels);
    tcase_add_loop_test(t, exp_saturates_and_keeps_nan, 0, levels);
    tcase_add_loop_test(t, tanh_is_within_its_bound_over_all_floats, 0, levels);
    tcase_add_loop_test(t, gelu_is_within_its_bound, 0, levels);
    tcase_add_loop_test(t, gelu_tanh_is_within_its_bound, 0, levels);
    tcase_add_loop_test(t, activations_are_exact_where_they_must_be, 0, levels);
    tcase_add_loop_test(t, an_element_has_the_same_bits_at_every_place_of_any_row, 0, levels);
    tcase_add_loop_test(t, softmax_equals_double_for_any_length, 0, levels);
    tcase_add_loop_test(t, softmax_gives_zero_for_minus_infinity_and_survives_large_scores, 0,
                        levels);
    tcase_add_loop_test(t, layer_norm_equals_double, 0, levels);
    tcase_add_loop_test(t, layer_norm_of_equal_values_is_beta, 0, levels);
    tcase_add_loop_test(t, rms_norm_equals_double, 0, levels);
    tcase_add_loop_test(t, norms_may_write_over_their_input, 0, levels);
    tcase_add_loop_test(t, dot_equals_double, 0, levels);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
