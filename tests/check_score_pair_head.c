/* check_score_pair_head.c - heads on pairs of vectors: features, groups, and a fit that sees what only |u - v| shows.
 * Heads that torch made: check_server_heads.c. */
#include "tests/check_score_support.h"
#include "model/score/pair_head.h"
#include "model/score/similarity.h"
#include "weights/random.h"

#include <math.h>

enum { D = 12, N = 60 };

START_TEST(features_are_both_vectors_and_their_distance)
{
    const float u[2] = { 3, 4 }, v[2] = { 0, -2 };
    float x[6];
    pair_head_features(u, v, 2, false, x);
    ck_assert_mem_eq(x, ((float[]){ 3, 4, 0, -2, 3, 6 }), sizeof x);
    pair_head_features(u, v, 2, true, x);
    const double unit[] = { 0.6, 0.8, 0, -1, 0.6, 1.8 };
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq_tol((double)x[i], unit[i], 1e-7);
}
END_TEST

/* Pairs near each other against strangers, in any direction: u and v alone say nothing. */
static void make_pairs(float *u, float *v, size_t *labels, uint32_t seed)
{
    random_sequence r = random_begin(seed, 0);
    for (size_t i = 0; i < N; i++) {
        labels[i] = i % 2;
        for (size_t j = 0; j < D; j++) {
            u[i * D + j] = (float)random_normal(&r);
            v[i * D + j] = (labels[i] ? 0.8F * u[i * D + j] : 0) + 0.6F * (float)random_normal(&r);
        }
    }
}

START_TEST(a_fit_tells_near_from_far_and_is_that_of_scaled_features)
{
    static float u[N * D], v[N * D], x[N * 3 * D], again[N * 3 * D];
    size_t labels[N], right = 0;
    double p[2], q[2];
    pair_head h;
    classifier *plain;
    make_pairs(u, v, labels, 3);
    for (size_t i = 0; i < N; i++)
        pair_head_features(u + i * D, v + i * D, D, true, x + i * 3 * D);
    ck_assert_int_eq(pair_head_fit(&h, 2, x, true, labels, N, D, 0.3, NULL), ST_OK);
    ck_assert_int_eq(classifier_fit(&plain, 2, x, labels, N, 3 * D, 0.3, NULL), ST_OK);    /* x has been scaled */
    for (size_t i = 0; i < N; i++) {
        pair_head_predict(&h, u + i * D, v + i * D, again, p);
        classifier_predict(plain, x + i * 3 * D, q);
        ck_assert_double_eq_tol(p[0], q[0], 1e-6);
    }
    make_pairs(u, v, labels, 4);                              /* others of the same kind */
    for (size_t i = 0; i < N; i++) {
        pair_head_predict(&h, u + i * D, v + i * D, again, p);
        ck_assert_double_eq_tol(p[0] + p[1], 1, 1e-12);
        right += (p[1] > p[0]) == (labels[i] == 1);
    }
    ck_assert_uint_ge(right, N * 85 / 100);
    classifier_close(plain);
    pair_head_clear(&h);
}
END_TEST

START_TEST(each_group_sums_to_one_and_knows_nothing_of_the_others)
{
    pair_head h = { .group_count = 2, .groups = { 2, 3 } };
    const float u[2] = { 1, 0 }, v[2] = { 0, 1 };
    float x[6];
    double p[5], before[2];
    ck_assert_int_eq(classifier_open(&h.linear, 5, 6, NULL), ST_OK);
    for (size_t i = 0; i < 30; i++)
        h.linear->weights[i] = 0.1 * (double)(i % 7);
    pair_head_predict(&h, u, v, x, p);
    ck_assert_double_eq_tol(p[0] + p[1], 1, 1e-12);
    ck_assert_double_eq_tol(p[2] + p[3] + p[4], 1, 1e-12);
    memcpy(before, p, sizeof before);
    h.linear->bias[3] = 50;
    pair_head_predict(&h, u, v, x, p);
    ck_assert_mem_eq(before, p, sizeof before);
    ck_assert_double_gt(p[3], 0.999);
    pair_head_clear(&h);
    pair_head_clear(&h);                                      /* twice is fine */
}
END_TEST

START_TEST(groups_that_do_not_add_up_are_refused)
{
    errinfo err;
    pair_head h = { .group_count = 2, .groups = { 2, 2 } };
    ck_assert_int_eq(classifier_open(&h.linear, 5, 6, NULL), ST_OK);
    ck_assert_int_eq(pair_head_check(&h, &err), ST_INPUT);
    ck_assert_str_eq(err.text, "the groups have 4 classes; the layer has 5 outputs");
    h.groups[1] = 3;
    ck_assert_int_eq(pair_head_check(&h, &err), ST_OK);
    h.groups[0] = 1;
    ck_assert_int_eq(pair_head_check(&h, &err), ST_INPUT);
    pair_head_clear(&h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pair heads");
    TCase *t = tcase_create("pair heads");
    tcase_add_test(t, features_are_both_vectors_and_their_distance);
    tcase_add_test(t, a_fit_tells_near_from_far_and_is_that_of_scaled_features);
    tcase_add_test(t, each_group_sums_to_one_and_knows_nothing_of_the_others);
    tcase_add_test(t, groups_that_do_not_add_up_are_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
