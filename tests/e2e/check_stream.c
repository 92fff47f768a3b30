/* check_stream.c - NDJSON over real sockets: 200,000 lines in constant memory, a client that is read no faster than
 * scores come, chunks, clients that stall or leave, limits.
 */
#define _GNU_SOURCE
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <stdio.h>
#include <string.h>

enum { LINES = 200000, LINE_BYTES = 32, MEGABYTE_KB = 1024, RESIDENT_LIMIT_MB = 48, ANSWER_MS = 240000 };

static const char model[] = "tests/golden/encoder/bert";
static const char head[] = "POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n";

/* ---- a server's memory ---- */

static long resident_kb(const e2e_server *s)
{
    char path[64], line[256];
    long kb = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    (void)fclose(f);
    return kb;
}

/* ---- reading a chunked answer to its end ---- */

static char *read_all(raw_client *c, size_t *length)
{
    int64_t deadline = clock_now_ns() + (int64_t)ANSWER_MS * 1000000;
    while (raw_read_more(c, deadline) > 0)
        if (c->length >= 5 && memcmp(c->bytes + c->length - 5, "0\r\n\r\n", 5) == 0)
            break;
    char *body = calloc(1, c->length + 1), *at = c->bytes;
    ck_assert_ptr_nonnull(body);
    *length = 0;
    at = memmem(at, c->length, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(at);
    for (at += 4; at < c->bytes + c->length;) {
        char *end;
        size_t chunk = (size_t)strtoull(at, &end, 16);
        if (chunk == 0)
            break;
        memcpy(body + *length, end + 2, chunk);
        *length += chunk;
        at = end + 2 + chunk + 2;
    }
    return body;
}

static char *many_lines(size_t *length)
{
    char *lines = malloc((size_t)LINES * LINE_BYTES);
    ck_assert_ptr_nonnull(lines);
    *length = 0;
    for (int i = 0; i < LINES; i++)
        *length += (size_t)snprintf(lines + *length, LINE_BYTES,
                                    i % 1000 == 500 ? "[%d]\n" : "[\"a%d\",\"b%d\"]\n", i % 50, i % 70);
    return lines;
}

START_TEST(two_hundred_thousand_lines_need_constant_memory)
{
    static const char *const arguments[] = { "--threads", "1", NULL };
    char header[64];
    size_t length, answered;
    e2e_server s = e2e_start_model(model, arguments);
    char *lines = many_lines(&length);
    raw_client c = e2e_connect(&s);
    long before = resident_kb(&s);
    ck_assert(raw_say(&c, head));
    (void)snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", length);
    ck_assert(raw_say(&c, header));
    ck_assert(raw_send(&c, lines, length));
    char *body = read_all(&c, &answered), *at = body;
    for (int i = 0; i < LINES; i++) {
        char start[64];
        int n = snprintf(start, sizeof start, "{\"line\":%d,\"%s\":", i + 1, i % 1000 == 500 ? "error" : "score");
        ck_assert_msg(strncmp(at, start, (size_t)n) == 0, "line %d: %.80s", i + 1, at);
        at = strchr(at, '\n') + 1;
    }
    ck_assert_ptr_eq(at, body + answered);
    long grown = resident_kb(&s) - before;
    /* The sanitizer keeps what was freed for a while. */
    ck_assert_msg(SANITIZED || grown < (long)RESIDENT_LIMIT_MB * MEGABYTE_KB, "%ld KiB more than before", grown);
    free(body);
    free(lines);
    raw_close(&c);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* The kernel's buffers on both sides and one window: what lies between a client and the scores. */
enum { PUSHED_LIMIT_BYTES = 12 << 20, PUSH_BYTES = 64 << 20 };

START_TEST(a_client_is_read_no_faster_than_scores_come)
{
    static const char *const arguments[] = { "--threads", "1", NULL };
    char header[64], line[2048];
    size_t pushed = 0;
    e2e_server s = e2e_start(arguments);    /* a model that takes its time */
    raw_client c = e2e_connect(&s);
    memset(line, 'a', sizeof line);
    for (size_t i = 1; i < sizeof line; i += 2)
        line[i] = ' ';
    memcpy(line, "[\"", 2);
    memcpy(line + sizeof line - 8, "\",\"b\"]\n", 7);
    line[sizeof line - 1] = '\n';
    ck_assert(raw_say(&c, head));
    (void)snprintf(header, sizeof header, "Content-Length: %d\r\n\r\n", PUSH_BYTES);
    ck_assert(raw_say(&c, header));
    int64_t end = clock_now_ns() + 1500000000;
    while (clock_now_ns() < end && pushed < PUSH_BYTES) {
        (void)snprintf(line + 2, 16, "%08zu", pushed / sizeof line);    /* equal lines would be scored once */
        line[10] = ' ';
        ssize_t n = send(c.fd, line, sizeof line, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == (ssize_t)sizeof line)
            pushed += (size_t)n;
        else if (n > 0)
            pushed += raw_send(&c, line + n, sizeof line - (size_t)n) ? sizeof line : 0;
        else
            e2e_sleep_ms(1);
    }
    ck_assert_msg(pushed < PUSHED_LIMIT_BYTES, "%zu bytes were taken in 1.5 s", pushed);
    raw_abort(&c);
    raw_answer a = e2e_ask(&s, "GET", "/livez", "", NULL);
    ck_assert_int_eq(a.status, 200);
    raw_answer_clear(&a);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

START_TEST(chunks_cut_lines_anywhere)
{
    static const char *const arguments[] = { "--threads", "1", NULL };
    static const char start[] = "{\"line\":1,\"score\":1}\n{\"line\":2,\"score\":1}\n{\"line\":3,\"error\":";
    static const char body[] = "[\"a\",\"a\"]\n{\"a\":\"b\",\"b\":\"b\"}\nno\n[\"c\",\"c\"]";
    e2e_server s = e2e_start_model(model, arguments);
    for (size_t size = 1; size < sizeof body; size += 6) {
        size_t length;
        raw_client c = e2e_connect(&s);
        ck_assert(raw_say(&c, head));
        ck_assert(raw_say(&c, "Transfer-Encoding: chunked\r\n\r\n"));
        for (size_t at = 0; at < sizeof body - 1; at += size) {
            char chunk[128];
            size_t n = sizeof body - 1 - at < size ? sizeof body - 1 - at : size;
            (void)snprintf(chunk, sizeof chunk, "%zx\r\n%.*s\r\n", n, (int)n, body + at);
            ck_assert(raw_say(&c, chunk));
        }
        ck_assert(raw_say(&c, "0\r\n\r\n"));
        char *answer = read_all(&c, &length);
        ck_assert_msg(strncmp(answer, start, sizeof start - 1) == 0 && strstr(answer, "{\"line\":4,\"score\":1}\n"),
                      "%s", answer);
        free(answer);
        raw_answer again = e2e_post(&c, "/v1/similarity", "{\"pairs\":[[\"a\",\"a\"]]}", 21);    /* still open */
        ck_assert_int_eq(again.status, 200);
        raw_answer_clear(&again);
        raw_close(&c);
    }
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

START_TEST(a_client_that_stalls_between_lines_is_cut)
{
    static const int lines[] = { 256, 600 };    /* just after a window, and in the middle of one */
    static const char *const arguments[] = { "--threads", "1", "--body-timeout", "1", NULL };
    e2e_server s = e2e_start_model(model, arguments);
    raw_client c = e2e_connect(&s);
    ck_assert(raw_say(&c, head));
    ck_assert(raw_say(&c, "Content-Length: 1000000\r\n\r\n"));
    for (int i = 0; i < lines[_i]; i++)
        ck_assert(raw_say(&c, "[\"a\",\"b\"]\n"));
    ck_assert(raw_ends(&c, 10000));
    raw_close(&c);
    e2e_sleep_ms(50);
    ck_assert_double_eq(e2e_metric(&s, "rosim_requests_in_flight"), 1);    /* the one that asks */
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

START_TEST(ten_streams_and_single_requests_are_all_served)
{
    static const char *const arguments[] = { "--threads", "1", NULL };
    enum { STREAMS = 10, EACH = 1000 };
    e2e_server s = e2e_start_model(model, arguments);
    raw_client streams[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = e2e_connect(&s);
        ck_assert(raw_say(&streams[i], head));
        ck_assert(raw_say(&streams[i], "Content-Length: 11000\r\n\r\n"));
    }
    for (int k = 0; k < EACH; k++)
        for (int i = 0; i < STREAMS; i++) {
            char line[16];
            (void)snprintf(line, sizeof line, "[\"a%d\",\"b\"]\n", i);
            ck_assert(raw_say(&streams[i], line));
            if (k % 250 == 0 && i == 0) {
                raw_answer a = e2e_ask(&s, "POST", "/v1/similarity", "",
                                       "{\"pairs\":[[\"a\",\"a\"]]}");
                ck_assert_int_eq(a.status, 200);
                raw_answer_clear(&a);
            }
        }
    for (int i = 0; i < STREAMS; i++) {
        size_t length, lines = 0;
        char *answer = read_all(&streams[i], &length);
        for (const char *at = answer; (at = strstr(at, "\"score\":")); at++)
            lines++;
        ck_assert_uint_eq(lines, EACH);
        free(answer);
        raw_close(&streams[i]);
    }
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* Opened, with one line of many to come. */
static raw_client open_stream(const e2e_server *s)
{
    raw_client c = e2e_connect(s);
    ck_assert(raw_say(&c, head));
    ck_assert(raw_say(&c, "Content-Length: 1000\r\n\r\n[\"a\",\"b\"]\n"));
    return c;
}

START_TEST(one_stream_too_many_is_told_to_come_back)
{
    static const char *const arguments[] = { "--threads", "1", NULL };
    enum { MOST = 32 };
    e2e_server s = e2e_start_model(model, arguments);
    raw_client streams[MOST];
    for (int i = 0; i < MOST; i++)
        streams[i] = open_stream(&s);
    e2e_sleep_ms(500);
    raw_client late = e2e_connect(&s);
    ck_assert(raw_say(&late, head));
    ck_assert(raw_say(&late, "Content-Length: 10\r\n\r\n[\"a\",\"b\"]\n"));
    raw_answer a = raw_read(&late, false, 10000);
    ck_assert_int_eq(a.status, 503);
    ck_assert_ptr_nonnull(strstr(a.head, "Retry-After"));
    raw_answer_clear(&a);
    raw_close(&late);
    for (int i = 0; i < MOST; i++)
        raw_abort(&streams[i]);
    e2e_sleep_ms(500);
    late = e2e_connect(&s);
    ck_assert(raw_say(&late, head));
    ck_assert(raw_say(&late, "Content-Length: 10\r\n\r\n[\"a\",\"b\"]\n"));
    a = raw_read(&late, false, 10000);
    ck_assert_int_eq(a.status, 200);
    raw_answer_clear(&a);
    raw_close(&late);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("stream");
    TCase *t = tcase_create("stream");
    check_patience(t, 300);
    tcase_add_test(t, two_hundred_thousand_lines_need_constant_memory);
    tcase_add_test(t, a_client_is_read_no_faster_than_scores_come);
    tcase_add_test(t, chunks_cut_lines_anywhere);
    tcase_add_loop_test(t, a_client_that_stalls_between_lines_is_cut, 0, 2);
    tcase_add_test(t, ten_streams_and_single_requests_are_all_served);
    tcase_add_test(t, one_stream_too_many_is_told_to_come_back);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
