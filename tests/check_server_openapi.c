/* check_server_openapi.c - /openapi.json says what the router's table says, no more and no less. The document against
 * a running server is tests/e2e/openapi/run.sh (schemathesis). */
#include "tests/check_server_exchange.h"

#include "server/openapi.h"
#include "server/routes/docs.h"

#include <cjson/cJSON.h>
#include <ctype.h>

typedef struct { fixture f; arena *a; cJSON *document; } opened;

static void opened_open(opened *o, const char *key)
{
    errinfo err;
    *o = (opened){ .a = arena_open(0, CALL_ARENA_BYTES) };
    fixture_open(&o->f, QUEUE_TOKENS);
    if (key)
        ck_assert_int_eq(auth_open(&o->f.service.auth, &key, 1, NULL, &err), ST_OK);
    slice text = openapi_write(&o->f.service, o->f.registry, o->a);
    ck_assert_ptr_nonnull(text.data);
    o->document = cJSON_Parse(text.data);
    ck_assert_msg(o->document != NULL, "not JSON: %.200s", text.data);
}

static void opened_close(opened *o)
{
    cJSON_Delete(o->document);
    arena_close(o->a);
    fixture_close(&o->f);
}

static const cJSON *at(const cJSON *tree, const char *const *names)
{
    for (; tree && *names; names++)
        tree = cJSON_GetObjectItemCaseSensitive(tree, *names);
    return tree;
}

static const cJSON *operation(const opened *o, const char *method, const char *path)
{
    char lower[8] = "";
    for (size_t i = 0; i + 1 < sizeof lower && method[i]; i++)
        lower[i] = (char)tolower((unsigned char)method[i]);
    return at(o->document, (const char *const[]){ "paths", path, lower, NULL });
}

START_TEST(every_row_is_an_operation_and_nothing_else_is)
{
    opened o;
    size_t count, operations = 0;
    const route *table = router_table(&count);
    const cJSON *path, *item;
    opened_open(&o, NULL);
    for (size_t i = 0; i < count; i++) {
        const cJSON *op = operation(&o, table[i].method, table[i].path);
        ck_assert_msg(op != NULL, "%s %s is missing", table[i].method, table[i].path);
        ck_assert_str_eq(cJSON_GetObjectItem(op, "summary")->valuestring, table[i].summary);
        ck_assert_int_eq(cJSON_HasObjectItem(op, "requestBody"), strcmp(table[i].method, "POST") == 0);
        ck_assert_int_eq(cJSON_HasObjectItem(op, "parameters"), strchr(table[i].path, '{') != NULL);
    }
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(o.document, "paths"))
        cJSON_ArrayForEach(item, path)
            operations++;
    ck_assert_uint_eq(operations, count);
    opened_close(&o);
}
END_TEST

static const struct { const char *method, *path, *status; bool documented; } statuses[] = {
    { "POST", "/v1/similarity", "200", true },  { "POST", "/v1/similarity", "422", true },
    { "POST", "/v1/embeddings", "405", false }, { "POST", "/v1/embeddings", "400", true },
    { "POST", "/embed", "424", true },          { "POST", "/predict", "200", false },
    { "POST", "/predict", "424", true },        { "GET", "/livez", "200", true },
    { "GET", "/livez", "422", false },          { "GET", "/livez", "401", false },
    { "DELETE", "/v1/calibrations/{id}", "204", true }, { "GET", "/v1/calibrations/{id}", "404", true },
};

START_TEST(a_status_is_documented_where_it_can_happen)
{
    opened o;
    opened_open(&o, NULL);
    const cJSON *op = operation(&o, statuses[_i].method, statuses[_i].path);
    const cJSON *found = at(op, (const char *const[]){ "responses", statuses[_i].status, NULL });
    ck_assert_msg((found != NULL) == statuses[_i].documented, "%s %s %s", statuses[_i].method, statuses[_i].path,
                  statuses[_i].status);
    opened_close(&o);
}
END_TEST

START_TEST(keys_are_told_of_when_there_are_some)
{
    opened o;
    for (int keys = 0; keys < 2; keys++) {
        opened_open(&o, keys ? "secret" : NULL);
        const cJSON *guarded = operation(&o, "POST", "/embed"), *open = operation(&o, "GET", "/livez");
        ck_assert_int_eq(cJSON_HasObjectItem(guarded, "security"), keys);
        ck_assert_int_eq(at(guarded, (const char *const[]){ "responses", "401", NULL }) != NULL, keys);
        ck_assert_int_eq(cJSON_HasObjectItem(open, "security"), false);
        opened_close(&o);
    }
}
END_TEST

START_TEST(the_page_shows_every_row_without_a_script)
{
    fixture f;
    size_t count;
    const route *table = router_table(&count);
    fixture_open(&f, QUEUE_TOKENS);
    arena *a = arena_open(0, CALL_ARENA_BYTES);
    slice page = docs_write(&f.service, a);
    ck_assert_ptr_nonnull(page.data);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(page.data, table[i].path) != NULL, "%s is missing", table[i].path);
    ck_assert_ptr_null(strstr(page.data, "<script"));
    arena_close(a);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi");
    TCase *t = tcase_create("openapi");
    tcase_add_test(t, every_row_is_an_operation_and_nothing_else_is);
    tcase_add_loop_test(t, a_status_is_documented_where_it_can_happen, 0, sizeof statuses / sizeof *statuses);
    tcase_add_test(t, keys_are_told_of_when_there_are_some);
    tcase_add_test(t, the_page_shows_every_row_without_a_script);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
