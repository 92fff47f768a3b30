/* check_score_gaussian.c - streaming moments against numpy, distances against torch and SciPy, and their laws. */
#include "tests/check_score_support.h"
#include "model/score/gaussian.h"
#include "weights/random.h"

#include <math.h>

enum { N = 40, D = 5 };

static gaussian *law_of(const double *rows, size_t n, bool full)
{
    gaussian *g;
    ck_assert_int_eq(gaussian_open(&g, D, full, NULL), ST_OK);
    for (size_t i = 0; i < n; i++)
        gaussian_add(g, rows + i * D);
    return g;
}

START_TEST(a_stream_has_the_moments_of_numpy)
{
    golden a = golden_read("gauss_a");
    double covariance[D * D];
    gaussian *g = law_of(a.values, N, true);
    gaussian_covariance(g, covariance);
    golden_compare("gauss_a_mean", g->mean, 1e-13);
    golden_compare("gauss_a_covariance", covariance, 1e-12);
    gaussian_close(g);
}
END_TEST

START_TEST(merged_parts_have_the_moments_of_the_whole)
{
    golden a = golden_read("gauss_a");
    for (int full = 0; full < 2; full++) {
        gaussian *whole = law_of(a.values, N, full);
        for (size_t cut = 0; cut <= N; cut += 8) {
            gaussian *left = law_of(a.values, cut, full), *right = law_of(a.values + cut * D, N - cut, full);
            gaussian_merge(left, right);
            ck_assert_double_eq(left->count, N);
            for (size_t i = 0; i < (full ? D * D : D); i++)
                ck_assert_double_eq_tol(left->scatter[i], whole->scatter[i], 1e-11);
            for (size_t i = 0; i < D; i++)
                ck_assert_double_eq_tol(left->mean[i], whole->mean[i], 1e-13);
            gaussian_close(left);
            gaussian_close(right);
        }
        gaussian_close(whole);
    }
}
END_TEST

static const struct { const char *name; bool full; } kinds[] = { { "gauss_diagonal", false }, { "gauss_full", true } };

START_TEST(distances_are_those_of_torch_and_scipy)
{
    golden a = golden_read("gauss_a"), b = golden_read("gauss_b");
    gaussian *p = law_of(a.values, N, kinds[_i].full), *q = law_of(b.values, N, kinds[_i].full);
    gaussian_distance d, back;
    ck_assert_int_eq(gaussian_compare(&d, p, q, 0.1, NULL), ST_OK);
    golden_compare(kinds[_i].name, (double[]){ d.kl_forward, d.kl_backward, d.bhattacharyya, d.wasserstein }, 1e-9);
    ck_assert_int_eq(gaussian_compare(&back, q, p, 0.1, NULL), ST_OK);
    ck_assert_double_eq_tol(back.kl_forward, d.kl_backward, 1e-10);
    ck_assert_double_eq_tol(back.wasserstein, d.wasserstein, 1e-9);
    ck_assert_double_eq_tol(back.bhattacharyya, d.bhattacharyya, 1e-12);
    gaussian_close(p);
    gaussian_close(q);
}
END_TEST

START_TEST(a_law_is_at_distance_zero_from_itself)
{
    golden a = golden_read("gauss_a");
    gaussian *p = law_of(a.values, N, kinds[_i].full);
    gaussian_distance d;
    ck_assert_int_eq(gaussian_compare(&d, p, p, 0, NULL), ST_OK);
    ck_assert_double_eq_tol(d.kl_forward, 0, 1e-12);
    ck_assert_double_eq_tol(d.bhattacharyya, 0, 1e-12);
    ck_assert_double_eq_tol(d.wasserstein, 0, 1e-6);    /* the root of a difference that rounding leaves */
    gaussian_close(p);
}
END_TEST

START_TEST(wasserstein_obeys_the_triangle)
{
    random_sequence r = random_begin(1, 0);
    for (int round = 0; round < 20; round++) {
        gaussian *g[3];
        gaussian_distance d[3];
        double rows[20 * D];
        for (int i = 0; i < 3; i++) {
            double scale = 0.2 + 2 * random_unit(&r);
            for (size_t j = 0; j < 20 * D; j++)
                rows[j] = scale * random_normal(&r) + (double)i * random_unit(&r);
            g[i] = law_of(rows, 20, true);
        }
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(gaussian_compare(&d[i], g[i], g[(i + 1) % 3], 0, NULL), ST_OK);
        for (int i = 0; i < 3; i++)
            ck_assert_double_le(d[i].wasserstein, d[(i + 1) % 3].wasserstein + d[(i + 2) % 3].wasserstein + 1e-9);
        for (int i = 0; i < 3; i++)
            gaussian_close(g[i]);
    }
}
END_TEST

START_TEST(a_law_without_extent_is_refused)
{
    const double rows[2 * D] = { 0 };
    errinfo err;
    gaussian_distance d;
    for (int full = 0; full < 2; full++) {
        gaussian *p = law_of(rows, 2, full), *one = law_of(rows, 1, full);
        ck_assert_int_eq(gaussian_compare(&d, p, p, 0.1, &err), ST_INPUT);
        ck_assert_int_eq(gaussian_compare(&d, p, one, 0.1, &err), ST_INPUT);
        gaussian_close(p);
        gaussian_close(one);
    }
    gaussian_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gaussian");
    TCase *t = tcase_create("gaussian");
    tcase_add_test(t, a_stream_has_the_moments_of_numpy);
    tcase_add_test(t, merged_parts_have_the_moments_of_the_whole);
    tcase_add_loop_test(t, distances_are_those_of_torch_and_scipy, 0, 2);
    tcase_add_loop_test(t, a_law_is_at_distance_zero_from_itself, 0, 2);
    tcase_add_test(t, wasserstein_obeys_the_triangle);
    tcase_add_test(t, a_law_without_extent_is_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
