/* check_server_cost.c - POST /v1/cost on tiny models: counts in the answer, refusals by name, constants measured
 * once. */
#include "tests/check_server_rows.h"

#include <cjson/cJSON.h>

#define PATH "/v1/cost"

static const body_row rows[] = {
    { PATH, "{\"lengths\":[16]}", 200, "\"object\":\"cost\",\"model\":\"both\"" },
    { PATH, "{}", 200, "\"tokens\":8192,\"served\":false" },
    { PATH, "{\"lengths\":[16],\"model\":\"soft\"}", 200, "\"crossover\":{}" },
    { PATH, "{\"lengths\":[16],\"model\":\"gone\"}", 404, "model_not_found" },
    { PATH, "{\"lengths\":16}", 422, "\"param\":\"lengths\"" },
    { PATH, "{\"lengths\":[]}", 422, "\"param\":\"lengths\"" },
    { PATH, "{\"lengths\":[16,\"a\"]}", 422, "lengths[1] must be a whole number, not a string" },
    { PATH, "{\"lengths\":[0]}", 422, "lengths[0] is 0; it must be a whole number from 1 to 65536" },
    { PATH, "{\"lengths\":[65537]}", 422, "lengths[0] is 65537" },
    { PATH, "{\"lengths\":[1.5]}", 422, "lengths[0] is 1.5" },
    { PATH, "{\"lengths\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
            "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", 422, "lengths has 65 values; the limit is 64" },
    { PATH, "[]", 422, "object" },
};
enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(a_row_is_answered_as_it_says)
{
    row_check(&rows[_i]);
}
END_TEST

static const cJSON *at(const cJSON *tree, const char *a, const char *b)
{
    const cJSON *first = cJSON_GetObjectItemCaseSensitive(tree, a);
    return b ? cJSON_GetObjectItemCaseSensitive(first, b) : first;
}

START_TEST(the_counts_are_the_encoders_own_and_constants_do_not_change_between_requests)
{
    fixture f;
    call first = { 0 }, second = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&first, &f, PATH, "{\"lengths\":[100]}");
    call_post(&second, &f, PATH, "{\"lengths\":[100]}");
    ck_assert_str_eq(first.x.answer.data, second.x.answer.data);
    cJSON *tree = cJSON_Parse(first.x.answer.data);
    const cJSON *kinds = at(at(tree, "data", NULL)->child, "attention", NULL);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!model_trained_for(registry_at(f.registry, 0), kind))
            continue;
        cost_macs macs = cost_count(model_describe(registry_at(f.registry, 0))->config, kind, 100);
        ck_assert_double_eq(at(kinds, attention_name(kind), "macs")->valuedouble, (double)(macs.dense + macs.core));
        ck_assert_double_eq(at(kinds, attention_name(kind), "core_macs")->valuedouble, (double)macs.core);
        ck_assert_double_gt(at(kinds, attention_name(kind), "predicted_ms")->valuedouble, 0);
        ck_assert_double_gt(at(kinds, attention_name(kind), "bytes")->valuedouble, 0);
    }
    cJSON_Delete(tree);
    call_end(&first);
    call_end(&second);
    fixture_close(&f);
}
END_TEST

typedef struct {
    sem_t begun, released;
} held;

static void hold(void *context)
{
    held *h = context;
    (void)sem_post(&h->begun);
    (void)sem_wait(&h->released);
}

/* The tasks of a busy labour thread wait; those that find no room are refused. It is busy once it has taken a task: one
 * that is still to be taken would make room for the request. */
START_TEST(no_room_on_the_labour_thread_is_503)
{
    fixture f;
    call c = { 0 };
    held h;
    errinfo err;
    fixture_open(&f, QUEUE_TOKENS);
    (void)sem_init(&h.begun, 0, 0);
    (void)sem_init(&h.released, 0, 0);
    ck_assert_int_eq(labour_open(&f.service.labour, &err), ST_OK);
    ck_assert(labour_submit(f.service.labour, (labour_task){ hold, &h }));
    (void)sem_wait(&h.begun);
    int tasks = 1;
    while (labour_submit(f.service.labour, (labour_task){ hold, &h }))
        tasks++;
    call_post(&c, &f, PATH, "{\"lengths\":[16]}");
    ck_assert_int_eq(c.x.status, 503);
    call_end(&c);
    for (int i = 0; i < tasks; i++)
        (void)sem_post(&h.released);
    labour_close(f.service.labour);
    fixture_close(&f);
    (void)sem_destroy(&h.begun);
    (void)sem_destroy(&h.released);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cost route");
    TCase *t = rows_case("cost");
    tcase_add_loop_test(t, a_row_is_answered_as_it_says, 0, ROWS);
    tcase_add_test(t, the_counts_are_the_encoders_own_and_constants_do_not_change_between_requests);
    tcase_add_test(t, no_room_on_the_labour_thread_is_503);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
