/* check_server_diagnostics.c - GET /v1/models/{id}/diagnostics on tiny models of random weights. */
#include "tests/check_server_rows.h"

#include <cjson/cJSON.h>

static void get(call *c, fixture *f, const char *path)
{
    static const call_header none[] = { { NULL, NULL } };
    call_make(c, f, "GET", path, none, (slice){ "", 0 }, CALL_ARENA_BYTES);
}

START_TEST(a_model_shows_its_layers_tensors_and_flags)
{
    static const char *const names[] = { "both", "soft" };
    char path[64];
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    (void)snprintf(path, sizeof path, "/v1/models/%s/diagnostics", names[_i]);
    get(&c, &f, path);
    ck_assert_msg(c.x.status == 200, "%s", c.x.answer.data);
    cJSON *tree = cJSON_Parse(c.x.answer.data);
    const encoder_config *config = model_describe(registry_find(f.registry, slice_of(names[_i])))->config;
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(tree, "layers"), *layer;
    ck_assert_int_eq(cJSON_GetArraySize(layers), (int)config->layers);
    cJSON_ArrayForEach(layer, layers) {
        const cJSON *moments = cJSON_GetObjectItemCaseSensitive(layer, "second_moment"), *moment;
        const cJSON *entropy = cJSON_GetObjectItemCaseSensitive(layer, "entropy");
        ck_assert_int_eq(cJSON_GetArraySize(moments), 5);
        cJSON_ArrayForEach(moment, moments)
            ck_assert_double_gt(moment->valuedouble, 0);
        ck_assert_double_gt(cJSON_GetObjectItemCaseSensitive(entropy, "mean")->valuedouble, 0);
        ck_assert_double_lt(cJSON_GetObjectItemCaseSensitive(entropy, "mean")->valuedouble, 1);
    }
    /* 16 tensors a layer, and words, gamma and beta of the embeddings */
    const cJSON *tensors = cJSON_GetObjectItemCaseSensitive(tree, "tensors");
    ck_assert_int_eq(cJSON_GetArraySize(tensors), 16 * (int)config->layers + 3);
    ck_assert(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(tree, "flags")));
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(tree, "golden")));
    cJSON_Delete(tree);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(an_unknown_model_is_404)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    get(&c, &f, "/v1/models/gone/diagnostics");
    ck_assert_int_eq(c.x.status, 404);
    ck_assert(call_says(&c, "model_not_found"));
    ck_assert(call_says(&c, "there is no model \\\"gone\\\" here"));
    call_end(&c);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diagnostics route");
    TCase *t = rows_case("diagnostics");
    tcase_add_loop_test(t, a_model_shows_its_layers_tensors_and_flags, 0, 2);
    tcase_add_test(t, an_unknown_model_is_404);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
