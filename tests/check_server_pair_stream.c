/* check_server_pair_stream.c - /v1/similarity in NDJSON, part by part, against the same pairs as one JSON body. Over
 * sockets, with memory and back-pressure: tests/e2e/check_stream.c. */
#include "tests/check_server_exchange.h"

#include <cjson/cJSON.h>
#include <math.h>

#define PATH "/v1/similarity"

enum { ANSWER_BYTES = 1 << 16, LINES = 61 };

static const call_header line_headers[] = { { "content-type", "application/x-ndjson" }, { NULL, NULL } };

/* After a suspend the rest of a part comes again, as from http.c. */
static void wait_if_suspended(call *c)
{
    if (!c->connection.suspended)
        return;
    (void)sem_wait(&c->connection.resumed);
    c->connection.suspended = false;
}

/* The answer, written out in rooms of `room` bytes. */
static void stream_call(call *c, fixture *f, slice body, size_t part, size_t room, char out[ANSWER_BYTES])
{
    http_handlers h = router_handlers(&f->service);
    *c = (call){ .connection = { .headers = line_headers } };
    (void)sem_init(&c->connection.resumed, 0, 0);
    c->x = (exchange){ .arena = arena_open(0, CALL_ARENA_BYTES), .method = slice_of("POST"), .path = slice_of(PATH),
                       .request_id = "id-1", .received_ns = clock_now_ns(), .connection = &c->connection };
    h.on_headers(h.context, &c->x);
    ck_assert(c->x.status == 0 && c->x.streams);
    for (size_t at = 0; at < body.length;) {
        size_t length = body.length - at < part ? body.length - at : part;
        size_t used = h.on_part(h.context, &c->x, (slice){ body.data + at, length });
        ck_assert(used == length || (used < length && c->connection.suspended));
        wait_if_suspended(c);
        at += used;
    }
    c->x.body_ns = clock_now_ns();
    h.on_request(h.context, &c->x);
    bool suspended = c->connection.suspended;
    wait_if_suspended(c);
    if (suspended && c->x.status == 0)
        h.on_resumed(h.context, &c->x);
    size_t length = 0, more = c->x.produce ? 1 : 0;
    while (more) {
        char piece[256];
        more = c->x.produce(&c->x, piece, room);
        ck_assert_uint_le(more, room);
        ck_assert_uint_lt(length + more, ANSWER_BYTES);
        memcpy(out + length, piece, more);
        length += more;
    }
    out[length] = '\0';
    if (!c->x.produce)
        (void)snprintf(out, ANSWER_BYTES, "%s", c->x.answer.data);
}

static void stream_end(call *c, fixture *f)
{
    http_handlers h = router_handlers(&f->service);
    h.on_completed(h.context, &c->x);
    call_end(c);
}

/* ---- scores are those of a JSON body ---- */

static size_t write_lines(char *out, size_t room, bool json)
{
    size_t used = 0;
    for (int i = 0; i < LINES; i++)
        used += (size_t)snprintf(out + used, room - used, "%s[\"the cat %d\",\"a dog %d\"]", i && json ? "," : "",
                                 i * 7 % 13, i)
                + (json ? 0 : (size_t)snprintf(out + used + strlen(out + used), 3, "%s", i % 3 ? "\n" : "\r\n"));
    return used;
}

static const struct { size_t part, room; } cuts[] = { { 1, 256 }, { 7, 1 }, { 64, 33 }, { 1 << 20, 256 } };

START_TEST(lines_score_as_the_same_pairs_do_in_json)
{
    static char lines[8192], answer[ANSWER_BYTES];
    fixture f;
    call c;
    fixture_open(&f, QUEUE_TOKENS);
    write_lines(lines, sizeof lines, false);
    stream_call(&c, &f, slice_of(lines), cuts[_i].part, cuts[_i].room, answer);
    ck_assert_msg(c.x.status == 200, "%s", answer);
    ck_assert_str_eq(c.x.content_type, "application/x-ndjson");
    const char *at = answer;
    for (int i = 0; i < LINES; i++) {
        char body[256], name[32];
        call one = { 0 };
        (void)snprintf(body, sizeof body, "{\"pairs\":[[\"the cat %d\",\"a dog %d\"]]}", i * 7 % 13, i);
        call_post(&one, &f, PATH, body);
        cJSON *tree = cJSON_Parse(one.x.answer.data);
        double score = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "scores"), 0)->valuedouble;
        size_t length = (size_t)snprintf(name, sizeof name, "{\"line\":%d,\"score\":", i + 1);
        ck_assert_msg(strncmp(at, name, length) == 0, "line %d: %.60s", i + 1, at);
        ck_assert_float_eq(strtof(at + length, NULL), (float)score);
        at = strchr(at, '\n') + 1;
        cJSON_Delete(tree);
        call_end(&one);
    }
    ck_assert_str_eq(at, "");
    stream_end(&c, &f);
    fixture_close(&f);
}
END_TEST

/* ---- bad lines are lines of the answer ---- */

static const struct { const char *body; int status; const char *lines[5]; } rows[] = {
    { "[\"a\",\"b\"]\n[\"a\"]\n[\"a\",\"b\"]\n", 200,
      { "{\"line\":1,\"score\":", "{\"line\":2,\"error\":{\"code\":\"wrong_type\"", "{\"line\":3,\"score\":" } },
    { "{\"a\":\"x\",\"b\":\"y\"}", 200, { "{\"line\":1,\"score\":" } },
    { "\n\n  \r\n[\"a\",\"b\"]\n\n", 200, { "{\"line\":4,\"score\":" } },
    { "\n", 200, { NULL } },
    { "", 400, { "{\"error\":{\"code\":\"empty_body\"" } },
    { "not json\n[\"a\",\"\"]\n{\"a\":\"x\"}\n[\"a\",\"b\"]", 200,
      { "{\"line\":1,\"error\":{\"code\":\"invalid_json\"",
        "{\"line\":2,\"error\":{\"code\":\"empty_input\",\"message\":\"line[2].b cannot be empty\",\"param\":"
        "\"line[2].b\"",
        "{\"line\":3,\"error\":{\"code\":\"missing_field\"", "{\"line\":4,\"score\":" } },
    { "{\"options\":{\"metric\":\"euclidean\"}}\n[\"a\",\"a\"]", 200, { "{\"line\":2,\"score\":0}" } },
    { "{\"options\":{\"model\":\"soft\",\"attention\":\"linear\"}}\n[\"a\",\"b\"]\n[\"c\",\"d\"]", 200,
      { "{\"line\":2,\"error\":{\"code\":\"attention_not_trained\"",
        "{\"line\":3,\"error\":{\"code\":\"attention_not_trained\"" } },
    { "{\"options\":{\"explain\":true}}\n[\"a\",\"a\"]", 422,
      { "{\"error\":{\"code\":\"invalid_value\",\"message\":\"explain works with a JSON body only\"" } },
    { "[\"a\",\"a\"]\n{\"options\":{}}\n", 200, { "{\"line\":1,\"score\":1}", "{\"line\":2,\"error\":" } },
    { "{\"options\":{\"truncate\":\"none\",\"max_length\":4}}\n[\"a\",\"a b c d e\"]\n[\"a\",\"a\"]\n"
      "[\"a b c d e\",\"a\"]\n[\"b\",\"b\"]", 200,
      { "{\"line\":2,\"error\":{\"code\":\"input_too_long\"", "{\"line\":3,\"score\":1}",
        "{\"line\":4,\"error\":{\"code\":\"input_too_long\"", "{\"line\":5,\"score\":1}" } },
};

START_TEST(a_bad_line_is_one_error_and_the_rest_goes_on)
{
    static char answer[ANSWER_BYTES];
    for (size_t part = 1; part < 200; part += 37) {
        fixture f;
        call c;
        fixture_open(&f, QUEUE_TOKENS);
        stream_call(&c, &f, slice_of(rows[_i].body), part, 200, answer);
        ck_assert_msg(c.x.status == rows[_i].status, "%d: %s", c.x.status, answer);
        const char *at = answer;
        for (int i = 0; i < 5 && rows[_i].lines[i]; i++) {
            ck_assert_msg(strncmp(at, rows[_i].lines[i], strlen(rows[_i].lines[i])) == 0, "found %.200s\nwanted %s", at,
                          rows[_i].lines[i]);
            const char *end = strchr(at, '\n');
            at = end ? end + 1 : at + strlen(at);
        }
        ck_assert_msg(*at == '\0', "more: %s", at);
        stream_end(&c, &f);
        fixture_close(&f);
    }
}
END_TEST

START_TEST(a_line_over_the_limit_is_dropped_as_it_comes)
{
    static char answer[ANSWER_BYTES];
    enum { LONG = (1 << 20) + 100 };
    char *body = calloc(1, LONG + 64);
    fixture f;
    call c;
    fixture_open(&f, QUEUE_TOKENS);
    memset(body, 'x', LONG);
    memcpy(body + LONG, "\n[\"a\",\"a\"]\n", 12);
    stream_call(&c, &f, slice_of(body), 32768, 200, answer);
    ck_assert_ptr_nonnull(strstr(answer, "{\"line\":1,\"error\":{\"code\":\"payload_too_large\""));
    ck_assert_ptr_nonnull(strstr(answer, "{\"line\":2,\"score\":1}\n"));
    stream_end(&c, &f);
    fixture_close(&f);
    free(body);
}
END_TEST

START_TEST(a_client_that_goes_in_the_middle_leaves_nothing)
{
    fixture f;
    call c = { .connection = { .headers = line_headers } };
    fixture_open(&f, QUEUE_TOKENS);
    http_handlers h = router_handlers(&f.service);
    (void)sem_init(&c.connection.resumed, 0, 0);
    c.x = (exchange){ .arena = arena_open(0, CALL_ARENA_BYTES), .method = slice_of("POST"), .path = slice_of(PATH),
                      .request_id = "id-1", .connection = &c.connection };
    h.on_headers(h.context, &c.x);
    slice half = slice_of("[\"a\",\"b\"]\n[\"c\",");
    ck_assert_uint_eq(h.on_part(h.context, &c.x, half), half.length);
    stream_end(&c, &f);    /* the sanitizer sees what is left */
    fixture_close(&f);
}
END_TEST

START_TEST(other_routes_take_no_lines)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    call_make(&c, &f, "POST", "/v1/embeddings", line_headers, slice_of("[]"), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 415);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pair_stream");
    TCase *t = tcase_create("pair_stream");
    check_patience(t, 120);
    tcase_add_loop_test(t, lines_score_as_the_same_pairs_do_in_json, 0, sizeof cuts / sizeof *cuts);
    tcase_add_loop_test(t, a_bad_line_is_one_error_and_the_rest_goes_on, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, a_line_over_the_limit_is_dropped_as_it_comes);
    tcase_add_test(t, a_client_that_goes_in_the_middle_leaves_nothing);
    tcase_add_test(t, other_routes_take_no_lines);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
