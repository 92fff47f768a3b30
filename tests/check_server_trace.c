/* check_server_trace.c - traceparent: the standard's own examples and every way to break one. */
#include "tests/check_support.h"

#include "server/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"    /* the examples of the standard, section 3.2 */
#define PARENT "00f067aa0ba902b7"

START_TEST(a_traceparent_gives_its_ids_and_an_answer_with_our_span)
{
    trace t;
    char answer[TRACE_HEADER_BYTES];
    ck_assert(trace_read(&t, slice_of("00-" TRACE "-" PARENT "-01"), 0x1234abcd));
    ck_assert_str_eq(t.trace_id, TRACE);
    ck_assert_str_eq(t.parent_id, PARENT);
    ck_assert_str_eq(t.span_id, "000000001234abcd");
    ck_assert_str_eq(t.flags, "01");
    trace_write(&t, answer);
    ck_assert_str_eq(answer, "00-" TRACE "-000000001234abcd-01");
}
END_TEST

/* 3.2.2: a later version may carry more behind another dash. */
static const char *const good[] = { "00-" TRACE "-" PARENT "-00", "cc-" TRACE "-" PARENT "-01",
                                    "cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like" };

START_TEST(later_versions_are_read_as_far_as_they_are_known)
{
    trace t;
    ck_assert(trace_read(&t, slice_of(good[_i]), 1));
    ck_assert_str_eq(t.trace_id, TRACE);
}
END_TEST

static const char *const bad[] = {
    "", "00", "00-" TRACE, "00-" TRACE "-" PARENT, "00-" TRACE "-" PARENT "-0", "00-" TRACE "-" PARENT "-01 ",
    "00-" TRACE "-" PARENT "-01-more", "ff-" TRACE "-" PARENT "-01", "cc-" TRACE "-" PARENT "-01.what",
    "00-00000000000000000000000000000000-" PARENT "-01", "00-" TRACE "-0000000000000000-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", "00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
    "00-" TRACE "-00f067aa0ba902bx-01", "00-" TRACE "-" PARENT "-0x", "0g-" TRACE "-" PARENT "-01",
    "00_" TRACE "-" PARENT "-01", "00-" TRACE "_" PARENT "-01", "00-" TRACE "-" PARENT "_01",
    "00-" TRACE "-" PARENT "-01, 00-" TRACE "-" PARENT "-01",
};

START_TEST(a_malformed_traceparent_counts_as_none)
{
    trace t;
    ck_assert_msg(!trace_read(&t, slice_of(bad[_i]), 1), "%s", bad[_i]);
    ck_assert_str_eq(t.trace_id, "");
}
END_TEST

START_TEST(our_span_is_never_zero)
{
    trace t;
    ck_assert(trace_read(&t, slice_of(good[0]), 0));
    ck_assert_str_eq(t.span_id, "0000000000000001");
    ck_assert(!trace_read(&t, (slice){ NULL, 0 }, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *t = tcase_create("trace");
    tcase_add_test(t, a_traceparent_gives_its_ids_and_an_answer_with_our_span);
    tcase_add_loop_test(t, later_versions_are_read_as_far_as_they_are_known, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(t, a_malformed_traceparent_counts_as_none, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, our_span_is_never_zero);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
