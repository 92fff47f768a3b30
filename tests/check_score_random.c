/* check_score_random.c - the generator against its published vectors, and what K copies of a text say. */
#include "tests/check_score_support.h"
#include "model/score/uncertainty.h"
#include "weights/random.h"

#include <math.h>

/* philox4x32 with 10 rounds, from the known-answer file of its authors' library, Random123. */
START_TEST(the_cipher_gives_its_published_answers)
{
    static const struct { uint32_t counter[4], key[2], answer[4]; } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        random_block b = random_philox(known[i].counter, known[i].key);
        ck_assert_mem_eq(b.words, known[i].answer, sizeof b.words);
    }
}
END_TEST

START_TEST(draws_are_uniform_normal_and_without_bias)
{
    enum { M = 100000 };
    random_sequence r = random_begin(1, 2);
    double sum = 0, squares = 0, uniform = 0;
    size_t counts[3] = { 0 };
    for (int i = 0; i < M; i++) {
        double z = random_normal(&r);
        sum += z;
        squares += z * z;
        uniform += random_unit(&r);
        counts[random_below(&r, 3)]++;
    }
    ck_assert_double_lt(fabs(sum / M), 4 / sqrt(M));                   /* four standard errors each */
    ck_assert_double_lt(fabs(squares / M - 1), 4 * sqrt(2.0 / M));
    ck_assert_double_lt(fabs(uniform / M - 0.5), 4 * sqrt(1.0 / 12 / M));
    for (int i = 0; i < 3; i++)
        ck_assert_double_lt(fabs((double)counts[i] / M - 1.0 / 3), 4 * sqrt(2.0 / 9 / M));
}
END_TEST

START_TEST(a_shuffle_keeps_every_item_and_repeats_by_seed)
{
    size_t a[50], b[50], seen[50] = { 0 };
    random_sequence r = random_begin(9, 0), again = random_begin(9, 0);
    for (size_t i = 0; i < 50; i++)
        a[i] = b[i] = i;
    random_shuffle(&r, a, 50);
    random_shuffle(&again, b, 50);
    ck_assert_mem_eq(a, b, sizeof a);
    for (size_t i = 0; i < 50; i++)
        seen[a[i]]++;
    for (size_t i = 0; i < 50; i++)
        ck_assert_uint_eq(seen[i], 1);
}
END_TEST

START_TEST(summaries_are_those_of_torch)
{
    golden logits = golden_read("uncertain_logits");
    uncertainty_summary s = uncertainty_scores(logits.values, logits.count);
    golden_compare("uncertain_summary", (double[]){ s.mean, s.deviation }, 1e-14);
    double divergence = uncertainty_divergence(logits.values, logits.count);
    golden_compare("uncertain_divergence", &divergence, 1e-12);
}
END_TEST

START_TEST(spread_and_shift_are_zero_for_equal_vectors_and_known_for_three)
{
    const float same[] = { 1, 2, 2, 4, 1, 2 }, three[] = { 1, 0, 9, 0, 3, 9, 2, 0, 9 };
    uncertainty_text t = uncertainty_vectors(same, same, 2, 3, 2);    /* lengths do not count */
    ck_assert_double_eq_tol(t.spread, 0, 1e-15);
    ck_assert_double_eq_tol(t.shift, 0, 1e-15);
    t = uncertainty_vectors(three, three, 3, 3, 2);                   /* cosines 0, 1, 0; mean (2, 1) / 3 */
    ck_assert_double_eq_tol(t.spread, 2.0 / 3, 1e-15);
    ck_assert_double_eq_tol(t.shift, 1 - 2 / sqrt(5), 1e-15);
}
END_TEST

START_TEST(equal_scores_deviate_by_nothing_at_all)
{
    const double scores[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };
    uncertainty_summary s = uncertainty_scores(scores, 7);
    ck_assert(s.mean == scores[0] && s.deviation == 0);
    ck_assert(uncertainty_divergence(scores, 7) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *t = tcase_create("random");
    tcase_add_test(t, the_cipher_gives_its_published_answers);
    tcase_add_test(t, draws_are_uniform_normal_and_without_bias);
    tcase_add_test(t, a_shuffle_keeps_every_item_and_repeats_by_seed);
    tcase_add_test(t, summaries_are_those_of_torch);
    tcase_add_test(t, spread_and_shift_are_zero_for_equal_vectors_and_known_for_three);
    tcase_add_test(t, equal_scores_deviate_by_nothing_at_all);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
