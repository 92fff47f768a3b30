/* check_score_similarity.c - metrics against values computed by hand, and the order of ranks. */
#include "tests/check_support.h"
#include "model/score/similarity.h"

#include <math.h>

static const float three_four[] = { 3, 4 }, four_three[] = { 4, 3 }, zero[] = { 0, 0 };

START_TEST(the_metrics_give_the_values_of_plane_geometry)
{
    ck_assert_float_eq_tol(similarity_score(METRIC_COSINE, three_four, four_three, 2), 0.96f, 1e-7f);
    ck_assert_float_eq(similarity_score(METRIC_DOT, three_four, four_three, 2), 24.0f);
    ck_assert_float_eq_tol(similarity_score(METRIC_EUCLIDEAN, three_four, four_three, 2), -sqrtf(2), 1e-7f);
}
END_TEST

START_TEST(equal_vectors_have_cosine_one_and_distance_zero_to_the_bit)
{
    unsigned state = 1;
    for (int round = 0; round < 200; round++) {
        float x[384];
        for (int i = 0; i < 384; i++) {
            state = state * 1664525u + 1013904223u;
            x[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
        }
        ck_assert_float_eq(similarity_score(METRIC_COSINE, x, x, 384), 1.0f);
        ck_assert_float_eq(similarity_score(METRIC_EUCLIDEAN, x, x, 384), 0.0f);
    }
}
END_TEST

START_TEST(a_zero_vector_has_cosine_zero_and_stays_zero_when_normalised)
{
    float y[2];
    ck_assert_float_eq(similarity_score(METRIC_COSINE, three_four, zero, 2), 0.0f);
    similarity_normalize(zero, 2, y);
    ck_assert(y[0] == 0 && y[1] == 0);
    similarity_normalize(three_four, 2, y);
    ck_assert_float_eq_tol(y[0], 0.6f, 1e-7f);
    ck_assert_float_eq_tol(y[1], 0.8f, 1e-7f);
}
END_TEST

START_TEST(huge_and_tiny_vectors_neither_overflow_nor_vanish)
{
    const float huge[] = { 3e38f, 3e38f }, tiny[] = { 1e-40f, 1e-40f };
    ck_assert_float_eq(similarity_score(METRIC_COSINE, huge, tiny, 2), 1.0f);
}
END_TEST

START_TEST(ranks_are_best_first_with_ties_by_index)
{
    const float scores[] = { 0.5f, 0.9f, 0.5f, -1, 0.9f };
    ranked out[5];
    ck_assert_uint_eq(similarity_rank(scores, 5, 0, 0, out), 4);
    const size_t order[] = { 1, 4, 0, 2 };
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(out[i].index, order[i]);
    ck_assert_uint_eq(similarity_rank(scores, 5, 3, -INFINITY, out), 3);
    ck_assert_uint_eq(similarity_rank(scores, 5, 9, -INFINITY, out), 5);
    ck_assert_uint_eq(similarity_rank(scores, 0, 1, 0, out), 0);
}
END_TEST

START_TEST(metric_names_read_back)
{
    metric m;
    for (metric wanted = METRIC_COSINE; wanted <= METRIC_EUCLIDEAN; wanted++) {
        ck_assert(metric_parse(slice_of(metric_name(wanted)), &m));
        ck_assert_int_eq(m, wanted);
    }
    ck_assert(!metric_parse(slice_of("Cosine"), &m));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("similarity");
    TCase *t = tcase_create("similarity");
    tcase_add_test(t, the_metrics_give_the_values_of_plane_geometry);
    tcase_add_test(t, equal_vectors_have_cosine_one_and_distance_zero_to_the_bit);
    tcase_add_test(t, a_zero_vector_has_cosine_zero_and_stays_zero_when_normalised);
    tcase_add_test(t, huge_and_tiny_vectors_neither_overflow_nor_vanish);
    tcase_add_test(t, ranks_are_best_first_with_ties_by_index);
    tcase_add_test(t, metric_names_read_back);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
