/* check_state.c - a server that is killed while it stores, 200 times: nothing that it acknowledged is lost, and nothing
 * that lies in its directory is broken.
 *
 * Each life: start, look that everything acknowledged so far is there, then create artifacts until SIGKILL comes at a
 * moment drawn anew. The ids repeat, so most creations replace a file that an earlier life wrote. And a head that is
 * imported beside a running server arrives.
 */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIVES = 200, IDS = 24, BODY_BYTES = 1024, LIFE_US_MAX = 60000 };

static char directory[] = "/tmp/check-state-XXXXXX";
static const char model_folder[] = "tests/golden/encoder/roformer_linear";

typedef struct { e2e_server server; long after_us; } executioner;

static void *kill_later(void *context)
{
    const executioner *k = context;
    (void)usleep((useconds_t)k->after_us);
    e2e_signal(&k->server, SIGKILL);
    return NULL;
}

static void make_body(char *body, int id, unsigned serial)
{
    (void)snprintf(body, BODY_BYTES,
                   "{\"id\":\"c%d\",\"pairs\":[[\"a\",\"a b\",1],[\"b\",\"b c %u\",1],"
                   "[\"a\",\"q\",0],[\"b\",\"z %u\",0]]}",
                   id, serial, serial + 1);
}

/* Creates until the server is gone; acknowledged[id] is set by each 200. */
static size_t create_until_killed(raw_client *c, bool *acknowledged, unsigned *serial)
{
    size_t created = 0;
    for (;;) {
        char body[BODY_BYTES], request[BODY_BYTES + 256];
        int id = (int)(*serial % IDS);
        make_body(body, id, (*serial)++);
        (void)snprintf(request, sizeof request,
                       "POST /v1/calibrations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
        if (!raw_say(c, request))
            return created;
        raw_answer a = raw_read(c, false, RAW_PATIENCE_MS);
        int status_code = a.status;
        raw_answer_clear(&a);
        if (status_code <= 0)
            return created;
        ck_assert_int_eq(status_code, 200);
        acknowledged[id] = true;
        created++;
    }
}

static void expect_all(const e2e_server *s, const bool *acknowledged)
{
    char *log = e2e_log(s);
    ck_assert_msg(strstr(log, "state: calibration.") == NULL, "a file was refused:\n%s", log);
    free(log);
    for (int id = 0; id < IDS; id++) {
        char path[64];
        if (!acknowledged[id])
            continue;
        (void)snprintf(path, sizeof path, "/v1/calibrations/c%d", id);
        raw_answer a = e2e_ask(s, "GET", path, "", NULL);
        ck_assert_msg(a.status == 200, "c%d was acknowledged and is gone: %d", id, a.status);
        raw_answer_clear(&a);
    }
}

static e2e_server start(void)
{
    const char *const arguments[] = { "--state-dir", directory, NULL };
    return e2e_start_model(model_folder, arguments);
}

START_TEST(killed_at_any_moment_nothing_stored_is_lost_or_half_written)
{
    bool acknowledged[IDS] = { false };
    unsigned serial = 0, state = 12345;
    size_t created = 0;
    for (int life = 0; life < LIVES; life++) {
        pthread_t thread;
        executioner k = { .server = start() };
        expect_all(&k.server, acknowledged);
        state = state * 1664525u + 1013904223u;
        k.after_us = (long)(state >> 8) % LIFE_US_MAX;
        raw_client c = e2e_connect(&k.server);
        ck_assert_int_eq(pthread_create(&thread, NULL, kill_later, &k), 0);
        created += create_until_killed(&c, acknowledged, &serial);
        (void)pthread_join(thread, NULL);
        raw_close(&c);
        (void)e2e_wait(&k.server, E2E_STOP_MS);
        (void)close(k.server.log_fd);
    }
    ck_assert_uint_gt(created, LIVES);                /* the lives were long enough to store something */
    e2e_server last = start();
    expect_all(&last, acknowledged);
    ck_assert_int_eq(e2e_stop(&last), 0);
}
END_TEST

/* The way of a head that was trained elsewhere: `rosim head` beside a running server, then SIGHUP. */
START_TEST(an_imported_head_serves_after_sighup)
{
    char complaint[1024];
    const char *const arguments[] = { "head", "tests/golden/head/article.safetensors", "--model", model_folder,
                                      "--state-dir", directory, "--id", "ft", NULL };
    e2e_server s = start();
    ck_assert_msg(e2e_run(arguments, complaint, sizeof complaint) == 0, "%s", complaint);
    e2e_signal(&s, SIGHUP);
    int status_code = 404;
    for (int tries = 0; status_code == 404 && tries < 200; tries++) {
        raw_answer a = e2e_ask(&s, "GET", "/v1/heads/ft", "", NULL);
        status_code = a.status;
        raw_answer_clear(&a);
        e2e_sleep_ms(50);
    }
    ck_assert_int_eq(status_code, 200);
    raw_answer a = e2e_ask(&s, "POST", "/v1/similarity", "",
                           "{\"pairs\":[[\"a\",\"b\"]],\"head\":\"ft\"}");
    ck_assert_int_eq(a.status, 200);
    ck_assert_ptr_nonnull(strstr(a.body, "\"probabilities\":{\"different\":0."));
    raw_answer_clear(&a);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    struct dirent *entry;
    DIR *d = opendir(directory);
    while (d && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    (void)closedir(d);
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("state");
    TCase *t = tcase_create("state");
    check_patience(t, 180);
    tcase_add_unchecked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, an_imported_head_serves_after_sighup);
    tcase_add_test(t, killed_at_any_moment_nothing_stored_is_lost_or_half_written);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
