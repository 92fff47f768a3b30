/* check_score_classifier.c - the closed-form softmax against scikit-learn, in and out of sample. */
#include "tests/check_score_support.h"
#include "model/score/classifier.h"
#include "weights/random.h"

enum { N = 45, D = 8, K = 3 };

static void read_labels(size_t *labels)
{
    golden g = golden_read("class_labels");
    for (size_t i = 0; i < N; i++)
        labels[i] = (size_t)g.values[i];
}

START_TEST(probabilities_and_left_out_quality_are_those_of_scikit_learn)
{
    golden x = golden_read("class_x");
    size_t labels[N];
    double probabilities[N * K];
    classifier *c;
    read_labels(labels);
    ck_assert_int_eq(classifier_fit(&c, K, x.floats, labels, N, D, 0.2, NULL), ST_OK);
    for (size_t i = 0; i < N; i++)
        classifier_predict(c, x.floats + i * D, probabilities + i * K);
    golden_compare("class_probabilities", probabilities, 1e-9);
    golden_compare("class_loo_log_loss", &c->leave_one_out.log_loss, 1e-9);
    golden_compare("class_loo_accuracy", &c->leave_one_out.accuracy, 1e-9);
    classifier_close(c);
}
END_TEST

/* Forty samples in sixty dimensions: without shrinkage the covariance is singular. */
START_TEST(fewer_samples_than_dimensions_are_shrunk_by_what_left_out_samples_say)
{
    enum { M = 40, W = 60 };
    float x[M * W];
    size_t labels[M], right = 0;
    double p[2];
    classifier *c;
    random_sequence r = random_begin(2, 0);
    for (size_t i = 0; i < M; i++) {
        labels[i] = i % 2;
        for (size_t j = 0; j < W; j++)
            x[i * W + j] = (float)(random_normal(&r) + (j < 4 && i % 2 ? 1.5 : 0));
    }
    ck_assert_int_eq(classifier_fit(&c, 2, x, labels, M, W, -1, NULL), ST_OK);
    ck_assert_double_ge(c->shrink, 0.2);
    ck_assert_double_ge(c->leave_one_out.accuracy, 0.75);
    for (int i = 0; i < 400; i++) {
        for (size_t j = 0; j < W; j++)
            x[j] = (float)(random_normal(&r) + (j < 4 && i % 2 ? 1.5 : 0));
        classifier_predict(c, x, p);
        right += (p[1] > p[0]) == (i % 2);
    }
    ck_assert_uint_ge(right, 310);                            /* the best rule, from endless samples, gets 93 % */
    classifier_close(c);
}
END_TEST

START_TEST(what_cannot_be_fitted_is_refused_by_name)
{
    const float x[] = { 1, 2, 3, 4, 4, 4 };
    const size_t lone[] = { 0, 0, 1 }, outside[] = { 0, 0, 2 }, pairs[] = { 0, 1, 0, 1 };
    const float same[] = { 1, 5, 1, 5 };
    errinfo err;
    classifier *c;
    ck_assert_int_eq(classifier_fit(&c, 2, x, lone, 3, 2, 0.1, &err), ST_INPUT);
    ck_assert_str_eq(err.text, "class 1 has 1 samples; at least 2 are needed");
    ck_assert_int_eq(classifier_fit(&c, 2, x, outside, 3, 2, 0.1, &err), ST_INPUT);
    ck_assert_int_eq(classifier_fit(&c, 1, x, lone, 3, 2, 0.1, &err), ST_INPUT);
    ck_assert_int_eq(classifier_fit(&c, 2, same, pairs, 4, 1, 0.1, &err), ST_INPUT);
    classifier_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("classifier");
    TCase *t = tcase_create("classifier");
    tcase_add_test(t, probabilities_and_left_out_quality_are_those_of_scikit_learn);
    tcase_add_test(t, fewer_samples_than_dimensions_are_shrunk_by_what_left_out_samples_say);
    tcase_add_test(t, what_cannot_be_fitted_is_refused_by_name);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
