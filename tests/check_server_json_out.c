/* check_server_json_out.c - floats that read back equal, base64, escaping, commas, and an arena that runs out. */
#include "tests/check_support.h"
#include "server/json_in.h"
#include "server/json_out.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t next_random(uint64_t *state)    /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* One float written and read in both ways a client may: straight to float, and through double as JSON parsers do. The
 * condition is not an assertion, because libcheck notes each of those on disk and here are a million. */
static void round_trips(arena *a, float value)
{
    json_out w;
    arena_reset(a);
    json_begin(&w, a, 64);
    json_float(&w, value);
    slice text = json_end(&w);
    float direct = text.data ? strtof(text.data, NULL) : NAN, twice = text.data ? (float)strtod(text.data, NULL) : NAN;
    if (memcmp(&direct, &value, sizeof value) != 0 || memcmp(&twice, &value, sizeof value) != 0 || text.length > 17)
        ck_abort_msg("%.9g was written as %s", (double)value, text.data ? text.data : "nothing");
}

START_TEST(a_million_random_floats_round_trip)
{
    arena *a = arena_open(4096, 1 << 20);
    uint64_t state = 42;
    for (int i = 0; i < 500000; i++) {
        float any = float_of(next_random(&state));
        if (isfinite(any))
            round_trips(a, any);
        round_trips(a, (float)((double)next_random(&state) / 2147483648.0 - 1));    /* as in a unit vector */
    }
    arena_close(a);
}
END_TEST

START_TEST(every_float_near_a_border_round_trips)
{
    static const float borders[] = { 1e-7F, 1e-6F, 1e-5F,    1e-4F, 0.001F,  0.01F,       0.1F, 0.5F,
                                     1,     2,     10,       100,   1000,    1e4F,        1e5F, 999999,
                                     1e6F,  1e7F,  16777216, 1e9F,  FLT_MIN, FLT_MAX / 2, 0.3F, 1.0F / 3 };
    arena *a = arena_open(4096, 1 << 20);
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
        uint32_t bits;
        memcpy(&bits, &borders[i], sizeof bits);
        for (uint32_t b = bits - 200; b < bits + 200; b++) {
            round_trips(a, float_of(b));
            round_trips(a, -float_of(b));
        }
    }
    arena_close(a);
}
END_TEST

static const struct { float value; const char *text;
} known[] = {
    { 0, "0.0" },
    { -0.0F, "-0.0" },
    { 1, "1.0" },
    { -1, "-1.0" },
    { 0.5F, "0.5" },
    { 0.1F, "0.1" },
    { 100, "100.0" },
    { 123456, "123456.0" },
    { 999999, "999999.0" },
    { 1e6F, "1000000.0" },
    { 1e-6F, "0.000001" },
    { 1e-7F, "1.00000001e-07" },
    { 0.333333343F, "0.33333334" },
    { 3.14159274F, "3.1415927" },
    { 16777216, "16777216.0" },
    { 1e30F, "1.00000002e+30" },
};

START_TEST(floats_look_as_expected)
{
    arena *a = arena_open(0, 4096);
    json_out w;
    json_begin(&w, a, 0);
    json_float(&w, known[_i].value);
    ck_assert_str_eq(json_end(&w).data, known[_i].text);
    arena_close(a);
}
END_TEST

START_TEST(doubles_round_trip)
{
    arena *a = arena_open(4096, 1 << 20);
    uint64_t state = 7;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)next_random(&state) << 32 | next_random(&state);
        double value;
        json_out w;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        arena_reset(a);
        json_begin(&w, a, 0);
        json_number(&w, value);
        double read = strtod(json_end(&w).data, NULL);
        ck_assert(memcmp(&read, &value, sizeof value) == 0);
    }
    arena_close(a);
}
END_TEST

START_TEST(what_is_not_finite_fails_the_answer)
{
    const float bad[] = { INFINITY, -INFINITY, NAN };
    arena *a = arena_open(0, 1 << 16);
    for (size_t i = 0; i < 3; i++) {
        json_out w;
        json_begin(&w, a, 0);
        json_float(&w, bad[i]);
        ck_assert_ptr_null(json_end(&w).data);
        json_begin(&w, a, 0);
        json_number(&w, (double)bad[i]);
        ck_assert_ptr_null(json_end(&w).data);
    }
    arena_close(a);
}
END_TEST

static const struct { const char *bytes, *text; } base64[] = {    /* RFC 4648 section 10 */
    { "", "\"\"" }, { "f", "\"Zg==\"" }, { "fo", "\"Zm8=\"" }, { "foo", "\"Zm9v\"" }, { "foob", "\"Zm9vYg==\"" },
    { "fooba", "\"Zm9vYmE=\"" }, { "foobar", "\"Zm9vYmFy\"" }, { "\xff\xfe\xfd\xfb\xef\xbf", "\"//79++\x2b/\"" },
};

START_TEST(base64_is_the_standard_alphabet_with_padding)
{
    arena *a = arena_open(0, 4096);
    json_out w;
    json_begin(&w, a, 0);
    json_base64(&w, base64[_i].bytes, strlen(base64[_i].bytes));
    ck_assert_str_eq(json_end(&w).data, base64[_i].text);
    arena_close(a);
}
END_TEST

START_TEST(texts_are_escaped_and_read_back_by_the_parser)
{
    arena *a = arena_open(0, 1 << 16);
    char all[300];
    size_t n = 0;
    for (int c = 1; c < 0x80; c++)
        all[n++] = (char)c;
    memcpy(all + n, "\xe4\xbb\x8a\xf0\x9f\x98\x80\xe2\x80\xa8", 11);
    json_out w;
    json_fault fault;
    json_begin(&w, a, 0);
    json_text(&w, slice_of(all));
    slice text = json_end(&w);
    cJSON *tree = json_parse(text, &fault);
    ck_assert_msg(tree != NULL, "%s", fault.message);
    ck_assert_str_eq(tree->valuestring, all);
    json_free(tree);
    arena_close(a);
}
END_TEST

START_TEST(commas_and_brackets_come_by_themselves)
{
    arena *a = arena_open(0, 4096);
    const float row[] = { 0.5F, -1 };
    json_out w;
    json_begin(&w, a, 0);
    json_open(&w, '{');
    json_key(&w, "a");
    json_open(&w, '[');
    json_close(&w, ']');
    json_key(&w, "b");
    json_open(&w, '[');
    json_integer(&w, -5);
    json_text(&w, slice_of("x\"y\\\n\x01"));
    json_literal(&w, "null");
    json_floats(&w, row, 2);
    json_open(&w, '{');
    json_close(&w, '}');
    json_number(&w, 0.25);
    json_base64(&w, "f", 1);
    json_close(&w, ']');
    json_close(&w, '}');
    ck_assert_str_eq(json_end(&w).data,
                     "{\"a\":[],\"b\":[-5,\"x\\\"y\\\\\\n\\u0001\",null,[0.5,-1.0],{},0.25,\"Zg==\"]}");
    arena_close(a);
}
END_TEST

START_TEST(an_answer_is_whole_or_missing_whatever_the_arena_holds)
{
    const char *whole = "[0.5,\"0123456789012345678901234567890123456789\",\"Zm9vYmFy\"]";
    for (size_t max = 0; max < 8192; max += 64) {
        arena *a = arena_open(0, max);
        json_out w;
        json_begin(&w, a, 8);
        json_open(&w, '[');
        for (int i = 0; i < 40; i++)
            json_raw(&w, (slice){ "", 0 });
        json_float(&w, 0.5F);
        json_text(&w, slice_of("0123456789012345678901234567890123456789"));
        json_base64(&w, "foobar", 6);
        json_close(&w, ']');
        slice text = json_end(&w);
        if (text.data)
            ck_assert_str_eq(text.data, whole);
        else
            ck_assert_uint_lt(max, 2048);
        arena_close(a);
    }
}
END_TEST

START_TEST(a_long_answer_grows)
{
    arena *a = arena_open(0, 1 << 24);
    json_out w;
    json_begin(&w, a, 0);
    json_open(&w, '[');
    for (int i = 0; i < 100000; i++)
        json_integer(&w, i);
    json_close(&w, ']');
    slice text = json_end(&w);
    ck_assert_ptr_nonnull(text.data);
    ck_assert_uint_eq(text.length, 2 + 99999 + 10 + 90 * 2 + 900 * 3 + 9000 * 4 + 90000 * 5);
    ck_assert_str_eq(text.data + text.length - 7, ",99999]");
    arena_close(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_out");
    TCase *t = tcase_create("json_out");
    tcase_add_test(t, a_million_random_floats_round_trip);
    tcase_add_test(t, every_float_near_a_border_round_trips);
    tcase_add_loop_test(t, floats_look_as_expected, 0, sizeof known / sizeof *known);
    tcase_add_test(t, doubles_round_trip);
    tcase_add_test(t, what_is_not_finite_fails_the_answer);
    tcase_add_loop_test(t, base64_is_the_standard_alphabet_with_padding, 0, sizeof base64 / sizeof *base64);
    tcase_add_test(t, texts_are_escaped_and_read_back_by_the_parser);
    tcase_add_test(t, commas_and_brackets_come_by_themselves);
    tcase_add_test(t, an_answer_is_whole_or_missing_whatever_the_arena_holds);
    tcase_add_test(t, a_long_answer_grows);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
