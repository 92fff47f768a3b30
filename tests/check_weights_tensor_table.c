/* check_weights_tensor_table.c - each rule of a safetensors header, broken once. */
#include "tests/check_support.h"
#include "weights/tensor_table.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* The header is copied to memory of its exact size, so that ASan sees a read behind it. */
static status parse_header(const char *header, size_t data_bytes, errinfo *err)
{
    tensor_table table = { 0 };
    size_t length = strlen(header);
    char *copy = malloc(length ? length : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, header, length);
    status st = tensor_table_read(&table, copy, length, data_bytes, "m.safetensors", err);
    tensor_table_clear(&table);
    free(copy);
    return st;
}

static void expect_refusal(const char *header, size_t data_bytes, const char *words)
{
    errinfo err = { 0 };
    status st = parse_header(header, data_bytes, &err);
    ck_assert_msg(st == ST_FORMAT, "accepted or wrong status %d: %.200s", st, header);
    ck_assert_msg(strncmp(err.text, "m.safetensors: ", 15) == 0, "no file in: %s", err.text);
    ck_assert_msg(strstr(err.text, words), "\"%s\" is not in: %s", words, err.text);
}

#define ENTRY(fields) "{\"layer.w\":{" fields "}}"
#define W(dtype, shape, offsets) \
    ENTRY("\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets)
#define PAIR(first, second) "{\"u\":{" first "},\"layer.w\":{" second "}}"
#define F32_AT(offsets) "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets
#define PLAIN_W "\"layer.w\":{" F32_AT("[0,8]") "}"
#define IN_W "tensor layer.w: "

static const struct { const char *header; size_t data_bytes; const char *words; } broken[] = {
    /* the header as a whole */
    { "", 0, "does not start with {" },
    { " {}", 0, "does not start with {" },
    { "\xef\xbb\xbf{}", 0, "does not start with {" },
    { "[]", 0, "does not start with {" },
    { "{}\n", 0, "does not end with }" },
    { "{} x", 0, "does not end with }" },
    { "{}{}", 0, "more text behind" },
    { "{", 0, "does not end with }" },
    { "{]}", 0, "unmatched bracket" },
    { "{\"a\" 1}", 0, "not valid JSON" },
    { "{}}", 0, "unmatched bracket" },
    { "{'a':1}", 0, "JSON does not allow" },
    { "{/**/}", 0, "JSON does not allow" },
    { "{\"a\":1,}", 0, "not valid JSON" },
    { "{\v}", 0, "JSON does not allow" },
    { "{\"a\":[[[[1]]]]}", 0, "too many nested" },
    { "{\"a\xff\":{}}", 0, "not UTF-8" },
    { "{\"a\xc0\x80\":{}}", 0, "not UTF-8" },
    { "{\"a\xed\xa0\x80\":{}}", 0, "not UTF-8" },
    { "{\"a\xf4\x90\x80\x80\":{}}", 0, "not UTF-8" },
    { "{\"a\n\":{}}", 0, "control character in a string" },
    { "{\"a\\u0000b\":{}}", 0, "\\u0000" },
    { "{\"a\\u12g4\":{}}", 0, "four hexadecimal digits" },
    { "{\"a\\ud800\":{}}", 0, "not valid JSON" },
    { "{\"a\\x\":{}}", 0, "bad escape" },
    /* names */
    { "{\"\":{}}", 0, "name has 0 bytes" },
    { "{\"a\\n\":{}}", 0, "control characters" },
    { "{\"a\x7f\":{}}", 0, "control characters" },
    { "{\"a\xc2\x85\":{}}", 0, "control characters" },
    { "{\"layer.w\":{" F32_AT("[0,8]") "},\"layer.w\":{" F32_AT("[8,16]") "}}", 16,
      "the name layer.w is there twice" },
    { "{\"layer.w\":{" F32_AT("[0,8]") "},\"layer\\u002ew\":{" F32_AT("[8,16]") "}}", 16,
      "the name layer.w is there twice" },
    /* metadata */
    { "{\"__metadata__\":1}", 0, "__metadata__ is no object" },
    { "{\"__metadata__\":{\"a\":1}}", 0, "value that is no string" },
    { "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, "the name a is there twice" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice" },
    /* fields */
    { "{\"layer.w\":7}", 0, IN_W "its entry is no object" },
    { ENTRY("\"dtype\":\"F32\",\"shape\":[2]"), 8, IN_W "no field data_offsets" },
    { ENTRY("\"shape\":[2],\"data_offsets\":[0,8]"), 8, IN_W "no field dtype" },
    { ENTRY("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, IN_W "no field shape" },
    { ENTRY(F32_AT("[0,8]") ",\"extra\":1"), 8, IN_W "a field that is none of" },
    { ENTRY(F32_AT("[0,8]") ",\"Shape\":[2]"), 8, IN_W "a field that is none of" },
    { ENTRY(F32_AT("[0,8]") ",\"shape\":[2]"), 8, IN_W "the field shape is there twice" },
    /* dtype */
    { ENTRY("\"dtype\":11,\"shape\":[2],\"data_offsets\":[0,8]"), 8, IN_W "dtype is no string" },
    { W("F4", "[2]", "[0,1]"), 1, IN_W "unsupported dtype F4" },
    { W("f32", "[2]", "[0,8]"), 8, IN_W "unsupported dtype f32" },
    { W("\\u001b", "[2]", "[0,8]"), 8, IN_W "unsupported dtype (not printable)" },
    /* shape */
    { W("F32", "{}", "[0,8]"), 8, IN_W "shape is no list" },
    { W("F32", "[\"2\"]", "[0,8]"), 8, IN_W "dimension 0 of shape is no integer" },
    { W("F32", "[2,[1]]", "[0,8]"), 8, IN_W "dimension 1 of shape is no integer" },
    { W("F32", "[2.0]", "[0,8]"), 8, "no plain integer" },
    { W("F32", "[2e0]", "[0,8]"), 8, "no plain integer" },
    { W("F32", "[-2]", "[0,8]"), 8, "no plain integer" },
    { W("F32", "[02]", "[0,8]"), 8, "leading zeros" },
    { W("F32", "[true]", "[0,8]"), 8, "JSON does not allow" },
    { W("F32", "[0]", "[0,0]"), 0, IN_W "dimension 0 of shape is 0" },
    { W("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, IN_W "shape has more than 8 dimensions" },
    { W("F32", "[9007199254740992]", "[0,8]"), 8, IN_W "dimension 0 of shape is no integer" },
    { W("F32", "[9007199254740993]", "[0,8]"), 8, IN_W "dimension 0 of shape is no integer" },
    { W("F32", "[18446744073709551618]", "[0,8]"), 8, IN_W "dimension 0 of shape is no integer" },
    { W("F32", "[1000000000000000000000000000000000000000000000000000000000000000]", "[0,8]"), 8,
      "more than 63 characters" },
    { W("F32", "[4294967296,4294967296]", "[0,8]"), 8, IN_W "shape asks for more bytes than" },
    { W("F32", "[4294967296,1073741824]", "[0,8]"), 8, IN_W "shape asks for more bytes than" },
    /* offsets */
    { W("F32", "[2]", "[0]"), 8, IN_W "data_offsets is no list of two" },
    { W("F32", "[2]", "[0,8,8]"), 8, IN_W "data_offsets is no list of two" },
    { W("F32", "[2]", "8"), 8, IN_W "data_offsets is no list of two" },
    { W("F32", "[2]", "[\"0\",8]"), 8, IN_W "data_offsets are no integers" },
    { W("F32", "[2]", "[8,0]"), 8, IN_W "data_offsets [8,0] end before they begin" },
    { W("F32", "[2]", "[0,12]"), 8, IN_W "data_offsets [0,12] pass the end of the data, 8" },
    { W("F32", "[2]", "[0,9007199254740991]"), 8, IN_W "data_offsets [0,9007199254740991] pass" },
    { W("F32", "[2]", "[0,4]"), 8, IN_W "data_offsets [0,4] hold 4 bytes" },
    { W("F32", "[1]", "[0,8]"), 8, IN_W "data_offsets [0,8] hold 8 bytes" },
    { PAIR("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]", F32_AT("[2,10]")), 10,
      IN_W "data_offsets begin at 2, not aligned to F32" },
    /* tiling */
    { W("F32", "[2]", "[4,12]"), 12, IN_W "a hole of 4 bytes" },
    { W("F32", "[2]", "[0,8]"), 12, "4 bytes behind the last tensor" },
    { PAIR(F32_AT("[0,8]"), F32_AT("[12,20]")), 20, IN_W "a hole of 4 bytes" },
    { PAIR(F32_AT("[0,8]"), F32_AT("[4,12]")), 12, IN_W "its data overlap" },
    { "{}", 1, "1 bytes behind the last tensor" },
};

START_TEST(each_broken_rule_is_named)
{
    expect_refusal(broken[_i].header, broken[_i].data_bytes, broken[_i].words);
}
END_TEST

/* The same frames with nothing broken, so that the table above cannot pass for a wrong reason. */
static const struct { const char *header; size_t data_bytes; } sound[] = {
    { "{}", 0 },
    { "{}   ", 0 },
    { "{\"__metadata__\":{\"a\":\"\\u00e9\\ud83d\\ude00 \\\"\"}}", 0 },
    { W("F32", "[2]", "[0,8]"), 8 },
    { W("F32", "[]", "[0,4]"), 4 },
    { W("I64", "[1,1,1,1,1,1,1,2]", "[0,16]"), 16 },
    { W("BOOL", " [ 2 , 3 ]\t", "\n[0,\r6]"), 6 },
    { W("F8_E5M2", "[5]", "[0,5]"), 5 },
    { PAIR(F32_AT("[8,16]"), F32_AT("[0,8]")), 16 },
    { PAIR("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]", F32_AT("[4,12]")), 12 },
    { "{\"\xe5\x8d\x81\":{" F32_AT("[0,8]") "}}", 8 },
};

START_TEST(sound_headers_are_accepted)
{
    errinfo err = { 0 };
    ck_assert_msg(parse_header(sound[_i].header, sound[_i].data_bytes, &err) == ST_OK, "%s: %s",
                  sound[_i].header, err.text);
}
END_TEST

START_TEST(names_have_511_bytes_at_most)
{
    char header[700], name[513];
    for (size_t length = 511; length <= 512; length++) {
        memset(name, 'n', length);
        name[length] = '\0';
        (void)snprintf(header, sizeof header, "{\"%s\":{" F32_AT("[0,8]") "}}", name);
        errinfo err = { 0 };
        status st = parse_header(header, 8, &err);
        ck_assert_int_eq(st, length == 511 ? ST_OK : ST_FORMAT);
        ck_assert(st == ST_OK || strstr(err.text, "name has 512 bytes"));
    }
}
END_TEST

START_TEST(a_header_of_very_many_values_is_refused)
{
    enum { VALUES = 2000000 };
    char *header = malloc(2 * VALUES + 16);
    size_t used = 7;
    ck_assert_ptr_nonnull(header);
    memcpy(header, "{\"a\":[1", used);
    for (size_t i = 0; i < VALUES; i++) {
        header[used++] = ',';
        header[used++] = '1';
    }
    header[used++] = ']';
    header[used++] = '}';
    header[used] = '\0';
    expect_refusal(header, 0, "too many values");
    free(header);
}
END_TEST

/* cJSON's allocations, of which the one that counts to zero fails. */
static long allocations_left;

static void *allocate(size_t bytes)
{
    return allocations_left-- > 0 ? malloc(bytes) : NULL;
}

START_TEST(every_allocation_of_the_parser_may_fail)
{
    static const char header[] = "{\"__metadata__\":{\"a\":\"\\u00e9\"}," PLAIN_W "}";
    cJSON_Hooks hooks = { allocate, free };
    status st = ST_NOMEM;
    long allowed = 0;
    for (; st != ST_OK; allowed++) {
        errinfo err = { 0 };
        allocations_left = allowed;
        cJSON_InitHooks(&hooks);
        st = parse_header(header, 8, &err);
        cJSON_InitHooks(NULL);
        ck_assert_int_lt(allowed, 100);
        ck_assert(st == ST_OK || st == ST_NOMEM || st == ST_FORMAT);
        ck_assert(st == ST_OK || strncmp(err.text, "m.safetensors: ", 15) == 0);
    }
    ck_assert_int_gt(allowed, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor table");
    TCase *t = tcase_create("headers");
    tcase_add_loop_test(t, each_broken_rule_is_named, 0, sizeof broken / sizeof *broken);
    tcase_add_loop_test(t, sound_headers_are_accepted, 0, sizeof sound / sizeof *sound);
    tcase_add_test(t, names_have_511_bytes_at_most);
    tcase_add_test(t, a_header_of_very_many_values_is_refused);
    tcase_add_test(t, every_allocation_of_the_parser_may_fail);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
