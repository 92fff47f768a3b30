/* check_server_fidelity.c - POST /v1/models/{id}/fidelity, and requests for approximating kinds, on tiny models. */
#include "tests/check_server_exchange.h"

#define PATH "/v1/models/both/fidelity"
#define SIM "/v1/similarity"

static fixture f;

static void open_fixture(void)
{
    fixture_open(&f, QUEUE_TOKENS);
}

static void close_fixture(void)
{
    fixture_close(&f);
}

static const struct { const char *path, *body; int status; const char *says; } rows[] = {
    { PATH, "{\"texts\":[\"abc\",\"a b\",\"x y z\"]}", 200,
      "{\"object\":\"fidelity\",\"model\":\"both\",\"precision\":\"f32\",\"favor\":{\"seed\":20210806,"
      "\"features\":256},\"kinds\":{\"favor\":{\"cosine_mean\":" },
    { PATH, "{\"texts\":[\"abc\",\"a b\",\"x y z\"]}", 200, "\"layers\":[{\"layer\":1,\"score_deviation\":" },
    { PATH, "{\"texts\":[\"abc\",\"a b\",\"x y z\"]}", 200, "\"served\":false}},\"layers\"" },
    { PATH, "{\"texts\":[\"abc\",\"a b\"],\"kinds\":[\"linear\"]}", 200, "\"kinds\":{\"linear\":{\"cosine_mean\":" },
    { PATH, "{\"texts\":[\"abc\",\"a b\"],\"kinds\":[\"linear\"]}", 200, "\"spearman\":null,\"served\":true}}" },
    { PATH, "{\"texts\":[\"abc\",\"a b\",\"abc\"],\"kinds\":[\"taylor2\"],\"pairs\":[[0,2],[0,1]]}", 200,
      "\"spearman\":1.0,\"served\":false}}" },
    { PATH, "{\"texts\":[\"abc\"],\"kinds\":null,\"pairs\":null,\"attention\":\"linear\",\"model\":\"soft\"}", 200,
      "\"model\":\"both\"" },
    { PATH, "{\"texts\":[\"abcdefg\"],\"max_length\":4}", 200, "\"truncated\":[{\"input\":\"texts[0]\"" },
    { "/v1/models/soft/fidelity", "{\"texts\":[\"a\"]}", 200, "\"model\":\"soft\"" },
    { "/v1/models/nobody/fidelity", "{\"texts\":[\"a\"]}", 404, "there is no model \\\"nobody\\\" here" },
    { "/v1/models//fidelity", "{\"texts\":[\"a\"]}", 404, "\"code\":\"not_found\"" },
    { "/v1/models/a/b/fidelity", "{\"texts\":[\"a\"]}", 404, "\"code\":\"not_found\"" },
    { PATH, "{}", 422, "\"code\":\"missing_field\",\"message\":\"texts is missing\",\"param\":\"texts\"" },
    { PATH, "{\"texts\":[]}", 422, "\"code\":\"empty_input\"" },
    { PATH, "{\"texts\":[\"a\",\"\"]}", 422, "\"param\":\"texts[1]\"" },
    { PATH, "{\"texts\":\"a\"}", 422, "texts must be an array, not a string" },
    { PATH, "{\"texts\":[\"a\"],\"kinds\":\"favor\"}", 422, "kinds must be an array" },
    { PATH, "{\"texts\":[\"a\"],\"kinds\":[]}", 422, "\"code\":\"empty_input\",\"message\":\"kinds cannot be empty\"" },
    { PATH, "{\"texts\":[\"a\"],\"kinds\":[\"favor\",\"softmax\"]}", 422,
      "kinds[1] is \\\"softmax\\\"; it must be linear, favor, taylor2 or explimit2" },
    { PATH, "{\"texts\":[\"a\"],\"kinds\":[7]}", 422, "kinds[0] must be a string, not a number" },
    { PATH, "{\"texts\":[\"a\",\"b\"],\"pairs\":[[0,2]]}", 422, "pairs[0] holds 2; there are texts 0 to 1" },
    { PATH, "{\"texts\":[\"a\",\"b\"],\"pairs\":[[0,1],[0,0.5]]}", 422, "pairs[1] holds 0.5" },
    { PATH, "{\"texts\":[\"a\",\"b\"],\"pairs\":[[0,\"1\"]]}", 422, "pairs[0] must hold two indices of texts" },
    { PATH, "{\"texts\":[\"a\",\"b\"],\"pairs\":[[0]]}", 422, "pairs[0] must be an array of two indices" },
    { PATH, "[]", 422, "\"code\":\"wrong_type\"" },

    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"attention\":\"favor\"}", 422,
      "the model both was not trained for favor attention; it has: softmax, linear (allow_untrained" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"attention\":\"explimit2\",\"allow_untrained\":true}", 200,
      "\"warning\":\"explimit2 attention approximates the softmax that the model was trained for" },
    { SIM, "{\"pairs\":[[\"a\",\"a\"]],\"attention\":\"taylor2\",\"allow_untrained\":true}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"attention\":\"flash\"}", 422,
      "it must be softmax, linear, favor, taylor2, explimit2 or auto" },
    { "/v1/embeddings", "{\"input\":\"a\",\"attention\":\"taylor2\"}", 400, "\"code\":\"attention_not_trained\"" },
};

START_TEST(a_body_gets_its_answer)
{
    call c = { 0 };
    call_make(&c, &f, "POST", rows[_i].path, json_headers, slice_of(rows[_i].body), CALL_ARENA_BYTES);
    ck_assert_msg(c.x.status == rows[_i].status && call_says(&c, rows[_i].says), "%s %s: %d\n%.*s\nwanted %d %s",
                  rows[_i].path, rows[_i].body, c.x.status, (int)c.x.answer.length, c.x.answer.data, rows[_i].status,
                  rows[_i].says);
    call_end(&c);
}
END_TEST

START_TEST(more_texts_than_a_probe_takes_are_refused)
{
    static char body[4096] = "{\"texts\":[";
    size_t used = strlen(body);
    for (int i = 0; i < 257; i++, used += 4)
        memcpy(body + used, "\"a\",", 5);
    memcpy(body + used - 1, "]}", 3);
    call c = { 0 };
    call_make(&c, &f, "POST", PATH, json_headers, slice_of(body), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 422);
    ck_assert_msg(call_says(&c, "the request has 257 texts; at most 256 are allowed"), "%.*s", (int)c.x.answer.length,
                  c.x.answer.data);
    call_end(&c);
}
END_TEST

/* As if its config.json had listed it. */
START_TEST(a_listed_approximation_is_served_with_a_warning)
{
    call c = { 0 };
    const model *m = registry_find(f.registry, slice_of("soft"));
    ((encoder_config *)(uintptr_t)model_describe(m)->config)->attention_approx = 1u << ATTENTION_TAYLOR2;
    call_make(&c, &f, "POST", SIM, json_headers,
              slice_of("{\"model\":\"soft\",\"pairs\":[[\"a\",\"a\"]],\"attention\":\"taylor2\"}"), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 200);
    ck_assert(call_says(&c, "\"warning\":\"taylor2 attention approximates the softmax"));
    call_end(&c);
    call_make(&c, &f, "POST", SIM, json_headers,
              slice_of("{\"model\":\"soft\",\"pairs\":[[\"a\",\"a\"]],\"attention\":\"favor\"}"), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 422);
    ck_assert(call_says(&c, "it has: softmax, taylor2"));
    call_end(&c);
    call_make(&c, &f, "GET", "/v1/models", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert(call_says(&c, "\"attention_approx\":[\"taylor2\"]"));
    call_end(&c);
}
END_TEST

/* The same texts give the same bytes. */
START_TEST(a_report_repeats)
{
    call a = { 0 }, b = { 0 };
    call_make(&a, &f, "POST", PATH, json_headers, slice_of(rows[0].body), CALL_ARENA_BYTES);
    call_make(&b, &f, "POST", PATH, json_headers, slice_of(rows[0].body), CALL_ARENA_BYTES);
    ck_assert(slice_equal(a.x.answer, b.x.answer));
    call_end(&a);
    call_end(&b);
}
END_TEST

START_TEST(a_deadline_that_is_over_ends_a_probe)
{
    call c = { 0 };
    f.service.timeout_ns = 1;
    call_make(&c, &f, "POST", PATH, json_headers, slice_of(rows[0].body), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 504);
    call_end(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fidelity route");
    TCase *t = tcase_create("fidelity");
    check_patience(t, 60);
    tcase_add_checked_fixture(t, open_fixture, close_fixture);
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, more_texts_than_a_probe_takes_are_refused);
    tcase_add_test(t, a_listed_approximation_is_served_with_a_warning);
    tcase_add_test(t, a_report_repeats);
    tcase_add_test(t, a_deadline_that_is_over_ends_a_probe);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
