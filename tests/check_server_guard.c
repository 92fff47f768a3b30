/* check_server_guard.c - the guard over the framing rows of reliability.md 6.1, one row of a table each. */
#include "tests/check_support.h"

#include "server/api_error.h"
#include "server/guard.h"

#include <string.h>

enum { LIMIT = 1000, HEADERS_MAX = 6 };

typedef struct {
    const char *about, *method, *uri, *version;
    int expect;
    struct { const char *name, *value; } headers[HEADERS_MAX];
} row;

#define HOST { "Host", "a" }

static const row rows[] = {
    /* what must pass */
    { "plain GET", "GET", "/x?y=1", "HTTP/1.1", API_OK, { HOST } },
    { "HTTP/1.0 without Host", "GET", "/", "HTTP/1.0", API_OK, { { 0 } } },
    { "HTTP/1.0 with Host", "GET", "/", "HTTP/1.0", API_OK, { HOST } },
    { "a body within the limit", "POST", "/x", "HTTP/1.1", API_OK, { HOST, { "Content-Length", "1000" } } },
    { "leading zeros", "POST", "/x", "HTTP/1.1", API_OK, { HOST, { "content-length", "0001000" } } },
    { "no body", "POST", "/x", "HTTP/1.1", API_OK, { HOST, { "Content-Length", "0" } } },
    { "chunked in any case", "POST", "/x", "HTTP/1.1", API_OK, { HOST, { "tRANSFER-encoding", "Chunked" } } },
    { "tab and UTF-8 in a value", "GET", "/", "HTTP/1.1", API_OK, { HOST, { "X-A", "a\tb \xe4\xbb\x8a" } } },
    { "an empty value", "GET", "/", "HTTP/1.1", API_OK, { HOST, { "X-A", "" } } },
    { "an empty Host", "GET", "/", "HTTP/1.1", API_OK, { { "Host", "" } } },
    { "absolute form", "GET", "http://a/x", "HTTP/1.1", API_OK, { HOST } },
    { "asterisk form", "OPTIONS", "*", "HTTP/1.1", API_OK, { HOST } },
    { "unknown method", "get", "/", "HTTP/1.1", API_OK, { HOST } },
    { "32: a bad escape is only an unknown path", "GET", "/%zz%2", "HTTP/1.1", API_OK, { HOST } },
    { "33: dots and double slashes, too", "GET", "/../x//y", "HTTP/1.1", API_OK, { HOST } },
    { "other escapes of control bytes", "GET", "/%01%20%0", "HTTP/1.1", API_OK, { HOST } },
    /* 1-4 */
    { "1: CL and TE",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Content-Length", "3" }, { "Transfer-Encoding", "chunked" } } },
    { "1: TE and CL",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "chunked" }, { "Content-Length", "3" } } },
    { "2: two CL",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Content-Length", "3" }, { "Content-Length", "4" } } },
    { "2: two equal CL",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Content-Length", "3" }, { "content-length", "3" } } },
    { "3: TE gzip, chunked",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "gzip, chunked" } } },
    { "3: TE identity",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "identity" } } },
    { "3: TE xchunked",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "xchunked" } } },
    { "3: TE empty", "POST", "/", "HTTP/1.1", API_AMBIGUOUS_FRAMING, { HOST, { "Transfer-Encoding", "" } } },
    { "3: TE chunked;x",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "chunked;x" } } },
    { "4: TE twice",
      "POST",
      "/",
      "HTTP/1.1",
      API_AMBIGUOUS_FRAMING,
      { HOST, { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } } },
    /* 5-8 */
    { "5: blank before the colon", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length ", "3" } } },
    { "5: of any header", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "X-A ", "3" } } },
    { "6: folded CL", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length13", "" } } },
    { "6: folded TE", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "transfer-encodingchunked", "" } } },
    { "7: TE on HTTP/1.0", "POST", "/", "HTTP/1.0", API_BAD_HEADER, { { "Transfer-Encoding", "chunked" } } },
    { "8: control byte in a value", "GET", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "X-A", "a\x01" } } },
    { "8: CR in a value", "GET", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "X-A", "a\rb" } } },
    { "8: DEL in a value", "GET", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "X-A", "\x7f" } } },
    { "a name that is no token", "GET", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "X(A)", "1" } } },
    { "an empty name", "GET", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "", "1" } } },
    /* 9-14, should the library ever let them through */
    { "9: CL +13", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "+13" } } },
    { "9: CL -1", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "-1" } } },
    { "9: CL 0x0d", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "0x0d" } } },
    { "9: CL 1e1", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "1e1" } } },
    { "9: CL empty", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "" } } },
    { "9: CL 13, 13", "POST", "/", "HTTP/1.1", API_BAD_HEADER, { HOST, { "Content-Length", "13, 13" } } },
    { "12: CL 2^64",
      "POST",
      "/",
      "HTTP/1.1",
      API_PAYLOAD_TOO_LARGE,
      { HOST, { "Content-Length", "18446744073709551616" } } },
    { "12: CL of 40 digits",
      "POST",
      "/",
      "HTTP/1.1",
      API_PAYLOAD_TOO_LARGE,
      { HOST, { "Content-Length", "9999999999999999999999999999999999999999" } } },
    { "14: one byte over the limit",
      "POST",
      "/",
      "HTTP/1.1",
      API_PAYLOAD_TOO_LARGE,
      { HOST, { "Content-Length", "1001" } } },
    /* 20-23, 31 */
    { "20: no Host", "GET", "/", "HTTP/1.1", API_BAD_REQUEST, { { 0 } } },
    { "21: two Hosts", "GET", "/", "HTTP/1.1", API_BAD_REQUEST, { HOST, { "host", "b" } } },
    { "22: HTTP/1.2", "GET", "/", "HTTP/1.2", API_BAD_REQUEST, { HOST } },
    { "22: HTTP/0.9", "GET", "/", "HTTP/0.9", API_BAD_REQUEST, { HOST } },
    { "23: HTTP/2.0", "PRI", "*", "HTTP/2.0", API_BAD_REQUEST, { { 0 } } },
    { "no version", "GET", "/", "", API_BAD_REQUEST, { HOST } },
    { "a method that is no token", "G{T", "/", "HTTP/1.1", API_BAD_REQUEST, { HOST } },
    { "no method", "", "/", "HTTP/1.1", API_BAD_REQUEST, { HOST } },
    { "31: %00", "GET", "/hello%00x", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "31: %00 at the end", "GET", "/%00", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "31: %00 in the query", "GET", "/x?a=%00", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "raw UTF-8 in the target", "GET", "/\xc3\xa4", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "a blank in the target", "GET", "/a b", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "a control byte in the target", "GET", "/\x01", "HTTP/1.1", API_BAD_URI, { HOST } },
    { "an empty target", "GET", "", "HTTP/1.1", API_BAD_URI, { HOST } },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static guard_verdict check(const row *r)
{
    header headers[HEADERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < HEADERS_MAX && r->headers[i].name; i++)
        headers[count++] = (header){ slice_of(r->headers[i].name), slice_of(r->headers[i].value) };
    return guard_check(slice_of(r->method), slice_of(r->uri), slice_of(r->version), headers, count, LIMIT);
}

START_TEST(each_row_gets_its_verdict)
{
    guard_verdict verdict = check(&rows[_i]);
    ck_assert_msg(verdict.api_error == rows[_i].expect, "%s: got %d (%s), want %d", rows[_i].about, verdict.api_error,
                  verdict.message, rows[_i].expect);
    ck_assert_msg((verdict.message[0] != '\0') == (verdict.api_error != API_OK), "%s: message", rows[_i].about);
}
END_TEST

/* A NUL inside a name or a value has a length like any byte. */
START_TEST(a_nul_byte_is_a_control_byte)
{
    header headers[] = { { slice_of("Host"), slice_of("a") }, { slice_of("X-A"), { "a\0b", 3 } } };
    guard_verdict verdict = guard_check(slice_of("GET"), slice_of("/"), slice_of("HTTP/1.1"), headers, 2, LIMIT);
    ck_assert_int_eq(verdict.api_error, API_BAD_HEADER);
    headers[1] = (header){ { "X\0A", 3 }, slice_of("a") };
    verdict = guard_check(slice_of("GET"), slice_of("/"), slice_of("HTTP/1.1"), headers, 2, LIMIT);
    ck_assert_int_eq(verdict.api_error, API_BAD_HEADER);
}
END_TEST

/* Two programs that disagree about one byte of a name are what smuggling needs: every byte is tried in every place. */
START_TEST(no_byte_in_a_name_hides_a_length)
{
    for (int byte = 0; byte < 256; byte++)
        for (size_t at = 0; at <= strlen("content-length"); at++) {
            char name[] = "content-length\0\0";
            memmove(name + at + 1, name + at, strlen("content-length") - at);
            name[at] = (char)byte;
            header headers[] = { { slice_of("Host"), slice_of("a") },
                                 { { name, strlen("content-length") + 1 }, slice_of("99999") } };
            guard_verdict verdict =
                guard_check(slice_of("POST"), slice_of("/"), slice_of("HTTP/1.1"), headers, 2, LIMIT);
            bool token_inside = at < strlen("content-length");
            if (!token_inside)
                ck_assert_msg(verdict.api_error != API_OK, "byte %d behind the name passed", byte);
            else if (byte <= ' ' || byte >= 0x7f || byte == ':')
                ck_assert_msg(verdict.api_error == API_BAD_HEADER, "byte %d at %zu passed", byte, at);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *t = tcase_create("guard");
    tcase_add_loop_test(t, each_row_gets_its_verdict, 0, ROWS);
    tcase_add_test(t, a_nul_byte_is_a_control_byte);
    tcase_add_test(t, no_byte_in_a_name_hides_a_length);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
