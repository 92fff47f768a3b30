/* check_score_spearman.c - rank correlation against SciPy's, with ties and without. */
#include "tests/check_score_support.h"
#include "model/score/spearman.h"

#include <math.h>

enum { MOST = 64 };

static double of(const float *a, const float *b, size_t n)
{
    double ranks[2 * MOST];
    size_t order[MOST];
    return spearman(a, b, n, ranks, order);
}

START_TEST(ranks_correlate_as_scipy_says)
{
    static const char *const names[] = { "spearman_plain", "spearman_tied" };
    char name[64];
    snprintf(name, sizeof name, "%s_a", names[_i]);
    golden a = golden_read(name);
    snprintf(name, sizeof name, "%s_b", names[_i]);
    golden b = golden_read(name);
    double found = of(a.floats, b.floats, a.count);
    golden_compare(names[_i], &found, 1e-12);
}
END_TEST

START_TEST(only_the_order_counts)
{
    const float a[] = { 1, 2, 3, 4, 5 }, steep[] = { -9, -8.5F, 0, 1e9F, 2e9F }, down[] = { 5, 4, 3, 2, 1 };
    const float flat[] = { 7, 7, 7, 7, 7 };
    ck_assert_double_eq(of(a, steep, 5), 1);
    ck_assert_double_eq(of(a, down, 5), -1);
    ck_assert(isnan(of(a, flat, 5)));
    ck_assert(isnan(of(a, a, 1)) && isnan(of(a, a, 0)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spearman");
    TCase *t = tcase_create("spearman");
    tcase_add_loop_test(t, ranks_correlate_as_scipy_says, 0, 2);
    tcase_add_test(t, only_the_order_counts);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
