/* support.c - see support.h. */
#define _GNU_SOURCE    /* prctl's parent-death signal is Linux's own */
#include "tests/e2e/support.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { ARGUMENTS_MAX = 40, PATH_BYTES = 512 };

static char binary[PATH_BYTES];

void e2e_sleep_ms(long ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&pause, NULL);
}

void e2e_init(const char *argv0)
{
    const char *tests = strstr(argv0, "/tests/e2e/");
    if (!tests) {
        (void)fprintf(stderr, "%s: want a path as in build/release/tests/e2e/check_x\n", argv0);
        exit(EXIT_FAILURE);
    }
    (void)snprintf(binary, sizeof binary, "%.*s/rosim", (int)(tests - argv0), argv0);
}

/* ---- processes ---- */

static int temporary_file(void)
{
    char path[] = "/tmp/rosim-e2e-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)unlink(path);
    return fd;
}

static void become(char *const *arguments, int log_fd, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int null_fd = open("/dev/null", O_RDWR);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(log_fd, STDERR_FILENO);
    (void)execv(binary, arguments);
    _exit(127);
}

static pid_t launch(const char *const *first, const char *const *more, int log_fd)
{
    char *arguments[ARGUMENTS_MAX];
    size_t count = 0;
    arguments[count++] = binary;
    for (size_t i = 0; first && first[i]; i++)
        arguments[count++] = (char *)(uintptr_t)first[i];
    for (size_t i = 0; more && more[i]; i++)
        arguments[count++] = (char *)(uintptr_t)more[i];
    ck_assert_uint_lt(count, ARGUMENTS_MAX);
    arguments[count] = NULL;
    pid_t parent = getpid();
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become(arguments, log_fd, parent);
    return pid;
}

static char *read_log(int fd)
{
    struct stat about;
    ck_assert_int_eq(fstat(fd, &about), 0);
    char *text = malloc((size_t)about.st_size + 1);
    ck_assert_ptr_nonnull(text);
    ssize_t got = pread(fd, text, (size_t)about.st_size, 0);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

char *e2e_log(const e2e_server *s)
{
    return read_log(s->log_fd);
}

static uint16_t port_in(const e2e_server *s)
{
    static const char listening[] = "listening on http", address[] = "://127.0.0.1:";
    char *text = e2e_log(s);
    const char *line = strstr(text, listening), *at = line ? strstr(line, address) : NULL;
    char *end = NULL;
    unsigned long port = at ? strtoul(at + sizeof address - 1, &end, 10) : 0;
    bool whole = at && end && *end;    /* more of the line is there, so the number is complete */
    free(text);
    return whole ? (uint16_t)port : 0;
}

/* The exit status, 128 + signal, or -1 while it runs. */
static int reap(e2e_server *s)
{
    int how = 0;
    if (waitpid(s->pid, &how, WNOHANG) != s->pid)
        return -1;
    s->pid = -1;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

e2e_server e2e_start_model(const char *model, const char *const *arguments)
{
    /* auto would measure first, and could choose otherwise the next time. */
    const char *const first[] = { "serve", "--port", "0", "--precision", "f32", "--model", model, NULL };
    e2e_server s = { .log_fd = temporary_file() };
    s.pid = launch(first, arguments, s.log_fd);
    for (int waited = 0; waited < E2E_START_MS; waited += 10) {
        s.port = port_in(&s);
        if (s.port)
            return s;
        int ended = reap(&s);
        if (ended >= 0)
            ck_abort_msg("%s ended with %d:\n%s", binary, ended, e2e_log(&s));
        e2e_sleep_ms(10);
    }
    char *text = e2e_log(&s);
    (void)e2e_stop(&s);
    ck_abort_msg("%s did not listen in time:\n%s", binary, text);
    return s;
}

e2e_server e2e_start(const char *const *arguments)
{
    return e2e_start_model("weights/default", arguments);
}

int e2e_wait(e2e_server *s, int timeout_ms)
{
    int result = reap(s);
    for (int waited = 0; result < 0 && waited < timeout_ms; waited += 10) {
        e2e_sleep_ms(10);
        result = reap(s);
    }
    return result;
}

static void kill_and_reap(e2e_server *s)
{
    e2e_signal(s, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    s->pid = -1;
}

int e2e_run(const char *const *arguments, char *text, size_t room)
{
    e2e_server s = { .log_fd = temporary_file() };
    s.pid = launch(arguments, NULL, s.log_fd);
    int result = e2e_wait(&s, E2E_START_MS);
    if (result < 0)
        kill_and_reap(&s);
    char *all = e2e_log(&s);
    (void)snprintf(text, room, "%s", all);
    free(all);
    (void)close(s.log_fd);
    return result;
}

void e2e_signal(const e2e_server *s, int signal_number)
{
    if (s->pid > 0)
        (void)kill(s->pid, signal_number);
}

int e2e_stop(e2e_server *s)
{
    if (s->pid <= 0)
        return -1;
    e2e_signal(s, SIGTERM);
    int result = e2e_wait(s, E2E_STOP_MS);
    if (result < 0)
        kill_and_reap(s);
    (void)close(s->log_fd);
    return result;
}

/* ---- requests ---- */

raw_client e2e_connect(const e2e_server *s)
{
    raw_client c = raw_open(s->port);
    ck_assert_msg(c.fd >= 0, "the server does not take connections");
    return c;
}

raw_answer e2e_ask(const e2e_server *s, const char *method, const char *path, const char *headers, const char *body)
{
    char head[2048];
    raw_client c = e2e_connect(s);
    int length = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, headers);
    if (body)
        length += snprintf(head + length, sizeof head - (size_t)length,
                           "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    length += snprintf(head + length, sizeof head - (size_t)length, "\r\n");
    ck_assert_int_lt(length, (int)sizeof head);
    (void)raw_send(&c, head, (size_t)length);
    if (body)
        (void)raw_say(&c, body);
    raw_answer a = raw_read(&c, strcmp(method, "HEAD") == 0, E2E_ANSWER_MS);
    raw_close(&c);
    return a;
}

raw_answer e2e_post(raw_client *c, const char *path, const char *body, size_t length)
{
    char head[512];
    int head_length = snprintf(head, sizeof head,
                               "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               "Content-Length: %zu\r\n\r\n", path, length);
    if (raw_send(c, head, (size_t)head_length))
        (void)raw_send(c, body, length);
    return raw_read(c, false, E2E_ANSWER_MS);
}

void e2e_member(const raw_answer *a, const char *names, char *out, size_t room)
{
    char name[64];
    cJSON *tree = a->body ? cJSON_ParseWithLength(a->body, a->body_length) : NULL;
    const cJSON *at = tree;
    out[0] = '\0';
    while (at && *names) {
        size_t length = strcspn(names, ".");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, names);
        at = cJSON_GetObjectItemCaseSensitive(at, name);
        names += length + (names[length] == '.');
    }
    if (cJSON_IsString(at))
        (void)snprintf(out, room, "%s", at->valuestring);
    else if (cJSON_IsNumber(at))
        (void)snprintf(out, room, "%g", at->valuedouble);
    cJSON_Delete(tree);
}

double e2e_metric(const e2e_server *s, const char *line_start)
{
    double sum = 0;
    raw_answer a = e2e_ask(s, "GET", "/metrics", "", NULL);
    ck_assert_int_eq(a.status, 200);
    for (const char *line = a.body; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *blank = line + strcspn(line, " \n");
        if (strncmp(line, line_start, strlen(line_start)) == 0 && *blank == ' ')
            sum += strtod(blank + 1, NULL);
    }
    raw_answer_clear(&a);
    return sum;
}
