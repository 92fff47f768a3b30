/* check_server_tei_heads.c - TEI's routes for models with a head, its token vectors and cloud aliases. */
#include "tests/check_server_rows.h"

static const body_row rows[] = {
    { "/predict", "{\"inputs\":\"a\"}", 424,
      "{\"error\":\"model is not a classifier model\",\"error_type\":\"Backend\"}" },
    { "/embed_sparse", "{\"inputs\":\"a\"}", 424, "\"error_type\":\"Backend\"" },
    { "/predict", "{\"inputs\"", 400, "\"error_type\":\"Validation\"" },
    { "/embed_all", "{\"inputs\":\"abc\"}", 200, "[[[" },
    { "/embed_all", "{\"inputs\":[\"a\",\"b\"],\"truncate\":true}", 200, "]],[[" },
    { "/embed_all", "{\"inputs\":\"\"}", 400, "\"error_type\":\"Empty\"" },
    { "/vertex", "{\"instances\":[{\"inputs\":\"a\"},{\"inputs\":\"b\"}]}", 200, "{\"predictions\":[[[" },
    { "/vertex", "{\"instances\":[{\"inputs\":\"\"}]}", 400, "instances[0].inputs cannot be empty" },
    { "/vertex", "{\"instances\":[7]}", 422, "instances[0] must be an object" },
    { "/vertex", "{}", 422, "instances is missing" },
    { "/invocations", "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[\"abc\"]}}", 200, "[1.0]" },
    { "/invocations", "{\"inputs\":\"a\"}", 200, "[[" },
};

static size_t count_of(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

START_TEST(embed_all_gives_a_vector_of_every_token_special_ones_included)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&c, &f, "/embed_all", "{\"inputs\":\"abc\"}");
    ck_assert_int_eq(c.x.status, 200);
    ck_assert_uint_eq(count_of(c.x.answer.data, '['), 1 + 1 + 5);
    ck_assert_uint_eq(count_of(c.x.answer.data, ','), 5 * 31 + 4);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(inference_answers_carry_teis_headers)
{
    static const char *const names[] = { "x-compute-type", "x-compute-time", "x-compute-characters",
                                         "x-compute-tokens", "x-total-time", "x-tokenization-time", "x-queue-time",
                                         "x-inference-time" };
    static const struct { const char *path, *body; } asked[] = {
        { "/embed", "{\"inputs\":\"abc\"}" },
        { "/embed_all", "{\"inputs\":\"abc\"}" },
        { "/v1/embeddings", "{\"input\":\"abc\"}" },
    };
    fixture f;
    fixture_open(&f, QUEUE_TOKENS);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        call c = { 0 };
        call_post(&c, &f, asked[i].path, asked[i].body);
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            ck_assert_msg(call_header_of(&c, names[n]) != NULL, "%s: no %s", asked[i].path, names[n]);
        ck_assert_str_eq(call_header_of(&c, "x-compute-characters"), "3");
        ck_assert_str_eq(call_header_of(&c, "x-compute-tokens"), "5");
        call_end(&c);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(a_missing_head_is_a_failure_of_model_type)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&c, &f, "/predict", "{\"inputs\":\"abc\"}");
    call_end(&c);
    arena *a = arena_open(0, 1 << 20);
    ck_assert_ptr_nonnull(strstr(metrics_text(f.service.metrics, a).data,
                                 "te_request_failure{err=\"model_type\"} 1\n"));
    arena_close(a);
    fixture_close(&f);
}
END_TEST

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tei_heads");
    TCase *t = rows_case("bodies");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, embed_all_gives_a_vector_of_every_token_special_ones_included);
    tcase_add_test(t, inference_answers_carry_teis_headers);
    tcase_add_test(t, a_missing_head_is_a_failure_of_model_type);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
