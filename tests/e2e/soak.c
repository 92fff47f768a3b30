/* soak.c - `make soak`: does memory stay flat? A server answers REQUESTS requests of every kind, good and bad, on kept
 * and on new connections, from clients that also leave early; its resident memory is printed at the start (after
 * a hundredth of them, when every buffer has been touched), in the middle and at the end, with the points between.
 *
 * Fails when the second half added more than a twentieth and 4 MiB: a leak of 200 bytes a request shows from some
 * 100 000 requests on. Not part of `make test`.
 */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CLIENTS = 8, POINTS = 10, NEW_CONNECTION_EVERY = 50, LEAVE_EVERY = 97, TEXT_BYTES = 2048, BODY_BYTES = 8192 };

typedef struct { const char *path, *before, *after; int status; } kind;

/* The text goes in between. */
static const kind kinds[] = {
    { "/v1/similarity", "{\"pairs\":[[\"", "\",\"another text\"]]}", 200 },
    { "/v1/similarity", "{\"source\":\"", "\",\"sentences\":[\"one\",\"two\",\"three\"]}", 200 },
    { "/v1/embeddings", "{\"model\":\"default\",\"encoding_format\":\"base64\",\"input\":\"", "\"}", 200 },
    { "/embed", "{\"inputs\":\"", "\"}", 200 },
    { "/tokenize", "{\"inputs\":\"", "\"}", 200 },
    { "/v1/similarity", "{\"pairs\":[[\"", "\",\"\"]]}", 422 },
    { "/v1/similarity", "{\"pairs\":[[\"", "\"]", 400 },
    { "/no/such/path", "{\"", "\":1}", 404 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static e2e_server server;
static size_t requests = 100000;
static atomic_size_t begun, wrong;

typedef struct { pthread_t thread; uint64_t state; } client;

static uint64_t draw(client *c)
{
    c->state = c->state * 6364136223846793005u + 1442695040888963407u;
    return c->state >> 33;
}

static void make_text(client *c, char out[TEXT_BYTES])
{
    size_t length = 1 + draw(c) % (draw(c) % 16 ? 100 : TEXT_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        out[i] = draw(c) % 5 ? (char)('a' + draw(c) % 26) : ' ';
    out[0] = 'x';
    out[length < TEXT_BYTES ? length : TEXT_BYTES - 1] = '\0';
}

/* Half of a request, and away. */
static void leave(const char *body)
{
    raw_client c = raw_open(server.port);
    if (raw_say(&c, "POST /v1/similarity HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 9000\r\n\r\n"))
        (void)raw_say(&c, body);
    raw_abort(&c);
}

static void *ask(void *context)
{
    client *c = context;
    raw_client connection = raw_open(server.port);
    for (size_t i = atomic_fetch_add(&begun, 1); i < requests; i = atomic_fetch_add(&begun, 1)) {
        char text[TEXT_BYTES], body[BODY_BYTES];
        const kind *k = &kinds[draw(c) % KINDS];
        make_text(c, text);
        (void)snprintf(body, sizeof body, "%s%s%s", k->before, text, k->after);
        if (i % LEAVE_EVERY == 0)
            leave(body);
        raw_answer a = e2e_post(&connection, k->path, body, strlen(body));
        if (a.status != k->status && atomic_fetch_add(&wrong, 1) < 5)
            (void)fprintf(stderr, "%s: %d, want %d: %.100s\n", k->path, a.status, k->status, a.body ? a.body : "");
        raw_answer_clear(&a);
        if (i % NEW_CONNECTION_EVERY == 0 || a.status <= 0) {
            raw_close(&connection);
            connection = raw_open(server.port);
        }
    }
    raw_close(&connection);
    return NULL;
}

/* Resident memory of the server, in MiB. */
static double resident(void)
{
    char path[64];
    unsigned long long size, pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)server.pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%llu %llu", &size, &pages), 2);
    (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static double resident_after(size_t count)
{
    while (atomic_load(&begun) < count)
        e2e_sleep_ms(5);
    return resident();
}

static void show(const char *when, size_t count, double mebibytes)
{
    printf("%-7s %10zu requests  RSS %8.1f MiB\n", when, count, mebibytes);
    (void)fflush(stdout);
}

START_TEST(memory_stays_flat)
{
    client clients[CLIENTS];
    double middle = 0, end;
    char model[512];
    const char *folder = getenv("MODEL");
    (void)snprintf(model, sizeof model, "default=%s", folder ? folder : "weights/default");
    server = e2e_start_model(model, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].state = i + 1;
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, ask, &clients[i]), 0);
    }
    show("start", requests / 100, resident_after(requests / 100));
    for (size_t i = 1; i < POINTS; i++) {
        double now = resident_after(requests * i / POINTS);
        show(i == POINTS / 2 ? "middle" : "", requests * i / POINTS, now);
        middle = i == POINTS / 2 ? now : middle;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        (void)pthread_join(clients[i].thread, NULL);
    end = resident();
    show("end", requests, end);
    ck_assert_uint_eq(atomic_load(&wrong), 0);
    ck_assert_int_eq(e2e_stop(&server), 0);
    ck_assert_msg(end < middle * 1.05 + 4, "memory grows: %.1f MiB in the middle, %.1f at the end", middle, end);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    const char *wanted = getenv("REQUESTS");
    if (wanted)
        requests = strtoul(wanted, NULL, 10);
    Suite *suite = suite_create("soak");
    TCase *t = tcase_create("soak");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, memory_stays_flat);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
