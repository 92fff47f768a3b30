/* check_server_vllm.c - vLLM's /score and /pooling: golden bodies, forms, refusals. */
#include "tests/check_server_rows.h"

#define SCORE "/score"
#define POOL "/pooling"

static const body_row rows[] = {
    { SCORE, "{\"model\":\"both\",\"queries\":\"abc\",\"documents\":\"abc\"}", 200,
      "{\"id\":\"score-id-1\",\"object\":\"list\",\"created\":" },
    { SCORE, "{\"queries\":\"abc\",\"documents\":\"abc\"}", 200,
      "\"model\":\"both\",\"data\":[{\"index\":0,\"object\":\"score\",\"score\":1.0}],\"usage\":{\"prompt_tokens\":10,"
      "\"total_tokens\":10}}" },
    { "/v1/score", "{\"text_1\":\"abc\",\"text_2\":[\"abc\",\"abc\"],\"user\":\"u\"}", 200,
      "{\"index\":1,\"object\":\"score\",\"score\":1.0}]" },
    { SCORE, "{\"data_1\":[\"abc\",\"x\"],\"data_2\":[\"abc\",\"x\"],\"truncate_prompt_tokens\":-1}", 200,
      "[{\"index\":0,\"object\":\"score\",\"score\":1.0},{\"index\":1,\"object\":\"score\",\"score\":1.0}]" },
    { SCORE, "{\"queries\":\"abx\",\"documents\":\"aby\",\"truncate_prompt_tokens\":4}", 200, "\"score\":1.0" },
    { SCORE, "{\"queries\":\"a\",\"items\":\"a\",\"truncate_prompt_tokens\":100000}", 200, "\"score\":1.0" },
    { SCORE, "{\"queries\":\"a\",\"documents\":\"a\",\"model\":\"soft\",\"attention\":\"linear\","
             "\"allow_untrained\":true}", 200, "\"warning\":" },
    { SCORE, "{\"queries\":[\"a\",\"b\"],\"documents\":[\"a\",\"b\",\"c\"]}", 400,
      "{\"error\":{\"message\":\"queries has 2 texts and documents has 3; they must be 1:1, 1:N or N:N\",\"type\":"
      "\"invalid_request_error\",\"param\":\"queries\",\"code\":\"invalid_value\"}}" },
    { SCORE, "{\"queries\":[\"a\",\"b\"],\"documents\":\"a\"}", 400, "\"code\":\"invalid_value\"" },
    { SCORE, "{\"documents\":\"a\"}", 400, "queries is missing" },
    { SCORE, "{\"text_1\":\"a\"}", 400, "documents is missing" },
    { SCORE, "{\"queries\":[],\"documents\":\"a\"}", 400, "\"code\":\"empty_input\"" },
    { SCORE, "{\"queries\":\"a\",\"documents\":[\"b\",\"\"]}", 400, "\"param\":\"documents[1]\"" },
    { SCORE, "{\"queries\":\"a\",\"documents\":{}}", 400, "\"code\":\"wrong_type\"" },
    { SCORE, "{\"queries\":\"a\",\"documents\":\"a\",\"truncate_prompt_tokens\":1.5}", 400,
      "\"code\":\"out_of_range\"" },
    { SCORE, "{\"queries\":\"a\",\"documents\":\"a\",\"model\":\"gpt\"}", 404, "\"code\":\"model_not_found\"" },
    { SCORE, "[]", 400, "\"code\":\"wrong_type\"" },
    { POOL, "{\"input\":\"abc\",\"dimensions\":1}", 200,
      "\"data\":[{\"index\":0,\"object\":\"pooling\",\"data\":[-1.0]}],\"usage\":{\"prompt_tokens\":5," },
    { POOL, "{\"input\":[\"a\",[2,5,3]],\"dimensions\":1,\"task\":\"embed\"}", 200, "{\"index\":1," },
    { POOL, "{\"input\":\"a\",\"dimensions\":1,\"encoding_format\":\"base64\"}", 200, "\"data\":\"AACAPw==\"" },
    { POOL, "{\"input\":\"a\",\"task\":\"token_embed\"}", 200, "\"data\":[[" },
    { POOL, "{\"input\":\"a\",\"task\":\"classify\"}", 400, "\"code\":\"model_lacks_head\"" },
    { POOL, "{\"input\":\"a\",\"encoding_format\":\"hex\"}", 400, "\"code\":\"invalid_value\"" },
    { POOL, "{}", 400, "input is missing" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vllm");
    TCase *t = rows_case("bodies");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
