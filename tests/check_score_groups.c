/* check_score_groups.c - near-duplicate groups against a flood over the full matrix, and the centre against all pairs;
 * contributions against the cosine that they divide. */
#include "tests/check_support.h"
#include "model/score/contribution.h"
#include "model/score/groups.h"
#include "model/score/similarity.h"

#include <math.h>
#include <string.h>

enum { N = 60, D = 37 };

static float random_float(unsigned *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) / 16777216.0F - 0.5F;
}

/* Clusters: each vector is one of six directions plus noise. */
static void fill(float *x, float noise, unsigned seed)
{
    float centres[6][D];
    for (int c = 0; c < 6; c++)
        for (int k = 0; k < D; k++)
            centres[c][k] = random_float(&seed);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < D; k++)
            x[i * D + k] = centres[i * 7 % 6][k] + noise * random_float(&seed);
}

static bool near(const float *x, size_t i, size_t j, float threshold)
{
    return similarity_score(METRIC_COSINE, x + i * D, x + j * D, D) >= threshold;
}

/* Labels spread until nothing changes. */
static void flood(const float *x, float threshold, size_t *label)
{
    for (size_t i = 0; i < N; i++)
        label[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++)
                if (label[j] < label[i] && near(x, i, j, threshold)) {
                    label[i] = label[j];
                    changed = true;
                }
    }
}

START_TEST(groups_are_those_of_a_flood_over_all_pairs)
{
    static const float thresholds[] = { -1, 0, 0.5F, 0.8F, 0.9F, 0.97F, 1 };
    float x[N * D], unit[N * D];
    size_t found[N], wanted[N];
    for (unsigned seed = 1; seed <= 5; seed++) {
        fill(x, 0.2F * (float)seed, seed);
        memcpy(x + 3 * D, x + 4 * D, D * sizeof *x);    /* neighbours that are equal */
        groups_find(x, N, D, thresholds[_i], unit, found);
        flood(x, thresholds[_i], wanted);
        for (size_t i = 0; i < N; i++)
            ck_assert_uint_eq(found[i], wanted[i]);
    }
}
END_TEST

START_TEST(the_centre_has_the_greatest_mean_cosine)
{
    float x[N * D], unit[N * D];
    size_t group[N], members[N];
    double sum[D], best = -INFINITY, means[N];
    fill(x, 0.7F, 9);
    groups_find(x, N, D, -1, unit, group);
    for (size_t i = 0; i < N; i++) {
        members[i] = N - 1 - i;
        means[i] = 0;
        for (size_t j = 0; j < N; j++)
            means[i] += (double)similarity_score(METRIC_COSINE, x + (N - 1 - i) * D, x + j * D, D);
        best = fmax(best, means[i]);
    }
    size_t centre = groups_centre(unit, D, members, N, sum);
    ck_assert_double_eq_tol(means[centre], best, 1e-4);
}
END_TEST

START_TEST(contributions_sum_to_the_cosine_and_each_is_its_share)
{
    enum { A = 5, B = 9 };
    float tokens[(A + B) * D], u[D] = { 0 }, v[D] = { 0 };
    double shares[A * B], sum = 0;
    unsigned seed = 77;
    for (int i = 0; i < (A + B) * D; i++)
        tokens[i] = random_float(&seed) + 0.2F;
    for (int i = 0; i < A + B; i++)
        for (int k = 0; k < D; k++)
            (i < A ? u : v)[k] += tokens[i * D + k] / (i < A ? A : B);
    double score = (double)similarity_score(METRIC_COSINE, u, v, D);
    pooled_text a = { tokens, A, u }, b = { tokens + A * D, B, v };
    double rest = contribution_shares(&a, &b, D, score, shares);
    ck_assert_double_eq_tol(rest, 0, 1e-6);
    for (int i = 0; i < A * B; i++)
        sum += shares[i];
    ck_assert_double_eq_tol(sum, score, 1e-12);
    double product = 0, uu = 0, vv = 0;    /* the share of tokens 2 and 4, by its definition */
    for (int k = 0; k < D; k++) {
        product += (double)tokens[2 * D + k] * (double)tokens[(A + 4) * D + k];
        uu += (double)u[k] * (double)u[k];
        vv += (double)v[k] * (double)v[k];
    }
    ck_assert_double_eq_tol(shares[2 * B + 4], product / (A * B) / sqrt(uu * vv), 1e-7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *t = tcase_create("groups");
    tcase_add_loop_test(t, groups_are_those_of_a_flood_over_all_pairs, 0, 7);
    tcase_add_test(t, the_centre_has_the_greatest_mean_cosine);
    tcase_add_test(t, contributions_sum_to_the_cosine_and_each_is_its_share);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
