/* check_server_json_in.c - what the pre-scan refuses, with which code and at which byte; and the typed getters. */
#include "tests/check_support.h"
#include "server/json_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { const char *text; size_t length; api_error code; const char *says; } row;

#define ROW(text, code, says) { text, sizeof(text) - 1, code, says }

static const row refused[] = {
    ROW("", API_EMPTY_BODY, "empty"),
    ROW(" \t\r\n", API_EMPTY_BODY, "empty"),
    ROW("{", API_INVALID_JSON, "byte 1"),
    ROW("{\"a\"", API_INVALID_JSON, "byte 4: a colon"),
    ROW("{\"a\":", API_INVALID_JSON, "byte 5: the text ends"),
    ROW("{\"a\":1", API_INVALID_JSON, "byte 6"),
    ROW("{\"a\":1,}", API_INVALID_JSON, "byte 7: a key"),
    ROW("[1,]", API_INVALID_JSON, "byte 3"),
    ROW("[1 2]", API_INVALID_JSON, "byte 3: a comma or ]"),
    ROW("[1}", API_INVALID_JSON, "byte 2"),
    ROW("{\"a\":1]", API_INVALID_JSON, "byte 6"),
    ROW("]", API_INVALID_JSON, "byte 0"),
    ROW("{} x", API_INVALID_JSON, "byte 3: nothing may follow"),
    ROW("{}{}", API_INVALID_JSON, "byte 2: nothing may follow"),
    ROW("{}\0", API_INVALID_JSON, "byte 2"),
    ROW("{a:1}", API_INVALID_JSON, "byte 1: a key"),
    ROW("{'a':1}", API_INVALID_JSON, "byte 1: a key"),
    ROW("['a']", API_INVALID_JSON, "byte 1"),
    ROW("{1:2}", API_INVALID_JSON, "byte 1: a key"),
    ROW("[NaN]", API_INVALID_JSON, "byte 1"),
    ROW("[Infinity]", API_INVALID_JSON, "byte 1"),
    ROW("[-Infinity]", API_INVALID_JSON, "byte 1"),
    ROW("[+1]", API_INVALID_JSON, "byte 1"),
    ROW("[.5]", API_INVALID_JSON, "byte 1"),
    ROW("[01]", API_INVALID_JSON, "begin with 0"),
    ROW("[-01]", API_INVALID_JSON, "begin with 0"),
    ROW("[1.]", API_INVALID_JSON, "behind its point"),
    ROW("[1.e5]", API_INVALID_JSON, "behind its point"),
    ROW("[1e]", API_INVALID_JSON, "exponent"),
    ROW("[1e+]", API_INVALID_JSON, "exponent"),
    ROW("[-]", API_INVALID_JSON, "behind its sign"),
    ROW("[0x10]", API_INVALID_JSON, "byte 2"),
    ROW("[1111111111222222222233333333334444444444555555555566666666667777]", API_INVALID_JSON, "63 characters"),
    ROW("[1] // no", API_INVALID_JSON, "byte 4"),
    ROW("[/* no */1]", API_INVALID_JSON, "byte 1"),
    ROW("[tru]", API_INVALID_JSON, "byte 1"),
    ROW("[True]", API_INVALID_JSON, "byte 1"),
    ROW("[nul", API_INVALID_JSON, "byte 1"),
    ROW("[\"a]", API_INVALID_JSON, "byte 1: this string does not end"),
    ROW("[\"a\\\"]", API_INVALID_JSON, "byte 1: this string does not end"),
    ROW("[\"\\", API_INVALID_JSON, "byte 2: unknown escape"),
    ROW("[\"\\x41\"]", API_INVALID_JSON, "byte 2: unknown escape"),
    ROW("[\"\\u12g4\"]", API_INVALID_JSON, "four hexadecimal"),
    ROW("[\"\\u123\"]", API_INVALID_JSON, "four hexadecimal"),
    ROW("[\"\\u12", API_INVALID_JSON, "four hexadecimal"),
    ROW("[\"\\ud800\"]", API_INVALID_JSON, "byte 2: a high surrogate"),
    ROW("[\"\\ud800x\"]", API_INVALID_JSON, "high surrogate"),
    ROW("[\"\\ud800\\ud800\"]", API_INVALID_JSON, "high surrogate"),
    ROW("[\"\\ud800\\u0041\"]", API_INVALID_JSON, "high surrogate"),
    ROW("[\"\\udc00\"]", API_INVALID_JSON, "low surrogate"),
    ROW("[\"a\nb\"]", API_INVALID_JSON, "byte 3: a control"),
    ROW("[\"a\x01\"]", API_INVALID_JSON, "byte 3: a control"),
    ROW("[\f1]", API_INVALID_JSON, "byte 1"),
    ROW("[\xc2\xa0" "1]", API_INVALID_JSON, "byte 1"),
    ROW("[\"a\\u0000\"]", API_INVALID_CHARACTER, "byte 3"),
    ROW("[\"a\0b\"]", API_INVALID_CHARACTER, "byte 3"),
    ROW("{\"a\0\":1}", API_INVALID_CHARACTER, "byte 3"),
    ROW("[\"\xff\"]", API_INVALID_UTF8, "byte 2"),
    ROW("[\"\xc0\x80\"]", API_INVALID_UTF8, "byte 2"),
    ROW("[\"\xed\xa0\x80\"]", API_INVALID_UTF8, "byte 2"),
    ROW("[\"\xf4\x90\x80\x80\"]", API_INVALID_UTF8, "byte 2"),
    ROW("[\"\xe4\xbb\"]", API_INVALID_UTF8, "byte 2"),
    ROW("{\"\xff\":1}", API_INVALID_UTF8, "byte 2"),
    ROW("\xef\xbb\xbf{}", API_INVALID_UTF8, "byte order mark"),
    ROW("\xff\xfe{\0}\0", API_INVALID_UTF8, "byte 0"),
    ROW("{\"a\":1,\"a\":2}", API_DUPLICATE_KEY, "byte 7 stands in the same object at byte 1"),
    ROW("{\"b\":{\"x\":1,\"y\":2,\"x\":3}}", API_DUPLICATE_KEY, "byte 18"),
    ROW("{\"a\":1,\"\\u0061\":2}", API_DUPLICATE_KEY, "byte 7"),
    ROW("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", API_DUPLICATE_KEY, "byte 10"),
    ROW("{\"\\/\":1,\"/\":2}", API_DUPLICATE_KEY, "byte 8"),
    ROW("{\"\\n\":1,\"\\u000a\":2}", API_DUPLICATE_KEY, "byte 8"),
    ROW("[[[[[[[[[[[[[[[[[", API_JSON_TOO_DEEP, "byte 16"),
};

static const row accepted[] = {
    ROW("{}", API_OK, NULL),
    ROW("[]", API_OK, NULL),
    ROW(" \r\n\t{ \"a\" : [ 1 , -0 , 0.5e-3 , 1E+2 , true , false , null , { } , [ ] ] } \n", API_OK, NULL),
    ROW("\"text\"", API_OK, NULL),
    ROW("0", API_OK, NULL),
    ROW("null", API_OK, NULL),
    ROW("{\"a\":{\"a\":1},\"b\":{\"a\":1}}", API_OK, NULL),
    ROW("{\"a\":1,\"A\":2,\"\":3,\"aa\":4}", API_OK, NULL),
    ROW("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", API_OK, NULL),
    ROW("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u4f60\\ud83d\\ude00\"]", API_OK, NULL),
    ROW("[111111111122222222223333333333444444444455555555556666666666777]", API_OK, NULL),
    ROW("[1e999]", API_OK, NULL),
    ROW("[\"\x7f\xe2\x80\xa8\"]", API_OK, NULL),
};

/* A copy without a byte behind it, so that the sanitizers see a read past the end. */
static cJSON *parse_exactly(const char *text, size_t length, json_fault *fault)
{
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    *fault = (json_fault){ .code = API_OK };
    cJSON *tree = json_parse((slice){ copy, length }, fault);
    free(copy);
    return tree;
}

START_TEST(what_is_no_strict_json_is_refused_with_its_place)
{
    json_fault fault;
    const row *r = &refused[_i];
    ck_assert_msg(parse_exactly(r->text, r->length, &fault) == NULL, "accepted: %s", r->text);
    ck_assert_msg(fault.code == r->code, "%s: %s, %s", r->text, api_error_code(fault.code), fault.message);
    ck_assert_msg(strstr(fault.message, r->says) != NULL, "%s: \"%s\" does not say \"%s\"", r->text, fault.message,
                  r->says);
}
END_TEST

START_TEST(strict_json_is_accepted)
{
    json_fault fault;
    cJSON *tree = parse_exactly(accepted[_i].text, accepted[_i].length, &fault);
    ck_assert_msg(tree != NULL, "%s: %s", accepted[_i].text, fault.message);
    json_free(tree);
}
END_TEST

START_TEST(every_prefix_of_a_document_is_refused_and_none_is_read_past)
{
    static const char text[] = "{\"pairs\": [{\"a\": \"\xe4\xbb\x8a\\n\\ud83d\\ude00\", \"b\": -1.5e3}, [true, null]]}";
    json_fault fault;
    for (size_t n = 0; n < sizeof text - 1; n++)
        ck_assert_ptr_null(parse_exactly(text, n, &fault));
    cJSON *tree = parse_exactly(text, sizeof text - 1, &fault);
    ck_assert_ptr_nonnull(tree);
    json_free(tree);
}
END_TEST

START_TEST(deep_nesting_costs_nothing)
{
    size_t n = 100000;
    char *text = malloc(n);
    json_fault fault;
    memset(text, '[', n);
    ck_assert_ptr_null(json_parse((slice){ text, n }, &fault));
    ck_assert_int_eq(fault.code, API_JSON_TOO_DEEP);
    free(text);
}
END_TEST

/* n times the piece, with commas between, inside brackets. */
static slice repeated(char open, const char *piece, size_t n, char close)
{
    size_t length = strlen(piece), at = 0;
    char *text = malloc(n * (length + 1) + 2);
    text[at++] = open;
    for (size_t i = 0; i < n; i++) {
        memcpy(text + at, piece, length);
        at += length;
        text[at++] = ',';
    }
    text[at - 1] = close;
    return (slice){ text, at };
}

static void refuses_in_time(slice text, const json_limits *limits, api_error code)
{
    json_fault fault;
    clock_t begin = clock();
    ck_assert_ptr_null(json_parse_limited(text, limits, &fault));
    double took_s = (double)(clock() - begin) / CLOCKS_PER_SEC;
    ck_assert_msg(fault.code == code, "%s: %s", api_error_code(fault.code), fault.message);
    /* A linear scan takes 10 ms of processor time, and under the thread sanitizer a second; a quadratic one takes
     * minutes. */
    ck_assert_msg(took_s < 5, "%s took %f s", api_error_code(code), took_s);
    free((void *)(uintptr_t)text.data);
}

START_TEST(a_million_of_anything_is_refused_quickly)
{
    refuses_in_time(repeated('[', "\"\"", 1000000, ']'), &(json_limits){ .strings = 2048 }, API_TOO_MANY_INPUTS);
    refuses_in_time(repeated('[', "1", 1000001, ']'), &(json_limits){ .numbers = 262144 }, API_TOO_MANY_TOKENS);
    refuses_in_time(repeated('[', "1", 1000001, ']'), &(json_limits){ 0 }, API_TOO_MANY_FIELDS);
    refuses_in_time(repeated('[', "{}", 1000000, ']'), &(json_limits){ 0 }, API_TOO_MANY_FIELDS);
    refuses_in_time(repeated('{', "\"k\":1", 1000000, '}'), &(json_limits){ 0 }, API_TOO_MANY_FIELDS);
}
END_TEST

START_TEST(ten_thousand_keys_with_one_duplicate_are_found_out)
{
    enum { N = 10000 };
    char *text = malloc(N * 16 + 64);
    size_t at = 0;
    json_fault fault;
    text[at++] = '{';
    for (int i = 0; i < N; i++)
        at += (size_t)snprintf(text + at, 16, "\"k%06d\":1,", i * 7919 % N);
    size_t without = at - 1;
    at += (size_t)snprintf(text + at, 32, "\"k%06d\":1}", 5000);
    ck_assert_ptr_null(json_parse((slice){ text, at }, &fault));
    ck_assert_int_eq(fault.code, API_DUPLICATE_KEY);
    text[without] = '}';
    cJSON *tree = json_parse((slice){ text, without + 1 }, &fault);
    ck_assert_ptr_nonnull(tree);
    json_free(tree);
    free(text);
}
END_TEST

/* ---- the getters ---- */

static const char fields[] = "{\"yes\":true,\"text\":\"abc\",\"seven\":7,\"half\":1.5,\"minus\":-1,\"huge\":1e999,"
                             "\"many\":9007199254740993,\"nothing\":null,\"list\":[]}";

START_TEST(getters_read_what_is_there_and_leave_alone_what_is_not)
{
    json_fault fault = { .code = API_OK };
    cJSON *tree = json_parse(slice_of(fields), &fault);
    bool flag = false;
    size_t size = 3;
    double number = 0;
    slice text = { NULL, 0 };
    ck_assert(json_bool(tree, "yes", &flag, &fault) && flag);
    ck_assert(json_size(tree, "seven", 1, 7, &size, &fault) && size == 7);
    ck_assert(json_double(tree, "half", 0, 2, &number, &fault) && number == 1.5);
    ck_assert(json_string(tree, "text", &text, &fault) && slice_is(text, "abc"));
    ck_assert(json_size(tree, "absent", 1, 7, &size, &fault) && size == 7);
    ck_assert(json_bool(tree, "nothing", &flag, &fault) && flag);
    ck_assert(json_size(tree, "SEVEN", 1, 1, &size, &fault) && size == 7);
    ck_assert_ptr_null(json_member(tree, "nothing"));
    ck_assert_ptr_nonnull(json_member(tree, "list"));
    ck_assert_int_eq(fault.code, API_OK);
    json_free(tree);
}
END_TEST

static const struct { const char *name; char type; api_error code; const char *says; } wrong[] = {
    { "half", 's', API_OUT_OF_RANGE, "half is 1.5; it must be a whole number from 1 to 768" },
    { "minus", 's', API_OUT_OF_RANGE, "minus is -1" },
    { "huge", 's', API_OUT_OF_RANGE, "huge is inf" },
    { "many", 's', API_OUT_OF_RANGE, "from 1 to 768" },
    { "text", 's', API_WRONG_TYPE, "text must be a whole number, not a string" },
    { "huge", 'd', API_OUT_OF_RANGE, "huge is inf" },
    { "minus", 'd', API_OUT_OF_RANGE, "from 0 to 1" },
    { "yes", 'd', API_WRONG_TYPE, "yes must be a number, not a boolean" },
    { "seven", 'b', API_WRONG_TYPE, "seven must be true or false, not a number" },
    { "list", 't', API_WRONG_TYPE, "list must be a string, not an array" },
};

START_TEST(getters_name_the_field_the_limit_and_the_value)
{
    json_fault fault = { .code = API_OK };
    cJSON *tree = json_parse(slice_of(fields), &fault);
    bool flag = false, good = true;
    size_t size = 0;
    double number = 0;
    slice text;
    switch (wrong[_i].type) {
    case 's': good = json_size(tree, wrong[_i].name, 1, 768, &size, &fault); break;
    case 'd': good = json_double(tree, wrong[_i].name, 0, 1, &number, &fault); break;
    case 'b': good = json_bool(tree, wrong[_i].name, &flag, &fault); break;
    default: good = json_string(tree, wrong[_i].name, &text, &fault);
    }
    json_free(tree);
    ck_assert(!good);
    ck_assert_int_eq(fault.code, wrong[_i].code);
    ck_assert_str_eq(fault.param, wrong[_i].name);
    ck_assert_msg(strstr(fault.message, wrong[_i].says) != NULL, "\"%s\" does not say \"%s\"", fault.message,
                  wrong[_i].says);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_in");
    TCase *t = tcase_create("json_in");
    tcase_add_loop_test(t, what_is_no_strict_json_is_refused_with_its_place, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(t, strict_json_is_accepted, 0, sizeof accepted / sizeof *accepted);
    tcase_add_test(t, every_prefix_of_a_document_is_refused_and_none_is_read_past);
    tcase_add_test(t, deep_nesting_costs_nothing);
    tcase_add_test(t, a_million_of_anything_is_refused_quickly);
    tcase_add_test(t, ten_thousand_keys_with_one_duplicate_are_found_out);
    tcase_add_test(t, getters_read_what_is_there_and_leave_alone_what_is_not);
    tcase_add_loop_test(t, getters_name_the_field_the_limit_and_the_value, 0, sizeof wrong / sizeof *wrong);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
