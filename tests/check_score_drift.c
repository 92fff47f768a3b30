/* check_score_drift.c - false alarms at the promised rate, true ones soon, windows that forget, repeatable tables. */
#include "tests/check_score_support.h"
#include "model/score/drift.h"
#include "weights/random.h"

#include <math.h>

enum { D = 48, BASE = 600 };

/* Unit-like vectors of a skewed law in a space with a few strong directions; shift moves two of them. */
static void draw(random_sequence *r, float *out, size_t n, double shift)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < D; j++) {
            double z = random_normal(r), skewed = (z + 0.3 * (z * z - 1)) / (1 + 0.2 * (double)j);
            out[i * D + j] = (float)(skewed + (j == 2 ? 1 : 0) + (j < 2 ? shift : 0));
        }
}

static drift_baseline *make_baseline(random_sequence *r)
{
    static float x[BASE * D];
    drift_baseline *b;
    draw(r, x, BASE, 0);
    ck_assert_int_eq(drift_baseline_fit(&b, x, BASE, D, 5, NULL), ST_OK);
    return b;
}

static drift_report feed(const drift_baseline *b, random_sequence *r, size_t n, double shift)
{
    static float x[1024 * D];
    drift_window *w;
    drift_report report;
    ck_assert_int_eq(drift_window_open(&w, b, NULL), ST_OK);
    draw(r, x, n, shift);
    for (size_t i = 0; i < n; i++)
        drift_window_add(w, x + i * D);
    ck_assert_int_eq(drift_window_report(&report, w, NULL), ST_OK);
    drift_window_close(w);
    return report;
}

/* 200 windows: 95 % within the 95th percentile, give or take four standard errors of 1.5 %; one baseline is one draw,
 * which moves the rate by some percent more, hence ten of them. */
START_TEST(the_same_source_stays_within_the_null_95_times_of_100)
{
    size_t within = 0, alarms = 0;
    random_sequence r = random_begin(11, 0);
    for (int base = 0; base < 10; base++) {
        drift_baseline *b = make_baseline(&r);
        for (int i = 0; i < 20; i++) {
            drift_report report = feed(b, &r, 300, 0);
            within += report.percentiles[DRIFT_COMBINED] <= 95;
            alarms += report.drifted;
        }
        drift_baseline_close(b);
    }
    ck_assert_uint_ge(within, 178);
    ck_assert_uint_le(alarms, 10);
}
END_TEST

START_TEST(another_source_is_flagged_and_more_of_it_sooner)
{
    random_sequence r = random_begin(12, 0);
    drift_baseline *b = make_baseline(&r);
    drift_report far = feed(b, &r, 64, 1), near = feed(b, &r, 1000, 0.25);
    ck_assert(far.drifted);
    ck_assert_double_eq(far.percentiles[DRIFT_COMBINED], 100);
    ck_assert(near.drifted);
    ck_assert_uint_eq(far.texts, 64);
    drift_baseline_close(b);
}
END_TEST

START_TEST(a_window_forgets_its_oldest_bucket)
{
    static float x[4000 * D];
    random_sequence r = random_begin(13, 0);
    drift_baseline *b = make_baseline(&r);
    drift_window *w;
    drift_report report;
    ck_assert_int_eq(drift_window_open(&w, b, NULL), ST_OK);
    draw(&r, x, 1000, 2);
    draw(&r, x + 1000 * D, 3000, 0);
    for (size_t i = 0; i < 4000; i++)
        drift_window_add(w, x + i * D);
    ck_assert_int_eq(drift_window_report(&report, w, NULL), ST_OK);
    ck_assert_uint_eq(report.total, 4000);
    ck_assert_uint_le(report.texts, DRIFT_BUCKETS * DRIFT_BUCKET_TEXTS);
    ck_assert_uint_gt(report.texts, (DRIFT_BUCKETS - 1) * DRIFT_BUCKET_TEXTS);
    ck_assert(!report.drifted);
    drift_window_reset(w);
    ck_assert_int_eq(drift_window_report(&report, w, NULL), ST_BUSY);
    drift_window_close(w);
    drift_baseline_close(b);
}
END_TEST

START_TEST(the_same_vectors_and_seed_give_the_same_bytes)
{
    random_sequence r = random_begin(14, 0), again = random_begin(14, 0);
    drift_baseline *a = make_baseline(&r), *b = make_baseline(&again);
    ck_assert_mem_eq(a->null, b->null, sizeof a->null);
    ck_assert_mem_eq(a->axis_rows, b->axis_rows, a->axes * D * sizeof *a->axis_rows);
    for (size_t s = 0; s < DRIFT_STATISTICS; s++)       /* more texts, less distance by chance */
        ck_assert_double_lt(a->null[DRIFT_SIZES - 1][s][10], s < DRIFT_COMBINED ? a->null[0][s][10] : 2);
    drift_baseline_close(a);
    drift_baseline_close(b);
}
END_TEST

START_TEST(too_few_texts_are_refused)
{
    const float x[2 * D] = { 0 };
    errinfo err;
    drift_baseline *b;
    ck_assert_int_eq(drift_baseline_fit(&b, x, 2, D, 1, &err), ST_INPUT);
    ck_assert_str_eq(err.text, "a baseline of 2 texts: must be 64 to 4096");
    drift_baseline_close(NULL);
    drift_window_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drift");
    TCase *t = tcase_create("drift");
    check_patience(t, 120);
    tcase_add_test(t, the_same_source_stays_within_the_null_95_times_of_100);
    tcase_add_test(t, another_source_is_flagged_and_more_of_it_sooner);
    tcase_add_test(t, a_window_forgets_its_oldest_bucket);
    tcase_add_test(t, the_same_vectors_and_seed_give_the_same_bytes);
    tcase_add_test(t, too_few_texts_are_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
