/* support.h - a real server for the end-to-end tests: started as a user starts it, and always ended.
 *
 * The binary is the one of the test's own variant: build/<variant>/tests/e2e/x runs build/<variant>/rosim. Its stderr
 * goes to a temporary file, so that a chatty server never blocks on a full pipe and a test can read its log. It dies
 * with the test.
 */
#ifndef ROSIM_E2E_SUPPORT_H
#define ROSIM_E2E_SUPPORT_H

#include "tests/check_support.h"
#include "tests/raw_http.h"

#include <sys/types.h>

typedef struct {
    pid_t pid;
    uint16_t port;
    int log_fd;
} e2e_server;

enum { E2E_START_MS = 120000, E2E_STOP_MS = 60000 * CHECK_PATIENCE, E2E_ANSWER_MS = 60000 * CHECK_PATIENCE };

/* First in main. */
void e2e_init(const char *argv0);

/* rosim serve --port 0 --model weights/default arguments...; NULL ends the list. Fails the test when it does not come
 * up. */
e2e_server e2e_start(const char *const *arguments);
/* The same with another model. */
e2e_server e2e_start_model(const char *model, const char *const *arguments);
/* Runs the binary to its end: its exit status; what it wrote to stderr in text. */
int e2e_run(const char *const *arguments, char *text, size_t room);
void e2e_signal(const e2e_server *s, int signal_number);
/* SIGTERM unless it has ended, and reaped: its exit status, or 128 + the signal that killed it. */
int e2e_stop(e2e_server *s);
/* Waits for the end without a signal. */
int e2e_wait(e2e_server *s, int timeout_ms);
/* All of the log so far; the caller frees. */
char *e2e_log(const e2e_server *s);

raw_client e2e_connect(const e2e_server *s);
/* One request on its own connection: method, path, extra header lines (each with CRLF; "" for none), body (NULL for
 * none). */
raw_answer e2e_ask(const e2e_server *s, const char *method, const char *path, const char *headers, const char *body);
/* A POST of JSON on an open connection. */
raw_answer e2e_post(raw_client *c, const char *path, const char *body, size_t length);

/* A member of the answer's JSON by names separated by dots ("error.code"), printed without quotes; "" when absent. */
void e2e_member(const raw_answer *a, const char *names, char *out, size_t room);
/* The sum over the series of a metric whose line starts so. */
double e2e_metric(const e2e_server *s, const char *line_start);

void e2e_sleep_ms(long ms);

#endif
