/* check_server_batcher.c - the queue, its order, its refusals, and that company never changes a vector.
 *
 * A job whose done() waits at a gate holds the compute thread: what is submitted meanwhile is queued for certain.
 */
#include "tests/check_support.h"
#include "server/batcher.h"
#include "server/metrics.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXTS_MAX = 1024, TOKENS_MAX = 12 * TEXTS_MAX, QUEUE_TOKENS = 1 << 16, THREADS = 8, JOBS_EACH = 12,
       BATCH_TOKENS = 128, JOB_TEXTS_MAX = 40, LONGEST = 60,
       LONG_TOKENS = SANITIZED ? 2048 : 8192 };    /* attention costs its square, and a sanitizer ten times that */

static const char *const PATHS[] = { "tests/golden/encoder/roformer", "tests/golden/encoder/roformer_linear" };

typedef struct {
    model *models[2];
    const model *shown[2];
    pool *pool;
    metrics *metrics;
    batcher *batcher;
    size_t dimensions, vocabulary;
} fixture;

/* max_length 0: the models'. */
static fixture open_fixture_for(size_t queue_tokens, size_t threads, size_t max_length)
{
    fixture f = { 0 };
    errinfo err = { 0 };
    for (size_t i = 0; i < 2; i++) {
        model_options options = { .path = PATHS[i], .max_length = max_length };
        ck_assert_msg(model_open(&f.models[i], &options, &err) == ST_OK, "%s", err.text);
        f.shown[i] = f.models[i];
    }
    f.dimensions = model_describe(f.models[0])->dimensions;
    f.vocabulary = model_describe(f.models[0])->config->vocab_size;
    ck_assert_uint_eq(model_describe(f.models[1])->dimensions, f.dimensions);
    ck_assert_int_eq(pool_open(&f.pool, threads, &err), ST_OK);
    f.metrics = metrics_open(NULL, 0);
    batcher_options options = { .pool = f.pool, .models = f.shown, .model_count = 2, .max_queue_tokens = queue_tokens,
                                .max_batch_tokens = BATCH_TOKENS, .metrics = f.metrics };
    ck_assert_msg(batcher_open(&f.batcher, &options, &err) == ST_OK, "%s", err.text);
    return f;
}

static fixture open_fixture(size_t queue_tokens, size_t threads)
{
    return open_fixture_for(queue_tokens, threads, 0);
}

static void close_fixture(fixture *f)
{
    batcher_close(f->batcher);
    metrics_close(f->metrics);
    pool_close(f->pool);
    for (size_t i = 0; i < 2; i++)
        model_close(f->models[i]);
}

/* A job with its memory, and a way to wait for it. */
typedef struct {
    job job;
    uint32_t ids[TOKENS_MAX], starts[TEXTS_MAX + 1];
    float *vectors;
    sem_t ended, *gate;
    int order;                    /* of its end among all */
} request;

static atomic_int ends;

static void request_done(job *j)
{
    request *r = j->context;
    r->order = atomic_fetch_add(&ends, 1);
    sem_t *gate = r->gate;
    (void)sem_post(&r->ended);    /* the owner may now free r */
    if (gate)
        while (sem_wait(gate) != 0)
            continue;
}

static bool always_gone(const job *j)
{
    (void)j;
    return true;
}

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* `texts` texts of 1 to `longest` random tokens. */
static request *make_request(const fixture *f, size_t which, size_t texts, size_t longest, uint32_t seed)
{
    request *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    r->vectors = calloc(texts ? texts : 1, f->dimensions * sizeof *r->vectors);
    for (size_t i = 0; i < texts; i++) {
        uint32_t length = 1 + random_next(&seed) % (uint32_t)longest;
        r->starts[i + 1] = r->starts[i] + length;
        for (uint32_t t = r->starts[i]; t < r->starts[i + 1]; t++)
            r->ids[t] = random_next(&seed) % (uint32_t)f->vocabulary;
    }
    (void)sem_init(&r->ended, 0, 0);
    r->job = (job){ .model = f->models[which], .attention = model_default_attention(f->models[which]), .ids = r->ids,
                    .starts = r->starts, .texts = texts, .vectors = r->vectors,
                    .deadline_ns = clock_now_ns() + CHECK_FAR_NS, .done = request_done, .context = r };
    return r;
}

static void submit(const fixture *f, request *r)
{
    errinfo err = { 0 };
    ck_assert_msg(batcher_submit(f->batcher, &r->job, &err) == ST_OK, "%s", err.text);
}

static void wait_for(request *r)
{
    while (sem_wait(&r->ended) != 0)
        continue;
}

static void free_request(request *r)
{
    (void)sem_destroy(&r->ended);
    free(r->vectors);
    free(r);
}

/* Holds the compute thread until open_gate. */
static request *close_gate(const fixture *f, sem_t *gate)
{
    request *r = make_request(f, 0, 1, 4, 1);
    (void)sem_init(gate, 0, 0);
    r->gate = gate;
    submit(f, r);
    wait_for(r);
    return r;
}

static void open_gate(request *r, sem_t *gate)
{
    (void)sem_post(gate);
    free_request(r);
}

/* Every vector of the request has the bytes that the text has alone, in a runner of its own. */
static void assert_as_alone(const fixture *f, const request *r)
{
    pool *p;
    model_runner *runner;
    errinfo err;
    float vector[256];
    ck_assert_uint_le(f->dimensions, 256);
    ck_assert_int_eq(pool_open(&p, 1, &err), ST_OK);
    ck_assert_int_eq(model_runner_open(&runner, f->shown, 2, p, LONG_TOKENS, 1, &err), ST_OK);
    for (size_t i = 0; i < r->job.texts; i++) {
        const uint32_t starts[] = { 0, r->starts[i + 1] - r->starts[i] };
        ck_assert_int_eq(model_encode(r->job.model, runner, r->ids + r->starts[i], starts, 1, r->job.attention, vector,
                                      &err), ST_OK);
        ck_assert_mem_eq(vector, r->vectors + i * f->dimensions, f->dimensions * sizeof *vector);
    }
    model_runner_close(runner);
    pool_close(p);
}

static double metric_value(const fixture *f, const char *name)
{
    arena *a = arena_open(0, 1 << 22);
    slice text = metrics_text(f->metrics, a);
    char line[96];
    ck_assert_ptr_nonnull(text.data);
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text.data, line);
    ck_assert_ptr_nonnull(at);
    double value = strtod(at + strlen(line), NULL);
    arena_close(a);
    return value;
}

START_TEST(a_job_of_many_texts_gives_the_bytes_of_each_text_alone)
{
    fixture f = open_fixture(QUEUE_TOKENS, 2);
    request *r = make_request(&f, 0, 300, LONGEST / 2, 7);
    submit(&f, r);
    wait_for(r);
    ck_assert_int_eq(r->job.result, ST_OK);
    ck_assert_int_gt(r->job.started_ns, 0);
    ck_assert_int_ge(r->job.started_ns, r->job.queued_ns);
    ck_assert_int_ge(r->job.finished_ns, r->job.started_ns);
    assert_as_alone(&f, r);
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 0);
    ck_assert(metric_value(&f, "rosim_batches_total") > 1);
    free_request(r);
    close_fixture(&f);
}
END_TEST

typedef struct { const fixture *f; uint32_t seed; request *requests[JOBS_EACH]; } submitter;

static void *submit_many(void *context)
{
    submitter *s = context;
    for (size_t i = 0; i < JOBS_EACH; i++) {
        uint32_t seed = s->seed * 1000 + (uint32_t)i;
        size_t texts = 1 + random_next(&seed) % (i % 4 == 0 ? JOB_TEXTS_MAX : 3);
        s->requests[i] = make_request(s->f, random_next(&seed) % 2, texts, LONGEST, seed);
        submit(s->f, s->requests[i]);
        if (i % 3 == 0)
            wait_for(s->requests[i]), (void)sem_post(&s->requests[i]->ended);
    }
    return NULL;
}

START_TEST(eight_threads_of_mixed_jobs_get_the_bytes_of_each_text_alone)
{
    fixture f = open_fixture(QUEUE_TOKENS, 2);
    submitter submitters[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        submitters[i] = (submitter){ .f = &f, .seed = i + 1 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        for (size_t k = 0; k < JOBS_EACH; k++) {
            request *r = submitters[i].requests[k];
            wait_for(r);
            ck_assert_int_eq(r->job.result, ST_OK);
            assert_as_alone(&f, r);
            free_request(r);
        }
    }
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_full_queue_refuses_whole_jobs_at_once_and_takes_them_later)
{
    fixture f = open_fixture(60, 1);
    sem_t gate;
    errinfo err = { 0 };
    request *held = close_gate(&f, &gate);
    request *first = make_request(&f, 0, 40, 1, 2), *second = make_request(&f, 0, 30, 1, 3);
    submit(&f, first);
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 40);
    ck_assert(batcher_queued_texts(f.batcher) == 40);
    ck_assert_int_eq(batcher_submit(f.batcher, &second->job, &err), ST_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "40 of at most 60"));
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 40);
    ck_assert(batcher_estimated_wait_s(f.batcher) > 0);
    ck_assert(metric_value(&f, "rosim_overloaded_total") == 1);
    open_gate(held, &gate);
    wait_for(first);
    submit(&f, second);
    wait_for(second);
    ck_assert_int_eq(second->job.result, ST_OK);
    free_request(first);
    free_request(second);
    close_fixture(&f);
}
END_TEST

START_TEST(jobs_that_can_never_run_are_refused_as_input)
{
    fixture f = open_fixture(60, 1);
    errinfo err = { 0 };
    request *huge = make_request(&f, 0, 61, 1, 2), *none = make_request(&f, 0, 0, 1, 2),
            *hollow = make_request(&f, 0, 3, 2, 2);
    ck_assert_int_eq(batcher_submit(f.batcher, &huge->job, &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "at most 60"));
    ck_assert_int_eq(batcher_submit(f.batcher, &none->job, &err), ST_INPUT);
    hollow->starts[1] = 0;
    ck_assert_int_eq(batcher_submit(f.batcher, &hollow->job, &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "text 0 has 0 tokens"));
    free_request(huge);
    free_request(none);
    free_request(hollow);
    close_fixture(&f);
}
END_TEST

START_TEST(a_job_past_its_deadline_or_without_its_client_ends_without_being_run)
{
    fixture f = open_fixture(QUEUE_TOKENS, 1);
    sem_t gate;
    request *held = close_gate(&f, &gate);
    request *late = make_request(&f, 0, 5, 5, 2), *gone = make_request(&f, 0, 5, 5, 3),
            *good = make_request(&f, 0, 5, 5, 4);
    late->job.deadline_ns = clock_now_ns();
    gone->job.gone = always_gone;
    submit(&f, late);
    submit(&f, gone);
    submit(&f, good);
    open_gate(held, &gate);
    wait_for(late);
    wait_for(gone);
    wait_for(good);
    ck_assert_int_eq(late->job.result, ST_TIMEOUT);
    ck_assert_int_eq(late->job.started_ns, 0);
    ck_assert(!late->job.cancelled);
    ck_assert(gone->job.cancelled);
    ck_assert_int_eq(gone->job.started_ns, 0);
    ck_assert(gone->vectors[0] == 0);
    ck_assert_int_eq(good->job.result, ST_OK);
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 0);
    ck_assert(metric_value(&f, "rosim_cancelled_total") == 1 && metric_value(&f, "rosim_deadline_exceeded_total") == 1);
    free_request(late);
    free_request(gone);
    free_request(good);
    close_fixture(&f);
}
END_TEST

START_TEST(stopping_ends_queued_jobs_and_refuses_new_ones)
{
    fixture f = open_fixture(QUEUE_TOKENS, 1);
    sem_t gate;
    errinfo err = { 0 };
    request *held = close_gate(&f, &gate), *queued[20];
    for (uint32_t i = 0; i < 20; i++) {
        queued[i] = make_request(&f, i % 2, 200, 12, i);
        submit(&f, queued[i]);
    }
    open_gate(held, &gate);
    batcher_stop(f.batcher);
    size_t refused = 0;
    for (size_t i = 0; i < 20; i++) {
        wait_for(queued[i]);
        ck_assert(queued[i]->job.result == ST_BUSY || queued[i]->job.result == ST_OK);
        refused += queued[i]->job.result == ST_BUSY;
        free_request(queued[i]);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(batcher_queued_tokens(f.batcher), 0);
    request *after = make_request(&f, 0, 1, 1, 1);
    ck_assert_int_eq(batcher_submit(f.batcher, &after->job, &err), ST_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "shutting down"));
    free_request(after);
    close_fixture(&f);
}
END_TEST

START_TEST(a_bad_text_fails_its_own_job_only)
{
    fixture f = open_fixture(QUEUE_TOKENS, 2);
    sem_t gate;
    request *held = close_gate(&f, &gate), *jobs[5];
    for (uint32_t i = 0; i < 5; i++) {
        jobs[i] = make_request(&f, 0, 4, 5, i + 10);
        if (i == 2)
            jobs[i]->ids[3] = (uint32_t)f.vocabulary;
        submit(&f, jobs[i]);
    }
    open_gate(held, &gate);
    for (size_t i = 0; i < 5; i++)
        wait_for(jobs[i]);
    ck_assert_int_eq(jobs[2]->job.result, ST_INPUT);
    ck_assert_ptr_nonnull(strstr(jobs[2]->job.err.text, "vocabulary"));
    for (size_t i = 0; i < 5; i++) {
        if (i != 2) {
            ck_assert_int_eq(jobs[i]->job.result, ST_OK);
            assert_as_alone(&f, jobs[i]);
        }
        free_request(jobs[i]);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(small_jobs_pass_a_big_one_which_still_gets_done)
{
    fixture f = open_fixture(QUEUE_TOKENS, 1);
    sem_t gate;
    request *held = close_gate(&f, &gate);
    request *big = make_request(&f, 0, TEXTS_MAX, 12, 5), *small[4];
    big->job.deadline_ns = clock_now_ns() + CHECK_FAR_NS;
    submit(&f, big);
    for (uint32_t i = 0; i < 4; i++) {
        small[i] = make_request(&f, 0, 1, 10, i);
        submit(&f, small[i]);
    }
    open_gate(held, &gate);
    wait_for(big);
    for (size_t i = 0; i < 4; i++) {
        wait_for(small[i]);
        ck_assert_int_eq(small[i]->job.result, ST_OK);
        ck_assert_int_lt(small[i]->order, big->order);
        ck_assert_int_lt(small[i]->job.finished_ns, big->job.finished_ns);
        free_request(small[i]);
    }
    ck_assert_int_eq(big->job.result, ST_OK);
    assert_as_alone(&f, big);
    free_request(big);
    close_fixture(&f);
}
END_TEST

static request *make_long_request(const fixture *f, uint32_t seed)
{
    request *r = make_request(f, 0, 1, 1, seed);
    for (uint32_t t = 0; t < LONG_TOKENS; t++)
        r->ids[t] = random_next(&seed) % (uint32_t)f->vocabulary;
    r->starts[1] = LONG_TOKENS;
    return r;
}

/* A text many times as large as a batch, and short ones that arrive in the middle of its forward: of either model, so
 * that both runners are at work on the same one, too. A machine that held this thread for the whole forward gives
 * another try. */
START_TEST(short_texts_are_done_in_the_middle_of_a_long_one)
{
    fixture f = open_fixture_for(QUEUE_TOKENS, 2, LONG_TOKENS);
    bool in_time = false;
    for (uint32_t attempt = 0; attempt < 5 && !in_time; attempt++) {
        request *large = make_long_request(&f, attempt), *small[4];
        submit(&f, large);
        while (batcher_queued_tokens(f.batcher) > 0)
            continue;    /* until it runs */
        for (uint32_t i = 0; i < 4; i++) {
            small[i] = make_request(&f, i % 2, 3, 20, i);
            submit(&f, small[i]);
        }
        wait_for(large);
        in_time = true;
        for (size_t i = 0; i < 4; i++) {
            wait_for(small[i]);
            in_time = in_time && small[i]->order < large->order;
            ck_assert_int_eq(small[i]->job.result, ST_OK);
            assert_as_alone(&f, small[i]);
            free_request(small[i]);
        }
        ck_assert_int_eq(large->job.result, ST_OK);
        if (in_time)
            assert_as_alone(&f, large);
        free_request(large);
    }
    ck_assert(in_time);
    close_fixture(&f);
}
END_TEST

START_TEST(a_long_text_is_finished_when_the_server_ends)
{
    fixture f = open_fixture_for(QUEUE_TOKENS, 1, LONG_TOKENS);
    request *large = make_long_request(&f, 3);
    submit(&f, large);
    while (batcher_queued_tokens(f.batcher) > 0)
        continue;
    batcher_stop(f.batcher);
    wait_for(large);
    ck_assert_int_eq(large->job.result, ST_OK);
    assert_as_alone(&f, large);
    free_request(large);
    close_fixture(&f);
}
END_TEST

START_TEST(among_equal_jobs_the_earlier_deadline_goes_first)
{
    fixture f = open_fixture(QUEUE_TOKENS, 1);
    sem_t gate;
    request *held = close_gate(&f, &gate), *jobs[6];
    int64_t now = clock_now_ns();
    for (uint32_t i = 0; i < 6; i++) {    /* each fills a batch of its own: 100 of 128 tokens */
        jobs[i] = make_request(&f, 0, 100, 1, i);
        jobs[i]->job.deadline_ns = now + CHECK_FAR_NS - (int64_t)i * 1000000000;
        submit(&f, jobs[i]);
    }
    open_gate(held, &gate);
    for (size_t i = 0; i < 6; i++)
        wait_for(jobs[i]);
    for (size_t i = 0; i < 6; i++) {
        if (i > 0)
            ck_assert_int_lt(jobs[i]->order, jobs[i - 1]->order);
    }
    for (size_t i = 0; i < 6; i++)
        free_request(jobs[i]);
    close_fixture(&f);
}
END_TEST

START_TEST(an_idle_batcher_shows_that_it_lives)
{
    fixture f = open_fixture(QUEUE_TOKENS, 1);
    int64_t before = batcher_heartbeat_ns(f.batcher);
    struct timespec pause = { 0, 100000000 };
    for (int tries = 0; tries < 300 && batcher_heartbeat_ns(f.batcher) == before; tries++)
        (void)nanosleep(&pause, NULL);
    ck_assert_int_gt(batcher_heartbeat_ns(f.batcher), before);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batcher");
    TCase *t = tcase_create("batcher");
    check_patience(t, 120);
    tcase_add_test(t, a_job_of_many_texts_gives_the_bytes_of_each_text_alone);
    tcase_add_test(t, eight_threads_of_mixed_jobs_get_the_bytes_of_each_text_alone);
    tcase_add_test(t, a_full_queue_refuses_whole_jobs_at_once_and_takes_them_later);
    tcase_add_test(t, jobs_that_can_never_run_are_refused_as_input);
    tcase_add_test(t, a_job_past_its_deadline_or_without_its_client_ends_without_being_run);
    tcase_add_test(t, stopping_ends_queued_jobs_and_refuses_new_ones);
    tcase_add_test(t, a_bad_text_fails_its_own_job_only);
    tcase_add_test(t, small_jobs_pass_a_big_one_which_still_gets_done);
    tcase_add_test(t, short_texts_are_done_in_the_middle_of_a_long_one);
    tcase_add_test(t, a_long_text_is_finished_when_the_server_ends);
    tcase_add_test(t, among_equal_jobs_the_earlier_deadline_goes_first);
    tcase_add_test(t, an_idle_batcher_shows_that_it_lives);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
