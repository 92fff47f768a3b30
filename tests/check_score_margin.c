/* check_score_margin.c - margins against SciPy's log-sum-exp, and where a softmax has long lost its digits. */
#include "tests/check_score_support.h"
#include "model/score/margin.h"

#include <math.h>

START_TEST(margins_are_those_of_scipy)
{
    golden g = golden_read("margin_cosines");
    double margins[16], probabilities[16], sum = 0;
    margin_all(g.floats, g.count, 20, margins, probabilities);
    golden_compare("margin_values", margins, 1e-12);
    for (size_t i = 0; i < g.count; i++) {
        sum += probabilities[i];
        ck_assert_double_eq_tol(probabilities[i], 1 / (1 + exp(-margins[i])), 1e-15);
    }
    ck_assert_double_eq_tol(sum, 1, 1e-14);
}
END_TEST

/* One far above 63 equal others: the margin is the gap less ln 63 exactly, whatever the gap. */
START_TEST(a_margin_does_not_saturate)
{
    float cosines[64];
    double margins[64], probabilities[64];
    for (double scale = 1; scale < 1e6; scale *= 10) {
        for (size_t i = 0; i < 64; i++)
            cosines[i] = i == 17 ? 0.75f : -0.5f;
        margin_all(cosines, 64, scale, margins, probabilities);
        ck_assert_double_eq_tol(margins[17], 1.25 * scale - log(63), 1e-9 * scale);
        ck_assert(isfinite(margins[0]) && margins[0] < 0);
    }
    ck_assert(probabilities[17] >= 1 && margins[17] > 1e5);    /* where the probability says nothing any more */
}
END_TEST

START_TEST(equal_candidates_share_and_one_alone_has_no_rival)
{
    const float same[] = { 0.5f, 0.5f, 0.5f, 0.5f };
    double margins[4], probabilities[4];
    margin_all(same, 4, 20, margins, probabilities);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_double_eq_tol(margins[i], -log(3), 1e-15);
        ck_assert_double_eq_tol(probabilities[i], 0.25, 1e-15);
    }
    margin_all(same, 1, 20, margins, probabilities);
    ck_assert(isinf(margins[0]) && margins[0] > 0 && probabilities[0] >= 1);
}
END_TEST

START_TEST(sigmoids_are_finite_at_both_ends)
{
    ck_assert_double_eq(margin_log_sigmoid(-1e4), -1e4);
    ck_assert_double_eq(margin_log_sigmoid(1e4), 0);
    ck_assert(margin_sigmoid(-1e4) >= 0 && margin_sigmoid(1e4) <= 1);
    ck_assert_double_eq(margin_sigmoid(0), 0.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("margin");
    TCase *t = tcase_create("margin");
    tcase_add_test(t, margins_are_those_of_scipy);
    tcase_add_test(t, a_margin_does_not_saturate);
    tcase_add_test(t, equal_candidates_share_and_one_alone_has_no_rival);
    tcase_add_test(t, sigmoids_are_finite_at_both_ends);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
