/* check_server_llamacpp.c - llama.cpp's /embedding, /tokenize and /detokenize. */
#include "tests/check_server_rows.h"

static const body_row rows[] = {
    { "/embedding", "{\"content\":\"abc\"}", 200, "[{\"index\":0,\"embedding\":[[" },
    { "/embedding", "{\"content\":[\"a\",\"b\"],\"embd_normalize\":-1}", 200, "{\"index\":1,\"embedding\":[[" },
    { "/embedding", "{\"input\":\"a\",\"embd_normalize\":2}", 200, "[[" },
    { "/embedding", "{\"content\":[2,5,3]}", 200, "[[" },
    { "/embedding", "{\"content\":\"a\",\"embd_normalize\":0}", 400, "embd_normalize is 0" },
    { "/embedding", "{}", 400, "\"message\":\"content is missing\",\"type\":\"invalid_request_error\"" },
    { "/embedding", "{\"content\":\"\"}", 400, "\"code\":\"empty_input\"" },
    { "/tokenize", "{\"content\":\"ab\"}", 200, "{\"tokens\":[5,32]}" },
    { "/tokenize", "{\"content\":\"ab\",\"add_special\":true,\"parse_special\":true}", 200, "{\"tokens\":[2,5,32,3]}" },
    { "/tokenize", "{\"content\":\"ab\",\"with_pieces\":true}", 200,
      "{\"tokens\":[{\"id\":5,\"piece\":\"a\"},{\"id\":32,\"piece\":\"##b\"}]}" },
    { "/tokenize", "{\"content\":\"\"}", 200, "{\"tokens\":[]}" },
    { "/tokenize", "{\"content\":5}", 400, "content must be a string" },
    { "/tokenize", "{\"inputs\":\"a\"}", 200, "[[{\"id\":2,\"text\":\"[CLS]\"" },
    { "/tokenize", "{}", 422, "\"error_type\":\"Validation\"" },
    { "/detokenize", "{\"tokens\":[2,5,32,3]}", 200, "{\"content\":\"ab\"}" },
    { "/detokenize", "{\"tokens\":[99]}", 400, "tokens[0] is 99; the vocabulary has 99 entries" },
    { "/detokenize", "{\"tokens\":\"a\"}", 400, "\"code\":\"wrong_type\"" },
    { "/detokenize", "{\"tokens\":[\"a\"]}", 400, "\"code\":\"wrong_type\"" },
    { "/detokenize", "{}", 400, "tokens is missing" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("llamacpp");
    TCase *t = rows_case("bodies");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
