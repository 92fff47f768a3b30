/* guard.c - see guard.h.
 *
 * libmicrohttpd 0.9.75 accepts requests whose end two programs can see in different places: two lengths, a length
 * beside chunks, a blank before the colon, a folded line. Every such request is refused, and its connection closed,
 * before its body is read. What the library hides from us (bare LF, a NUL that cut a value) is not caught here: a
 * proxy must stand in front of a server that strangers can reach.
 */
#include "server/guard.h"

#include "server/api_error.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    size_t hosts, lengths, encodings;
    slice length, encoding;
} framing;

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* text is lower-case */
static bool starts_with(slice name, const char *text)
{
    size_t length = strlen(text);
    if (name.length < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (lower(name.data[i]) != text[i])
            return false;
    return true;
}

static bool same(slice name, const char *text)
{
    return name.length == strlen(text) && starts_with(name, text);
}

/* RFC 9110 5.6.2 */
static bool is_token(slice s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.length; i++) {
        char c = lower(s.data[i]);
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return s.length > 0;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static guard_verdict refuse(api_error code, const char *message)
{
    guard_verdict verdict = { .api_error = (int)code };
    (void)snprintf(verdict.message, sizeof verdict.message, "%s", message);
    return verdict;
}

static guard_verdict fine(void)
{
    return (guard_verdict){ .api_error = API_OK };
}

static guard_verdict check_uri(slice uri)
{
    if (uri.length == 0)
        return refuse(API_BAD_URI, "the request target is empty");
    for (size_t i = 0; i < uri.length; i++) {
        char c = uri.data[i];
        if (is_control(c) || (unsigned char)c >= 0x80 || c == ' ')
            return refuse(API_BAD_URI, "the request target holds a blank, a control byte or a byte outside ASCII");
        if (c == '%' && uri.length - i > 2 && uri.data[i + 1] == '0' && uri.data[i + 2] == '0')
            return refuse(API_BAD_URI, "the request target holds an escaped NUL");
    }
    return fine();
}

/* A line that folds is glued by the library to the name of its header: "Content-Length" + "13". Hence names that
 * merely start with the two that decide where a request ends are refused. */
static guard_verdict check_name(slice name)
{
    if (!is_token(name))
        return refuse(API_BAD_HEADER, "a header name holds a byte that is not allowed there");
    if (starts_with(name, "content-length") && !same(name, "content-length"))
        return refuse(API_BAD_HEADER, "a header name only starts with Content-Length");
    if (starts_with(name, "transfer-encoding") && !same(name, "transfer-encoding"))
        return refuse(API_BAD_HEADER, "a header name only starts with Transfer-Encoding");
    return fine();
}

static guard_verdict check_value(slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (is_control(value.data[i]) && value.data[i] != '\t')
            return refuse(API_BAD_HEADER, "a header value holds a control byte");
    return fine();
}

static void note(framing *f, const header *h)
{
    if (same(h->name, "host"))
        f->hosts++;
    if (same(h->name, "content-length")) {
        f->lengths++;
        f->length = h->value;
    }
    if (same(h->name, "transfer-encoding")) {
        f->encodings++;
        f->encoding = h->value;
    }
}

static guard_verdict check_headers(framing *f, const header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        guard_verdict verdict = check_name(headers[i].name);
        if (verdict.api_error == API_OK)
            verdict = check_value(headers[i].value);
        if (verdict.api_error != API_OK)
            return verdict;
        note(f, &headers[i]);
    }
    return fine();
}

static guard_verdict too_large(size_t limit)
{
    guard_verdict verdict = { .api_error = API_PAYLOAD_TOO_LARGE };
    (void)snprintf(verdict.message, sizeof verdict.message, "the body is larger than %zu bytes", limit);
    return verdict;
}

static guard_verdict check_length(slice value, size_t limit)
{
    size_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c < '0' || c > '9')
            return refuse(API_BAD_HEADER, "Content-Length is not a decimal number");
        if (!size_multiply(length, 10, &length) || !size_add(length, (size_t)(c - '0'), &length))
            return too_large(limit);
    }
    if (value.length == 0)
        return refuse(API_BAD_HEADER, "Content-Length is empty");
    return length > limit ? too_large(limit) : fine();
}

static guard_verdict check_framing(const framing *f, bool is_1_0, size_t limit)
{
    if (f->lengths > 1)
        return refuse(API_AMBIGUOUS_FRAMING, "Content-Length stands there more than once");
    if (f->encodings > 1)
        return refuse(API_AMBIGUOUS_FRAMING, "Transfer-Encoding stands there more than once");
    if (f->encodings && f->lengths)
        return refuse(API_AMBIGUOUS_FRAMING, "Transfer-Encoding and Content-Length exclude each other");
    if (f->encodings && !same(f->encoding, "chunked"))
        return refuse(API_AMBIGUOUS_FRAMING, "the only Transfer-Encoding here is chunked");
    if (f->encodings && is_1_0)
        return refuse(API_BAD_HEADER, "Transfer-Encoding does not exist in HTTP/1.0");
    if (f->hosts > 1)
        return refuse(API_BAD_REQUEST, "Host stands there more than once");
    if (f->hosts == 0 && !is_1_0)
        return refuse(API_BAD_REQUEST, "HTTP/1.1 wants a Host header");
    return f->lengths ? check_length(f->length, limit) : fine();
}

guard_verdict guard_check(slice method, slice uri, slice version, const header *headers, size_t count,
                          size_t body_limit)
{
    framing f = { 0 };
    bool is_1_0 = slice_is(version, "HTTP/1.0");
    if (!is_1_0 && !slice_is(version, "HTTP/1.1"))
        return refuse(API_BAD_REQUEST, "the protocol is neither HTTP/1.1 nor HTTP/1.0");
    if (!is_token(method))
        return refuse(API_BAD_REQUEST, "the method holds a byte that is not allowed there");
    guard_verdict verdict = check_uri(uri);
    if (verdict.api_error == API_OK)
        verdict = check_headers(&f, headers, count);
    return verdict.api_error == API_OK ? check_framing(&f, is_1_0, body_limit) : verdict;
}
