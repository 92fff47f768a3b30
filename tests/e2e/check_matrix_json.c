/* check_matrix_json.c - rows 43 to 76 of the table of malformed requests: what a body may hold, in our own dialect
 * (422 with the field's name) and in OpenAI's (400).
 *
 * Decided where the table leaves a choice: a blank text is served, an empty one is not (66); unknown fields are
 * ignored (73); Accept is ignored (40). Too many texts is found before an empty one among them (76).
 */
#include "tests/e2e/matrix.h"

#define SIM "/v1/similarity"
#define EMB "/v1/embeddings"

typedef struct {
    const char *row, *path, *body;
    size_t length;                        /* 0: the body is text */
    int status;
    const char *code;                     /* NULL with 200 */
    const char *param;                    /* NULL: null or any */
    const char *says;                     /* field, limit or value that the message names; NULL: anything */
} body_row;

#define RAW(text) (text), sizeof(text) - 1

static const body_row rows[] = {
    { "43 empty", SIM, "", 0, 400, "empty_body", NULL, NULL },
    { "44 blank", SIM, " \r\n\t ", 0, 400, "empty_body", NULL, NULL },
    { "45 truncated", SIM, "{\"pairs\":[[\"abc\",\"abc\"", 0, 400, "invalid_json", NULL, "byte 22" },
    { "45 cut in a literal", SIM, "{\"pairs\":nul", 0, 400, "invalid_json", NULL, "byte" },
    { "46 garbage behind", SIM, GOOD_BODY " x", 0, 400, "invalid_json", NULL, "byte 26" },
    { "47 two documents", SIM, GOOD_BODY GOOD_BODY, 0, 400, "invalid_json", NULL, "byte 25" },
    { "48 NaN", SIM, "{\"pairs\":NaN}", 0, 400, "invalid_json", NULL, "byte 9" },
    { "48 Infinity", SIM, "{\"pairs\":-Infinity}", 0, 400, "invalid_json", NULL, NULL },
    { "49 comment", SIM, "{\"pairs\":[]/*x*/}", 0, 400, "invalid_json", NULL, "byte 11" },
    { "49 trailing comma", SIM, "{\"pairs\":[[\"a\",\"b\"],]}", 0, 400, "invalid_json", NULL, NULL },
    { "49 single quotes", SIM, "{'pairs':[]}", 0, 400, "invalid_json", NULL, "byte 1" },
    { "50 leading zero", SIM, "{\"timeout_ms\":01}", 0, 400, "invalid_json", NULL, NULL },
    { "50 1.", SIM, "{\"timeout_ms\":1.}", 0, 400, "invalid_json", NULL, NULL },
    { "50 .5", SIM, "{\"timeout_ms\":.5}", 0, 400, "invalid_json", NULL, NULL },
    { "51 FF in a value", SIM, "{\"pairs\":[[\"a\",\"b\xff\"]]}", 0, 400, "invalid_utf8", NULL, "byte 17" },
    { "51 overlong", SIM, "{\"pairs\":[[\"a\",\"\xc0\xaf\"]]}", 0, 400, "invalid_utf8", NULL, NULL },
    { "51 a surrogate's bytes", SIM, "{\"pairs\":[[\"a\",\"\xed\xa0\x80\"]]}", 0, 400, "invalid_utf8", NULL, NULL },
    { "52 in a key", SIM, "{\"pa\xff\":[]}", 0, 400, "invalid_utf8", NULL, NULL },
    { "53 BOM", SIM, "\xef\xbb\xbf" GOOD_BODY, 0, 400, "invalid_utf8", NULL, NULL },
    { "53 UTF-16", SIM, RAW("\xff\xfe{\0}\0"), 400, "invalid_utf8", NULL, NULL },
    { "54 lone surrogate", SIM, "{\"pairs\":[[\"a\",\"\\ud800\"]]}", 0, 400, "invalid_json", NULL, NULL },
    { "54 wrong order", SIM, "{\"pairs\":[[\"a\",\"\\udc00\\ud800\"]]}", 0, 400, "invalid_json", NULL, NULL },
    { "55 \\u12g4", SIM, "{\"pairs\":[[\"a\",\"\\u12g4\"]]}", 0, 400, "invalid_json", NULL, NULL },
    { "56 raw control", SIM, "{\"pairs\":[[\"a\",\"b\nc\"]]}", 0, 400, "invalid_json", NULL, NULL },
    { "57 \\u0000", SIM, "{\"pairs\":[[\"a\",\"b\\u0000\"]]}", 0, 422, "invalid_character", NULL, NULL },
    { "57 NUL", SIM, RAW("{\"pairs\":[[\"a\",\"b\0\"]]}"), 422, "invalid_character", NULL, NULL },
    { "58 depth 17", SIM, "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 0, 400, "json_too_deep", NULL, "16" },
    { "60 duplicate key", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"pairs\":[[\"a\",\"b\"]]}", 0, 400, "duplicate_key", NULL,
      "the key \\\"pairs\\\" at byte 21" },
    { "60 duplicate through an escape", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"p\\u0061irs\":[]}", 0, 400, "duplicate_key",
      NULL, NULL },
    { "61 array", SIM, "[]", 0, 422, "wrong_type", NULL, "an array" },
    { "61 string", SIM, "\"a\"", 0, 422, "wrong_type", NULL, "a string" },
    { "62 nothing", SIM, "{}", 0, 422, "missing_field", NULL, NULL },
    { "62 half a form", SIM, "{\"source\":\"a\"}", 0, 422, "missing_field", "sentences", "sentences" },
    { "63 null", SIM, "{\"pairs\":null}", 0, 422, "wrong_type", "pairs", "pairs" },
    { "63 number", SIM, "{\"source\":7,\"sentences\":[\"a\"]}", 0, 422, "wrong_type", "source", "source" },
    { "64 one that is none", SIM, "{\"source\":\"a\",\"sentences\":[\"a\",\"b\",\"c\",5]}", 0, 422, "wrong_type",
      "sentences[3]", "sentences[3]" },
    { "65 no pairs", SIM, "{\"pairs\":[]}", 0, 422, "empty_input", "pairs", "pairs" },
    { "66 an empty text", SIM, "{\"pairs\":[[\"a\",\"\"]]}", 0, 422, "empty_input", "pairs[0].b", "pairs[0].b" },
    { "66 a blank text", SIM, "{\"pairs\":[[\"a\",\" \"]]}", 0, 200, NULL, NULL, "\"scores\"" },
    { "67 nine texts of eight", SIM,
      "{\"source\":\"a\",\"sentences\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]}", 0, 422, "too_many_inputs",
      NULL, "at most 8" },
    { "68 too long", SIM, "{\"pairs\":[[\"a\",\"abcdef\"]],\"truncate\":\"none\",\"max_length\":4}", 0, 422,
      "input_too_long", "pairs[0].b", "8 tokens; the limit is 4" },
    { "70 unknown model", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"model\":\"gpt\"}", 0, 404, "model_not_found", "model",
      "gpt" },
    { "71 below", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":-1}", 0, 422, "out_of_range", "max_length", "-1" },
    { "71 above", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":305}", 0, 422, "out_of_range", "max_length",
      "at most 304" },
    { "71 1.5", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":1.5}", 0, 422, "out_of_range", "max_length", "1.5" },
    { "71 1e999", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":1e999}", 0, 422, "out_of_range", "max_length", NULL },
    { "71 2^53+1", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":9007199254740993}", 0, 422, "out_of_range",
      "max_length", NULL },
    { "72 unknown word", SIM, "{\"pairs\":[[\"a\",\"b\"]],\"metric\":\"hamming\"}", 0, 422, "invalid_value", "metric",
      "hamming" },
    { "73 unknown field", SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"colour\":{\"deep\":[1]}}", 0, 200, NULL, NULL,
      "\"scores\":[1.0]" },
    { "-- two forms", SIM, "{\"pairs\":[],\"left\":[\"a\"]}", 0, 422, "ambiguous_input", NULL, NULL },
    { "-- more than the queue", SIM,
      "{\"pairs\":[[\"a b c d e f g h i j k l m n o p q r\",\"b b c d e f g h i j k l m n o p q r\"],"
      "[\"c b c d e f g h i j k l m n o p q r\",\"d b c d e f g h i j k l m n o p q r\"]]}",
      0, 422, "too_many_tokens", NULL, "the queue takes 64" },

    { "43 OpenAI", EMB, "", 0, 400, "empty_body", NULL, NULL },
    { "45 OpenAI", EMB, "{\"input\":", 0, 400, "invalid_json", NULL, "byte" },
    { "57 OpenAI", EMB, "{\"input\":\"\\u0000\"}", 0, 400, "invalid_character", NULL, NULL },
    { "61 OpenAI", EMB, "[]", 0, 400, "wrong_type", NULL, NULL },
    { "62 OpenAI", EMB, "{}", 0, 400, "missing_field", "input", "input" },
    { "63 OpenAI", EMB, "{\"input\":{}}", 0, 400, "wrong_type", "input", "input" },
    { "64 OpenAI", EMB, "{\"input\":[\"a\",\"b\",\"c\",null]}", 0, 400, "wrong_type", "input[3]", "input[3]" },
    { "65 OpenAI", EMB, "{\"input\":[]}", 0, 400, "empty_input", "input", "input" },
    { "66 OpenAI", EMB, "{\"input\":\"\"}", 0, 400, "empty_input", "input", NULL },
    { "67 OpenAI", EMB, "{\"input\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"\"]}", 0, 400, "too_many_inputs",
      NULL, "at most 8" },
    { "70 OpenAI", EMB, "{\"input\":\"a\",\"model\":\"gpt\"}", 0, 404, "model_not_found", "model", "gpt" },
    { "71 dimensions -1", EMB, "{\"input\":\"a\",\"dimensions\":-1}", 0, 400, "out_of_range", "dimensions", "-1" },
    { "71 dimensions 1.5", EMB, "{\"input\":\"a\",\"dimensions\":1.5}", 0, 400, "out_of_range", "dimensions", "1.5" },
    { "71 dimensions 1e999", EMB, "{\"input\":\"a\",\"dimensions\":1e999}", 0, 400, "out_of_range", "dimensions",
      NULL },
    { "71 dimensions 2^53+1", EMB, "{\"input\":\"a\",\"dimensions\":9007199254740993}", 0, 400, "out_of_range",
      "dimensions", NULL },
    { "72 OpenAI", EMB, "{\"input\":\"a\",\"encoding_format\":\"hex\"}", 0, 400, "invalid_value", "encoding_format",
      "hex" },
};

enum { ROWS = sizeof rows / sizeof *rows, LIMIT = 2097152 };

static e2e_server server;

/* OpenAI's error has the same code and param, and type instead of request_id. */
static void check_openai(const body_row *r, const raw_answer *a)
{
    char text[400];
    e2e_member(a, "error.code", text, sizeof text);
    ck_assert_msg(strcmp(text, r->code) == 0, "%s: want %s: %s", r->row, r->code, a->body);
    e2e_member(a, "error.type", text, sizeof text);
    ck_assert_msg(strcmp(text, "invalid_request_error") == 0, "%s: %s", r->row, a->body);
    e2e_member(a, "error.param", text, sizeof text);
    if (r->param)
        ck_assert_msg(strcmp(text, r->param) == 0, "%s: want param %s: %s", r->row, r->param, a->body);
}

static void check_answer(const body_row *r, const raw_answer *a)
{
    ck_assert_msg(a->status == r->status, "%s: %d, want %d: %s", r->row, a->status, r->status, a->body ? a->body : "");
    if (r->code && strcmp(r->path, EMB) == 0)
        check_openai(r, a);
    else if (r->code)
        check_error(r->row, a, r->code, r->param);
    if (r->says)
        ck_assert_msg(strstr(a->body, r->says) != NULL, "%s: want %s: %s", r->row, r->says, a->body);
}

/* On a connection that then serves a good request. */
static void check_body(const body_row *r)
{
    raw_client c = e2e_connect(&server);
    raw_answer a = e2e_post(&c, r->path, r->body, r->length ? r->length : strlen(r->body));
    check_answer(r, &a);
    raw_answer_clear(&a);
    a = e2e_post(&c, SIM, GOOD_BODY, strlen(GOOD_BODY));
    ck_assert_msg(a.status == 200, "%s: afterwards %d", r->row, a.status);
    raw_answer_clear(&a);
    raw_close(&c);
}

START_TEST(a_row_is_answered_as_the_table_says)
{
    check_body(&rows[_i]);
}
END_TEST

/* ---- bodies too long to write down ---- */

/* start, then unit until nothing more fits into `bytes`, then end. */
static char *repeated(const char *start, const char *unit, size_t bytes, const char *end)
{
    size_t length = strlen(start), step = strlen(unit), after = strlen(end);
    char *text = malloc(bytes + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, start, length);
    for (; length + step + after <= bytes; length += step)
        memcpy(text + length, unit, step);
    memcpy(text + length, end, after + 1);
    return text;
}

/* The answer's time is the work of one linear pass; the bound is for a busy machine and the sanitizers. */
static void check_long(const body_row *r, char *body)
{
    body_row whole = *r;
    whole.body = body;
    int64_t begin = clock_now_ns();
    check_body(&whole);
    ck_assert_int_lt((clock_now_ns() - begin) / 1000000, 10000);
    free(body);
}

START_TEST(a_hundred_thousand_brackets_are_too_deep)
{
    check_long(&(body_row){ .row = "59", .path = SIM, .status = 400, .code = "json_too_deep", .says = "16" },
               repeated("", "[", 100000, ""));
}
END_TEST

START_TEST(a_megabyte_of_one_word_is_served)
{
    check_long(&(body_row){ .row = "69", .path = SIM, .status = 200, .says = "\"unknown\":1,\"tokens\":3" },
               repeated("{\"pairs\":[[\"abc\",\"", "a", 1 << 20, "\"]]}"));
}
END_TEST

START_TEST(a_long_text_of_words_is_cut_and_reported)
{
    check_long(&(body_row){ .row = "69 words", .path = SIM, .status = 200, .says = "\"kept\":16" },
               repeated("{\"max_length\":16,\"pairs\":[[\"abc\",\"", "ab ", 1 << 20, "\"]]}"));
}
END_TEST

/* As ids they would be more tokens than the queue takes, and are counted before a tree of them is built. */
START_TEST(numbers_up_to_the_limit_are_too_many_tokens)
{
    check_long(&(body_row){ .row = "74", .path = SIM, .status = 422, .code = "too_many_tokens", .says = "numbers" },
               repeated("{\"source\":\"a\",\"sentences\":[1", ",1", LIMIT, "]}"));
}
END_TEST

/* Refused at its headers, so that the connection is spent. */
START_TEST(ten_megabytes_are_refused_unread)
{
    raw_client c = e2e_connect(&server);
    char *body = repeated("[1", ",1", 10000000, "]");
    raw_answer a = e2e_post(&c, SIM, body, strlen(body));
    ck_assert_int_eq(a.status, 413);
    check_error("74", &a, "payload_too_large", NULL);
    ck_assert_ptr_nonnull(strstr(a.body, "2097152"));
    raw_answer_clear(&a);
    raw_close(&c);
    free(body);
    check_well(&server, "74");
}
END_TEST

START_TEST(very_many_keys_are_too_many)
{
    enum { KEYS = 120000, KEY_BYTES = 17 };
    char *body = malloc(KEYS * KEY_BYTES);
    ck_assert_ptr_nonnull(body);
    int length = snprintf(body, KEY_BYTES, "{");
    for (int i = 0; i < KEYS; i++)
        length += snprintf(body + length, KEY_BYTES, "%s\"k%d\":true", i ? "," : "", i);
    (void)snprintf(body + length, KEY_BYTES, "}");
    check_long(&(body_row){ .row = "75", .path = SIM, .status = 422, .code = "too_many_fields", .says = "100000 keys" },
               body);
}
END_TEST

START_TEST(very_many_empty_strings_are_too_many_texts)
{
    check_long(&(body_row){ .row = "76", .path = SIM, .status = 422, .code = "too_many_inputs", .says = "strings" },
               repeated("{\"source\":\"a\",\"sentences\":[\"\"", ",\"\"", LIMIT, "]}"));
}
END_TEST

/* Whatever stands in a text, the log of the server does not repeat it. */
START_TEST(the_log_holds_no_text)
{
    raw_answer a = e2e_ask(&server, "POST", SIM, "", "{\"pairs\":[[\"confidential\",\"confidential\"]],\"top_k\":1}");
    ck_assert_int_eq(a.status, 422);
    raw_answer_clear(&a);
    char *log = e2e_log(&server);
    ck_assert_ptr_null(strstr(log, "confidential"));
    ck_assert_ptr_nonnull(strstr(log, SIM));
    free(log);
}
END_TEST

static void start(void)
{
    static const char *const options[] = { "--max-client-batch-size", "8", "--max-queue-tokens", "64",
                                           "--log-level", "debug", NULL };
    server = e2e_start_model(TINY_MODEL, options);
}

static void stop(void)
{
    ck_assert_int_eq(e2e_stop(&server), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("malformed JSON");
    TCase *t = tcase_create("rows");
    check_patience(t, 120);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_loop_test(t, a_row_is_answered_as_the_table_says, 0, ROWS);
    tcase_add_test(t, a_hundred_thousand_brackets_are_too_deep);
    tcase_add_test(t, a_megabyte_of_one_word_is_served);
    tcase_add_test(t, a_long_text_of_words_is_cut_and_reported);
    tcase_add_test(t, numbers_up_to_the_limit_are_too_many_tokens);
    tcase_add_test(t, ten_megabytes_are_refused_unread);
    tcase_add_test(t, very_many_keys_are_too_many);
    tcase_add_test(t, very_many_empty_strings_are_too_many_texts);
    tcase_add_test(t, the_log_holds_no_text);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
