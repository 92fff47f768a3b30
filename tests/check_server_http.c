/* check_server_http.c - the HTTP layer alone: framing, suspension, refusals, and memory that ends. */
#include "tests/check_server_toy.h"

/* ---- answers ---- */

START_TEST(a_body_comes_back_and_the_connection_stays)
{
    toy *t = plain();
    raw_client c = client(t);
    expect(&c, POST("/echo", "Content-Length: 3\r\n", "abc"), 200, "abc");
    expect(&c, POST("/echo", "Content-Length: 0\r\n", ""), 200, "");
    expect(&c, POST("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: r\r\n\r\n"), 200,
           "abc");
    expect(&c, POST("/later", "Content-Length: 3\r\n", "abc"), 200, "abc");
    expect(&c, POST("/finish", "Content-Length: 3\r\n", "abc"), 200, "abc");
    expect(&c, GET("/echo?query=1", ""), 200, "");
    expect(&c, "GET http://a/echo HTTP/1.1\r\nHost: a\r\n\r\n", 200, "");
    expect(&c, GET("/nothing", ""), 500, NULL);
    ck_assert_int_eq(atomic_load(&t->last_refusal), API_INTERNAL);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(every_answer_carries_the_standing_headers)
{
    static const struct { const char *name, *value; } standing[] = {
        { "Content-Type", "text/plain" }, { "Content-Length", "3" }, { "X-Content-Type-Options", "nosniff" },
        { "Cache-Control", "no-store" }, { "x-request-id", "my.id_1-A" },
    };
    char value[200];
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Content-Length: 3\r\nX-Request-Id: my.id_1-A\r\n", "abc")));
    raw_answer a = raw_read(&c, false, 10000);
    for (size_t i = 0; i < sizeof standing / sizeof standing[0]; i++) {
        ck_assert_msg(raw_header(&a, standing[i].name, value, sizeof value), "no %s", standing[i].name);
        ck_assert_str_eq(value, standing[i].value);
    }
    ck_assert(raw_header(&a, "Date", value, sizeof value));
    ck_assert(!raw_header(&a, "Connection", value, sizeof value));
    raw_answer_clear(&a);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(a_request_id_that_is_not_well_formed_is_replaced)
{
    static const char *const bad[] = { "", "a b", "a\"b", "a/b", "\xe4\xbb\x8a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    char request[300], value[200], previous[200] = "";
    toy *t = plain();
    raw_client c = client(t);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(request, sizeof request, GET("/echo", "X-Request-Id: %s\r\n"), bad[i]);
        ck_assert(raw_say(&c, request));
        raw_answer a = raw_read(&c, false, 10000);
        ck_assert(raw_header(&a, "x-request-id", value, sizeof value));
        ck_assert_uint_eq(strlen(value), 16);
        ck_assert_uint_eq(strspn(value, "0123456789abcdef"), 16);
        ck_assert_str_ne(value, previous);
        memcpy(previous, value, sizeof value);
        raw_answer_clear(&a);
    }
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(lines_of_one_header_name_are_joined)
{
    toy *t = plain();
    raw_client c = client(t);
    expect(&c, GET("/what", "X-What: one\r\n"), 200, "one");
    expect(&c, GET("/what", "X-What: one\r\nx-WHAT: two\r\n"), 200, "one, two");
    expect(&c, GET("/what", "X-Whatever: one\r\n"), 200, "");
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(head_has_the_length_and_no_body)
{
    char value[32];
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    raw_answer a = raw_read(&c, true, 10000);
    ck_assert_int_eq(a.status, 200);
    ck_assert(raw_header(&a, "Content-Length", value, sizeof value));
    ck_assert_str_eq(value, "1048576");
    raw_answer_clear(&a);
    expect(&c, GET("/echo", ""), 200, "");
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/later", "Content-Length: 1\r\n", "1") POST("/echo", "Content-Length: 1\r\n", "2")
                          POST("/finish", "Content-Length: 1\r\n", "3") POST("/later", "Content-Length: 1\r\n", "4")
                          POST("/echo", "Transfer-Encoding: chunked\r\n", "1\r\n5\r\n0\r\n\r\n")));
    for (char want = '1'; want <= '5'; want++) {
        raw_answer a = raw_read(&c, false, 10000);
        ck_assert_int_eq(a.status, 200);
        ck_assert_int_eq(a.body[0], want);
        raw_answer_clear(&a);
    }
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(a_client_may_drip_its_request)
{
    static const char request[] = POST("/echo", "Content-Length: 5\r\n", "hello");
    toy *t = plain();
    raw_client c = client(t);
    for (size_t i = 0; i < sizeof request - 1; i++) {
        ck_assert(raw_send(&c, request + i, 1));
        sleep_ms(1);
    }
    expect(&c, "", 200, "hello");
    raw_close(&c);
    toy_close(t);
}
END_TEST

/* ---- refusals ---- */

START_TEST(the_guard_answers_and_closes)
{
    toy *t = plain();
    raw_client c = client(t);
    expect(&c, POST("/echo", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, NULL);
    ck_assert(raw_ends(&c, 5000));
    ck_assert_int_eq(atomic_load(&t->last_refusal), API_AMBIGUOUS_FRAMING);
    ck_assert_uint_eq(atomic_load(&t->requests), 0);
    raw_close(&c);
    c = client(t);
    expect(&c, GET("/a%00b", ""), 400, NULL);
    ck_assert(raw_ends(&c, 5000));
    ck_assert_int_eq(atomic_load(&t->last_refusal), API_BAD_URI);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(a_declared_body_over_the_limit_is_refused_at_once)
{
    toy *t = plain();
    raw_client c = client(t);
    expect(&c, POST("/echo", "Content-Length: 100001\r\n", ""), 413, "the body is larger than 100000 bytes");
    ck_assert(raw_ends(&c, 5000));
    raw_close(&c);
    c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Content-Length: 100001\r\nExpect: 100-continue\r\n", "")));
    raw_answer a = raw_read(&c, false, 10000);
    ck_assert(a.status == 413 && !a.continued);
    raw_answer_clear(&a);
    raw_close(&c);
    toy_close(t);
}
END_TEST

static void say_chunks(raw_client *c, size_t bytes)
{
    static const char chunk[] = "3e8\r\n" "%01000d\r\n";
    char text[1100];
    int length = snprintf(text, sizeof text, chunk, 7);
    for (size_t sent = 0; sent < bytes; sent += 1000)
        if (!raw_send(c, text, (size_t)length))
            return;
}

START_TEST(a_chunked_body_over_the_limit_is_refused_at_its_end_or_cut)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Transfer-Encoding: chunked\r\n", "")));
    say_chunks(&c, BODY_LIMIT);
    expect(&c, "0\r\n\r\n", 200, NULL);
    ck_assert(raw_say(&c, POST("/echo", "Transfer-Encoding: chunked\r\n", "")));
    say_chunks(&c, BODY_LIMIT + 1000);
    expect(&c, "0\r\n\r\n", 413, "the body is larger than 100000 bytes");
    ck_assert(raw_ends(&c, 5000));
    raw_close(&c);
    c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Transfer-Encoding: chunked\r\n", "")));
    say_chunks(&c, 3 * BODY_LIMIT);
    ck_assert(raw_ends(&c, 5000));
    raw_close(&c);
    ck_assert(soon(&t->completed, 3));
    ck_assert_uint_eq(atomic_load(&t->unanswered), 1);
    toy_close(t);
}
END_TEST

START_TEST(an_early_answer_waits_for_the_body_unless_it_must_close)
{
    toy *t = plain();
    raw_client c = client(t);
    expect(&c, POST("/early", "Content-Length: 3\r\n", "abc"), 404, "early");
    expect(&c, POST("/early", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), 404, "early");
    expect(&c, GET("/locked", ""), 401, "locked");
    expect(&c, POST("/locked", "Content-Length: 3\r\n", ""), 401, "locked");
    ck_assert(raw_ends(&c, 5000));
    raw_close(&c);
    c = client(t);
    expect(&c, POST("/early", "Content-Length: 3\r\nExpect: 100-continue\r\n", ""), 404, "early");
    ck_assert(raw_ends(&c, 5000));
    ck_assert_uint_eq(atomic_load(&t->requests), 0);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(expect_100_continue_is_answered)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Content-Length: 3\r\nExpect: 100-continue\r\n", "")));
    ck_assert_int_gt(raw_read_more(&c, clock_now_ns() + 5000 * MS), 0);
    ck_assert(raw_say(&c, "abc"));
    raw_answer a = raw_read(&c, false, 10000);
    ck_assert(a.status == 200 && a.continued);
    raw_answer_clear(&a);
    raw_close(&c);
    toy_close(t);
}
END_TEST

/* Matrix row 84: however little memory a request may use, it ends in an answer. */
START_TEST(any_arena_gives_an_answer)
{
    static const char request[] = POST("/echo", "Transfer-Encoding: chunked\r\nX-A: 1\r\nX-Request-Id: a\r\n",
                                       "5\r\nhello\r\n0\r\n\r\n") GET("/nowhere", "");
    size_t served = 0;
    for (size_t bytes = 0; bytes <= 9000; bytes += bytes < 1500 ? 64 : 1500) {
        http_options options = toy_options();
        options.arena_bytes = bytes;
        options.threads = 1;
        toy *t = toy_open(&options);
        raw_client c = client(t);
        ck_assert(raw_say(&c, request));
        raw_answer a = raw_read(&c, false, 10000);
        ck_assert_msg(a.status == 200 || a.status == 503, "%zu bytes: %d", bytes, a.status);
        ck_assert(a.status == 503 || strcmp(a.body, "hello") == 0);
        served += a.status == 200;
        raw_answer_clear(&a);
        raw_close(&c);
        toy_close(t);
    }
    ck_assert_uint_ge(served, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *t = tcase_create("answers");
    log_configure(LOG_ERROR, false);
    tcase_add_test(t, a_body_comes_back_and_the_connection_stays);
    tcase_add_test(t, every_answer_carries_the_standing_headers);
    tcase_add_test(t, a_request_id_that_is_not_well_formed_is_replaced);
    tcase_add_test(t, lines_of_one_header_name_are_joined);
    tcase_add_test(t, head_has_the_length_and_no_body);
    tcase_add_test(t, pipelined_requests_are_answered_in_order);
    tcase_add_test(t, a_client_may_drip_its_request);
    tcase_add_test(t, the_guard_answers_and_closes);
    tcase_add_test(t, a_declared_body_over_the_limit_is_refused_at_once);
    tcase_add_test(t, a_chunked_body_over_the_limit_is_refused_at_its_end_or_cut);
    tcase_add_test(t, an_early_answer_waits_for_the_body_unless_it_must_close);
    tcase_add_test(t, expect_100_continue_is_answered);
    tcase_add_test(t, any_arena_gives_an_answer);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
