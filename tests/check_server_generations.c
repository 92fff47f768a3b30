/* check_server_generations.c - models that are replaced while jobs run: who took the old ones computes with them, the
 * last to give them back closes them, and two batchers on one pool give the bytes that one gives.
 */
#define _GNU_SOURCE    /* mkdtemp, asprintf */
#include "tests/check_support.h"

#include "server/generations.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE = 4096, TEXTS = 3, TOKENS = 12, WIDTH_MAX = 256, ROUNDS = 40 };

static const char *const folders[] = { "tests/golden/encoder/roformer", "tests/golden/encoder/roformer_linear" };
static pool *workers;
static generations *all;

static void make(const char *from_folder, registry **models, batcher **b)
{
    errinfo err = { 0 };
    const model_options options = { .path = from_folder, .name = "m" };
    ck_assert_msg(registry_open(models, &options, 1, &err) == ST_OK, "%s", err.text);
    const batcher_options how = { .pool = workers, .models = registry_all(*models), .model_count = 1,
                                  .max_queue_tokens = QUEUE, .max_batch_tokens = 256 };
    ck_assert_msg(batcher_open(b, &how, &err) == ST_OK, "%s", err.text);
}

static void replace(const char *from_folder)
{
    registry *models;
    batcher *b;
    make(from_folder, &models, &b);
    ck_assert_int_eq(generations_replace(all, models, b, NULL), ST_OK);
}

static void open_all(void)
{
    registry *models;
    batcher *b;
    ck_assert_int_eq(pool_open(&workers, 2, NULL), ST_OK);
    make(folders[0], &models, &b);
    ck_assert_int_eq(generations_open(&all, models, b, NULL), ST_OK);
}

static void close_all(void)
{
    generations_close(all);
    pool_close(workers);
}

/* ---- a job ---- */

typedef struct {
    job job;
    sem_t done;
    uint32_t ids[TOKENS], starts[TEXTS + 1];
    float vectors[TEXTS * WIDTH_MAX];
} request;

static void on_done(job *j)
{
    (void)sem_post(&((request *)j->context)->done);
}

static void submit(request *r, const generation *g)
{
    *r = (request){ .starts = { 0, 3, 7, TOKENS } };
    for (uint32_t i = 0; i < TOKENS; i++)
        r->ids[i] = 1 + i % 7;
    (void)sem_init(&r->done, 0, 0);
    r->job = (job){ .model = registry_at(g->registry, 0), .attention = ATTENTION_SOFTMAX, .ids = r->ids,
                    .starts = r->starts, .texts = TEXTS, .vectors = r->vectors, .done = on_done, .context = r,
                    .deadline_ns = clock_now_ns() + CHECK_FAR_NS };
    ck_assert_uint_le(model_describe(r->job.model)->dimensions, WIDTH_MAX);
    ck_assert_int_eq(batcher_submit(g->batcher, &r->job, NULL), ST_OK);
}

static void finish(request *r)
{
    (void)sem_wait(&r->done);
    ck_assert_int_eq(r->job.result, ST_OK);
    (void)sem_destroy(&r->done);
}

static void expect_same(const request *a, const request *b, bool same)
{
    size_t bytes = TEXTS * model_describe(a->job.model)->dimensions * sizeof(float);
    ck_assert((memcmp(a->vectors, b->vectors, bytes) == 0) == same);
}

/* ---- tests ---- */

START_TEST(a_generation_lives_as_long_as_somebody_uses_it)
{
    generation *one = generations_take(all), *again = generations_take(all);
    ck_assert(one == again);
    replace(folders[1]);
    generation *two = generations_take(all);
    ck_assert(two != one && two->registry != one->registry);
    ck_assert_uint_eq(generations_alive(all), 2);
    generations_give(one);
    ck_assert_uint_eq(generations_alive(all), 2);
    request r;
    submit(&r, again);
    finish(&r);
    generations_give(again);
    ck_assert_uint_eq(generations_alive(all), 1);
    generations_give(two);
    generations_give(NULL);
    ck_assert_uint_eq(generations_alive(all), 1);    /* the current one needs no users */
}
END_TEST

START_TEST(without_users_the_old_one_goes_at_once)
{
    for (int i = 0; i < 5; i++) {
        replace(folders[i % 2]);
        ck_assert_uint_eq(generations_alive(all), 1);
    }
}
END_TEST

START_TEST(two_generations_at_work_at_once_give_the_bytes_of_one)
{
    static request alone[2], mixed[2][ROUNDS];
    generation *one = generations_take(all);
    submit(&alone[0], one);
    finish(&alone[0]);
    replace(folders[1]);
    generation *two = generations_take(all);
    submit(&alone[1], two);
    finish(&alone[1]);
    expect_same(&alone[0], &alone[1], false);
    for (int i = 0; i < ROUNDS; i++) {
        submit(&mixed[0][i], one);
        submit(&mixed[1][i], two);
    }
    for (int i = 0; i < ROUNDS; i++)
        for (int m = 0; m < 2; m++) {
            finish(&mixed[m][i]);
            expect_same(&mixed[m][i], &alone[m], true);
        }
    ck_assert_uint_eq(generations_queued_tokens(all), 0);
    ck_assert_uint_eq(generations_queued_texts(all), 0);
    generations_give(one);
    generations_give(two);
}
END_TEST

START_TEST(a_stop_ends_what_every_generation_has_queued)
{
    static request of_one, of_two;
    generation *one = generations_take(all);
    replace(folders[1]);
    generation *two = generations_take(all);
    generations_stop(all);
    request *both[] = { &of_one, &of_two };
    const generation *of[] = { one, two };
    for (int i = 0; i < 2; i++) {
        *both[i] = (request){ .starts = { 0, 3, 7, TOKENS } };
        both[i]->job = (job){ .model = registry_at(of[i]->registry, 0), .ids = both[i]->ids, .starts = both[i]->starts,
                              .texts = TEXTS, .vectors = both[i]->vectors, .done = on_done };
        ck_assert_int_eq(batcher_submit(of[i]->batcher, &both[i]->job, NULL), ST_BUSY);
    }
    generations_give(one);
    generations_give(two);
    generations_stop(NULL);
    generations_close(NULL);
}
END_TEST

/* ---- what a registry knows about its files ---- */

static void copy(const char *from_folder, const char *name, const char *to)
{
    static char bytes[1 << 20];
    char *from, *into;
    ck_assert(asprintf(&from, "%s/%s", from_folder, name) > 0 && asprintf(&into, "%s/%s", to, name) > 0);
    FILE *in = fopen(from, "rb"), *out = fopen(into, "wb");
    ck_assert(in && out);
    ck_assert_int_ge(fwrite(bytes, 1, fread(bytes, 1, sizeof bytes, in), out), 1);
    (void)fclose(in), (void)fclose(out);
    free(from), free(into);
}

START_TEST(a_changed_file_is_noticed_and_only_changed_bytes_change_the_identity)
{
    static const char *const names[] = { "config.json", "vocab.txt", "model.safetensors" };
    char directory[] = "/tmp/check-generations-XXXXXX", before[128], marks[128];
    errinfo err = { 0 };
    registry *r;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    for (size_t i = 0; i < 3; i++)
        copy(folders[1], names[i], directory);
    const model_options options = { .path = directory, .name = "m" };
    ck_assert_msg(registry_open(&r, &options, 1, &err) == ST_OK, "%s", err.text);
    ck_assert(registry_is_current(r));
    ck_assert_str_eq(registry_identity(r, "m"), "");
    ck_assert_ptr_null(registry_identity(r, "other"));
    registry_identify(r, false);
    (void)snprintf(marks, sizeof marks, "%s", registry_identity(r, "m"));
    registry_identify(r, true);
    (void)snprintf(before, sizeof before, "%s", registry_identity(r, "m"));
    ck_assert_uint_eq(strlen(before), 64);
    ck_assert_str_ne(marks, before);
    copy(folders[1], names[1], directory);           /* the same bytes, written again */
    ck_assert(!registry_is_current(r));
    registry_identify(r, true);
    ck_assert_str_eq(registry_identity(r, "m"), before);
    copy(folders[0], names[2], directory);           /* other weights */
    registry_identify(r, true);
    ck_assert_str_ne(registry_identity(r, "m"), before);
    registry_close(r);
    for (size_t i = 0; i < 3; i++) {
        char *path;
        ck_assert_int_gt(asprintf(&path, "%s/%s", directory, names[i]), 0);
        (void)unlink(path);
        free(path);
    }
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generations");
    TCase *t = tcase_create("generations");
    tcase_add_checked_fixture(t, open_all, close_all);
    tcase_add_test(t, a_generation_lives_as_long_as_somebody_uses_it);
    tcase_add_test(t, without_users_the_old_one_goes_at_once);
    tcase_add_test(t, two_generations_at_work_at_once_give_the_bytes_of_one);
    tcase_add_test(t, a_stop_ends_what_every_generation_has_queued);
    tcase_add_test(t, a_changed_file_is_noticed_and_only_changed_bytes_change_the_identity);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
