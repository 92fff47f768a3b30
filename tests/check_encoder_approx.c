/* check_encoder_approx.c - the attentions that approximate softmax against the explicit n x n matrix of the same kernel
 * in double; the random directions of favor, and that its estimate of e^(q.k) is right on average. */
#include "tests/check_encoder_support.h"

#include "model/encoder/attention.h"
#include "model/encoder/favor.h"
#include "model/encoder/rope.h"

#include <stdio.h>

/* Of the largest output. The polynomial of q.k is a sum over products q_i q_j k_i k_j, which are larger than their sum:
 * floats lose a digit there that softmax keeps. Seen: 6e-6 (polynomials), 5e-6 (favor). */
static const double TOLERANCE = 2e-5;

enum { D = 32, STRIDE = 3 * D + 5, OUT_STRIDE = D + 3, LONGEST = 300, FEATURES_MAX = 300 };

static const size_t LENGTHS[] = { 1, 2, 33, 64, 65, LONGEST };
static const attention_kind KINDS[] = { ATTENTION_FAVOR, ATTENTION_TAYLOR2, ATTENTION_EXPLIMIT2 };

typedef struct {
    float rows[LONGEST * STRIDE], rope[LONGEST * D], out[LONGEST * OUT_STRIDE];
    float directions[D * FEATURES_MAX];
    double query[LONGEST][D], key[LONGEST][D], value[LONGEST][D];
    double query_features[LONGEST][FEATURES_MAX], key_features[LONGEST][FEATURES_MAX];
    double block[D * D];
    float *scratch;
} room;

/* size multiplies queries and keys: 1 gives scores of deviation 1. */
static room *room_open(uint64_t seed, float size, size_t features)
{
    room *r = calloc(1, sizeof *r);
    uint64_t state = seed * 7919 + 1;
    ck_assert_ptr_nonnull(r);
    for (size_t t = 0; t < LONGEST; t++)
        for (size_t i = 0; i < STRIDE; i++)
            r->rows[t * STRIDE + i] = random_normal(&state) * (i < 2 * D ? size : 1);
    rope_table(LONGEST, D, r->rope);
    favor_directions(FAVOR_SEED, features, D, r->block, r->directions);
    size_t bytes = attention_approx_scratch_floats(LONGEST, D, features) * sizeof(float);
    r->scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    ck_assert_ptr_nonnull(r->scratch);
    return r;
}

static void room_close(room *r)
{
    free(r->scratch);
    free(r);
}

static attention_head head_of(room *r, size_t n, size_t features, int mode)
{
    return (attention_head){
        .n = n, .d = D, .stride = STRIDE, .out_stride = OUT_STRIDE, .q = r->rows, .k = r->rows + D,
        .v = r->rows + 2 * D, .out = r->out, .rope = mode > 0 ? r->rope : NULL, .rotary_value = mode == 2,
        .scale = (float)(1 / sqrt(D)), .last_query = n, .favor_features = features, .directions = r->directions,
    };
}

/* ---- the reference: written from formulas.md A3 and C ---- */

static void turn(double *x, size_t position)
{
    for (size_t i = 0; i < D; i += 2) {
        double angle = (double)position / pow(10000.0, (double)i / D), a = x[i], b = x[i + 1];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + 1] = a * sin(angle) + b * cos(angle);
    }
}

static double product(const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < D; i++)
        sum += a[i] * b[i];
    return sum;
}

/* favor's features of a row: e^(w_j.x - |x|^2/2) / sqrt(m). */
static void exponentials(const room *r, size_t features, const double *x, double *y)
{
    for (size_t j = 0; j < features; j++) {
        double sum = -product(x, x) / 2;
        for (size_t i = 0; i < D; i++)
            sum += (double)r->directions[i * features + j] * x[i];
        y[j] = exp(sum) / sqrt((double)features);
    }
}

static void read_rows(room *r, const attention_head *h)
{
    for (size_t t = 0; t < h->n; t++) {
        for (size_t i = 0; i < D; i++) {
            r->query[t][i] = (double)h->q[t * STRIDE + i] * pow(D, -0.25);
            r->key[t][i] = (double)h->k[t * STRIDE + i] * pow(D, -0.25);
            r->value[t][i] = (double)h->v[t * STRIDE + i];
        }
        if (h->rope) {
            turn(r->query[t], t);
            turn(r->key[t], t);
        }
        if (h->rotary_value)
            turn(r->value[t], t);
        exponentials(r, h->favor_features, r->query[t], r->query_features[t]);
        exponentials(r, h->favor_features, r->key[t], r->key_features[t]);
    }
}

/* What stands for e^(q.k). */
static double weight(const room *r, attention_kind kind, size_t features, size_t query, size_t key)
{
    double x = product(r->query[query], r->key[key]), sum = 0;
    if (kind == ATTENTION_TAYLOR2)
        return 1 + x + x * x / 2;
    if (kind == ATTENTION_EXPLIMIT2)
        return (1 + x / 2) * (1 + x / 2);
    for (size_t j = 0; j < features; j++)
        sum += r->query_features[query][j] * r->key_features[key][j];
    return sum;
}

static void explicit_row(const room *r, attention_kind kind, const attention_head *h, size_t row, double *out)
{
    double sum = 0;
    memset(out, 0, D * sizeof *out);
    for (size_t j = 0; j < h->n; j++) {
        double w = weight(r, kind, h->favor_features, row, j);
        sum += w;
        for (size_t i = 0; i < D; i++)
            out[i] += w * r->value[j][i];
    }
    for (size_t i = 0; i < D; i++)
        out[i] /= sum;
}

static void compare(room *r, attention_kind kind, const attention_head *h)
{
    double worst = 0, largest = 0, want[D];
    read_rows(r, h);
    for (size_t t = 0; t < h->n; t++) {
        explicit_row(r, kind, h, t, want);
        for (size_t i = 0; i < D; i++) {
            worst = fmax(worst, fabs((double)r->out[t * OUT_STRIDE + i] - want[i]));
            largest = fmax(largest, fabs(want[i]));
        }
    }
    ck_assert_msg(worst <= TOLERANCE * largest, "%s, n %zu, %zu features, rotary %d: off by %g of %g",
                  attention_name(kind), h->n, h->favor_features, h->rope != NULL, worst, largest);
}

/* _i: level * kinds + kind */
START_TEST(an_approximation_is_the_explicit_matrix_of_the_same_kernel)
{
    static const size_t features[] = { 64, 7, FEATURES_MAX };
    attention_kind kind = KINDS[(size_t)_i % COUNT(KINDS)];
    const kernels *k = level_at((int)((size_t)_i / COUNT(KINDS)));
    if (!k)
        return;
    for (size_t m = 0; m < (kind == ATTENTION_FAVOR ? COUNT(features) : 1); m++) {
        room *r = room_open((uint64_t)_i, 1, features[m]);
        for (size_t i = 0; i < COUNT(LENGTHS); i++) {
            for (int mode = 0; mode < 3; mode++) {
                attention_head h = head_of(r, LENGTHS[i], features[m], mode);
                attention_approx(k, kind, &h, r->scratch);
                compare(r, kind, &h);
            }
        }
        room_close(r);
    }
}
END_TEST

/* Rows that another task computes stay untouched, and the cut changes no bit. */
START_TEST(a_range_of_queries_gives_the_same_bytes_as_all_of_them)
{
    static const size_t cuts[][2] = { { 0, 1 }, { 5, 6 }, { 63, 130 }, { 299, 300 } };
    attention_kind kind = KINDS[(size_t)_i % COUNT(KINDS)];
    const kernels *k = level_at((int)((size_t)_i / COUNT(KINDS)));
    if (!k)
        return;
    room *r = room_open(5, 1, 64);
    float *whole = malloc(sizeof r->out);
    attention_head h = head_of(r, LONGEST, 64, 1);
    ck_assert_ptr_nonnull(whole);
    attention_approx(k, kind, &h, r->scratch);
    memcpy(whole, r->out, sizeof r->out);
    for (size_t c = 0; c < COUNT(cuts); c++) {
        memset(r->out, 0, sizeof r->out);
        h.first_query = cuts[c][0];
        h.last_query = cuts[c][1];
        attention_approx(k, kind, &h, r->scratch);
        for (size_t i = 0; i < LONGEST * OUT_STRIDE; i++) {
            bool inside = i / OUT_STRIDE >= cuts[c][0] && i / OUT_STRIDE < cuts[c][1];
            ck_assert(inside ? memcmp(&r->out[i], &whole[i], sizeof *whole) == 0 : r->out[i] == 0);
        }
    }
    free(whole);
    room_close(r);
}
END_TEST

/* Scores of deviation 900 (favor's exponents reach thousands): nothing overflows, and what is all underflow is 0. */
START_TEST(huge_scores_give_finite_values)
{
    attention_kind kind = KINDS[_i];
    room *r = room_open(3, 30, 64);
    attention_head h = head_of(r, LONGEST, 64, 1);
    attention_approx(level_named("generic"), kind, &h, r->scratch);
    for (size_t i = 0; i < LONGEST * OUT_STRIDE; i++)
        ck_assert(isfinite(r->out[i]));
    room_close(r);
}
END_TEST

/* formulas.md A3's table of relative errors of the output against softmax, at scores of deviation .25, .5 and 1,
 * measured there in NumPy with d = 64 and n = 256. Random rows: a third of a figure's room. favor's error has a size
 * but no figure of its own here: z, and with it the error, is smaller for d = 32. */
START_TEST(errors_against_softmax_are_those_of_the_literature)
{
    static const double scores[] = { 0.25, 0.5, 1 };
    static const double wanted[COUNT(KINDS)][COUNT(scores)] = {
        { 0.3, 0.9, 3 }, { 0.010, 0.071, 0.38 }, { 0.022, 0.10, 0.40 } };
    const kernels *k = level_named("generic");
    const attention_format *format = k->attention[PRECISION_F32];
    size_t kind = (size_t)_i / COUNT(scores), score = (size_t)_i % COUNT(scores);
    room *r = room_open(8, (float)sqrt(scores[score]), 256);
    attention_head h = head_of(r, 256, 256, 0);
    size_t bytes = attention_softmax_scratch_bytes(format, LONGEST, D);
    float *softmax = malloc(sizeof r->out);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    ck_assert(softmax && scratch);
    attention_softmax(format, &h, scratch);
    memcpy(softmax, r->out, sizeof r->out);
    attention_approx(k, KINDS[kind], &h, r->scratch);
    double error = 0, size = 0;
    for (size_t i = 0; i < LONGEST * OUT_STRIDE; i++) {
        error += pow((double)r->out[i] - (double)softmax[i], 2);
        size += pow((double)softmax[i], 2);
    }
    double relative = sqrt(error / size), want = wanted[kind][score];
    ck_assert_msg(relative < want * 1.33 && (kind == 0 || relative > want * 0.67), "%s: %g, wanted %g",
                  attention_name(KINDS[kind]), relative, want);
    free(scratch);
    free(softmax);
    room_close(r);
}
END_TEST

/* ---- favor's directions ---- */

START_TEST(directions_of_a_block_are_orthogonal_and_as_long_as_normal_vectors)
{
    enum { M = 5 * D + 3 };
    static float w[D * M];
    static double block[D * D];
    double squares = 0;
    favor_directions(77, M, D, block, w);
    for (size_t a = 0; a < M; a++) {
        for (size_t b = a; b < M; b++) {
            double sum = 0;
            for (size_t i = 0; i < D; i++)
                sum += (double)w[i * M + a] * (double)w[i * M + b];
            if (a == b)
                squares += sum;
            else if (a / D == b / D)
                ck_assert_double_eq_tol(sum, 0, 2e-5);
        }
    }
    double deviation = sqrt(2.0 * D / M);    /* of the mean of chi-squared numbers with D degrees */
    ck_assert_double_eq_tol(squares / M, D, 3 * deviation);
}
END_TEST

START_TEST(directions_repeat_by_seed)
{
    static float a[D * 64], b[D * 64], c[D * 64];
    static double block[D * D];
    favor_directions(1, 64, D, block, a);
    favor_directions(1, 64, D, block, b);
    favor_directions(2, 64, D, block, c);
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    ck_assert_int_ne(memcmp(a, c, sizeof a), 0);
}
END_TEST

/* A seed means the same in every release: models are stored with it. tests/golden/encoder/make_favor.py */
START_TEST(directions_are_those_that_numpy_makes_of_the_seed)
{
    static float w[64 * 256];
    static double block[64 * 64];
    unsigned seed;
    size_t m, d, column, row, seen = 0;
    double value;
    FILE *f = fopen("tests/golden/encoder/favor.txt", "re");
    ck_assert_ptr_nonnull(f);
    while (fscanf(f, "%u %zu %zu %zu %zu %lf", &seed, &m, &d, &column, &row, &value) == 6) {
        ck_assert(m <= 256 && d <= 64);
        favor_directions(seed, m, d, block, w);
        ck_assert_double_eq_tol((double)w[row * m + column], value, 1e-5);
        seen++;
    }
    ck_assert_uint_ge(seen, 40);
    fclose(f);
}
END_TEST

/* One estimate of e^(q.k). */
static double estimate(uint32_t seed, size_t m, const double *q, const double *k)
{
    static float w[D * 4 * D];
    static double block[D * D];
    double sum = 0;
    favor_directions(seed, m, D, block, w);
    for (size_t j = 0; j < m; j++) {
        double exponent = -(product(q, q) + product(k, k)) / 2;
        for (size_t i = 0; i < D; i++)
            exponent += (double)w[i * m + j] * (q[i] + k[i]);
        sum += exp(exponent);
    }
    return sum / (double)m;
}

/* 600 seeds: the mean is e^(q.k) within three standard errors, and its variance is not above that of independent
 * directions, e^(2 q.k) (e^z - 1) / m with z = |q + k|^2 (formulas.md A3), but for the chance of such heavy tails. */
START_TEST(favor_estimates_the_exponential_without_bias)
{
    enum { SEEDS = 600 };
    static const size_t sizes[] = { D, 4 * D, 11 };
    uint64_t state = 21 + (uint64_t)_i;
    double q[D], k[D], sum = 0, squares = 0;
    const size_t m = sizes[_i % 3];
    for (size_t i = 0; i < D; i++) {
        q[i] = (double)random_normal(&state) * 0.1;
        k[i] = (double)random_normal(&state) * 0.1 + (_i % 2 ? q[i] : -q[i]) / 2;
    }
    const double want = exp(product(q, k));
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        double x = estimate(1000 * (uint32_t)_i + seed, m, q, k);
        sum += x;
        squares += x * x;
    }
    double mean = sum / SEEDS, variance = (squares - sum * mean) / (SEEDS - 1);
    double z = product(q, q) + product(k, k) + 2 * product(q, k);
    ck_assert_msg(fabs(mean - want) <= 3 * sqrt(variance / SEEDS), "mean %g, want %g, standard error %g", mean, want,
                  sqrt(variance / SEEDS));
    ck_assert_msg(variance <= 1.3 * want * want * (exp(z) - 1) / (double)m, "variance %g, independent %g", variance,
                  want * want * (exp(z) - 1) / (double)m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder approx");
    TCase *t = tcase_create("approximations");
    check_patience(t, 120);
    tcase_add_loop_test(t, an_approximation_is_the_explicit_matrix_of_the_same_kernel, 0,
                        levels_compiled_in() * (int)COUNT(KINDS));
    tcase_add_loop_test(t, a_range_of_queries_gives_the_same_bytes_as_all_of_them, 0,
                        levels_compiled_in() * (int)COUNT(KINDS));
    tcase_add_loop_test(t, huge_scores_give_finite_values, 0, (int)COUNT(KINDS));
    tcase_add_loop_test(t, errors_against_softmax_are_those_of_the_literature, 0, 3 * (int)COUNT(KINDS));
    tcase_add_test(t, directions_of_a_block_are_orthogonal_and_as_long_as_normal_vectors);
    tcase_add_test(t, directions_repeat_by_seed);
    tcase_add_test(t, directions_are_those_that_numpy_makes_of_the_seed);
    tcase_add_loop_test(t, favor_estimates_the_exponential_without_bias, 0, 6);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
