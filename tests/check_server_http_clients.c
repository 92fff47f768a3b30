/* check_server_http_clients.c - the HTTP layer alone: deadlines, clients that leave, start, drain, a soak. */
#include "tests/check_server_toy.h"

/* ---- slow and absent clients ---- */

static toy *hasty(void)
{
    http_options options = toy_options();
    options.header_ns = options.body_ns = options.write_ns = 300 * MS;
    return toy_open(&options);
}

START_TEST(slow_headers_and_bodies_are_cut_although_bytes_keep_coming)
{
    static const char *const starts[] = { "", "GET /echo HTTP/1.1\r\nX-A: ",
                                          POST("/echo", "Content-Length: 500\r\n", "") };
    toy *t = hasty();
    raw_client c = client(t);
    int64_t begin = clock_now_ns();
    bool alive = raw_say(&c, starts[_i]);
    while (alive && clock_now_ns() - begin < 5000 * MS) {
        alive = raw_say(&c, "x");
        sleep_ms(30);
    }
    ck_assert(!alive);
    ck_assert_int_gt(clock_now_ns() - begin, 290 * MS);
    ck_assert_uint_eq(atomic_load(&t->requests), 0);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(a_slow_header_is_cut_on_a_kept_connection_too)
{
    toy *t = hasty();
    raw_client c = client(t);
    expect(&c, GET("/echo", ""), 200, "");
    int64_t begin = clock_now_ns();
    bool alive = raw_say(&c, "GET /echo HTTP/1.1\r\nX-A: ");
    while (alive && clock_now_ns() - begin < 5000 * MS) {
        alive = raw_say(&c, "x");
        sleep_ms(30);
    }
    ck_assert(!alive);
    raw_close(&c);
    toy_close(t);
}
END_TEST

/* A megabyte fits into no socket buffer of a client that shrank its own: the server's writing stalls. */
START_TEST(a_client_that_does_not_read_is_cut)
{
    http_options options = toy_options();
    options.write_ns = -15000 * MS;    /* a megabyte earns 16 s on top */
    toy *t = toy_open(&options);
    int small = 2048;
    raw_client c = client(t);
    (void)setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 8; i++)
        ck_assert(raw_say(&c, GET("/big", "")));
    for (int tries = 0; tries < 500 && http_connections(t->server) > 0; tries++)
        sleep_ms(10);
    ck_assert_uint_eq(http_connections(t->server), 0);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(idle_connections_are_cut_and_waiting_ones_are_not)
{
    http_options options = toy_options();
    options.idle_ns = 300 * MS;
    toy *t = toy_open(&options);
    raw_client idle = client(t), waiting = client(t);
    expect(&idle, GET("/echo", ""), 200, "");
    ck_assert(raw_say(&waiting, GET("/watch", "")));
    ck_assert(raw_ends(&idle, 5000));
    ck_assert_uint_eq(http_in_flight(t->server), 1);
    raw_answer a = raw_read(&waiting, false, 10000);
    ck_assert_int_eq(a.status, 200);
    raw_answer_clear(&a);
    raw_close(&idle);
    raw_close(&waiting);
    toy_close(t);
}
END_TEST

START_TEST(a_waiting_client_that_left_is_noticed)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, GET("/watch", "")));
    ck_assert(soon(&t->requests, 1));
    if (_i == 0)
        raw_close(&c);
    else
        raw_abort(&c);
    ck_assert(soon(&t->completed, 1));
    ck_assert_uint_eq(atomic_load(&t->gone), 1);
    toy_close(t);
}
END_TEST

START_TEST(a_half_closed_client_is_served_when_its_answer_needs_no_waiting)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Content-Length: 3\r\n", "abc")));
    (void)shutdown(c.fd, SHUT_WR);
    expect(&c, "", 200, "abc");
    ck_assert(raw_ends(&c, 5000));
    raw_close(&c);
    toy_close(t);
}
END_TEST

/* Matrix row 16. */
START_TEST(a_body_that_ends_early_reaches_no_handler)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/echo", "Content-Length: 100\r\n", "thirteen byte")));
    (void)shutdown(c.fd, SHUT_WR);
    ck_assert(raw_ends(&c, 5000));
    ck_assert(soon(&t->completed, 1));
    ck_assert_uint_eq(atomic_load(&t->requests), 0);
    raw_close(&c);
    toy_close(t);
}
END_TEST

START_TEST(a_client_that_pipelines_while_waiting_is_not_gone)
{
    toy *t = plain();
    raw_client c = client(t);
    ck_assert(raw_say(&c, POST("/later", "Content-Length: 3\r\n", "abc") GET("/echo", "")));
    expect(&c, "", 200, "abc");
    expect(&c, "", 200, "");
    ck_assert_uint_eq(atomic_load(&t->gone), 0);
    raw_close(&c);
    toy_close(t);
}
END_TEST

/* ---- start and end ---- */

START_TEST(a_taken_port_is_named)
{
    toy *t = plain();
    http_options options = toy_options();
    http_handlers handlers = { .context = NULL };
    http *second = NULL;
    errinfo err = { 0 };
    char want[64];
    options.port = http_port(t->server);
    ck_assert_int_eq(http_open(&second, &options, &handlers, &err), ST_IO);
    (void)snprintf(want, sizeof want, "127.0.0.1:%u is in use", options.port);
    ck_assert_str_eq(err.text, want);
    ck_assert_ptr_null(second);
    toy_close(t);
}
END_TEST

START_TEST(a_host_that_is_none_is_named)
{
    http_options options = toy_options();
    http_handlers handlers = { .context = NULL };
    http *none = NULL;
    errinfo err = { 0 };
    options.host = "203.0.113.1";    /* TEST-NET-3: nobody's */
    ck_assert_int_eq(http_open(&none, &options, &handlers, &err), ST_IO);
    ck_assert_str_eq(err.text, "203.0.113.1:0 is no address of this machine");
    options.host = "::1::";
    ck_assert_int_eq(http_open(&none, &options, &handlers, &err), ST_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "[::1::]:0 "));
    http_close(NULL);
}
END_TEST

START_TEST(a_drain_closes_after_the_answer_and_refuses_strangers)
{
    toy *t = plain();
    char value[32];
    raw_client kept = client(t), waiting = client(t);
    expect(&kept, GET("/echo", ""), 200, "");
    ck_assert(raw_say(&waiting, GET("/watch", "")));
    ck_assert(soon(&t->requests, 2));
    http_close_after_answer(t->server);
    raw_client late = client(t);
    ck_assert(raw_say(&late, GET("/echo", "")));
    raw_answer a = raw_read(&late, false, 10000);
    ck_assert(a.status == 200 && raw_header(&a, "Connection", value, sizeof value) && strcmp(value, "close") == 0);
    raw_answer_clear(&a);
    ck_assert(raw_ends(&late, 5000));
    http_stop_listening(t->server);
    http_stop_listening(t->server);
    raw_client refused = raw_open(http_port(t->server));
    ck_assert_int_eq(refused.fd, -1);
    expect(&kept, GET("/echo", ""), 200, "");
    ck_assert(raw_ends(&kept, 5000));
    ck_assert_uint_eq(http_in_flight(t->server), 1);
    a = raw_read(&waiting, false, 10000);
    ck_assert_int_eq(a.status, 200);
    raw_answer_clear(&a);
    raw_close(&kept);
    raw_close(&late);
    raw_close(&waiting);
    toy_close(t);
}
END_TEST

/* ---- soak ---- */

enum { SOAK_CLIENTS = 64, SOAK_ROUNDS = 30 };

typedef struct { toy *t; unsigned seed; size_t answers, wrong; } soaker;

static unsigned next_number(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* One request in one of many ways, from plain to gone halfway; false: the connection is over. */
static bool soak_request(soaker *s, raw_client *c)
{
    static const char *const paths[] = { "/later", "/finish", "/echo", "/early" };
    char request[700], body[400];
    unsigned way = next_number(&s->seed) % 10;
    const char *path = paths[next_number(&s->seed) % 4];
    int length = (int)(next_number(&s->seed) % 300);
    (void)snprintf(body, sizeof body, "%0*d", length, (int)s->seed & 0xffff);
    length = (int)strlen(body);
    bool chunked = way % 3 == 0;
    (void)snprintf(request, sizeof request,
                   chunked ? "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                           : "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s",
                   path, (unsigned)length, body);
    size_t total = strlen(request);
    if (way == 7) {
        (void)raw_send(c, request, next_number(&s->seed) % total);
        raw_close(c);
        return false;
    }
    if (!raw_send(c, request, total))
        s->wrong++;
    if (way >= 8) {
        if (way == 8)
            raw_close(c);
        else
            raw_abort(c);
        return false;
    }
    raw_answer a = raw_read(c, false, RAW_PATIENCE_MS);
    bool early = strcmp(path, "/early") == 0;
    bool right = early ? a.status == 404 : a.status == 200 && strcmp(a.body, body) == 0;
    s->answers += right;
    s->wrong += !right;
    raw_answer_clear(&a);
    return true;
}

static void *soak(void *context)
{
    soaker *s = context;
    raw_client c = { .fd = -1 };
    for (int round = 0; round < SOAK_ROUNDS; round++) {
        if (c.fd < 0)
            c = raw_open(http_port(s->t->server));
        if (c.fd < 0)
            s->wrong++;
        else if (!soak_request(s, &c))
            c = (raw_client){ .fd = -1 };
    }
    raw_close(&c);
    return NULL;
}

START_TEST(a_soak_with_dropping_clients_answers_all_who_stay)
{
    toy *t = plain();
    pthread_t threads[SOAK_CLIENTS];
    soaker soakers[SOAK_CLIENTS];
    size_t answers = 0, wrong = 0;
    for (unsigned i = 0; i < SOAK_CLIENTS; i++) {
        soakers[i] = (soaker){ .t = t, .seed = i * 7919 + 1 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, soak, &soakers[i]), 0);
    }
    for (size_t i = 0; i < SOAK_CLIENTS; i++) {
        (void)pthread_join(threads[i], NULL);
        answers += soakers[i].answers;
        wrong += soakers[i].wrong;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(answers, SOAK_CLIENTS * SOAK_ROUNDS / 2);
    for (int tries = 0; tries < 5000 && http_in_flight(t->server) > 0; tries++)
        sleep_ms(1);
    ck_assert_uint_eq(http_in_flight(t->server), 0);
    ck_assert_uint_eq(atomic_load(&t->completed), atomic_load(&t->headers) + atomic_load(&t->refused));
    toy_close(t);
}
END_TEST

/* The server may be closed with connections in every phase but suspended. */
START_TEST(a_close_with_open_connections_frees_everything)
{
    toy *t = plain();
    raw_client clients[6];
    static const char *const says[] = { "",
                                        "GET /echo HT",
                                        GET("/echo", ""),
                                        POST("/echo", "Content-Length: 9\r\n", "abc"),
                                        GET("/later", ""),
                                        "GET /echo HTTP/1.1\r\nHost: a\r\n" };
    for (size_t i = 0; i < 6; i++) {
        clients[i] = client(t);
        ck_assert(raw_say(&clients[i], says[i]));
    }
    ck_assert(soon(&t->requests, 2));
    toy_close(t);
    for (size_t i = 0; i < 6; i++)
        raw_close(&clients[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_clients");
    TCase *t = tcase_create("clients");
    log_configure(LOG_ERROR, false);
    tcase_add_loop_test(t, slow_headers_and_bodies_are_cut_although_bytes_keep_coming, 0, 3);
    tcase_add_test(t, a_slow_header_is_cut_on_a_kept_connection_too);
    tcase_add_test(t, a_client_that_does_not_read_is_cut);
    tcase_add_test(t, idle_connections_are_cut_and_waiting_ones_are_not);
    tcase_add_loop_test(t, a_waiting_client_that_left_is_noticed, 0, 2);
    tcase_add_test(t, a_half_closed_client_is_served_when_its_answer_needs_no_waiting);
    tcase_add_test(t, a_body_that_ends_early_reaches_no_handler);
    tcase_add_test(t, a_client_that_pipelines_while_waiting_is_not_gone);
    tcase_add_test(t, a_taken_port_is_named);
    tcase_add_test(t, a_host_that_is_none_is_named);
    tcase_add_test(t, a_drain_closes_after_the_answer_and_refuses_strangers);
    tcase_add_test(t, a_soak_with_dropping_clients_answers_all_who_stay);
    tcase_add_test(t, a_close_with_open_connections_frees_everything);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
