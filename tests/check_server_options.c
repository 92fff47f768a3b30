/* check_server_options.c - a command line and an environment made for text-embeddings-inference (peers.md 3). */
#include "tests/check_support.h"

#include "server/option_table.h"
#include "server/options.h"

#include <string.h>

static status parse_line(options *o, const char *const *words, errinfo *err)
{
    char *argv[64];
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    *err = (errinfo){ 0 };
    return options_parse(o, "serve", argc, argv, err);
}

START_TEST(teis_flags_start_the_server)
{
    static const char *const words[] = {
        "--model-id", "weights/default", "--revision", "main", "--tokenization-workers", "4", "--dtype", "float32",
        "--served-model-name", "mine", "--max-concurrent-requests", "64", "--max-batch-tokens", "4096",
        "--max-batch-requests", "8", "--max-client-batch-size", "32", "--auto-truncate", "--dense-path", "2_Dense",
        "--hf-token", "t", "--hostname", "0.0.0.0", "-p", "3000", "--uds-path", "/x", "--huggingface-hub-cache=/y",
        "--payload-limit", "2000000", "--api-key", "secret", "--json-output", "--disable-spans", "--otlp-endpoint", "e",
        "--otlp-service-name=s", "--prometheus-port", "9000", "--cors-allow-origin", "http://a.example.com", NULL
    };
    options o;
    errinfo err;
    ck_assert_msg(parse_line(&o, words, &err) == ST_OK, "%s", err.text);
    ck_assert_str_eq(o.models[0].path, "weights/default");
    ck_assert_str_eq(o.models[0].name, "mine");
    ck_assert_str_eq(o.precision, "f32");
    ck_assert_str_eq(o.host, "0.0.0.0");
    ck_assert_uint_eq(o.port, 3000);
    ck_assert_uint_eq(o.max_texts, 32);
    ck_assert_uint_eq(o.max_batch_tokens, 4096);
    ck_assert_uint_eq(o.max_concurrent, 64);
    ck_assert_uint_eq(o.body_bytes, 2000000);
    ck_assert_str_eq(o.api_keys[0], "secret");
    ck_assert(o.auto_truncate && o.log_json);
    ck_assert_uint_eq(o.foreign_count, 11);
    for (size_t i = 0; i < o.foreign_count; i++)
        ck_assert_ptr_nonnull(foreign_find(slice_of(o.foreign[i]))->why);
    options_clear(&o);
}
END_TEST

static const struct { const char *words[3]; const char *says; } refused[] = {
    { { "--pooling", "mean" }, "--pooling: pooling is the model folder's" },
    { { "--default-prompt", "query: " }, "--default-prompt: requests bring their prompts" },
    { { "--default-prompt-name=query" }, "--default-prompt-name: requests bring their prompts" },
    { { "--revision" }, "--revision: needs a value" },
    { { "--pooler", "mean" }, "--pooler: no such option" },
};

START_TEST(a_flag_that_would_change_vectors_is_refused)
{
    options o;
    errinfo err;
    ck_assert_int_eq(parse_line(&o, refused[_i].words, &err), ST_INPUT);
    ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s", err.text);
    options_clear(&o);
}
END_TEST

START_TEST(teis_environment_is_read_and_ours_goes_first)
{
    static const char *const none[] = { NULL };
    static const struct { const char *name, *value; } set[] = {
        { "MODEL_ID", "weights/default" }, { "DTYPE", "f32" }, { "SERVED_MODEL_NAME", "mine" }, { "PORT", "3001" },
        { "API_KEY", "one,two" }, { "CORS_ALLOW_ORIGIN", "http://a.example.com" }, { "AUTO_TRUNCATE", "false" },
        { "MAX_CLIENT_BATCH_SIZE", "8" }, { "PAYLOAD_LIMIT", "4096" }, { "MAX_BATCH_TOKENS", "2048" },
        { "MAX_CONCURRENT_REQUESTS", "9" }, { "JSON_OUTPUT", "true" }, { "ROSIM_PORT", "3002" },
        { "HOSTNAME", "a1b2c3" },    /* every container's own name: not an address to listen on */
    };
    options o;
    errinfo err;
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ck_assert_int_eq(setenv(set[i].name, set[i].value, 1), 0);
    ck_assert_msg(parse_line(&o, none, &err) == ST_OK, "%s", err.text);
    ck_assert_str_eq(o.models[0].name, "mine");
    ck_assert_str_eq(o.precision, "f32");
    ck_assert_uint_eq(o.port, 3002);
    ck_assert_uint_eq(o.api_key_count, 2);
    ck_assert_str_eq(o.cors_origins[0], "http://a.example.com");
    ck_assert(!o.auto_truncate && o.log_json);
    ck_assert_uint_eq(o.max_texts, 8);
    ck_assert_uint_eq(o.body_bytes, 4096);
    ck_assert_uint_eq(o.max_batch_tokens, 2048);
    ck_assert_uint_eq(o.max_concurrent, 9);
    ck_assert_str_eq(o.host, "127.0.0.1");
    options_clear(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *t = tcase_create("options");
    tcase_add_test(t, teis_flags_start_the_server);
    tcase_add_loop_test(t, a_flag_that_would_change_vectors_is_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(t, teis_environment_is_read_and_ours_goes_first);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
