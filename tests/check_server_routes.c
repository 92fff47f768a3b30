/* check_server_routes.c - requests and answers of every dialect, row by row, and what the router decides itself. */
#include "tests/check_server_rows.h"

#define SIM "/v1/similarity"
#define EMB "/v1/embeddings"

static const body_row rows[] = {
    /* ---- native: the three forms ---- */
    { SIM, "{\"pairs\":[{\"a\":\"abc\",\"b\":\"abc\"}]}", 200,
      "{\"object\":\"similarity\",\"model\":\"both\",\"attention\":\"linear\",\"scores\":[1.0],\"usage\":{"
      "\"texts\":2,\"tokens\":10,\"truncated\":[],\"unknown\":[]}}" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"],[\"x\",\"x\"]]}", 200, "\"scores\":[1.0,1.0]" },
    { SIM, "{\"source\":\"abc\",\"sentences\":[\"abc\",\"abc\"]}", 200, "\"scores\":[1.0,1.0]" },
    { SIM, "{\"left\":[\"abc\"],\"right\":[\"abc\",\"abc\"]}", 200, "\"scores\":[[1.0,1.0]]" },
    { SIM, "{\"left\":[\"abc\",\"abc\"],\"right\":[\"abc\"],\"top_k\":5}", 200,
      "\"scores\":[[{\"index\":0,\"score\":1.0}],[{\"index\":0,\"score\":1.0}]]" },
    { SIM, "{\"left\":[\"abc\"],\"right\":[\"abc\",\"xyz\"],\"threshold\":1}", 200,
      "\"scores\":[[{\"index\":0,\"score\":1.0}]]" },
    { SIM, "{\"left\":[\"abc\"],\"right\":[\"abc\"],\"threshold\":2}", 200, "\"scores\":[[]]" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"metric\":\"euclidean\"}", 200, "\"scores\":[0.0]" },
    { SIM, "{\"pairs\":[[\" \",\"abc\"]]}", 200, "\"tokens\":7" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"attention\":\"softmax\"}", 200, "\"attention\":\"softmax\"" },
    /* the measured crossover decides which of the two serves */
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"attention\":\"auto\"}", 200, "\"model\":\"both\",\"attention\":\"" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"attention\":null,\"model\":null,\"max_length\":null}", 200,
      "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"model\":\"soft\"}", 200,
      "\"model\":\"soft\",\"attention\":\"softmax\"" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"colour\":{\"deep\":[1]}}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"abc\",\"a\xf0\x9f\x98\x80\"]]}", 200,
      "\"unknown\":[{\"input\":\"pairs[0].b\",\"unknown\":1,\"tokens\":3}]" },
    { SIM, "{\"pairs\":[[\"a\",\"abcdef\"]],\"max_length\":4}", 200,
      "\"tokens\":7,\"truncated\":[{\"input\":\"pairs[0].b\",\"tokens\":8,\"kept\":4}]" },
    { SIM, "{\"pairs\":[[\"abx\",\"aby\"]],\"max_length\":4}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"x ab\",\"y ab\"]],\"max_length\":4,\"truncate\":\"left\"}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"a x b\",\"a y b\"]],\"max_length\":4,\"truncate\":\"middle\"}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"b\",\"a b\"]],\"prompt_a\":\"a \"}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"source\":\"a b\",\"sentences\":[\"b\"],\"prompt_b\":\"a \"}", 200, "\"scores\":[1.0]" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"model\":\"soft\",\"attention\":\"linear\",\"allow_untrained\":true}",
      200, "\"warning\":\"the model was not trained for linear attention" },
    { SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"timeout_ms\":30000}", 200, "\"scores\":[1.0]" },

    /* ---- native: refusals ---- */
    { SIM, "", 400, "\"code\":\"empty_body\"" },
    { SIM, "[]", 422, "\"code\":\"wrong_type\",\"message\":\"the body must be a JSON object, not an array\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]]", 400, "\"code\":\"invalid_json\"" },
    { SIM, "{\"pairs\":[[\"a\",\"\xff\"]]}", 400, "\"code\":\"invalid_utf8\"" },
    { SIM, "{\"pairs\":[[\"a\",\"\\u0000\"]]}", 422, "\"code\":\"invalid_character\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"pairs\":[]}", 400, "\"code\":\"duplicate_key\"" },
    { SIM, "{}", 422, "\"code\":\"missing_field\"" },
    { SIM, "{\"source\":\"a\"}", 422,
      "\"code\":\"missing_field\",\"message\":\"sentences is missing\",\"param\":\"sentences\"" },
    { SIM, "{\"sentences\":[\"a\"]}", 422, "\"param\":\"source\"" },
    { SIM, "{\"left\":[\"a\"]}", 422, "\"param\":\"right\"" },
    { SIM, "{\"pairs\":[],\"left\":[\"a\"]}", 422, "\"code\":\"ambiguous_input\"" },
    { SIM, "{\"source\":\"a\",\"right\":[\"a\"]}", 422, "\"code\":\"ambiguous_input\"" },
    { SIM, "{\"pairs\":[]}", 422,
      "\"code\":\"empty_input\",\"message\":\"pairs cannot be empty\",\"param\":\"pairs\"" },
    { SIM, "{\"pairs\":null}", 422, "\"code\":\"wrong_type\"" },
    { SIM, "{\"pairs\":\"a\"}", 422, "pairs must be an array, not a string" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"],[\"a\"]]}", 422, "pairs[1] must hold two strings; it holds 1 values" },
    { SIM, "{\"pairs\":[[\"a\",\"b\",\"c\"]]}", 422, "\"code\":\"wrong_type\"" },
    { SIM, "{\"pairs\":[{\"a\":\"x\"}]}", 422,
      "\"code\":\"missing_field\",\"message\":\"pairs[0].b must be a string; it is absent\"" },
    { SIM, "{\"pairs\":[{\"a\":\"x\",\"b\":7}]}", 422, "\"code\":\"wrong_type\"" },
    { SIM, "{\"pairs\":[7]}", 422, "\"param\":\"pairs[0]\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"],[\"\",\"b\"]]}", 422,
      "\"code\":\"empty_input\",\"message\":\"pairs[1].a cannot be empty\",\"param\":\"pairs[1].a\"" },
    { SIM, "{\"source\":\"\",\"sentences\":[\"a\"]}", 422, "\"param\":\"source\"" },
    { SIM, "{\"source\":\"a\",\"sentences\":[\"a\",null]}", 422, "\"code\":\"wrong_type\"" },
    { SIM,
      "{\"source\":\"a\",\"sentences\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
      "\"\"]}",
      422,
      "\"code\":\"too_many_inputs\",\"message\":\"sentences: the request has 17 texts; at most 16 are allowed\"" },
    { SIM, "{\"pairs\":[1,2,3,4,5,6,7,8,9]}", 422, "\"code\":\"too_many_inputs\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"model\":\"gpt\"}", 404, "\"code\":\"model_not_found\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"model\":5}", 422, "model must be a string, not a number" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"attention\":\"flash\"}", 422, "\"code\":\"invalid_value\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"model\":\"soft\",\"attention\":\"linear\"}", 422,
      "\"code\":\"attention_not_trained\",\"message\":\"the model soft was not trained for linear attention; it has: "
      "softmax" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"metric\":\"hamming\"}", 422, "metric is \\\"hamming\\\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"truncate\":\"both\"}", 422, "\"param\":\"truncate\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"truncate\":true}", 422, "truncate must be a string, not a boolean" },
    { SIM, "{\"pairs\":[[\"a\",\"abcdef\"]],\"truncate\":\"none\",\"max_length\":4}", 422,
      "\"code\":\"input_too_long\",\"message\":\"pairs[0].b has 8 tokens; the limit is "
      "4\",\"param\":\"pairs[0].b\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":305}", 422,
      "max_length is 305; the model takes at most 304 tokens" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"max_length\":0}", 422, "\"code\":\"out_of_range\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"timeout_ms\":0}", 422, "\"param\":\"timeout_ms\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"timeout_ms\":30001}", 422, "it must be a whole number from 1 to 30000" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"top_k\":1}", 422, "top_k works with left and right only" },
    { SIM, "{\"left\":[\"a\"],\"right\":[\"b\"],\"top_k\":1.5}", 422, "\"code\":\"out_of_range\"" },
    { SIM, "{\"left\":[\"a\"],\"right\":[\"b\"],\"threshold\":1e999}", 422, "\"param\":\"threshold\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"allow_untrained\":1}", 422, "\"param\":\"allow_untrained\"" },

    /* ---- OpenAI ---- */
    { EMB, "{\"input\":\"abc\",\"model\":\"both\",\"dimensions\":1}", 200,
      "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[" },
    { EMB, "{\"input\":\"abc\",\"user\":\"u\"}", 200,
      "\"model\":\"both\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}" },
    { EMB, "{\"input\":[\"a\",\"b\"]}", 200, "{\"object\":\"embedding\",\"index\":1," },
    { EMB, "{\"input\":[2,5,3]}", 200, "\"prompt_tokens\":3" },
    { EMB, "{\"input\":[[2,5,3],[2,3],\"abc\"]}", 200, "\"prompt_tokens\":10" },
    { EMB, "{\"input\":\"a\",\"dimensions\":1,\"encoding_format\":\"base64\"}", 200, "\"embedding\":\"AACAPw==\"" },
    { EMB, "{\"input\":\"a\",\"dimensions\":1,\"encoding_format\":\"float\"}", 200, "\"embedding\":[1.0]" },
    { EMB, "{\"input\":\"a\",\"model\":\"soft\",\"attention\":\"linear\",\"allow_untrained\":true,\"dimensions\":1}",
      200, "\"warning\":" },
    { "/embeddings", "{\"input\":\"abc\"}", 200, "\"object\":\"list\"" },
    { EMB, "{}", 400,
      "{\"error\":{\"message\":\"input is missing\",\"type\":\"invalid_request_error\",\"param\":\"input\","
      "\"code\":\"missing_field\"}}" },
    { EMB, "{\"input\":null}", 400, "\"code\":\"wrong_type\"" },
    { EMB, "{\"input\":{}}", 400, "\"code\":\"wrong_type\"" },
    { EMB, "{\"input\":[]}", 400, "\"code\":\"empty_input\"" },
    { EMB, "{\"input\":\"\"}", 400, "\"code\":\"empty_input\"" },
    { EMB, "{\"input\":[\"a\",\"\"]}", 400, "\"param\":\"input[1]\",\"code\":\"empty_input\"" },
    { EMB, "{\"input\":[[]]}", 400, "\"param\":\"input[0]\",\"code\":\"empty_input\"" },
    { EMB, "{\"input\":[\"a\",\"b\",\"c\",5]}", 400, "\"param\":\"input[3]\",\"code\":\"wrong_type\"" },
    { EMB, "{\"input\":[2,\"a\"]}", 400, "input[1] must be a token id, not a string" },
    { EMB, "{\"input\":[2,-1]}", 400, "\"code\":\"out_of_range\"" },
    { EMB, "{\"input\":[2,1.5]}", 400, "input[1] is 1.5" },
    { EMB, "{\"input\":[2,99]}", 400, "input[1] is 99; the vocabulary has 99 entries" },
    { EMB, "{\"input\":[[2],[5,4294967296]]}", 400, "\"code\":\"out_of_range\"" },
    { EMB, "{\"input\":\"a\",\"dimensions\":33}", 400, "dimensions is 33; the model both has 32" },
    { EMB, "{\"input\":\"a\",\"dimensions\":-1}", 400, "\"code\":\"out_of_range\"" },
    { EMB, "{\"input\":\"a\",\"dimensions\":1e999}", 400, "\"code\":\"out_of_range\"" },
    { EMB, "{\"input\":\"a\",\"dimensions\":9007199254740993}", 400, "\"code\":\"out_of_range\"" },
    { EMB, "{\"input\":\"a\",\"encoding_format\":\"hex\"}", 400, "\"code\":\"invalid_value\"" },
    { EMB, "{\"input\":\"a\",\"model\":\"gpt\"}", 404, "\"code\":\"model_not_found\"" },
    { EMB, "{\"input\":\"a\",\"model\":\"soft\",\"attention\":\"linear\"}", 400,
      "\"code\":\"attention_not_trained\"" },
    { EMB, "{\"input\":[2,5,5,5,5],\"truncate\":\"none\",\"max_length\":4}", 400,
      "input has 5 tokens; the limit is 4" },
    { EMB, "{\"input\":[2,5,5,5,5],\"max_length\":4}", 200, "\"prompt_tokens\":4" },
    { EMB, "{\"input\":[2,5,5,5,5],\"max_length\":3,\"truncate\":\"middle\"}", 200, "\"prompt_tokens\":3" },

    /* ---- TEI ---- */
    { "/embed", "{\"inputs\":\"a\",\"dimensions\":1}", 200, "[[1.0]]" },
    { "/embed", "{\"inputs\":[\"a\",\"a\"],\"dimensions\":1,\"truncate\":null,\"prompt_name\":null}", 200,
      "[[1.0],[1.0]]" },
    { "/embed", "{\"inputs\":\"a\",\"model\":\"gpt\",\"dimensions\":1}", 200, "[[1.0]]" },
    { "/embed", "{\"inputs\":\"\"}", 400, "{\"error\":\"inputs cannot be empty\",\"error_type\":\"Empty\"}" },
    { "/embed", "{\"inputs\":[]}", 400, "\"error_type\":\"Empty\"" },
    { "/embed", "{\"inputs\":[99999999]}", 422, "inputs[0] is 99999999; the vocabulary has 99 entries" },
    { "/embed", "{\"inputs\":\"a\",\"prompt_name\":\"query\"}", 422, "\"error_type\":\"Validation\"" },
    { "/embed", "{\"inputs\":\"a\",\"truncation_direction\":\"Left\"}", 200, "[[" },
    { "/embed", "{\"inputs\":\"a\",\"truncation_direction\":\"up\"}", 422, "it must be left or right" },
    { "/embed", "{\"inputs\":\"a\",\"dimensions\":33}", 422, "\"error_type\":\"Validation\"" },
    { "/embed", "{\"inputs\":7}", 422, "\"error_type\":\"Validation\"" },
    { "/embed", "{\"inputs\"", 400, "\"error_type\":\"Validation\"" },
    { "/embed", "{\"inputs\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", 200, "[[" },
    { "/embed", "{\"inputs\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}",
      422, "inputs: the request has 17 texts; at most 16 are allowed" },
    { "/similarity", "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[\"abc\",\"abc\"]},\"parameters\":{}}",
      200, "[1.0,1.0]" },
    { "/similarity",
      "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[\"abc\"]},\"options\":{\"use_cache\":true}}", 200,
      "[1.0]" },
    { "/similarity", "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[]}}", 400,
      "{\"error\":\"inputs.sentences cannot be empty\",\"error_type\":\"Empty\"}" },
    { "/similarity", "{\"inputs\":{\"source_sentence\":\"\",\"sentences\":[\"a\"]}}", 400,
      "\"error_type\":\"Empty\"" },
    { "/similarity", "{\"inputs\":{\"sentences\":[\"a\"]}}", 422, "inputs.source_sentence" },
    { "/similarity", "{\"inputs\":\"a\"}", 422, "inputs must be an object" },
    { "/similarity", "{}", 422, "inputs is missing" },
    { "/similarity", "{\"inputs\":{\"source_sentence\":\"a\",\"sentences\":[\"a\"]},\"parameters\":[]}", 422,
      "parameters" },
    { "/similarity",
      "{\"inputs\":{\"source_sentence\":\"a\",\"sentences\":[\"a\"]},\"parameters\":{\"prompt_name\":\"q\"}}", 422,
      "no prompts are configured" },
    { "/", "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[\"abc\"]}}", 200, "[1.0]" },
    { "/", "{\"inputs\":\"a\",\"dimensions\":1}", 200, "[[1.0]]" },
    { "/tokenize", "{\"inputs\":\"ab \xe4\xb8\x80\"}", 200,
      "[[{\"id\":2,\"text\":\"[CLS]\",\"special\":true,\"start\":null,\"stop\":null},"
      "{\"id\":5,\"text\":\"a\",\"special\":false,\"start\":0,\"stop\":1},"
      "{\"id\":32,\"text\":\"b\",\"special\":false,\"start\":1,\"stop\":2},"
      "{\"id\":57,\"text\":\"\xe4\xb8\x80\",\"special\":false,\"start\":3,\"stop\":6},"
      "{\"id\":3,\"text\":\"[SEP]\",\"special\":true,\"start\":null,\"stop\":null}]]" },
    { "/tokenize", "{\"inputs\":[\"a\",\"b\"],\"add_special_tokens\":false}", 200,
      "[[{\"id\":5,\"text\":\"a\",\"special\":false,\"start\":0,\"stop\":1}],[{\"id\":6," },
    { "/tokenize", "{\"inputs\":[5]}", 422, "inputs must be a string" },
    { "/tokenize", "{\"inputs\":[\"a\",[5]]}", 422, "inputs[1] must be a string" },
    { "/tokenize", "{\"inputs\":[]}", 400, "\"error_type\":\"Empty\"" },
    { "/decode", "{\"ids\":[2,5,32,3]}", 200, "[\"ab\"]" },
    { "/decode", "{\"ids\":[[5],[6]]}", 200, "[\"a\",\"b\"]" },
    { "/decode", "{\"ids\":[2,5,3],\"skip_special_tokens\":false}", 200, "[\"[CLS] a [SEP]\"]" },
    { "/decode", "{\"ids\":[99]}", 422, "ids[0] is 99; the vocabulary has 99 entries" },
    { "/decode", "{\"ids\":\"a\"}", 422, "ids must be a list of token ids" },
    { "/decode", "{}", 422, "ids is missing" },
};

START_TEST(a_body_gets_its_answer)
{
    row_check(&rows[_i]);
}
END_TEST

/* ---- what the router decides from the headers ---- */

static const struct { const char *method, *path, *name, *value; int status; const char *says;
} requests[] = {
    { "GET", "/livez", NULL, NULL, 200, "{\"status\":\"live\"}" },
    { "GET", "/readyz", NULL, NULL, 200, "{\"status\":\"ready\"}" },
    { "HEAD", "/readyz", NULL, NULL, 200, "" },
    { "GET", "/health", NULL, NULL, 200, "" },
    { "GET", "/ping", NULL, NULL, 200, "" },
    { "GET", "/", NULL, NULL, 200, "" },
    { "GET", "/", "accept", "text/html,application/xhtml+xml", 200, "<title>rosim" },
    { "GET", "/metrics", NULL, NULL, 200, "rosim_requests_total" },
    { "GET", "/info", NULL, NULL, 200,
      "{\"model_id\":\"both\",\"model_sha\":null,\"model_dtype\":\"float32\",\"served_model_name\":\"both\","
      "\"model_type\":{\"embedding\":{\"pooling\":\"mean\"}},\"max_concurrent_requests\":512,"
      "\"max_input_length\":304,\"max_batch_tokens\":2048,\"max_batch_requests\":null,"
      "\"max_client_batch_size\":16,\"auto_truncate\":true," },
    { "GET", "/v1/models", NULL, NULL, 200,
      "\"attention\":[\"softmax\",\"linear\"],\"default_attention\":\"linear\",\"attention_approx\":[],"
      "\"dimensions\":32" },
    { "GET", "/v1/models", NULL, NULL, 200, "{\"id\":\"soft\",\"object\":\"model\"," },
    { "GET", "/v1/models/soft", NULL, NULL, 200, "{\"id\":\"soft\",\"object\":\"model\",\"created\":" },
    { "GET", "/v1/models/nobody", NULL, NULL, 404,
      "\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"" },
    { "DELETE", "/v1/models/soft", NULL, NULL, 405, "\"code\":\"method_not_allowed\"" },
    { "GET", "/nope", NULL, NULL, 404, "\"code\":\"not_found\"" },
    { "POST", "/../v1/similarity", NULL, NULL, 404, "\"code\":\"not_found\"" },
    { "POST", "//v1/similarity", NULL, NULL, 404, "\"code\":\"not_found\"" },
    { "POST", "/v1/similarity/", NULL, NULL, 404, "\"code\":\"not_found\"" },
    { "GET", SIM, NULL, NULL, 405, "\"code\":\"method_not_allowed\"" },
    { "TRACE", SIM, NULL, NULL, 405, "\"code\":\"method_not_allowed\"" },
    { "get", "/livez", NULL, NULL, 405, "\"code\":\"method_not_allowed\"" },
    { "HEAD", SIM, NULL, NULL, 405, "\"code\":\"method_not_allowed\"" },
    { "DELETE", "/embed", NULL, NULL, 405, "\"error_type\":\"Validation\"" },
    { "POST", "/info", NULL, NULL, 405, "\"error_type\":\"Validation\"" },
    { "POST", SIM, NULL, NULL, 415, "\"code\":\"unsupported_media_type\"" },
    { "POST", SIM, "content-type", "text/plain", 415, "\"code\":\"unsupported_media_type\"" },
    { "POST", SIM, "content-type", "application/jsonx", 415, "\"code\":\"unsupported_media_type\"" },
    { "POST", SIM, "content-type", "application/json; charset=latin1", 415, "\"code\":\"unsupported_media_type\"" },
    { "POST", SIM, "content-type", "application/json; charset=UTF-8", 400, "\"code\":\"empty_body\"" },
    { "POST", SIM, "content-type", "Application/JSON ; x=y; charset=\"utf-8\"", 400, "\"code\":\"empty_body\"" },
    { "POST", SIM, "content-type", "application/json;", 400, "\"code\":\"empty_body\"" },
    { "POST", "/embed", "content-type", "text/plain", 415, "\"error_type\":\"Validation\"" },
    { "POST", EMB, "content-type", "text/plain", 415, "\"type\":\"invalid_request_error\"" },
};

START_TEST(a_request_line_and_a_header_get_their_answer)
{
    fixture f;
    call c = { 0 };
    const call_header headers[] = { { requests[_i].name, requests[_i].value }, { NULL, NULL } };
    fixture_open(&f, QUEUE_TOKENS);
    call_make(&c, &f, requests[_i].method, requests[_i].path, headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_msg(c.x.status == requests[_i].status, "%s: %d %s", requests[_i].path, c.x.status, c.x.answer.data);
    ck_assert_msg(call_says(&c, requests[_i].says), "%s: %s", requests[_i].path, c.x.answer.data);
    ck_assert((c.x.status == 405) == (call_header_of(&c, "Allow") != NULL));
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(encodings_of_the_body_are_refused_but_identity)
{
    static const call_header gzip[] = { { "content-type", "application/json" },
                                        { "content-encoding", "gzip" },
                                        { NULL, NULL } };
    static const call_header same[] = { { "content-type", "application/json" },
                                        { "content-encoding", "Identity" },
                                        { NULL, NULL } };
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_make(&c, &f, "POST", SIM, gzip, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 415);
    ck_assert(call_says(&c, "unsupported_encoding"));
    call_end(&c);
    call_make(&c, &f, "POST", SIM, same, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 400);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(allow_lists_the_methods_of_the_path)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_make(&c, &f, "PUT", "/", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_str_eq(call_header_of(&c, "Allow"), "POST, GET, HEAD, OPTIONS");
    call_end(&c);
    call_make(&c, &f, "OPTIONS", SIM, json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 204);
    ck_assert_str_eq(call_header_of(&c, "Allow"), "POST, OPTIONS");
    ck_assert_ptr_null(call_header_of(&c, "Access-Control-Allow-Origin"));
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(pages_of_allowed_origins_may_call_and_others_may_not)
{
    static const char *const listed[] = { "http://shop.example", "http://blog.example" }, *const any[] = { "*" };
    static const call_header blog[] = { { "origin", "http://blog.example" },
                                        { "content-type", "application/json" },
                                        { NULL, NULL } };
    static const call_header evil[] = { { "origin", "http://evil.example" },
                                        { "content-type", "application/json" },
                                        { NULL, NULL } };
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    f.service.cors_origins = listed;
    f.service.cors_count = 2;
    call_make(&c, &f, "OPTIONS", SIM, blog, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 204);
    ck_assert_str_eq(call_header_of(&c, "Access-Control-Allow-Origin"), "http://blog.example");
    ck_assert_str_eq(call_header_of(&c, "Access-Control-Allow-Headers"), "Authorization, Content-Type");
    ck_assert_str_eq(call_header_of(&c, "Access-Control-Allow-Methods"), "POST, OPTIONS");
    ck_assert_str_eq(call_header_of(&c, "Vary"), "Origin");
    call_end(&c);
    call_make(&c, &f, "POST", SIM, blog, (slice){ "", 0 }, CALL_ARENA_BYTES);    /* errors, too, can be read */
    ck_assert_int_eq(c.x.status, 400);
    ck_assert_str_eq(call_header_of(&c, "Access-Control-Allow-Origin"), "http://blog.example");
    call_end(&c);
    call_make(&c, &f, "OPTIONS", SIM, evil, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 204);
    ck_assert_ptr_null(call_header_of(&c, "Access-Control-Allow-Origin"));
    ck_assert_ptr_null(call_header_of(&c, "Access-Control-Allow-Methods"));
    call_end(&c);
    f.service.cors_origins = any;
    f.service.cors_count = 1;
    call_make(&c, &f, "OPTIONS", SIM, evil, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_str_eq(call_header_of(&c, "Access-Control-Allow-Origin"), "*");
    ck_assert_ptr_null(call_header_of(&c, "Access-Control-Allow-Credentials"));
    call_end(&c);
    fixture_close(&f);
}
END_TEST

/* ---- the table ---- */

START_TEST(the_table_names_each_route_once_with_a_summary)
{
    size_t count;
    const route *table = router_table(&count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(table[i].handle && table[i].summary && table[i].summary[0]);
        for (size_t j = 0; j < i; j++)
            ck_assert(strcmp(table[i].path, table[j].path) != 0 || strcmp(table[i].method, table[j].method) != 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *t = tcase_create("routes");
    tcase_add_loop_test(t, a_body_gets_its_answer, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(t, a_request_line_and_a_header_get_their_answer, 0, sizeof requests / sizeof *requests);
    tcase_add_test(t, encodings_of_the_body_are_refused_but_identity);
    tcase_add_test(t, allow_lists_the_methods_of_the_path);
    tcase_add_test(t, pages_of_allowed_origins_may_call_and_others_may_not);
    tcase_add_test(t, the_table_names_each_route_once_with_a_summary);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
