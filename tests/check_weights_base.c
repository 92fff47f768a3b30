/* check_weights_base.c - status, slices, checked sizes and arenas. */
#include "tests/check_support.h"
#include "weights/base.h"

#include <stdint.h>
#include <string.h>

START_TEST(fail_fills_the_error_and_returns_its_code)
{
    errinfo err = { 0 };
    ck_assert_int_eq(fail(&err, ST_FORMAT, "tensor %s: %d", "x", 3), ST_FORMAT);
    ck_assert_int_eq(err.code, ST_FORMAT);
    ck_assert_str_eq(err.text, "tensor x: 3");
    ck_assert_int_eq(fail(NULL, ST_IO, "nobody listens"), ST_IO);
}
END_TEST

START_TEST(checked_sizes_refuse_overflow_and_leave_the_result)
{
    size_t n = 7;
    ck_assert(!size_multiply(SIZE_MAX, 2, &n));
    ck_assert(!size_add(SIZE_MAX, 1, &n));
    ck_assert_uint_eq(n, 7);
    ck_assert(size_multiply(6, 7, &n) && n == 42);
}
END_TEST

START_TEST(an_arena_gives_aligned_memory_up_to_its_maximum)
{
    arena *a = arena_open(0, 4096);
    ck_assert_ptr_nonnull(a);
    for (size_t taken = 0; taken < 4096; taken += 64) {
        char *p = arena_take(a, 1, 1);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        *p = 1;
    }
    ck_assert_ptr_null(arena_take(a, 1, 1));
    ck_assert_ptr_null(arena_take(a, SIZE_MAX, 2));
    arena_reset(a);
    ck_assert_ptr_nonnull(arena_take(a, 1, 64));
    arena_close(a);
}
END_TEST

START_TEST(an_arena_of_any_maximum_never_gives_more_than_it)
{
    for (size_t max = 0; max < 2000; max += 8) {
        arena *a = arena_open(0, max);
        size_t total = 0;
        while (arena_take_zero(a, 3, 50))
            total += 192;
        ck_assert_uint_le(total, max);
        arena_close(a);
    }
}
END_TEST

START_TEST(a_copied_slice_ends_with_a_nul)
{
    arena *a = arena_open(64, 1024);
    slice copy = arena_copy(a, (slice){ "abcdef", 3 });
    ck_assert_str_eq(copy.data, "abc");
    ck_assert(slice_is(copy, "abc") && !slice_is(copy, "ab"));
    ck_assert_ptr_nonnull(arena_copy(a, (slice){ NULL, 0 }).data);
    arena_close(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_test(t, fail_fills_the_error_and_returns_its_code);
    tcase_add_test(t, checked_sizes_refuse_overflow_and_leave_the_result);
    tcase_add_test(t, an_arena_gives_aligned_memory_up_to_its_maximum);
    tcase_add_test(t, an_arena_of_any_maximum_never_gives_more_than_it);
    tcase_add_test(t, a_copied_slice_ends_with_a_nul);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
