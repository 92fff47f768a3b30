/* check_server_ollama.c - Ollama's /api/embed, /api/embeddings and /api/show. */
#include "tests/check_server_rows.h"

#define EMBED "/api/embed"

static const body_row rows[] = {
    { EMBED, "{\"model\":\"both\",\"input\":\"abc\",\"dimensions\":1}", 200,
      "{\"model\":\"both\",\"embeddings\":[[-1.0]],\"total_duration\":" },
    { EMBED, "{\"model\":\"both:latest\",\"input\":[\"a\",\"b\"],\"dimensions\":1,\"keep_alive\":\"5m\","
             "\"options\":{}}", 200, "\"load_duration\":0,\"prompt_eval_count\":6}" },
    { EMBED, "{\"model\":\"soft\",\"input\":\"a\",\"truncate\":true}", 200, "\"model\":\"soft\"" },
    { EMBED, "{\"model\":\"both\",\"input\":\"\"}", 200, "{\"model\":\"both\",\"embeddings\":[]}" },
    { EMBED, "{\"model\":\"both\"}", 200, "\"embeddings\":[]" },
    { EMBED, "{\"model\":\"nobody\"}", 404, "{\"error\":\"model \\\"nobody\\\" not found\"}" },
    { EMBED, "{\"model\":\"nobody\",\"input\":\"a\"}", 404, "{\"error\":\"" },
    { EMBED, "{\"input\":\"a\"}", 400, "{\"error\":\"model is required\"}" },
    { EMBED, "{\"model\":\"both\",\"input\":5}", 400, "{\"error\":\"input must be a string" },
    { EMBED, "{\"model\":\"both\",\"input\":[\"a\",\"\"]}", 400, "input[1] cannot be empty" },
    { "/api/embeddings", "{\"model\":\"both\",\"prompt\":\"abc\"}", 200, "{\"embedding\":[" },
    { "/api/embeddings", "{\"model\":\"both\",\"prompt\":\"\"}", 200, "{\"embedding\":[]}" },
    { "/api/embeddings", "{\"model\":\"both\",\"prompt\":[\"a\"]}", 400, "prompt must be a string" },
    { "/api/embeddings", "", 400, "{\"error\":\"" },
    { "/api/show", "{\"model\":\"soft:latest\",\"verbose\":false}", 200, "{\"details\":{\"family\":\"" },
    { "/api/show", "{\"model\":\"both\"}", 200, ".embedding_length\":" },
    { "/api/show", "{\"model\":\"both\"}", 200, "},\"capabilities\":[\"embedding\"]}" },
    { "/api/show", "{\"model\":\"nobody\"}", 404, "{\"error\":\"model \\\"nobody\\\" not found\"}" },
    { "/api/show", "{}", 400, "{\"error\":\"model is required\"}" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ollama");
    TCase *t = rows_case("bodies");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
