/* check_server_rerank.c - Cohere's, Jina's and vLLM's rerank by cosine; TEI's body on the same path. */
#include "tests/check_server_rows.h"

#define V1 "/v1/rerank"
#define V2 "/v2/rerank"

static const body_row rows[] = {
    { V2, "{\"model\":\"both\",\"query\":\"abc\",\"documents\":[\"xyz\",\"abc\"],\"top_n\":1}", 200,
      "{\"id\":\"id-1\",\"model\":\"both\",\"results\":[{\"index\":1,\"relevance_score\":1.0}],\"usage\":{"
      "\"prompt_tokens\":15,\"total_tokens\":15},\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{"
      "\"search_units\":1}}}" },
    { V2, "{\"query\":\"abc\",\"documents\":[\"abc\"],\"return_documents\":true,\"max_tokens_per_doc\":4096}", 200,
      "\"results\":[{\"index\":0,\"relevance_score\":1.0,\"document\":{\"text\":\"abc\"}}]" },
    { V2, "{\"query\":\"abx\",\"documents\":[\"aby\"],\"max_tokens_per_doc\":4}", 200, "\"relevance_score\":1.0" },
    { V2, "{\"query\":\"a\",\"documents\":[\"a\"],\"priority\":3,\"top_n\":50}", 200, "\"index\":0" },
    { V1, "{\"query\":\"abc\",\"documents\":[\"abc\",{\"text\":\"abc\"}]}", 200,
      "{\"index\":1,\"relevance_score\":1.0,\"document\":{\"text\":\"abc\"}}]" },
    { V1, "{\"query\":\"abc\",\"documents\":[\"abc\"],\"return_documents\":false}", 200,
      "[{\"index\":0,\"relevance_score\":1.0}]" },
    { V1, "{\"query\":\"a\",\"documents\":[\"a\"],\"truncate_prompt_tokens\":-1}", 200, "\"version\":\"1\"" },
    { V1, "{\"documents\":[\"a\"]}", 400, "{\"id\":\"id-1\",\"message\":\"query must be a string; it is absent\"}" },
    { V1, "{\"query\":\"a\"}", 400, "\"message\":\"documents is missing\"" },
    { V1, "{\"query\":\"a\",\"documents\":[]}", 400, "documents cannot be empty" },
    { V1, "{\"query\":\"a\",\"documents\":[\"a\",{\"title\":\"b\"}]}", 400,
      "documents[1].text must be a string; it is absent" },
    { V1, "{\"query\":\"\",\"documents\":[\"a\"]}", 400, "query cannot be empty" },
    { V1, "{\"query\":\"a\",\"documents\":[\"a\"],\"top_n\":0}", 400, "top_n is 0" },
    { V1, "{\"query\":\"a\",\"documents\":[\"a\"],\"model\":\"rerank-v3.5\"}", 404, "rerank-v3.5" },
    { V1, "{", 400, "\"message\":\"" },
    { "/rerank", "{\"query\":\"abc\",\"documents\":[\"abc\"]}", 200, "\"document\":{\"text\":\"abc\"}" },
    { "/rerank", "{\"query\":\"abc\"}", 400, "\"code\":\"missing_field\"" },
    { "/rerank", "{\"query\":\"abc\",\"texts\":[\"abc\"]}", 424,
      "{\"error\":\"model is not a re-ranker model; send `query` and `documents` to rank by "
      "cosine\",\"error_type\":\"Backend\"}" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rerank");
    TCase *t = rows_case("bodies");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
