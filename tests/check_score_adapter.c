/* check_score_adapter.c - FlatNCE's loss and gradient against torch and finite differences, gain, and refusal. */
#include "tests/check_score_support.h"
#include "model/score/adapter.h"
#include "weights/random.h"

#include <math.h>

enum { D = 5, N = 6, MAX_WEIGHTS = 32 };

static const struct { const char *name; size_t rank; } maps[] = { { "full", 0 }, { "low", 2 } };

static golden a, b, labels;

static void load(void)
{
    a = golden_read("nce_a");
    b = golden_read("nce_b");
    labels = golden_read("nce_labels");
}

static adapter *golden_map(int which)
{
    char name[64];
    adapter *m;
    (void)snprintf(name, sizeof name, "nce_%s_weights", maps[which].name);
    golden weights = golden_read(name);
    ck_assert_int_eq(adapter_open(&m, D, maps[which].rank, 1, NULL), ST_OK);
    memcpy(m->weights, weights.values, weights.count * sizeof *m->weights);
    return m;
}

START_TEST(loss_and_gradient_are_those_of_autograd)
{
    char name[64];
    double loss, gradient[MAX_WEIGHTS];
    adapter *m = golden_map(_i);
    adapter_pairs pairs = { a.floats, b.floats, labels.flags, N };
    ck_assert_int_eq(adapter_loss(m, &pairs, 20, &loss, gradient, NULL), ST_OK);
    (void)snprintf(name, sizeof name, "nce_%s_loss", maps[_i].name);
    golden_compare(name, &loss, 1e-10);
    (void)snprintf(name, sizeof name, "nce_%s_gradient", maps[_i].name);
    golden_compare(name, gradient, 1e-9);
    adapter_close(m);
}
END_TEST

/* Central differences of step h: error h^2 times the third derivative, which scale 20 makes large. */
START_TEST(the_gradient_is_that_of_finite_differences)
{
    const double h = 1e-5;
    double gradient[MAX_WEIGHTS], loss, up, down;
    adapter *m = golden_map(_i);
    adapter_pairs pairs = { a.floats, b.floats, labels.flags, N };
    ck_assert_int_eq(adapter_loss(m, &pairs, 20, &loss, gradient, NULL), ST_OK);
    for (size_t i = 0; i < adapter_weights(D, maps[_i].rank); i++) {
        double kept = m->weights[i];
        m->weights[i] = kept + h;
        ck_assert_int_eq(adapter_loss(m, &pairs, 20, &up, NULL, NULL), ST_OK);
        m->weights[i] = kept - h;
        ck_assert_int_eq(adapter_loss(m, &pairs, 20, &down, NULL, NULL), ST_OK);
        m->weights[i] = kept;
        ck_assert_double_eq_tol((up - down) / (2 * h), gradient[i], 1e-6 * fmax(1, fabs(gradient[i])));
    }
    adapter_close(m);
}
END_TEST

/* Where the softmax probability of the positive is 1 to the last bit, cross-entropy's gradient is 0 and this is not. */
START_TEST(the_gradient_lives_where_cross_entropy_has_rounded_to_zero)
{
    const float left[] = { 1, 0, 0, 0, 0, 0, 1, 0, 0, 0 }, right[] = { 1, 0.1f, 0, 0, 0, 0, 1, 0.1f, 0, 0 };
    const bool both[] = { true, true };
    double loss, gradient[D * D], sum = 0;
    adapter *m;
    ck_assert_int_eq(adapter_open(&m, D, 0, 1, NULL), ST_OK);
    ck_assert_int_eq(adapter_loss(m, &(adapter_pairs){ left, right, both, 2 }, 1000, &loss, gradient, NULL), ST_OK);
    for (size_t i = 0; i < D * D; i++)
        sum += fabs(gradient[i]);
    ck_assert_double_lt(loss, -700);                          /* 1 + e^loss == 1 */
    ck_assert_double_gt(sum, 1);
    adapter_close(m);
}
END_TEST

START_TEST(a_text_is_no_negative_of_its_own)
{
    const float left[] = { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0 }, right[] = { 0, 1, 0, 0, 0, 0, 0, 1, 0, 0 };
    const bool both[] = { true, true };
    double loss;
    adapter *m;
    ck_assert_int_eq(adapter_open(&m, D, 0, 1, NULL), ST_OK);
    ck_assert_int_eq(adapter_loss(m, &(adapter_pairs){ left, right, both, 2 }, 20, &loss, NULL, NULL), ST_OK);
    ck_assert_double_eq(loss, 0);                             /* both share the left text: nothing to tell apart */
    adapter_close(m);
}
END_TEST

enum { W = 24, PAIRS = 400 };

/* Pairs agree in the first four dimensions; the other twenty are noise that hides it, or (useful == false) all is. */
static void draw_pairs(random_sequence *r, float *left, float *right, bool *own, bool useful)
{
    for (size_t i = 0; i < PAIRS; i++) {
        own[i] = i % 2;
        for (size_t j = 0; j < W; j++) {
            double topic = random_normal(r), other = random_normal(r);
            left[i * W + j] = (float)topic;
            right[i * W + j] = (float)(useful && own[i] && j < 4 ? topic + 0.2 * other : other);
        }
    }
}

START_TEST(training_gains_where_there_is_something_to_learn)
{
    static float left[PAIRS * W], right[PAIRS * W];
    bool own[PAIRS];
    adapter *m, *again;
    adapter_report report;
    random_sequence r = random_begin(1, 0);
    adapter_options o = adapter_defaults();
    o.rank = maps[_i].rank ? 8 : 0;
    o.steps = 300;
    o.rate = 0.01;
    draw_pairs(&r, left, right, own, true);
    adapter_pairs pairs = { left, right, own, PAIRS };
    ck_assert_int_eq(adapter_train(&m, &report, &pairs, W, &o, NULL), ST_OK);
    ck_assert_uint_eq(report.held_out, PAIRS / 5);
    ck_assert_uint_eq(report.trained + report.held_out, PAIRS);
    ck_assert_double_gt(report.after, report.before + 0.05);
    ck_assert_double_lt(report.last_loss, report.first_loss);
    ck_assert_int_eq(adapter_train(&again, &report, &pairs, W, &o, NULL), ST_OK);
    ck_assert_mem_eq(m->weights, again->weights, adapter_weights(W, o.rank) * sizeof *m->weights);
    adapter_close(m);
    adapter_close(again);
}
END_TEST

START_TEST(an_adapter_that_loses_is_refused_with_its_figures)
{
    static float left[PAIRS * W], right[PAIRS * W];
    bool own[PAIRS];
    adapter *m = NULL;
    adapter_report report;
    errinfo err;
    adapter_options o = adapter_defaults();
    int refused = 0;
    o.rank = 8;
    for (uint32_t seed = 0; seed < 10; seed++) {
        random_sequence r = random_begin(seed, 0);
        draw_pairs(&r, left, right, own, false);
        status st = adapter_train(&m, &report, &(adapter_pairs){ left, right, own, PAIRS }, W, &o, &err);
        refused += st == ST_INPUT && report.after <= report.before && strstr(err.text, "loses") != NULL;
        if (st == ST_OK) {
            ck_assert_double_gt(report.after, report.before);
            adapter_close(m);
        }
    }
    ck_assert_int_ge(refused, 2);                             /* noise alone: about half of the seeds */
}
END_TEST

START_TEST(a_pair_that_shares_a_text_with_a_held_out_one_is_not_trained_on)
{
    static float left[PAIRS * W], right[PAIRS * W];
    bool own[PAIRS];
    adapter *m = NULL;
    adapter_report report;
    errinfo err;
    random_sequence r = random_begin(3, 0);
    adapter_options o = adapter_defaults();
    o.rank = 8;
    draw_pairs(&r, left, right, own, true);
    for (size_t i = 0; i < PAIRS; i++)                        /* one text stands in every pair */
        memcpy(left + i * W, left, W * sizeof *left);
    ck_assert_int_eq(adapter_train(&m, &report, &(adapter_pairs){ left, right, own, PAIRS }, W, &o, &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "only 0 pairs share no text"));
}
END_TEST

START_TEST(a_fresh_adapter_changes_nothing)
{
    const float x[] = { 1, -2, 3, 0.5f, 7 };
    float y[D];
    adapter *m;
    ck_assert_int_eq(adapter_open(&m, D, maps[_i].rank, 1, NULL), ST_OK);
    adapter_apply(m, x, y);
    ck_assert_mem_eq(x, y, sizeof x);
    adapter_close(m);
    adapter_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adapter");
    TCase *t = tcase_create("adapter");
    check_patience(t, 120);
    tcase_add_checked_fixture(t, load, NULL);
    tcase_add_loop_test(t, loss_and_gradient_are_those_of_autograd, 0, 2);
    tcase_add_loop_test(t, the_gradient_is_that_of_finite_differences, 0, 2);
    tcase_add_test(t, the_gradient_lives_where_cross_entropy_has_rounded_to_zero);
    tcase_add_test(t, a_text_is_no_negative_of_its_own);
    tcase_add_loop_test(t, training_gains_where_there_is_something_to_learn, 0, 2);
    tcase_add_test(t, an_adapter_that_loses_is_refused_with_its_figures);
    tcase_add_test(t, a_pair_that_shares_a_text_with_a_held_out_one_is_not_trained_on);
    tcase_add_loop_test(t, a_fresh_adapter_changes_nothing, 0, 2);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
