/* check_kernels_peak.c - the yardstick of benchmarks: every loop ends, and does work in proportion to its steps. */
#include "tests/check_support.h"

#include "model/kernels/peak.h"

#include <math.h>
#include <time.h>

enum { STEPS = 1 << 14, TRIES = 20, TRIES_MAX = 2000 };

static int64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double shorter_ns(const peak_loop *loop, size_t steps, double best)
{
    int64_t start = thread_ns();
    loop->run(steps);
    double ns = (double)(thread_ns() - start);
    return ns < best ? ns : best;
}

static bool in_proportion(double ratio)
{
    return ratio > 4 && ratio < 16;
}

/* The ratio of the shortest times. A neighbour's burst outlasts many tries, so they go on until it has passed. */
static double ratio_of_eightfold(const peak_loop *loop)
{
    double once = INFINITY, eightfold = INFINITY;
    for (int i = 0; i < TRIES || (i < TRIES_MAX && !in_proportion(eightfold / once)); i++) {
        once = shorter_ns(loop, STEPS, once);
        eightfold = shorter_ns(loop, STEPS * 8, eightfold);
    }
    return eightfold / once;
}

/* Eight times the steps take eight times as long; a factor of two is left for the clock and the neighbours. */
START_TEST(every_loop_takes_time_in_proportion_to_its_steps)
{
    size_t ran = 0;
    for (size_t i = 0; peak_at(i); i++) {
        const peak_loop *loop = peak_at(i);
        if (!loop->runs_here())
            continue;
        ran++;
        loop->run(1);
        double ratio = ratio_of_eightfold(loop);
        ck_assert_msg(in_proportion(ratio), "%s: 8 times the steps take %g times as long", loop->name, ratio);
    }
    ck_assert_uint_ge(ran, 1);
}
END_TEST

START_TEST(every_precision_name_of_the_table_is_fp32_bf16_or_int8_and_one_fp32_loop_runs_anywhere)
{
    bool portable = false;
    for (size_t i = 0; peak_at(i); i++) {
        ck_assert_uint_lt(peak_at(i)->precision, PRECISIONS);
        ck_assert(peak_at(i)->operations > 0);
        portable |= peak_at(i)->precision == PRECISION_F32 && peak_at(i)->runs_here();
    }
    ck_assert(portable);
}
END_TEST

START_TEST(a_stream_reads_every_word_once)
{
    _Alignas(64) uint64_t words[128];
    for (size_t i = 0; i < 128; i++)
        words[i] = (i + 1) * 0x9e3779b97f4a7c15u;
    uint64_t before = peak_read(words, sizeof words);
    for (size_t i = 0; i < 128; i++) {
        words[i] ^= 1;
        ck_assert_msg(peak_read(words, sizeof words) != before, "word %zu is not read", i);
        words[i] ^= 1;
    }
    ck_assert(peak_read(words, sizeof words) == before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels peak");
    TCase *t = tcase_create("peak");
    tcase_add_test(t, every_loop_takes_time_in_proportion_to_its_steps);
    tcase_add_test(t, every_precision_name_of_the_table_is_fp32_bf16_or_int8_and_one_fp32_loop_runs_anywhere);
    tcase_add_test(t, a_stream_reads_every_word_once);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
