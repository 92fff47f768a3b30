/* check_matrix_http.c - rows 1 to 42 of the table of malformed requests: framing, targets, methods, declarations,
 * keys, slow clients.
 *
 * Where the table says (*) the HTTP library answers by itself, before any of our code sees the request: status and
 * closing are checked, the HTML is its own. Two rows cannot be as the table says, for the same reason: a NUL in a
 * header's value has become the value's end (row 8), and a malformed Content-Length is answered with the head sent
 * twice (row 9); the connection is closed, so neither can be used to smuggle a request.
 */
#include "tests/e2e/matrix.h"

#define JSON "Content-Type: application/json\r\n"
#define POST_1(headers, body) "POST /v1/similarity HTTP/1.1\r\nHost: a\r\n" JSON headers "\r\n" body
#define LENGTH "Content-Length: 25\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define GOOD_CHUNKS "19\r\n" GOOD_BODY "\r\n0\r\n\r\n"
#define GET_1(target, headers) "GET " target " HTTP/1.1\r\nHost: a\r\n" headers "\r\n"
#define BYTES(text) (text), sizeof(text) - 1

static const wire_row rows[] = {
    { "0 a good one", BYTES(POST_1(LENGTH, GOOD_BODY)), 200, NULL, "\"scores\":[1.0]", STAYS },
    { "0 a good chunked one", BYTES(POST_1(CHUNKED, GOOD_CHUNKS)), 200, NULL, "\"scores\":[1.0]", STAYS },

    { "1 CL and TE", BYTES(POST_1(LENGTH CHUNKED, GOOD_CHUNKS)), 400, "ambiguous_framing", NULL, CLOSES },
    { "1 TE and CL", BYTES(POST_1(CHUNKED LENGTH, GOOD_CHUNKS)), 400, "ambiguous_framing", NULL, CLOSES },
    { "2 two lengths", BYTES(POST_1(LENGTH "Content-Length: 3\r\n", GOOD_BODY)), 400, "ambiguous_framing",
      "Content-Length", CLOSES },
    { "2 one length twice", BYTES(POST_1(LENGTH LENGTH, GOOD_BODY)), 400, "ambiguous_framing", NULL, CLOSES },
    { "3 gzip, chunked", BYTES(POST_1("Transfer-Encoding: gzip, chunked\r\n", GOOD_CHUNKS)), 400, "ambiguous_framing",
      "chunked", CLOSES },
    { "3 identity", BYTES(POST_1("Transfer-Encoding: identity\r\n", GOOD_BODY)), 400, "ambiguous_framing", NULL,
      CLOSES },
    { "3 xchunked", BYTES(POST_1("Transfer-Encoding: xchunked\r\n", GOOD_CHUNKS)), 400, "ambiguous_framing", NULL,
      CLOSES },
    { "4 TE twice", BYTES(POST_1(CHUNKED CHUNKED, GOOD_CHUNKS)), 400, "ambiguous_framing", "more than once", CLOSES },
    { "5 blank before the colon", BYTES(POST_1("Content-Length : 25\r\n", GOOD_BODY)), 400, "bad_header", NULL,
      CLOSES },
    { "6 folded CL", BYTES(POST_1("Content-Length:\r\n 25\r\n", GOOD_BODY)), 400, "bad_header", "Content-Length",
      CLOSES },
    { "6 folded TE", BYTES(POST_1("Transfer-Encoding:\r\n chunked\r\n", GOOD_CHUNKS)), 400, "bad_header",
      "Transfer-Encoding", CLOSES },
    { "7 TE on HTTP/1.0", BYTES("POST /v1/similarity HTTP/1.0\r\n" JSON CHUNKED "\r\n" GOOD_CHUNKS), 400, "bad_header",
      "HTTP/1.0", CLOSES },
    { "8 control byte", BYTES(POST_1("X-A: a\001b\r\n" LENGTH, GOOD_BODY)), 400, "bad_header", "control byte",
      CLOSES },
    { "8 bare CR", BYTES(POST_1("X-A: a\rb\r\n" LENGTH, GOOD_BODY)), 400, "bad_header", "control byte", CLOSES },
    { "8 NUL, which the library cuts off", BYTES(POST_1("X-A: a\0b\r\n" LENGTH, GOOD_BODY)), 200, NULL, NULL, STAYS },

    { "9 +25", BYTES(POST_1("Content-Length: +25\r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "9 -1", BYTES(POST_1("Content-Length: -1\r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "9 0x19", BYTES(POST_1("Content-Length: 0x19\r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "9 1e1", BYTES(POST_1("Content-Length: 1e1\r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "9 empty", BYTES(POST_1("Content-Length: \r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "9 25, 25", BYTES(POST_1("Content-Length: 25, 25\r\n", GOOD_BODY)), 400, NULL, NULL, CLOSES },
    { "10 chunk size not hex", BYTES(POST_1(CHUNKED, "zz\r\nab\r\n0\r\n\r\n")), 400, NULL, NULL, CLOSES },
    { "10 negative chunk size", BYTES(POST_1(CHUNKED, "-19\r\n" GOOD_BODY "\r\n0\r\n\r\n")), 400, NULL, NULL, CLOSES },
    { "11 no CRLF after a chunk", BYTES(POST_1(CHUNKED, "19\r\n" GOOD_BODY "XX0\r\n\r\n")), 400, NULL, NULL, CLOSES },
    { "12 CL of 2^64", BYTES(POST_1("Content-Length: 18446744073709551616\r\n", GOOD_BODY)), 413, NULL, NULL, CLOSES },
    { "13 chunk over 2^64", BYTES(POST_1(CHUNKED, "10000000000000000000\r\nab")), 413, NULL, NULL, CLOSES },

    { "20 no Host", BYTES("GET /livez HTTP/1.1\r\n\r\n"), 400, "bad_request", "Host", CLOSES },
    { "21 two Hosts", BYTES(GET_1("/livez", "Host: a\r\n")), 400, "bad_request", "Host", CLOSES },
    { "22 HTTP/1.2", BYTES("GET /livez HTTP/1.2\r\nHost: a\r\n\r\n"), 400, "bad_request", "HTTP/1.1", CLOSES },
    { "23 HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, NULL, NULL, CLOSES },
    { "24 HTTP/0.9", BYTES("GET /livez\r\n\r\n"), 400, NULL, NULL, CLOSES },
    { "24 HTTP/0.9, one line", BYTES("GET /livez\r\n"), 400, NULL, NULL, CLOSES },
    { "25 TLS hello", BYTES("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03 a client that wants https"), RAW_CLOSED, NULL,
      NULL, CLOSES },
    { "26 binary", BYTES("\x80\xff\xfe\x00\x01\x02\x7f\xe2\x82\x28\x00\x00\xc3\x28"), RAW_CLOSED, NULL, NULL, CLOSES },

    { "31 %00", BYTES(GET_1("/livez%00x", "")), 400, "bad_uri", "NUL", CLOSES },
    { "31 %00 in the query", BYTES(GET_1("/livez?a=%00", "")), 400, "bad_uri", "NUL", CLOSES },
    { "31 bytes outside ASCII", BYTES(GET_1("/liv\xc3\xa9z", "")), 400, "bad_uri", NULL, CLOSES },
    { "31 a blank", BYTES(GET_1("/li vez", "")), 400, "bad_uri", NULL, CLOSES },
    { "32 %zz", BYTES(GET_1("/livez%zz", "")), 404, "not_found", NULL, STAYS },
    { "33 /../x", BYTES(GET_1("/../livez", "")), 404, "not_found", NULL, STAYS },
    { "33 //x", BYTES(GET_1("//livez", "")), 404, "not_found", NULL, STAYS },
    { "34 unknown path", BYTES(GET_1("/nothing", "")), 404, "not_found", NULL, STAYS },
    { "34 unknown path with a body", BYTES("POST /nothing HTTP/1.1\r\nHost: a\r\n" LENGTH "\r\n" GOOD_BODY), 404,
      "not_found", NULL, STAYS },
    { "35 GET", BYTES(GET_1("/v1/similarity", "")), 405, "method_not_allowed", NULL, STAYS },
    { "36 TRACE", BYTES("TRACE /v1/similarity HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method_not_allowed", NULL, STAYS },
    { "36 CONNECT", BYTES("CONNECT /v1/similarity HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method_not_allowed", NULL,
      STAYS },
    { "36 get", BYTES("get /livez HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method_not_allowed", NULL, STAYS },
    { "36 FOO", BYTES("FOO /v1/similarity HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method_not_allowed", NULL, STAYS },

    { "37 no type", BYTES("POST /v1/similarity HTTP/1.1\r\nHost: a\r\n" LENGTH "\r\n" GOOD_BODY), 415,
      "unsupported_media_type", "application/json", STAYS },
    { "37 text/plain",
      BYTES("POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n" LENGTH "\r\n" GOOD_BODY), 415,
      "unsupported_media_type", NULL, STAYS },
    { "38 utf-16",
      BYTES("POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=utf-16\r\n" LENGTH
            "\r\n" GOOD_BODY), 415, "unsupported_media_type", "UTF-8", STAYS },
    { "38 utf-8 is fine",
      BYTES("POST /v1/similarity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=\"UTF-8\"\r\n" LENGTH
            "\r\n" GOOD_BODY), 200, NULL, "\"scores\"", STAYS },
    { "39 gzip", BYTES(POST_1("Content-Encoding: gzip\r\n" LENGTH, GOOD_BODY)), 415, "unsupported_encoding",
      "Content-Encoding", STAYS },
    { "40 Accept without JSON", BYTES(POST_1("Accept: text/csv\r\n" LENGTH, GOOD_BODY)), 200, NULL, "\"scores\"",
      STAYS },
};

enum { LIMIT = 65536, ROWS = sizeof rows / sizeof *rows };

static e2e_server server, locked;

START_TEST(a_row_is_answered_as_the_table_says)
{
    check_wire(&server, &rows[_i]);
}
END_TEST

/* ---- rows too long to write down ---- */

/* start, then count times fill, then end; the caller frees bytes. */
static wire_row long_row(const char *name, const char *start, char fill, size_t count, const char *end)
{
    size_t before = strlen(start), after = strlen(end);
    char *bytes = malloc(before + count + after + 1);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, start, before);
    memset(bytes + before, fill, count);
    memcpy(bytes + before + count, end, after + 1);
    return (wire_row){ .row = name, .bytes = bytes, .length = before + count + after, .end = CLOSES };
}

static void check_long(wire_row r, int want_status, const char *code)
{
    r.status = want_status;
    r.code = code;
    check_wire(&server, &r);
    free((char *)(uintptr_t)r.bytes);
}

START_TEST(a_declared_body_over_the_limit_is_refused_before_it_comes)
{
    static const wire_row bare = { "14", BYTES(POST_1("Content-Length: 65537\r\n", "")), 413, "payload_too_large",
                                   "65536 bytes", CLOSES };
    static const wire_row polite = { "14 Expect",
                                     BYTES(POST_1("Content-Length: 65537\r\nExpect: 100-continue\r\n", "")), 413,
                                     "payload_too_large", "65536 bytes", CLOSES };
    check_wire(&server, &bare);
    check_wire(&server, &polite);
}
END_TEST

START_TEST(a_body_of_just_the_limit_is_read)
{
    char start[256];
    (void)snprintf(start, sizeof start, POST_1("Content-Length: %d\r\n", GOOD_BODY), LIMIT);
    wire_row r = long_row("14 at the limit", start, ' ', LIMIT - 25, "");
    r.status = 200;
    r.end = STAYS;
    check_wire(&server, &r);
    free((char *)(uintptr_t)r.bytes);
}
END_TEST

START_TEST(a_chunked_body_over_the_limit_gets_413_at_its_end)
{
    check_long(long_row("15", POST_1(CHUNKED, "10001\r\n"), ' ', 0x10001, "\r\n0\r\n\r\n"), 413, "payload_too_large");
}
END_TEST

START_TEST(a_chunked_body_past_twice_the_limit_is_cut)
{
    check_long(long_row("15 twice", POST_1(CHUNKED, "30000\r\n"), ' ', 0x30000, "\r\n0\r\n\r\n"), RAW_CLOSED, NULL);
}
END_TEST

START_TEST(a_body_that_ends_early_computes_nothing)
{
    double texts = e2e_metric(&server, "rosim_texts_total");
    raw_client c = e2e_connect(&server);
    ck_assert(raw_say(&c, POST_1("Content-Length: 100\r\n", "{\"pairs\":[[\"")));
    (void)shutdown(c.fd, SHUT_WR);
    raw_answer a = raw_read(&c, false, MATRIX_PATIENCE_MS);
    ck_assert_int_eq(a.status, RAW_CLOSED);
    raw_close(&c);
    ck_assert_double_eq(e2e_metric(&server, "rosim_texts_total"), texts);
    check_well(&server, "16");
}
END_TEST

START_TEST(a_megabyte_without_a_line_end_is_414)
{
    check_long(long_row("27", "", 'a', 1000000, ""), 414, NULL);
}
END_TEST

START_TEST(a_target_over_32_KiB_is_414)
{
    check_long(long_row("28", "GET /", 'a', 40000, " HTTP/1.1\r\nHost: a\r\n\r\n"), 414, NULL);
}
END_TEST

START_TEST(a_header_over_32_KiB_is_431)
{
    check_long(long_row("29", "GET /livez HTTP/1.1\r\nHost: a\r\nX-A: ", 'a', 40000, "\r\n\r\n"), 431, NULL);
}
END_TEST

START_TEST(two_thousand_headers_are_431)
{
    enum { HEADERS = 2000, LINE = 20 };
    char *bytes = malloc(HEADERS * LINE + 100);
    ck_assert_ptr_nonnull(bytes);
    int length = snprintf(bytes, 100, "GET /livez HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < HEADERS; i++)
        length += snprintf(bytes + length, LINE, "X-%d: %d\r\n", i, i);
    length += snprintf(bytes + length, LINE, "\r\n");
    wire_row r = { "30", bytes, (size_t)length, 431, NULL, NULL, CLOSES };
    check_wire(&server, &r);
    free(bytes);
}
END_TEST

START_TEST(a_405_lists_the_methods)
{
    char allow[64] = "";
    raw_answer a = e2e_ask(&server, "GET", "/v1/similarity", "", NULL);
    ck_assert(a.status == 405 && raw_header(&a, "Allow", allow, sizeof allow));
    ck_assert_str_eq(allow, "POST, OPTIONS");
    raw_answer_clear(&a);
}
END_TEST

/* ---- rows 17 to 19: slower than the deadlines of one second ---- */

enum { DEADLINE_MS = 1000 };

/* Says bytes slowly, one each 100 ms, until the server ends the connection: when, in ms. */
static int64_t drip_until_cut(const char *start)
{
    raw_client c = e2e_connect(&server);
    int64_t begin = clock_now_ns();
    bool alive = raw_say(&c, start);
    while (alive && clock_now_ns() - begin < MATRIX_PATIENCE_MS * INT64_C(1000000)) {
        alive = raw_say(&c, "a");
        e2e_sleep_ms(100);
    }
    int64_t took = (clock_now_ns() - begin) / 1000000;
    ck_assert_msg(!alive, "still there after %lld ms", (long long)took);
    raw_close(&c);
    return took;
}

START_TEST(slow_headers_are_cut)
{
    ck_assert_int_ge(drip_until_cut("GET /livez HTTP/1.1\r\nX-A: "), DEADLINE_MS);
    check_well(&server, "17");
}
END_TEST

START_TEST(a_slow_body_is_cut)
{
    ck_assert_int_ge(drip_until_cut(POST_1("Content-Length: 60000\r\n", "{")), DEADLINE_MS);
    check_well(&server, "18");
}
END_TEST

/* 300 answers of some 60 kB fit into no socket's buffers, and the client reads none of them. */
START_TEST(a_client_that_does_not_read_is_cut)
{
    enum { ASKED = 300 };
    static const char ask[] = GET_1("/metrics", "");
    int small = 4096;
    raw_client c = e2e_connect(&server);
    (void)setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < ASKED; i++)
        (void)send(c.fd, ask, sizeof ask - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    int64_t begin = clock_now_ns();
    double open = 2;
    while (open > 1 && clock_now_ns() - begin < MATRIX_PATIENCE_MS * INT64_C(1000000)) {
        e2e_sleep_ms(100);
        open = e2e_metric(&server, "rosim_connections");    /* the one that asks is one */
    }
    ck_assert_double_le(open, 1);
    raw_close(&c);
    check_well(&server, "19");
}
END_TEST

/* ---- rows 41 and 42: keys ---- */

START_TEST(a_wrong_key_is_401_and_a_key_for_another_model_403)
{
    static const struct { const char *row, *headers; int status; const char *code; } keys[] = {
        { "41 none", "", 401, "unauthorized" },
        { "41 wrong", "Authorization: Bearer wrong\r\n", 401, "unauthorized" },
        { "41 no Bearer", "Authorization: sesame\r\n", 401, "unauthorized" },
        { "41 more behind it", "Authorization: Bearer sesame x\r\n", 401, "unauthorized" },
        { "41 two", "Authorization: Bearer sesame\r\nAuthorization: Bearer wrong\r\n", 401, "unauthorized" },
        { "42 another model's", "Authorization: Bearer other\r\n", 403, "forbidden" },
        { "0 the right one", "Authorization: Bearer sesame\r\n", 200, NULL },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char challenge[32] = "";
        raw_answer a = e2e_ask(&locked, "POST", "/v1/similarity", keys[i].headers, GOOD_BODY);
        ck_assert_msg(a.status == keys[i].status, "%s: %d: %s", keys[i].row, a.status, a.body ? a.body : "");
        if (keys[i].code)
            check_error(keys[i].row, &a, keys[i].code, NULL);
        if (a.status == 401)
            ck_assert(raw_header(&a, "WWW-Authenticate", challenge, sizeof challenge));
        raw_answer_clear(&a);
    }
}
END_TEST

static void start(void)
{
    static const char *const options[] = { "--payload-limit", "65536", "--header-timeout", "1", "--body-timeout", "1",
                                           "--write-timeout", "1", NULL };
    server = e2e_start_model(TINY_MODEL, options);
}

/* The keys are sesame (any model) and other (a model that is not served). */
static void start_locked(void)
{
    static char path[] = "/tmp/rosim-keys-XXXXXX";
    static const char keys[] =
        "one:d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272\n"
        "two:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa:models=another\n";
    const char *const options[] = { "--api-key-file", path, NULL };
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, keys, sizeof keys - 1), (ssize_t)sizeof keys - 1);
    (void)close(fd);
    locked = e2e_start_model(TINY_MODEL, options);
    (void)unlink(path);
}

static void stop(void)
{
    ck_assert_int_eq(e2e_stop(&server), 0);
}

static void stop_locked(void)
{
    ck_assert_int_eq(e2e_stop(&locked), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("malformed HTTP");
    TCase *t = tcase_create("rows"), *k = tcase_create("keys");
    check_patience(t, 120);
    check_patience(k, 120);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_loop_test(t, a_row_is_answered_as_the_table_says, 0, ROWS);
    tcase_add_test(t, a_declared_body_over_the_limit_is_refused_before_it_comes);
    tcase_add_test(t, a_body_of_just_the_limit_is_read);
    tcase_add_test(t, a_chunked_body_over_the_limit_gets_413_at_its_end);
    tcase_add_test(t, a_chunked_body_past_twice_the_limit_is_cut);
    tcase_add_test(t, a_body_that_ends_early_computes_nothing);
    tcase_add_test(t, a_megabyte_without_a_line_end_is_414);
    tcase_add_test(t, a_target_over_32_KiB_is_414);
    tcase_add_test(t, a_header_over_32_KiB_is_431);
    tcase_add_test(t, two_thousand_headers_are_431);
    tcase_add_test(t, a_405_lists_the_methods);
    tcase_add_test(t, slow_headers_are_cut);
    tcase_add_test(t, a_slow_body_is_cut);
    tcase_add_test(t, a_client_that_does_not_read_is_cut);
    suite_add_tcase(suite, t);
    tcase_add_unchecked_fixture(k, start_locked, stop_locked);
    tcase_add_test(k, a_wrong_key_is_401_and_a_key_for_another_model_403);
    suite_add_tcase(suite, k);
    return check_run(suite);
}
