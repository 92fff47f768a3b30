/* check_server_routes_states.c - the routes under keys, full queues, deadlines and a drain; relations between answers;
 * memory that ends.
 */
#include "tests/check_server_rows.h"

#include <pthread.h>
#include <time.h>

#define SIM "/v1/similarity"
#define EMB "/v1/embeddings"

/* ---- keys ---- */

static int status_with_key(fixture *f, const char *method, const char *path, const char *authorization,
                           const char *body)
{
    const call_header headers[] = { { "content-type", "application/json" },
                                    { authorization ? "authorization" : "x-none", authorization }, { NULL, NULL } };
    call c = { 0 };
    call_make(&c, f, method, path, headers, slice_of(body), CALL_ARENA_BYTES);
    int answer = c.x.status;
    ck_assert((answer == 401) == (call_header_of(&c, "WWW-Authenticate") != NULL));
    ck_assert((answer == 429) == (call_header_of(&c, "Retry-After") != NULL));
    call_end(&c);
    return answer;
}

static const char good_body[] = "{\"pairs\":[[\"abc\",\"abd\"]]}";

START_TEST(with_keys_only_the_public_routes_are_open)
{
    static const char *const keys[] = { "one", "two" };
    static const char *const open[] = { "/", "/health", "/ping", "/livez", "/readyz", "/metrics",
                                        "/page/{id}", "/openapi.json", "/docs" };
    fixture f;
    errinfo err;
    fixture_open(&f, QUEUE_TOKENS);
    ck_assert_int_eq(auth_open(&f.service.auth, keys, 2, NULL, &err), ST_OK);
    size_t count;
    const route *table = router_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool public = false;
        for (size_t k = 0; k < sizeof open / sizeof *open; k++)
            public = public || (strcmp(table[i].path, open[k]) == 0 && strcmp(table[i].method, "GET") == 0);
        int answer = status_with_key(&f, table[i].method, table[i].path, NULL, good_body);
        bool template = strchr(table[i].path, '{') != NULL;    /* a file of that name there is not */
        int wanted = !public ? 401 : template ? 404 : 200;
        ck_assert_msg(answer == wanted, "%s %s: %d", table[i].method, table[i].path, answer);
    }
    ck_assert_int_eq(status_with_key(&f, "POST", SIM, "Bearer two", good_body), 200);
    ck_assert_int_eq(status_with_key(&f, "POST", SIM, "Bearer three", good_body), 401);
    ck_assert_int_eq(status_with_key(&f, "POST", SIM, "Bearer two, Bearer two", good_body), 401);
    ck_assert_int_eq(status_with_key(&f, "POST", SIM, "two", good_body), 401);
    fixture_close(&f);
}
END_TEST

/* SHA-256 of "secret". */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

START_TEST(a_key_may_be_bound_to_models_and_to_a_rate)
{
    char path[] = "/tmp/rosim-keys-XXXXXX";
    fixture f;
    errinfo err;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    (void)fprintf(file, "shop:" SECRET ":models=both:rate=20\n");
    (void)fclose(file);
    fixture_open(&f, QUEUE_TOKENS);
    ck_assert_msg(auth_open(&f.service.auth, NULL, 0, path, &err) == ST_OK, "%s", err.text);
    (void)remove(path);
    static const char other[] = "{\"pairs\":[[\"abc\",\"abd\"]],\"model\":\"soft\"}";
    ck_assert_int_eq(status_with_key(&f, "POST", SIM, "Bearer secret", other), 403);
    ck_assert_int_eq(status_with_key(&f, "POST", "/tokenize", "Bearer secret", "{\"inputs\":\"a\"}"), 200);
    int last = 0;
    for (int i = 0; i < 10 && last != 429; i++)    /* 10 tokens each, 20 a second and a second's worth ahead */
        last = status_with_key(&f, "POST", SIM, "Bearer secret", good_body);
    ck_assert_int_eq(last, 429);
    fixture_close(&f);
}
END_TEST

/* ---- states of the server ---- */

START_TEST(a_server_that_is_not_ready_or_leaves_says_so)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    f.service.ready = false;
    call_post(&c, &f, SIM, good_body);
    ck_assert(c.x.status == 503 && call_says(&c, "not_ready") && call_header_of(&c, "Retry-After"));
    call_end(&c);
    call_post(&c, &f, "/embed", "{\"inputs\":\"a\"}");
    ck_assert(c.x.status == 503 && call_says(&c, "Unhealthy"));
    call_end(&c);
    call_make(&c, &f, "GET", "/health", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert(c.x.status == 503 && call_says(&c, "{\"error\":\"unhealthy\",\"error_type\":\"Unhealthy\"}"));
    call_end(&c);
    f.service.ready = true;
    f.service.draining = true;
    call_post(&c, &f, SIM, good_body);
    ck_assert(c.x.status == 503 && call_says(&c, "draining") && c.x.close_connection);
    call_end(&c);
    call_make(&c, &f, "GET", "/readyz", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert(c.x.status == 503 && call_says(&c, "draining"));
    call_end(&c);
    call_make(&c, &f, "GET", "/livez", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 200);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

/* A job of the test's own that holds the compute thread, by asking long whether its client is gone. */
typedef struct { job job; sem_t entered, leave, done; } blocker;

static bool blocker_gone(const job *j)
{
    blocker *b = j->context;
    (void)sem_post(&b->entered);
    (void)sem_wait(&b->leave);
    return true;
}

static void blocker_done(job *j)
{
    (void)sem_post(&((blocker *)j->context)->done);
}

static void block(blocker *b, fixture *f)
{
    static const uint32_t ids[] = { 2, 3 }, starts[] = { 0, 2 };
    static float vector[64];
    errinfo err;
    *b = (blocker){ .job = { .model = registry_at(f->registry, 0),
                             .ids = ids,
                             .starts = starts,
                             .texts = 1,
                             .vectors = vector,
                             .deadline_ns = clock_now_ns() + CHECK_FAR_NS,
                             .done = blocker_done,
                             .gone = blocker_gone,
                             .context = b } };
    (void)sem_init(&b->entered, 0, 0);
    (void)sem_init(&b->leave, 0, 0);
    (void)sem_init(&b->done, 0, 0);
    ck_assert_int_eq(batcher_submit(f->batcher, &b->job, &err), ST_OK);
    (void)sem_wait(&b->entered);
}

static void unblock(blocker *b)
{
    (void)sem_post(&b->leave);
    (void)sem_wait(&b->done);
}

START_TEST(a_full_queue_refuses_with_the_time_to_come_back)
{
    fixture f;
    blocker b;
    call c = { 0 };
    fixture_open(&f, 11);
    block(&b, &f);
    call_post(&c, &f, SIM, good_body);    /* 10 tokens beside the blocker's 2 */
    ck_assert_msg(c.x.status == 503 && call_says(&c, "\"code\":\"overloaded\""), "%s", c.x.answer.data);
    const char *after = call_header_of(&c, "Retry-After");
    ck_assert_ptr_nonnull(after);
    long seconds = strtol(after, NULL, 10);
    ck_assert(seconds >= 1 && seconds <= 60);
    call_end(&c);
    call_post(&c, &f, "/embed", "{\"inputs\":[\"abc\",\"abd\"]}");
    ck_assert(c.x.status == 429 && call_says(&c, "Overloaded") && call_header_of(&c, "Retry-After"));
    call_end(&c);
    call_make(&c, &f, "GET", "/livez", json_headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 200);
    call_end(&c);
    unblock(&b);
    call_post(&c, &f, SIM, good_body);
    ck_assert_int_eq(c.x.status, 200);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(a_request_larger_than_the_queue_is_told_so_for_good)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, 9);
    call_post(&c, &f, SIM, good_body);
    ck_assert_int_eq(c.x.status, 422);
    ck_assert_msg(
        call_says(
            &c, "\"code\":\"too_many_tokens\",\"message\":\"the request has at least 10 tokens; the queue takes 9\""),
        "%s", c.x.answer.data);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

typedef struct { call c; fixture *f; const char *body; } late;

static void *post_late(void *context)
{
    late *l = context;
    call_post(&l->c, l->f, SIM, l->body);
    return NULL;
}

START_TEST(a_deadline_that_passes_in_the_queue_gives_504)
{
    fixture f;
    blocker b;
    pthread_t thread;
    late l = { .f = &f, .body = "{\"pairs\":[[\"abc\",\"abd\"]],\"timeout_ms\":100}" };
    fixture_open(&f, QUEUE_TOKENS);
    block(&b, &f);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_late, &l), 0);
    nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
    unblock(&b);
    (void)pthread_join(thread, NULL);
    ck_assert_msg(l.c.x.status == 504 && call_says(&l.c, "\"code\":\"deadline_exceeded\""), "%d %s", l.c.x.status,
                  l.c.x.answer.data);
    call_end(&l.c);
    fixture_close(&f);
}
END_TEST

START_TEST(a_client_that_left_costs_no_compute)
{
    fixture f;
    call c = { .connection = { .gone = true } };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&c, &f, SIM, good_body);
    ck_assert_int_eq(c.x.status, 504);
    call_end(&c);
    arena *a = arena_open(0, 1 << 20);
    ck_assert_ptr_nonnull(strstr(metrics_text(f.service.metrics, a).data, "rosim_cancelled_total 1"));
    arena_close(a);
    fixture_close(&f);
}
END_TEST

/* ---- relations between answers ---- */

static slice scores_of(const call *c)
{
    ck_assert_msg(c->x.status == 200, "%s", c->x.answer.data);
    const char *begin = strstr(c->x.answer.data, "\"scores\":") + 9;
    while (*begin == '[')
        begin++;
    return (slice){ begin, strcspn(begin, "]") };
}

START_TEST(the_three_forms_give_the_same_scores)
{
    static const char *const bodies[] = {
        "{\"pairs\":[[\"abc\",\"xyz\"],{\"a\":\"abc\",\"b\":\"hello\"}],\"metric\":\"%s\"}",
        "{\"source\":\"abc\",\"sentences\":[\"xyz\",\"hello\"],\"metric\":\"%s\"}",
        "{\"left\":[\"abc\"],\"right\":[\"xyz\",\"hello\"],\"metric\":\"%s\"}"
    };
    static const char *const names[] = { "cosine", "dot", "euclidean" };
    fixture f;
    fixture_open(&f, QUEUE_TOKENS);
    for (size_t m = 0; m < 3; m++) {
        call calls[3];
        memset(calls, 0, sizeof calls);
        for (size_t i = 0; i < 3; i++) {
            char body[256];
            const char *mark = strstr(bodies[i], "%s");
            (void)snprintf(body, sizeof body, "%.*s%s%s", (int)(mark - bodies[i]), bodies[i], names[m], mark + 2);
            call_post(&calls[i], &f, SIM, body);
            ck_assert(slice_equal(scores_of(&calls[i]), scores_of(&calls[0])));
        }
        for (size_t i = 0; i < 3; i++)
            call_end(&calls[i]);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(ids_give_the_vector_of_their_text)
{
    fixture f;
    call text = { 0 }, ids = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&text, &f, EMB, "{\"input\":\"ab\",\"normalize\":false}");
    call_post(&ids, &f, EMB, "{\"input\":[2,5,32,3],\"normalize\":false}");
    ck_assert_int_eq(text.x.status, 200);
    ck_assert(slice_equal(text.x.answer, ids.x.answer));
    call_end(&text);
    call_end(&ids);
    fixture_close(&f);
}
END_TEST

START_TEST(the_same_text_many_times_is_counted_each_time)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, 11);    /* room for two different texts of five tokens, not for four */
    call_post(&c, &f, SIM, "{\"pairs\":[[\"abc\",\"abd\"],[\"abd\",\"abc\"]]}");
    ck_assert_msg(c.x.status == 200 && call_says(&c, "\"texts\":4,\"tokens\":20"), "%s", c.x.answer.data);
    call_end(&c);
    call_post(&c, &f, SIM, "{\"pairs\":[[\"abc\",\"abc\"]],\"prompt_a\":\"x\"}"); /* another prompt is another text */
    ck_assert(c.x.status == 200 && !call_says(&c, "\"scores\":[1.0]"));
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(tei_answers_carry_their_timings)
{
    static const char *const names[] = { "x-compute-type", "x-compute-time", "x-compute-characters", "x-compute-tokens",
                                         "x-total-time", "x-tokenization-time", "x-queue-time", "x-inference-time" };
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_post(&c, &f, "/embed", "{\"inputs\":[\"ab\",\"\xe4\xb8\x80\"]}");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_ptr_nonnull(call_header_of(&c, names[i]));
    ck_assert_str_eq(call_header_of(&c, "x-compute-characters"), "3");
    ck_assert_str_eq(call_header_of(&c, "x-compute-tokens"), "7");
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(what_the_server_refuses_before_the_router_is_in_the_dialect_of_the_path)
{
    fixture f;
    struct connection connection = { .headers = json_headers + 1 };
    fixture_open(&f, QUEUE_TOKENS);
    http_handlers h = router_handlers(&f.service);
    exchange x = { .arena = arena_open(0, 4096), .path = slice_of("/embed"), .connection = &connection };
    h.on_refused(h.context, &x, API_PAYLOAD_TOO_LARGE, "the body is larger than 5 bytes");
    ck_assert_int_eq(x.status, 413);
    ck_assert_str_eq(x.answer.data, "{\"error\":\"the body is larger than 5 bytes\",\"error_type\":\"Validation\"}");
    arena_close(x.arena);
    fixture_close(&f);
}
END_TEST

/* Memory may end at any moment: each request is then answered with 503, and whole. */
START_TEST(an_arena_of_any_size_gives_an_answer)
{
    static const body_row sample[] = {
        { SIM,
          "{\"left\":[\"abc\",\"x\"],\"right\":[\"abcdef\",\"y\"],\"max_length\":4,\"top_k\":2,\"prompt_a\":\"q\"}",
          200, "" },
        { EMB, "{\"input\":[[2,5,3],\"abc\"],\"encoding_format\":\"base64\"}", 200, "" },
        { "/similarity", "{\"inputs\":{\"source_sentence\":\"abc\",\"sentences\":[\"abd\"]}}", 200, "" },
        { "/tokenize", "{\"inputs\":[\"abc\"]}", 200, "" },
    };
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    const body_row *r = &sample[_i];
    bool worked = false;
    for (size_t max = 0; max < 24576; max += 64) {
        call_make(&c, &f, "POST", r->path, json_headers, slice_of(r->body), max);
        worked = c.x.status == r->status;
        if (!worked && c.x.status != 503 && !(c.x.status == 429 && call_says(&c, "Overloaded")))
            ck_abort_msg("%zu bytes: %d %s", max, c.x.status, c.x.answer.data);
        if (c.x.answer.data[c.x.answer.length - 1] != '}' && c.x.answer.data[c.x.answer.length - 1] != ']')
            ck_abort_msg("%zu bytes: cut %s", max, c.x.answer.data);
        call_end(&c);
    }
    ck_assert(worked);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes_states");
    TCase *t = tcase_create("routes_states");
    tcase_add_test(t, with_keys_only_the_public_routes_are_open);
    tcase_add_test(t, a_key_may_be_bound_to_models_and_to_a_rate);
    tcase_add_test(t, a_server_that_is_not_ready_or_leaves_says_so);
    tcase_add_test(t, a_full_queue_refuses_with_the_time_to_come_back);
    tcase_add_test(t, a_request_larger_than_the_queue_is_told_so_for_good);
    tcase_add_test(t, a_deadline_that_passes_in_the_queue_gives_504);
    tcase_add_test(t, a_client_that_left_costs_no_compute);
    tcase_add_test(t, the_three_forms_give_the_same_scores);
    tcase_add_test(t, ids_give_the_vector_of_their_text);
    tcase_add_test(t, the_same_text_many_times_is_counted_each_time);
    tcase_add_test(t, tei_answers_carry_their_timings);
    tcase_add_test(t, what_the_server_refuses_before_the_router_is_in_the_dialect_of_the_path);
    tcase_add_loop_test(t, an_arena_of_any_size_gives_an_answer, 0, 4);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
