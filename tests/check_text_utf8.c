/* check_text_utf8.c - well-formed sequences by Unicode's table 3-7, every code point there and back. */
#include "tests/check_support.h"
#include "model/text/utf8.h"

#include <string.h>

START_TEST(every_code_point_reads_back)
{
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        size_t at = 0, bad;
        if (code >= 0xd800 && code < 0xe000)
            continue;
        slice text = { bytes, utf8_put(code, bytes) };
        ck_assert(utf8_check(text, &bad));
        ck_assert_uint_eq(utf8_next(text, &at), code);
        ck_assert_uint_eq(at, text.length);
        ck_assert_uint_eq(utf8_length(text), 1);
    }
}
END_TEST

static const struct { const char *bytes; size_t length, bad; } MALFORMED[] = {
    { "\x80", 1, 0 }, { "a\xbf", 2, 1 }, { "\xc0\x80", 2, 0 }, { "\xc1\xbf", 2, 0 }, { "\xc3", 1, 0 },
    { "\xe0\x9f\xbf", 3, 0 }, { "\xed\xa0\x80", 3, 0 }, { "\xed\xbf\xbf", 3, 0 }, { "\xe4\xbd", 2, 0 },
    { "ab\xe4\xbd", 4, 2 }, { "\xf0\x8f\xbf\xbf", 4, 0 }, { "\xf4\x90\x80\x80", 4, 0 }, { "\xf5\x80\x80\x80", 4, 0 },
    { "\xf0\x9f\x98", 3, 0 }, { "\xff", 1, 0 }, { "\xfe", 1, 0 }, { "\xe4\xbd\xa0\xc3(", 5, 3 },
};

START_TEST(malformed_bytes_are_found_where_they_begin)
{
    size_t bad = 99;
    ck_assert(!utf8_check((slice){ MALFORMED[_i].bytes, MALFORMED[_i].length }, &bad));
    ck_assert_uint_eq(bad, MALFORMED[_i].bad);
}
END_TEST

/* The table, written as ranges: the second byte's range depends on the first. */
static bool well_formed_pair_start(unsigned first, unsigned second)
{
    if (first < 0xc2 || first > 0xf4)
        return false;
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

START_TEST(every_first_and_second_byte_is_judged_by_the_table)
{
    for (unsigned first = 0x80; first < 0x100; first++)
        for (unsigned second = 0; second < 0x100; second++) {
            char bytes[4] = { (char)first, (char)second, (char)0x80, (char)0x80 };
            size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, bad;
            ck_assert_int_eq(utf8_check((slice){ bytes, length }, &bad), well_formed_pair_start(first, second));
        }
}
END_TEST

START_TEST(nul_and_the_empty_text_are_well_formed)
{
    size_t bad;
    ck_assert(utf8_check((slice){ "a\0b", 3 }, &bad));
    ck_assert(utf8_check((slice){ NULL, 0 }, &bad));
    ck_assert_uint_eq(utf8_length(slice_of("天气 é😀")), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *t = tcase_create("utf8");
    tcase_add_test(t, every_code_point_reads_back);
    tcase_add_loop_test(t, malformed_bytes_are_found_where_they_begin, 0, sizeof MALFORMED / sizeof *MALFORMED);
    tcase_add_test(t, every_first_and_second_byte_is_judged_by_the_table);
    tcase_add_test(t, nul_and_the_empty_text_are_well_formed);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
