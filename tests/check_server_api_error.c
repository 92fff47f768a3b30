/* check_server_api_error.c - every code in every dialect: status, shape, headers; and what happens without memory. */
#include "tests/check_support.h"
#include "server/api_error.h"
#include "server/json_in.h"
#include "server/router.h"

#include <string.h>

/* The parts of http.c that an error touches. */
void exchange_answer(exchange *x, int status_code, const char *content_type, slice body)
{
    x->status = status_code;
    x->content_type = content_type;
    x->answer = body;
}

void exchange_add_header(exchange *x, const char *name, const char *value)
{
    x->headers[x->header_count].name = name;
    x->headers[x->header_count++].value = value;
}

static const char *header_of(const exchange *x, const char *name)
{
    for (size_t i = 0; i < x->header_count; i++)
        if (strcmp(x->headers[i].name, name) == 0)
            return x->headers[i].value;
    return NULL;
}

static const route native_route = { .dialect = DIALECT_NATIVE }, openai_route = { .dialect = DIALECT_OPENAI },
                   tei_route = { .dialect = DIALECT_TEI };

static const struct { api_error e; const char *code; int native, openai, tei; const char *type, *kind; } rows[] = {
    { API_AMBIGUOUS_FRAMING, "ambiguous_framing", 400, 400, 400, "invalid_request_error", "Validation" },
    { API_PAYLOAD_TOO_LARGE, "payload_too_large", 413, 413, 413, "invalid_request_error", "Validation" },
    { API_NOT_FOUND, "not_found", 404, 404, 404, "invalid_request_error", "Validation" },
    { API_METHOD_NOT_ALLOWED, "method_not_allowed", 405, 405, 405, "invalid_request_error", "Validation" },
    { API_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, 415, 415, "invalid_request_error", "Validation" },
    { API_UNAUTHORIZED, "unauthorized", 401, 401, 401, "authentication_error", "Validation" },
    { API_FORBIDDEN, "forbidden", 403, 403, 403, "invalid_request_error", "Validation" },
    { API_INVALID_JSON, "invalid_json", 400, 400, 400, "invalid_request_error", "Validation" },
    { API_WRONG_TYPE, "wrong_type", 422, 400, 422, "invalid_request_error", "Validation" },
    { API_EMPTY_INPUT, "empty_input", 422, 400, 400, "invalid_request_error", "Empty" },
    { API_TOO_MANY_INPUTS, "too_many_inputs", 422, 400, 422, "invalid_request_error", "Validation" },
    { API_INVALID_CHARACTER, "invalid_character", 422, 400, 422, "invalid_request_error", "Tokenizer" },
    { API_INPUT_TOO_LONG, "input_too_long", 422, 400, 422, "invalid_request_error", "Validation" },
    { API_ATTENTION_NOT_TRAINED, "attention_not_trained", 422, 400, 422, "invalid_request_error", "Validation" },
    { API_MODEL_NOT_FOUND, "model_not_found", 404, 404, 404, "invalid_request_error", "Validation" },
    { API_RATE_LIMITED, "rate_limited", 429, 429, 429, "rate_limit_error", "Overloaded" },
    { API_OVERLOADED, "overloaded", 503, 503, 429, "server_error", "Overloaded" },
    { API_DRAINING, "draining", 503, 503, 503, "server_error", "Unhealthy" },
    { API_DEADLINE_EXCEEDED, "deadline_exceeded", 504, 504, 504, "server_error", "Backend" },
    { API_INTERNAL, "internal", 500, 500, 424, "server_error", "Backend" },
};

static exchange answered(const route *r, api_error e, const char *param, const char *message, arena *a)
{
    exchange x = { .arena = a, .route = r, .request_id = "id-1" };
    api_error_answer(&x, e, param, "%s", message);
    ck_assert_str_eq(x.content_type, "application/json");
    return x;
}

static const char *text_at(const cJSON *tree, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, name);
    return cJSON_IsString(member) ? member->valuestring : NULL;
}

static cJSON *read_back(const exchange *x)
{
    json_fault fault;
    cJSON *tree = json_parse(x->answer, &fault);
    ck_assert_msg(tree != NULL, "%.*s: %s", (int)x->answer.length, x->answer.data, fault.message);
    return tree;
}

START_TEST(each_dialect_has_its_status_and_its_shape)
{
    arena *a = arena_open(0, 1 << 16);
    api_error e = rows[_i].e;
    exchange x = answered(&native_route, e, "pairs[3].a", "no \"good\"", a);
    cJSON *tree = read_back(&x);
    const cJSON *error = json_member(tree, "error");
    ck_assert_int_eq(x.status, rows[_i].native);
    ck_assert_str_eq(text_at(error, "code"), rows[_i].code);
    ck_assert_str_eq(text_at(error, "message"), "no \"good\"");
    ck_assert_str_eq(text_at(error, "param"), "pairs[3].a");
    ck_assert_str_eq(text_at(error, "request_id"), "id-1");
    json_free(tree);

    x = answered(&openai_route, e, NULL, "no", a);
    tree = read_back(&x);
    error = json_member(tree, "error");
    ck_assert_int_eq(x.status, rows[_i].openai);
    ck_assert_str_eq(text_at(error, "type"), rows[_i].type);
    ck_assert_str_eq(text_at(error, "code"), rows[_i].code);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(error, "param")));
    json_free(tree);

    x = answered(&tei_route, e, "inputs", "no", a);
    tree = read_back(&x);
    ck_assert_int_eq(x.status, rows[_i].tei);
    ck_assert_str_eq(text_at(tree, "error"), "no");
    ck_assert_str_eq(text_at(tree, "error_type"), rows[_i].kind);
    json_free(tree);
    arena_close(a);
}
END_TEST

START_TEST(every_code_is_in_the_table)
{
    for (api_error e = API_AMBIGUOUS_FRAMING; e < API_ERRORS; e++) {
        ck_assert_ptr_nonnull(api_error_code(e));
        for (dialect d = DIALECT_NATIVE; d <= DIALECT_TEI; d++)
            ck_assert(api_error_status(e, d) >= 400 && api_error_status(e, d) < 600);
        for (api_error other = API_AMBIGUOUS_FRAMING; other < e; other++)
            ck_assert_str_ne(api_error_code(e), api_error_code(other));
    }
    ck_assert_str_eq(api_error_code((api_error)999), "internal");
}
END_TEST

START_TEST(headers_come_with_the_status)
{
    arena *a = arena_open(0, 1 << 16);
    exchange x = answered(NULL, API_DRAINING, NULL, "x", a);
    ck_assert_str_eq(header_of(&x, "Retry-After"), "1");
    ck_assert(x.close_connection);
    x = answered(&tei_route, API_OVERLOADED, NULL, "x", a);
    ck_assert_ptr_nonnull(header_of(&x, "Retry-After"));
    ck_assert(!x.close_connection);
    x = answered(NULL, API_UNAUTHORIZED, NULL, "x", a);
    ck_assert_str_eq(header_of(&x, "WWW-Authenticate"), "Bearer");
    x = answered(NULL, API_INVALID_JSON, NULL, "x", a);
    ck_assert_uint_eq(x.header_count, 0);

    exchange waits = { .arena = a };
    exchange_add_header(&waits, "Retry-After", "17");
    api_error_answer(&waits, API_OVERLOADED, NULL, "x");
    ck_assert_uint_eq(waits.header_count, 1);
    arena_close(a);
}
END_TEST

START_TEST(a_message_cut_inside_a_character_is_still_valid_json)
{
    arena *a = arena_open(0, 1 << 16);
    char text[600] = "";
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t at = shift; at + 4 < sizeof text; at += 3)
            memcpy(text + at, "\xe4\xbb\x8a", 4);
        exchange x = answered(NULL, API_INVALID_VALUE, NULL, text, a);
        json_free(read_back(&x));
    }
    exchange middle = { .arena = a };
    api_error_answer(&middle, API_INVALID_VALUE, NULL, "model \"%.5s\" is unknown", "\xe4\xbb\x8a\xe4\xbb\x8a");
    json_free(read_back(&middle));
    arena_close(a);
}
END_TEST

START_TEST(without_memory_there_is_still_an_answer)
{
    for (size_t max = 0; max < 4096; max += 64) {
        arena *a = arena_open(0, max);
        exchange x = answered(NULL, API_EMPTY_INPUT, "input", "x", a);
        cJSON *tree = read_back(&x);
        ck_assert_int_eq(x.status, strstr(x.answer.data, "out_of_memory") ? 503 : 422);
        json_free(tree);
        arena_close(a);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_error");
    TCase *t = tcase_create("api_error");
    tcase_add_loop_test(t, each_dialect_has_its_status_and_its_shape, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, every_code_is_in_the_table);
    tcase_add_test(t, headers_come_with_the_status);
    tcase_add_test(t, a_message_cut_inside_a_character_is_still_valid_json);
    tcase_add_test(t, without_memory_there_is_still_an_answer);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
