/* check_matrix_load.c - rows 77 to 85 of the table of malformed requests: a full queue, deadlines, a drain, clients
 * that leave, memory that ends, a model whose vectors are no numbers.
 *
 * A "long" request keeps the compute thread busy, so that something can happen meanwhile. How long it takes is the
 * machine's business: what depends on it is tried again, and every answer on the way must be one of those allowed.
 *
 * Row 80 (503 not_ready while a model loads) cannot be seen on a socket: the port is bound when the models are loaded
 * and checked, so a client is refused by the kernel until then. check_server_routes_states.c has the answer itself.
 */
#define _GNU_SOURCE    /* prlimit is Linux's own */
#include "tests/e2e/matrix.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define EMB "/v1/embeddings"

enum { LONG_TEXTS = 24, WORDS = 120, BODY_BYTES = 1 << 16, TRIES = 10 };    /* some 3000 tokens */

/* {"input": [...] extra}: each text begins with its number, because equal texts are encoded once. */
static char *many_texts(int texts, int words, const char *extra)
{
    char *body = malloc(BODY_BYTES);
    ck_assert_ptr_nonnull(body);
    ck_assert_int_lt(texts * (2 * words + 8) + 64, BODY_BYTES);
    int length = snprintf(body, BODY_BYTES, "{\"input\":[");
    for (int i = 0; i < texts; i++) {
        length += snprintf(body + length, 16, "%s\"%d", i ? "," : "", i);
        for (int w = 0; w < words; w++, length += 2)
            memcpy(body + length, " a", 2);
        length += snprintf(body + length, 2, "\"");
    }
    (void)snprintf(body + length, (size_t)(BODY_BYTES - length), "]%s}", extra);
    return body;
}

/* Sends, and does not wait for the answer. */
static raw_client begin(const e2e_server *s, const char *body)
{
    char head[256];
    raw_client c = e2e_connect(s);
    (void)snprintf(head, sizeof head, "POST " EMB " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n", strlen(body));
    ck_assert(raw_say(&c, head) && raw_say(&c, body));
    return c;
}

static raw_client begin_long(const e2e_server *s)
{
    char *body = many_texts(LONG_TEXTS, WORDS, "");
    raw_client c = begin(s, body);
    free(body);
    return c;
}

static bool reaches(const e2e_server *s, const char *metric, double value)
{
    int64_t end = clock_now_ns() + MATRIX_PATIENCE_MS * INT64_C(1000000);
    while (clock_now_ns() < end) {
        if (e2e_metric(s, metric) >= value)
            return true;
        e2e_sleep_ms(2);
    }
    return false;
}

/* Everything has been freed that a request holds. */
static void check_nothing_left(const e2e_server *s, const char *row)
{
    int64_t end = clock_now_ns() + E2E_ANSWER_MS * INT64_C(1000000);
    double left = 1;
    while (left > 0 && clock_now_ns() < end) {
        e2e_sleep_ms(10);
        left = e2e_metric(s, "rosim_requests_in_flight") - 1 + e2e_metric(s, "rosim_queue_tokens")
             + e2e_metric(s, "rosim_connections") - 1;    /* those that ask */
    }
    ck_assert_msg(left <= 0, "%s: %g left", row, left);
}

static void finish(raw_client *c, int want)
{
    raw_answer a = raw_read(c, false, E2E_ANSWER_MS);
    ck_assert_msg(a.status == want, "%d, want %d: %s", a.status, want, a.body ? a.body : "");
    raw_answer_clear(&a);
    raw_close(c);
}

static e2e_server server;

/* ---- row 77 ---- */

/* True when it was refused; it is 200 when the queue had room again. */
static bool is_refused(const char *body)
{
    char after[16] = "", code[64];
    raw_client c = e2e_connect(&server);
    raw_answer a = e2e_post(&c, EMB, body, strlen(body));
    ck_assert_msg(a.status == 200 || a.status == 503, "%d: %s", a.status, a.body ? a.body : "");
    bool refused = a.status == 503;
    if (refused) {
        e2e_member(&a, "error.code", code, sizeof code);
        ck_assert_str_eq(code, "overloaded");
        ck_assert(raw_header(&a, "Retry-After", after, sizeof after));
        ck_assert_int_ge(strtol(after, NULL, 10), 1);
        check_end("77", &c, STAYS);
    }
    raw_answer_clear(&a);
    raw_close(&c);
    return refused;
}

/* The queue takes one long request and a little more: a second long one is refused as a whole, a short one is not. */
START_TEST(a_request_that_finds_the_queue_full_is_refused_whole)
{
    double before = e2e_metric(&server, "rosim_overloaded_total");
    bool refused = false;
    char *body = many_texts(LONG_TEXTS, WORDS, "");
    for (int i = 0; i < TRIES && !refused; i++) {
        raw_client busy = begin_long(&server);
        if (reaches(&server, "rosim_queue_tokens", 2000))
            refused = is_refused(body);
        finish(&busy, 200);
    }
    free(body);
    ck_assert_msg(refused, "never refused");
    ck_assert_double_eq(e2e_metric(&server, "rosim_overloaded_total"), before + 1);
    check_well(&server, "77");
}
END_TEST

/* ---- row 78 ---- */

/* Asked again and again while a long request runs: refused at once while the queue is longer than a millisecond, late
 * when only the running batch is before it. */
static bool is_late_once(void)
{
    static const char body[] = "{\"pairs\":[[\"abc\",\"abcd\"]],\"timeout_ms\":1}";
    int got = 503;
    char code[64];
    raw_client c = e2e_connect(&server);
    while (got == 503) {
        raw_answer a = e2e_post(&c, "/v1/similarity", body, sizeof body - 1);
        got = a.status;
        e2e_member(&a, "error.code", code, sizeof code);
        ck_assert_msg(got == 200 || (got == 503 && strcmp(code, "overloaded") == 0)
                      || (got == 504 && strcmp(code, "deadline_exceeded") == 0), "%d %s", got, code);
        raw_answer_clear(&a);
    }
    raw_close(&c);
    return got == 504;
}

START_TEST(a_deadline_that_passes_in_the_queue_is_504)
{
    bool late = false;
    for (int i = 0; i < TRIES && !late; i++) {
        raw_client busy = begin_long(&server);
        ck_assert(reaches(&server, "rosim_queue_tokens", 1));
        late = is_late_once();
        finish(&busy, 200);
    }
    ck_assert_msg(late, "never late");
    ck_assert_double_ge(e2e_metric(&server, "rosim_deadline_exceeded_total"), 1);
    check_well(&server, "78");
}
END_TEST

/* ---- rows 81 to 83 ---- */

/* Two long requests at once: the second waits behind the first, and its client goes. */
START_TEST(a_client_that_goes_while_queued_costs_no_compute)
{
    double before = e2e_metric(&server, "rosim_cancelled_total");
    raw_client gone = begin_long(&server);
    ck_assert(reaches(&server, "rosim_requests_in_flight", 2));
    if (_i == 0)
        raw_close(&gone);
    else
        raw_abort(&gone);
    ck_assert(reaches(&server, "rosim_cancelled_total", before + 1));
    check_nothing_left(&server, "81");
    check_well(&server, "81");
}
END_TEST

START_TEST(a_client_that_goes_while_its_answer_is_sent_leaves_nothing)
{
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < 20; i++) {
        raw_client c = e2e_connect(&server);
        for (int n = 0; n < 20; n++)
            ck_assert(raw_say(&c, ask));
        ck_assert_int_gt(raw_read_more(&c, clock_now_ns() + MATRIX_PATIENCE_MS * INT64_C(1000000)), 0);
        raw_abort(&c);
    }
    check_nothing_left(&server, "82");
    check_well(&server, "82");
}
END_TEST

START_TEST(five_pipelined_requests_and_a_close_leave_nothing)
{
    for (int i = 0; i < 20; i++) {
        raw_client c = e2e_connect(&server);
        for (int n = 0; n < 5; n++)
            ck_assert(raw_say(&c, "POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 25\r\n\r\n" GOOD_BODY));
        raw_close(&c);
    }
    check_nothing_left(&server, "83");
    check_well(&server, "83");
}
END_TEST

/* A client drops at every byte of its request: nothing is left, and those who stay are served meanwhile. */
START_TEST(a_client_may_go_at_any_byte)
{
    static const char request[] = "POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 25\r\n\r\n" GOOD_BODY;
    for (size_t length = 0; length < sizeof request; length++) {
        raw_client c = e2e_connect(&server);
        ck_assert(raw_send(&c, request, length));
        if (length % 2)
            raw_abort(&c);
        else
            raw_close(&c);
    }
    check_nothing_left(&server, "16");
    check_well(&server, "16");
}
END_TEST

static void start(void)
{
    static const char *const options[] = { "--threads", "1", "--max-queue-tokens", "4000", "--timeout", "600",
                                           "--header-timeout", "60", NULL };
    server = e2e_start(options);
}

static void stop(void)
{
    ck_assert_int_eq(e2e_stop(&server), 0);
}

/* ---- row 79: drains, each with a server of its own ---- */

static bool refuses_connections(const e2e_server *s)
{
    for (int waited = 0; waited < MATRIX_PATIENCE_MS; waited += 10) {
        raw_client c = raw_open(s->port);
        bool refused = c.fd < 0;
        raw_close(&c);
        if (refused)
            return true;
        e2e_sleep_ms(10);
    }
    return false;
}

START_TEST(a_drain_finishes_what_is_in_flight_and_refuses_strangers)
{
    static const char *const options[] = { "--threads", "1", "--timeout", "600", "--drain", "600", NULL };
    enum { CLIENTS = 4 };
    raw_client clients[CLIENTS], idle;
    e2e_server s = e2e_start(options);
    idle = e2e_connect(&s);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = begin_long(&s);
    ck_assert(reaches(&s, "rosim_texts_total", CLIENTS * LONG_TEXTS));    /* read, and not only connected */
    e2e_signal(&s, SIGTERM);
    ck_assert_msg(refuses_connections(&s), "still accepting");
    for (int i = 0; i < CLIENTS; i++) {
        char value[16] = "";
        raw_answer a = raw_read(&clients[i], false, E2E_ANSWER_MS);
        ck_assert_msg(a.status == 200, "%d: %s", a.status, a.body ? a.body : "");
        ck_assert(strstr(a.body, "\"index\":23,") != NULL);
        ck_assert(raw_header(&a, "Connection", value, sizeof value) && strcmp(value, "close") == 0);
        raw_answer_clear(&a);
        raw_close(&clients[i]);
    }
    ck_assert_int_eq(e2e_wait(&s, E2E_STOP_MS), 0);
    raw_close(&idle);
}
END_TEST

/* A balancer that has not looked yet still sends requests: they are served. */
START_TEST(a_drain_that_waits_for_a_balancer_says_so_and_goes_on_serving)
{
    static const char *const options[] = { "--drain-delay", "2", NULL };
    static const struct { const char *method, *path, *body; int status; const char *code; } asks[] = {
        { "POST", "/v1/similarity", GOOD_BODY, 200, NULL },
        { "GET", "/readyz", NULL, 503, "draining" },
        { "GET", "/health", NULL, 503, NULL },
        { "GET", "/livez", NULL, 200, NULL },
    };
    e2e_server s = e2e_start_model(TINY_MODEL, options);
    int64_t begun = clock_now_ns();
    e2e_signal(&s, SIGTERM);
    for (int waited = 0; waited < 1000; waited += 10) {
        raw_answer a = e2e_ask(&s, "GET", "/readyz", "", NULL);
        bool draining = a.status == 503;
        raw_answer_clear(&a);
        if (draining)
            break;
        e2e_sleep_ms(10);
    }
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char value[16] = "";
        raw_answer a = e2e_ask(&s, asks[i].method, asks[i].path, "", asks[i].body);
        ck_assert_msg(a.status == asks[i].status, "%s: %d", asks[i].path, a.status);
        if (asks[i].code)
            check_error(asks[i].path, &a, asks[i].code, NULL);
        ck_assert(raw_header(&a, "Connection", value, sizeof value) && strcmp(value, "close") == 0);
        raw_answer_clear(&a);
    }
    ck_assert_int_eq(e2e_wait(&s, E2E_STOP_MS), 0);
    ck_assert_int_ge((clock_now_ns() - begun) / 1000000, 2000);
}
END_TEST

/* No time to finish: everybody gets an answer all the same. */
START_TEST(a_drain_without_time_answers_503)
{
    static const char *const options[] = { "--threads", "1", "--timeout", "600", "--drain", "0", NULL };
    e2e_server s = e2e_start(options);
    raw_client first = begin_long(&s), second = begin_long(&s);
    ck_assert(reaches(&s, "rosim_queue_tokens", 2000));
    e2e_signal(&s, SIGTERM);
    raw_answer a = raw_read(&first, false, E2E_ANSWER_MS), b = raw_read(&second, false, E2E_ANSWER_MS);
    ck_assert_msg(a.status == 200 || a.status == 503, "%d", a.status);
    ck_assert_msg(b.status == 200 || b.status == 503, "%d", b.status);
    ck_assert_msg(a.status == 503 || b.status == 503, "both were done in no time");
    raw_answer_clear(&a);
    raw_answer_clear(&b);
    raw_close(&first);
    raw_close(&second);
    ck_assert_int_eq(e2e_wait(&s, E2E_STOP_MS), 0);
}
END_TEST

/* ---- row 84 ---- */

static size_t data_bytes(const e2e_server *s)
{
    char path[64];
    unsigned long long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)s->pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%*u %*u %*u %*u %*u %llu", &pages), 1);
    (void)fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The server may write to so many kilobytes more than now: somewhere in between each allocation of a request fails. (A
 * limit of the address space would not do: malloc's heaps are mapped long before they are used.) */
START_TEST(memory_that_ends_gives_503_and_comes_back)
{
    e2e_server s = e2e_start_model(TINY_MODEL, NULL);
    check_well(&s, "84");
    enum { WORDS_OF_IT = 400000 };
    char *body = malloc(3 * WORDS_OF_IT + 32);
    ck_assert_ptr_nonnull(body);
    int length = snprintf(body, 32, "{\"input\":\"");
    for (int i = 0; i < WORDS_OF_IT; i++, length += 3)
        memcpy(body + length, "ab ", 3);
    memcpy(body + length, "\"}", 3);
    struct rlimit limit, before;
    ck_assert_int_eq(prlimit(s.pid, RLIMIT_DATA, NULL, &before), 0);
    size_t mapped = data_bytes(&s);
    int refused = 0;
    for (size_t spare = 0; spare <= 16384; spare += 512) {
        limit = (struct rlimit){ mapped + spare * 1024, before.rlim_max };
        ck_assert_int_eq(prlimit(s.pid, RLIMIT_DATA, &limit, NULL), 0);
        raw_client c = e2e_connect(&s);
        raw_answer a = e2e_post(&c, EMB, body, strlen(body));
        ck_assert_msg(a.status == 200 || a.status == 503 || a.status == RAW_CLOSED, "%zu KiB: %d", spare, a.status);
        refused += a.status == 503;
        raw_answer_clear(&a);
        raw_close(&c);
    }
    ck_assert_int_eq(prlimit(s.pid, RLIMIT_DATA, &before, NULL), 0);
    free(body);
    ck_assert_int_gt(refused, 0);
    check_well(&s, "84");
    check_nothing_left(&s, "84");
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- row 85 ---- */

static void copy_file(const char *folder, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, TINY_MODEL "/%s", name);
    int from = open(path, O_RDONLY);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert(from >= 0 && to >= 0);
    char bytes[4096];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0)
        ck_assert_int_eq(write(to, bytes, (size_t)n), n);
    (void)close(from);
    (void)close(to);
}

/* Every float of the tensor becomes 3e38, which is finite, and whose square is not. */
static void spoil(const char *folder, const char *tensor)
{
    char path[256], entry[128];
    static char bytes[1 << 18];
    unsigned long long header, begin_at, end_at;
    const float large = 3e38f;
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *f = fopen(path, "r+be");
    ck_assert_ptr_nonnull(f);
    size_t length = fread(bytes, 1, sizeof bytes, f);
    ck_assert_uint_lt(length, sizeof bytes);
    memcpy(&header, bytes, sizeof header);
    (void)snprintf(entry, sizeof entry, "\"%s\"", tensor);
    const char *at = strstr(bytes + 8, entry);
    ck_assert_ptr_nonnull(at);
    at = strstr(at, "\"data_offsets\":");
    ck_assert(at && sscanf(at, "\"data_offsets\": [%llu, %llu]", &begin_at, &end_at) == 2);
    ck_assert_int_eq(fseek(f, (long)(8 + header + begin_at), SEEK_SET), 0);
    for (unsigned long long i = begin_at; i < end_at; i += sizeof large)
        ck_assert_uint_eq(fwrite(&large, sizeof large, 1, f), 1);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_vector_that_is_not_finite_is_never_sent)
{
    static const char *const files[] = { "config.json", "vocab.txt", "model.safetensors" };
    char folder[] = "/tmp/rosim-model-XXXXXX", path[256];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++)
        copy_file(folder, files[i]);
    spoil(folder, "embeddings.LayerNorm.weight");
    e2e_server s = e2e_start_model(folder, NULL);
    raw_answer a = e2e_ask(&s, "POST", "/v1/similarity", "", GOOD_BODY);
    ck_assert_int_eq(a.status, 500);
    check_error("85", &a, "internal", NULL);
    ck_assert_ptr_null(strstr(a.body, "scores"));
    raw_answer_clear(&a);
    a = e2e_ask(&s, "GET", "/livez", "", NULL);
    ck_assert_int_eq(a.status, 200);
    raw_answer_clear(&a);
    ck_assert_int_eq(e2e_stop(&s), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("load");
    TCase *t = tcase_create("one server"), *own = tcase_create("servers of their own");
    check_patience(t, 240);
    check_patience(own, 240);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_test(t, a_request_that_finds_the_queue_full_is_refused_whole);
    tcase_add_test(t, a_deadline_that_passes_in_the_queue_is_504);
    tcase_add_loop_test(t, a_client_that_goes_while_queued_costs_no_compute, 0, 2);
    tcase_add_test(t, a_client_that_goes_while_its_answer_is_sent_leaves_nothing);
    tcase_add_test(t, five_pipelined_requests_and_a_close_leave_nothing);
    tcase_add_test(t, a_client_may_go_at_any_byte);
    suite_add_tcase(suite, t);
    tcase_add_test(own, a_drain_finishes_what_is_in_flight_and_refuses_strangers);
    tcase_add_test(own, a_drain_that_waits_for_a_balancer_says_so_and_goes_on_serving);
    tcase_add_test(own, a_drain_without_time_answers_503);
    if (!SANITIZED)    /* the sanitizers map terabytes of their own */
        tcase_add_test(own, memory_that_ends_gives_503_and_comes_back);
    tcase_add_test(own, a_vector_that_is_not_finite_is_never_sent);
    suite_add_tcase(suite, own);
    return check_run(suite);
}
