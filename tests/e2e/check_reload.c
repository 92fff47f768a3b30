/* check_reload.c - SIGHUP under load: a hundred reloads that swap two models of one name while clients ask without a
 * pause. Every request must be answered, each by one of the two models and by no mixture; a folder that is broken keeps
 * the old model; keys come and go.
 *
 * The model is a link that is renamed over, as a deployment would do it. The two differ in weights and in attention
 * layers, so that scores tell them apart.
 */
#define _GNU_SOURCE    /* mkdtemp, asprintf */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS = 4, RELOADS = 100, SETTLE_MS = 30000, PATH_BYTES = 512, SCORE_BYTES = 64 };

/* SHA-256 of "secret" and of "other", as sha256sum prints them */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

static const char *const folders[] = { "tests/golden/encoder/roformer_linear", "tests/golden/encoder/bert" };
static const char body[] = "{\"pairs\":[[\"a b c\",\"c d\"],[\"b\",\"a e\"]]}";
static const char key_header[] = "Authorization: Bearer secret\r\n";

static char directory[] = "/tmp/check-reload-XXXXXX";
static char link_path[PATH_BYTES], keys_path[PATH_BYTES];
static e2e_server server;
static char scores[2][SCORE_BYTES];       /* of the body, by each model, as the server prints them */

/* ---- what the server reads ---- */

static const char *path_of(const char *name)
{
    static char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void point_to(const char *folder)
{
    char target[PATH_BYTES], here[PATH_BYTES / 2];
    const char *fresh = path_of("fresh");
    if (folder[0] == '/')
        (void)snprintf(target, sizeof target, "%s", folder);
    else
        (void)snprintf(target, sizeof target, "%s/%s", getcwd(here, sizeof here), folder);
    ck_assert_int_eq(symlink(target, fresh), 0);
    ck_assert_int_eq(rename(fresh, link_path), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

static void one_key(void)
{
    write_file(keys_path, "alice:" SECRET "\n");
}

static void two_keys(void)
{
    write_file(keys_path, "alice:" SECRET "\nbob:" OTHER ":rate=1000\n");
}

/* ---- asking ---- */

static double counted(const char *part, const char *result)
{
    char series[128];
    (void)snprintf(series, sizeof series, "rosim_reloads_total{part=\"%s\",result=\"%s\"}", part, result);
    return e2e_metric(&server, series);
}

static void wait_for(const char *series, double value)
{
    for (int waited = 0; waited < SETTLE_MS; waited += 10) {
        if (e2e_metric(&server, series) == value)
            return;
        e2e_sleep_ms(10);
    }
    char *log = e2e_log(&server);
    ck_abort_msg("%s did not become %g:\n%s", series, value, log);
}

/* State comes last, so its count says that the whole reload is over. */
static void reload(void)
{
    char series[] = "rosim_reloads_total{part=\"state\",result=\"ok\"}";
    double before = e2e_metric(&server, series);
    e2e_signal(&server, SIGHUP);
    wait_for(series, before + 1);
}

static void score_of(const raw_answer *a, char out[SCORE_BYTES])
{
    const char *at = a->body ? strstr(a->body, "\"scores\":[") : NULL;
    (void)snprintf(out, SCORE_BYTES, "%.*s", at ? (int)strcspn(at, "]") : 0, at ? at : "");
}

static void ask(char out[SCORE_BYTES])
{
    raw_answer a = e2e_ask(&server, "POST", "/v1/similarity", key_header, body);
    ck_assert_msg(a.status == 200, "%d %s", a.status, a.body);
    score_of(&a, out);
    raw_answer_clear(&a);
}

static int status_with(const char *header)
{
    raw_answer a = e2e_ask(&server, "GET", "/v1/models", header, NULL);
    int got = a.status;
    raw_answer_clear(&a);
    return got;
}

/* ---- clients without a pause ---- */

typedef struct {
    pthread_t thread;
    atomic_bool *stop;
    size_t answered[2];        /* by the first and by the second model */
    char problem[256];
} client;

static void send_one(client *c, raw_client *connection)
{
    char head[256], score[SCORE_BYTES];
    (void)snprintf(head, sizeof head,
                   "POST /v1/similarity HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n", key_header, strlen(body));
    bool sent = raw_say(connection, head) && raw_say(connection, body);
    raw_answer a = raw_read(connection, false, E2E_ANSWER_MS);
    score_of(&a, score);
    if (a.status == 200 && strcmp(score, scores[0]) == 0)
        c->answered[0]++;
    else if (a.status == 200 && strcmp(score, scores[1]) == 0)
        c->answered[1]++;
    else
        (void)snprintf(c->problem, sizeof c->problem, "sent %d, status %d: %.150s", sent, a.status,
                       a.body ? a.body : "");
    raw_answer_clear(&a);
}

static void *ask_without_pause(void *context)
{
    client *c = context;
    raw_client connection = raw_open(server.port);
    while (!atomic_load(c->stop) && !c->problem[0])
        send_one(c, &connection);
    raw_close(&connection);
    return NULL;
}

/* ---- tests ---- */

START_TEST(a_hundred_reloads_under_load_lose_nothing_and_mix_nothing)
{
    client clients[CLIENTS] = { { .answered = { 0 } } };
    atomic_bool stop = false;
    size_t answered[2] = { 0 };
    double early = 0, models = counted("models", "ok"), keys = counted("keys", "ok");
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].stop = &stop;
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, ask_without_pause, &clients[i]), 0);
    }
    for (int i = 1; i <= RELOADS; i++) {
        char score[SCORE_BYTES];
        point_to(folders[i % 2]);
        (i % 2 ? two_keys : one_key)();
        reload();
        ask(score);
        ck_assert_str_eq(score, scores[i % 2]);
        ck_assert_int_eq(status_with("Authorization: Bearer other\r\n"), i % 2 ? 200 : 401);
        if (i == RELOADS / 5)
            early = e2e_metric(&server, "process_resident_memory_bytes");
    }
    double late = e2e_metric(&server, "process_resident_memory_bytes");
    atomic_store(&stop, true);
    for (int i = 0; i < CLIENTS; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        ck_assert_msg(!clients[i].problem[0], "%s", clients[i].problem);
        for (int m = 0; m < 2; m++)
            answered[m] += clients[i].answered[m];
    }
    (void)fprintf(stderr, "%d reloads; answered by the two models: %zu and %zu, lost: 0; RSS %.1f -> %.1f MB\n",
                  RELOADS, answered[0], answered[1], early / 1e6, late / 1e6);
    ck_assert_uint_gt(answered[0], RELOADS / 2);
    ck_assert_uint_gt(answered[1], RELOADS / 2);
    ck_assert(counted("models", "ok") == models + RELOADS && counted("keys", "ok") == keys + RELOADS);
    wait_for("rosim_model_generations", 1);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    ck_assert_msg(late < early + 16e6, "memory grows: %.1f MB, then %.1f", early / 1e6, late / 1e6);
#endif
}
END_TEST

static void expect_in_openapi(const char *text)
{
    raw_answer a = e2e_ask(&server, "GET", "/openapi.json", "", NULL);
    ck_assert_int_eq(a.status, 200);
    ck_assert_msg(strstr(a.body, text) != NULL, "no %s", text);
    raw_answer_clear(&a);
}

START_TEST(the_api_document_tells_the_limits_of_the_models_that_serve_now)
{
    static const char *const widths[] = { "\"maximum\":32,\"description\":\"cut,",
                                          "\"maximum\":36,\"description\":\"cut," };    /* of `dimensions` */
    for (int i = 1; i >= 0; i--) {
        point_to(folders[i]);
        reload();
        expect_in_openapi(widths[i]);
    }
}
END_TEST

START_TEST(models_that_have_not_changed_are_not_loaded_again)
{
    double loaded = counted("models", "ok"), spared = counted("models", "unchanged");
    reload();
    ck_assert(counted("models", "ok") == loaded && counted("models", "unchanged") == spared + 1);
}
END_TEST

static void expect_the_old_model(const char *why)
{
    char before[SCORE_BYTES], after[SCORE_BYTES];
    double failed = counted("models", "failed");
    ask(before);
    reload();
    ask(after);
    ck_assert_str_eq(before, after);
    ck_assert(counted("models", "failed") == failed + 1);
    wait_for("rosim_model_generations", 1);
    char *log = e2e_log(&server);
    ck_assert_msg(strstr(log, why) != NULL, "no \"%s\" in\n%s", why, log);
    free(log);
}

static void copy_file(const char *from, const char *to, long cut)
{
    static char bytes[1 << 20];
    FILE *f = fopen(from, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n - (size_t)cut, f), n - (size_t)cut);
    (void)fclose(f);
}

START_TEST(a_broken_folder_keeps_the_old_model_and_says_why)
{
    static const char *const names[] = { "config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors" };
    char broken[PATH_BYTES], from[2 * PATH_BYTES], to[2 * PATH_BYTES];
    (void)snprintf(broken, sizeof broken, "%s", path_of("broken"));
    ck_assert_int_eq(mkdir(broken, 0700), 0);
    point_to(broken);
    expect_the_old_model("reload: the models stay as they were: ");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(from, sizeof from, "%s/%s", folders[0], names[i]);
        (void)snprintf(to, sizeof to, "%s/%s", broken, names[i]);
        if (access(from, R_OK) == 0)
            copy_file(from, to, strcmp(names[i], "model.safetensors") == 0 ? 100 : 0);
    }
    expect_the_old_model("model.safetensors");
    ck_assert_int_eq(unlink(link_path), 0);
    expect_the_old_model("No such file");
    point_to(folders[0]);
    reload();
    char score[SCORE_BYTES];
    ask(score);
    ck_assert_str_eq(score, scores[0]);
}
END_TEST

START_TEST(a_broken_key_file_keeps_the_old_keys)
{
    static const char *const bad[] = { "", "# nothing\n", "alice:123\n" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double failed = counted("keys", "failed");
        write_file(keys_path, bad[i]);
        reload();
        ck_assert(counted("keys", "failed") == failed + 1);
        ck_assert_int_eq(status_with(key_header), 200);
        ck_assert_int_eq(status_with(""), 401);
    }
    one_key();
    reload();
}
END_TEST

static void start(void)
{
    char argument[PATH_BYTES + 8];
    const char *const arguments[] = { "--api-key-file", keys_path, NULL };
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(link_path, sizeof link_path, "%s", path_of("model"));
    (void)snprintf(keys_path, sizeof keys_path, "%s", path_of("keys"));
    one_key();
    point_to(folders[0]);
    (void)snprintf(argument, sizeof argument, "m=%s", link_path);
    server = e2e_start_model(argument, arguments);
    ask(scores[0]);
    point_to(folders[1]);
    reload();
    ask(scores[1]);
    ck_assert_str_ne(scores[0], scores[1]);
    point_to(folders[0]);
    reload();
}

static void stop(void)
{
    char *log = e2e_log(&server);
    int ended = e2e_stop(&server);
    ck_assert_msg(ended == 0 && !strstr(log, "ThreadSanitizer"), "ended with %d:\n%s", ended, log);
    free(log);
    char *command;
    ck_assert_int_gt(asprintf(&command, "rm -rf %s", directory), 0);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("reload");
    TCase *t = tcase_create("reload");
    check_patience(t, 120);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_test(t, a_hundred_reloads_under_load_lose_nothing_and_mix_nothing);
    tcase_add_test(t, the_api_document_tells_the_limits_of_the_models_that_serve_now);
    tcase_add_test(t, models_that_have_not_changed_are_not_loaded_again);
    tcase_add_test(t, a_broken_folder_keeps_the_old_model_and_says_why);
    tcase_add_test(t, a_broken_key_file_keeps_the_old_keys);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
