/* check_score_calibration.c - the closed form against scikit-learn, leaving out against refitting, priors, refusals. */
#include "tests/check_score_support.h"
#include "model/score/calibration.h"
#include "weights/random.h"

#include <math.h>

/* double against double, another order of sums and another solver */
static const double CLOSE = 1e-9;

enum { N = 60 };

static golden x, labels;

static void load(void)
{
    x = golden_read("cal_x");
    labels = golden_read("cal_labels");
}

static calibration_options plain(void)
{
    calibration_options o = calibration_defaults();
    o.plain = true;
    o.usual_pairs = 0;
    return o;
}

static void first_column(double *out)
{
    for (size_t i = 0; i < N; i++)
        out[i] = x.values[3 * i];
}

START_TEST(three_features_give_the_weights_and_left_out_logits_of_scikit_learn)
{
    calibration c;
    double logits[N];
    calibration_options o = plain();
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS_L1_L2, x.values, labels.flags, N, &o, logits, NULL), ST_OK);
    golden_compare("cal3_weights", c.weights, CLOSE);
    golden_compare("cal3_bias", &c.bias, CLOSE);
    golden_compare("cal3_leave_one_out", logits, CLOSE);
}
END_TEST

START_TEST(one_feature_gives_the_weight_and_left_out_logits_of_scikit_learn)
{
    calibration c;
    double column[N], logits[N];
    calibration_options o = plain();
    first_column(column);
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, column, labels.flags, N, &o, logits, NULL), ST_OK);
    golden_compare("cal1_weights", c.weights, CLOSE);
    golden_compare("cal1_bias", &c.bias, CLOSE);
    golden_compare("cal1_leave_one_out", logits, CLOSE);
}
END_TEST

/* The Gaussians' part is exact; the correction's leaves out second-order terms, some (1/60)^2 times a few z. */
START_TEST(left_out_logits_are_those_of_a_fit_without_the_sample)
{
    calibration c, less;
    double column[N], logits[N], others[N];
    bool other_labels[N];
    calibration_options o = calibration_defaults();
    first_column(column);
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, column, labels.flags, N, &o, logits, NULL), ST_OK);
    for (size_t out = 0; out < N; out++) {
        size_t n = 0;
        for (size_t i = 0; i < N; i++) {
            others[n] = column[i];
            other_labels[n] = labels.flags[i];
            n += i != out;
        }
        ck_assert_int_eq(calibration_fit(&less, CALIBRATION_COS, others, other_labels, n, &o, NULL, NULL), ST_OK);
        ck_assert_double_eq_tol(logits[out], calibration_logit(&less, &column[out]), 0.02);
    }
}
END_TEST

START_TEST(a_prior_moves_every_logit_by_the_same_amount)
{
    calibration own, other;
    double column[N];
    calibration_options o = calibration_defaults();
    first_column(column);
    ck_assert_int_eq(calibration_fit(&own, CALIBRATION_COS, column, labels.flags, N, &o, NULL, NULL), ST_OK);
    o.prior = 0.1;
    ck_assert_int_eq(calibration_fit(&other, CALIBRATION_COS, column, labels.flags, N, &o, NULL, NULL), ST_OK);
    ck_assert_double_eq_tol(own.prior, 0.4, 1e-15);
    double shift = log(0.1 / 0.9) - log(0.4 / 0.6);
    for (size_t i = 0; i < N; i++) {
        double a = calibration_logit(&own, &column[i]), b = calibration_logit(&other, &column[i]);
        ck_assert_double_eq_tol(b - a, shift, 1e-12);
        ck_assert_double_eq_tol(calibration_probability(&own, &column[i], 0.1), 1 / (1 + exp(-b)), 1e-12);
    }
}
END_TEST

START_TEST(quality_and_threshold_are_those_of_scikit_learn)
{
    golden logits = golden_read("judge_logits");
    calibration_quality q;
    calibration_threshold t;
    calibration_judge(&q, logits.values, labels.flags, N);
    golden_compare("judge_log_loss", &q.log_loss, CLOSE);
    golden_compare("judge_brier", &q.brier, CLOSE);
    golden_compare("judge_ece", &q.ece, CLOSE);
    ck_assert_int_eq(calibration_find_threshold(&t, logits.values, labels.flags, N, 0.75, NULL), ST_OK);
    ck_assert(t.found);
    golden_compare("threshold_75", (double[]){ t.probability, t.precision, t.recall }, CLOSE);
    ck_assert_int_eq(calibration_find_threshold(&t, logits.values, labels.flags, N, 1.01, NULL), ST_OK);
    ck_assert(!t.found);
}
END_TEST

/* Probabilities drawn from their own calibration: ECE is noise alone, and the floor must say how much. */
START_TEST(the_floor_is_what_a_perfect_calibration_shows)
{
    enum { M = 4000, ROUNDS = 30 };
    static double logits[M];
    static bool drawn[M];
    double ece = 0, floor_ece = 0;
    random_sequence r = random_begin(7, 0);
    for (int round = 0; round < ROUNDS; round++) {
        calibration_quality q;
        for (size_t i = 0; i < M; i++) {
            logits[i] = 2 * random_normal(&r);
            drawn[i] = random_unit(&r) < 1 / (1 + exp(-logits[i]));
        }
        calibration_judge(&q, logits, drawn, M);
        ece += q.ece / ROUNDS;
        floor_ece += q.ece_floor / ROUNDS;
    }
    ck_assert_double_eq_tol(ece, floor_ece, 0.1 * floor_ece);
}
END_TEST

/* Two classes whose log-odds are a cubic of the feature: the Gaussians alone cannot follow, the correction nearly. */
START_TEST(the_correction_brings_many_crooked_samples_near_the_floor)
{
    enum { M = 4000 };
    static double f[M], logits[M];
    static bool drawn[M];
    calibration c;
    calibration_quality bare, whole;
    random_sequence r = random_begin(3, 0);
    for (size_t i = 0; i < M; i++) {
        f[i] = 2.5 + 0.6 * random_normal(&r);
        double z = f[i] - 2.5;
        drawn[i] = random_unit(&r) < 1 / (1 + exp(-(0.8 * z + 3 * z * z * z)));
    }
    calibration_options o = calibration_defaults();
    o.plain = true;
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, f, drawn, M, &o, logits, NULL), ST_OK);
    bare = c.leave_one_out;
    o.plain = false;
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, f, drawn, M, &o, logits, NULL), ST_OK);
    whole = c.leave_one_out;
    ck_assert_double_gt(bare.ece, 3 * bare.ece_floor);
    ck_assert_double_lt(whole.ece, 0.7 * bare.ece);
    ck_assert_double_lt(whole.log_loss, bare.log_loss);
}
END_TEST

START_TEST(a_corrected_logit_rises_with_the_feature)
{
    calibration c;
    random_sequence r = random_begin(5, 0);
    for (int round = 0; round < 50; round++) {
        double f[40];
        bool drawn[40];
        for (size_t i = 0; i < 40; i++) {
            f[i] = random_normal(&r) * (i % 7 == 0 ? 4 : 0.5) + (i % 2 ? 1 : 0);
            drawn[i] = i % 2;
        }
        calibration_options o = calibration_defaults();
        if (calibration_fit(&c, CALIBRATION_COS, f, drawn, 40, &o, NULL, NULL))
            continue;
        double before = -INFINITY;
        for (double at = -6; at < 8; at += 0.05) {
            double z = calibration_logit(&c, &at);
            ck_assert_double_gt(z, before);
            before = z;
        }
    }
}
END_TEST

/* With the usual slope and the middle known from unlabelled pairs, the labels decide less. */
START_TEST(unlabelled_pairs_place_the_middle)
{
    calibration c;
    double column[N], unlabelled[2] = { 5, 7 };
    calibration_options o = plain();
    first_column(column);
    o.prior = 0.5;
    o.unlabelled = unlabelled;
    o.unlabelled_count = 2;
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, column, labels.flags, N, &o, NULL, NULL), ST_OK);
    ck_assert_double_eq_tol(calibration_logit(&c, (double[]){ 6 }), 0, 1e-12);
}
END_TEST

START_TEST(what_cannot_be_fitted_is_refused)
{
    calibration c;
    errinfo err = { 0 };
    const bool one[] = { true, false, false, false }, two[] = { true, true, false, false };
    const double same[] = { 1, 1, 1, 1 }, swapped[] = { 0, 0.1, 2, 2.1 }, hole[] = { 1, NAN, 0, 0.2 };
    calibration_options o = calibration_defaults();
    o.usual_pairs = 0;
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, swapped, one, 4, &o, NULL, &err), ST_INPUT);
    ck_assert_str_eq(err.text, "1 matching and 3 other pairs: at least 2 of each are needed");
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, same, two, 4, &o, NULL, &err), ST_INPUT);
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, swapped, two, 4, &o, NULL, &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "swapped"));
    ck_assert_int_eq(calibration_fit(&c, CALIBRATION_COS, hole, two, 4, &o, NULL, &err), ST_INPUT);
}
END_TEST

START_TEST(features_of_a_pair_are_minus_logarithms_of_distances)
{
    const float a[] = { 3, 4 }, b[] = { 4, 3 };
    double f[3];
    calibration_measure(CALIBRATION_COS_L1_L2, a, b, 2, f);
    ck_assert_double_eq_tol(f[0], -log(1.02 - 0.96), 1e-6);                    /* the cosine is a float */
    ck_assert_double_eq_tol(f[1], -log(0.05 + 0.4 / sqrt(2)), 1e-6);
    ck_assert_double_eq_tol(f[2], -log(0.05 + sqrt(2) / 5), 1e-6);
    ck_assert(isfinite(calibration_of_cosine(1)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration");
    TCase *t = tcase_create("calibration");
    tcase_add_checked_fixture(t, load, NULL);
    tcase_add_test(t, three_features_give_the_weights_and_left_out_logits_of_scikit_learn);
    tcase_add_test(t, one_feature_gives_the_weight_and_left_out_logits_of_scikit_learn);
    tcase_add_test(t, left_out_logits_are_those_of_a_fit_without_the_sample);
    tcase_add_test(t, a_prior_moves_every_logit_by_the_same_amount);
    tcase_add_test(t, quality_and_threshold_are_those_of_scikit_learn);
    tcase_add_test(t, the_floor_is_what_a_perfect_calibration_shows);
    tcase_add_test(t, the_correction_brings_many_crooked_samples_near_the_floor);
    tcase_add_test(t, a_corrected_logit_rises_with_the_feature);
    tcase_add_test(t, unlabelled_pairs_place_the_middle);
    tcase_add_test(t, what_cannot_be_fitted_is_refused);
    tcase_add_test(t, features_of_a_pair_are_minus_logarithms_of_distances);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
