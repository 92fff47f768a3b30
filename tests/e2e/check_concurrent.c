/* check_concurrent.c - many clients at once: the vector of a text is the same to the bit whoever else asks, nobody
 * waits for a client that went or sleeps, and everybody who stays is answered.
 */
#include "tests/e2e/support.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>

enum { TEXTS = 16, TEXT_BYTES = 1024, VECTOR_BYTES = 4096, CLIENTS = 8, ROUNDS = 6, KINDS = 2, PATIENCE_MS = 60000 };

static const char *const models[] = { "tests/golden/encoder/roformer_linear", "weights/default" };
static const char *const kinds[KINDS] = { "softmax", "linear" };

/* Threads of the server; its batches may hold so few tokens that long texts meet short ones in many ways. */
typedef struct { const char *threads, *batch_tokens; } setting;
static const setting settings[] = { { "1", "0" }, { "2", "0" }, { "2", "64" } };

typedef struct { char base64[VECTOR_BYTES]; } vector;

static char texts[TEXTS][TEXT_BYTES];
static vector alone[KINDS][TEXTS];

/* From one token to some hundred, no two alike. */
static void make_texts(void)
{
    static const char *const words[] = { "rain ", "天气", "a ", "trains ", "好", "x9 ", "公园", "zebra " };
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = (size_t)snprintf(texts[i], 8, "%zu ", i);
        for (size_t w = 0; w < i * i / 2; w++) {
            const char *word = words[(i * 5 + w * 3 + w / 7) % 8];
            memcpy(texts[i] + length, word, strlen(word));
            length += strlen(word);
        }
        texts[i][length] = '\0';
    }
}

static char *write_request(const size_t *which, size_t count, const char *kind)
{
    size_t room = count * (TEXT_BYTES + 4) + 128;
    char *body = malloc(room);
    if (!body)
        abort();
    int length = snprintf(body, room, "{\"encoding_format\":\"base64\",\"attention\":\"%s\",\"input\":[", kind);
    for (size_t i = 0; i < count; i++)
        length += snprintf(body + length, room - (size_t)length, "%s\"%s\"", i ? "," : "", texts[which[i]]);
    (void)snprintf(body + length, room - (size_t)length, "]}");
    return body;
}

/* Asks for the texts in one request; false when anything but their vectors comes back. */
static bool ask(raw_client *c, const size_t *which, size_t count, const char *kind, vector *out)
{
    char *body = write_request(which, count, kind);
    raw_answer a = e2e_post(c, "/v1/embeddings", body, strlen(body));
    free(body);
    cJSON *tree = a.status == 200 ? cJSON_ParseWithLength(a.body, a.body_length) : NULL;
    const cJSON *item, *data = cJSON_GetObjectItemCaseSensitive(tree, "data");
    size_t got = 0;
    cJSON_ArrayForEach(item, data)
    {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "embedding"));
        if (text && got < count && strlen(text) < VECTOR_BYTES)
            (void)snprintf(out[got++].base64, VECTOR_BYTES, "%s", text);
    }
    cJSON_Delete(tree);
    raw_answer_clear(&a);
    return got == count;
}

static void ask_each_alone(const e2e_server *s)
{
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < TEXTS; i++) {
            raw_client c = e2e_connect(s);
            ck_assert(ask(&c, &i, 1, kinds[k], &alone[k][i]));
            ck_assert_uint_gt(strlen(alone[k][i].base64), 100);
            raw_close(&c);
        }
}

typedef struct {
    const e2e_server *server;
    unsigned seed;
    size_t vectors, different, failed;
} asker;

static unsigned next_number(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* Requests of one to five texts in any order, on one connection; libcheck's asserts belong to the main thread. */
static void *ask_and_compare(void *context)
{
    asker *me = context;
    vector *got = calloc(5, sizeof *got);
    raw_client c = raw_open(me->server->port);
    for (int round = 0; got && round < ROUNDS; round++) {
        size_t which[5], count = 1 + next_number(&me->seed) % 5, k = next_number(&me->seed) % KINDS;
        for (size_t i = 0; i < count; i++)
            which[i] = next_number(&me->seed) % TEXTS;
        if (!ask(&c, which, count, kinds[k], got)) {
            me->failed++;
            continue;
        }
        me->vectors += count;
        for (size_t i = 0; i < count; i++)
            me->different += strcmp(got[i].base64, alone[k][which[i]].base64) != 0;
    }
    raw_close(&c);
    free(got);
    return NULL;
}

/* Every request of every client must have been answered, and as if it were alone. */
static void run_askers(const e2e_server *s, unsigned seed)
{
    pthread_t threads[CLIENTS];
    asker askers[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        askers[i] = (asker){ .server = s, .seed = seed + i * 7919 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_and_compare, &askers[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)pthread_join(threads[i], NULL);
        ck_assert_msg(askers[i].failed == 0, "client %zu: %zu requests failed", i, askers[i].failed);
        ck_assert_msg(askers[i].different == 0, "client %zu: %zu of %zu vectors differ", i, askers[i].different,
                      askers[i].vectors);
        ck_assert_uint_ge(askers[i].vectors, ROUNDS);
    }
}

static void check_settings(const char *model, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *const options[] = { "--threads", settings[i].threads, "--max-batch-tokens",
                                        settings[i].batch_tokens, "--timeout", "300", NULL };
        e2e_server s = e2e_start_model(model, options);
        if (i == 0)
            ask_each_alone(&s);
        run_askers(&s, 1 + (unsigned)i);
        ck_assert_int_eq(e2e_stop(&s), 0);
    }
}

START_TEST(vectors_are_equal_to_the_bit_alone_in_company_and_at_any_thread_count)
{
    check_settings(models[_i], _i == 0 ? 3 : 2);
}
END_TEST

/* All at once, in one request, in both orders. */
START_TEST(vectors_do_not_depend_on_their_place_in_a_request)
{
    size_t forth[TEXTS], back[TEXTS];
    vector *got = calloc(TEXTS, sizeof *got);
    ck_assert_ptr_nonnull(got);
    e2e_server s = e2e_start_model(models[0], NULL);
    ask_each_alone(&s);
    for (size_t i = 0; i < TEXTS; i++) {
        forth[i] = i;
        back[i] = TEXTS - 1 - i;
    }
    for (size_t k = 0; k < KINDS; k++)
        for (int turn = 0; turn < 2; turn++) {
            const size_t *which = turn ? back : forth;
            raw_client c = e2e_connect(&s);
            ck_assert(ask(&c, which, TEXTS, kinds[k], got));
            for (size_t i = 0; i < TEXTS; i++)
                ck_assert_msg(strcmp(got[i].base64, alone[k][which[i]].base64) == 0, "%s, text %zu", kinds[k],
                              which[i]);
            raw_close(&c);
        }
    ck_assert_int_eq(e2e_stop(&s), 0);
    free(got);
}
END_TEST

/* ---- clients that go, sleep or say nothing ---- */

static void wait_for_connections(const e2e_server *s, double at_most)
{
    double open = at_most + 1;
    int64_t end = clock_now_ns() + PATIENCE_MS * INT64_C(1000000);
    while (open > at_most && clock_now_ns() < end) {
        e2e_sleep_ms(20);
        open = e2e_metric(s, "rosim_connections");
    }
    ck_assert_double_le(open, at_most);
}

/* Half a request each, and then either gone or silent; whoever sends a whole request is served meanwhile. */
START_TEST(clients_that_leave_or_sleep_disturb_nobody)
{
    enum { SLEEPERS = 60 };
    static const char *const halves[] = {
        "", "POST /v1/emb", "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Le",
        ("POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
         "{\"inp"),
    };
    const char *const options[] = { "--threads", "2", "--header-timeout", "3", "--body-timeout", "3", "--idle-timeout",
                                    "3", NULL };
    raw_client sleepers[SLEEPERS];
    e2e_server s = e2e_start_model(models[0], options);
    ask_each_alone(&s);
    for (size_t i = 0; i < SLEEPERS; i++) {
        sleepers[i] = e2e_connect(&s);
        ck_assert(raw_say(&sleepers[i], halves[i % 4]));
    }
    for (size_t i = 0; i < SLEEPERS; i += 3)
        raw_abort(&sleepers[i]);
    run_askers(&s, 77);
    for (size_t i = 0; i < SLEEPERS; i++)
        if (sleepers[i].fd >= 0) {
            ck_assert_msg(raw_ends(&sleepers[i], PATIENCE_MS), "sleeper %zu is still there", i);
            raw_close(&sleepers[i]);
        }
    wait_for_connections(&s, 1);    /* the one that asks */
    ck_assert_double_eq(e2e_metric(&s, "rosim_queue_tokens"), 0);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* Kept open between requests until it idles too long; each request begins the time anew. */
START_TEST(an_idle_connection_is_closed_and_a_busy_one_is_kept)
{
    enum { IDLE_MS = 1000 };
    static const char body[] = "{\"input\":\"a\"}";
    const char *const options[] = { "--idle-timeout", "1", NULL };
    e2e_server s = e2e_start_model(models[0], options);
    raw_client c = e2e_connect(&s);
    int64_t last = 0;
    for (int i = 0; i < 6; i++) {
        last = clock_now_ns();
        raw_answer a = e2e_post(&c, "/v1/embeddings", body, sizeof body - 1);
        ck_assert_int_eq(a.status, 200);
        raw_answer_clear(&a);
        e2e_sleep_ms(300);
    }
    ck_assert(raw_ends(&c, PATIENCE_MS));
    ck_assert_int_ge((clock_now_ns() - last) / 1000000, IDLE_MS);
    raw_close(&c);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* More clients than connections: the rest waits in the backlog and is served when others have gone. */
START_TEST(more_clients_than_connections_are_all_served)
{
    enum { CROWD = 24 };
    const char *const options[] = { "--connections", "8", NULL };
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    raw_client crowd[CROWD];
    e2e_server s = e2e_start_model(models[0], options);
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = e2e_connect(&s);
        ck_assert(raw_say(&crowd[i], request));
    }
    for (size_t i = 0; i < CROWD; i++) {
        raw_answer a = raw_read(&crowd[i], false, PATIENCE_MS);
        ck_assert_msg(a.status == 200, "client %zu: %d", i, a.status);
        raw_answer_clear(&a);
        raw_close(&crowd[i]);
    }
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* 256 clients whose answers come back together: none is forgotten (the library's epoll mode forgets 128). */
START_TEST(a_burst_of_256_is_answered)
{
    enum { BURST = 256 };
    static const char body[] = "{\"input\":\"a\"}";
    char request[256];
    const char *const options[] = { "--threads", "2", NULL };
    raw_client *burst = calloc(BURST, sizeof *burst);
    ck_assert_ptr_nonnull(burst);
    (void)snprintf(request, sizeof request, "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
                   "\r\nContent-Length: %zu\r\n\r\n%s", sizeof body - 1, body);
    e2e_server s = e2e_start_model(models[0], options);
    for (size_t i = 0; i < BURST; i++)
        burst[i] = e2e_connect(&s);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < BURST; i++)
            ck_assert(raw_say(&burst[i], request));
        for (size_t i = 0; i < BURST; i++) {
            raw_answer a = raw_read(&burst[i], false, PATIENCE_MS);
            ck_assert_msg(a.status == 200, "client %zu: %d", i, a.status);
            raw_answer_clear(&a);
        }
    }
    for (size_t i = 0; i < BURST; i++)
        raw_close(&burst[i]);
    ck_assert_int_eq(e2e_stop(&s), 0);
    free(burst);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    make_texts();
    Suite *suite = suite_create("many clients");
    TCase *t = tcase_create("many clients");
    check_patience(t, 240);
    tcase_add_loop_test(t, vectors_are_equal_to_the_bit_alone_in_company_and_at_any_thread_count, 0, 2);
    tcase_add_test(t, vectors_do_not_depend_on_their_place_in_a_request);
    tcase_add_test(t, clients_that_leave_or_sleep_disturb_nobody);
    tcase_add_test(t, an_idle_connection_is_closed_and_a_busy_one_is_kept);
    tcase_add_test(t, more_clients_than_connections_are_all_served);
    tcase_add_test(t, a_burst_of_256_is_answered);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
