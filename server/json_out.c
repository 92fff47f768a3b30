/* json_out.c - see json_out.h.
 *
 * The idea: vectors are most of what the server sends, so floats have a writer of their own (20 times faster than
 * printing doubles): scale to a whole number of 6 to 9 digits and keep the first that reads back as the same float. A
 * value that is not finite has no JSON form: it fails the whole answer instead of becoming null.
 */
#include "server/json_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT_MAX_BYTES = 32, GROWTH_MIN_BYTES = 1024 };

static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14 };

void json_begin(json_out *w, arena *a, size_t expected_bytes)
{
    *w = (json_out){ .arena = a, .capacity = expected_bytes < GROWTH_MIN_BYTES ? GROWTH_MIN_BYTES : expected_bytes };
    w->bytes = arena_take(a, w->capacity, 1);
    w->failed = w->bytes == NULL;
}

/* Room for n more bytes, or the writer has failed. An arena gives no memory back: doubling wastes at most the same
 * again. */
static bool reserve(json_out *w, size_t n)
{
    size_t wanted, doubled;
    if (w->failed)
        return false;
    if (n <= w->capacity - w->length)
        return true;
    w->failed = true;
    if (!size_add(w->length, n, &wanted) || !size_multiply(w->capacity, 2, &doubled))
        return false;
    if (doubled < wanted)
        doubled = wanted;
    char *grown = arena_take(w->arena, doubled, 1);
    if (!grown)
        return false;
    memcpy(grown, w->bytes, w->length);
    w->bytes = grown;
    w->capacity = doubled;
    w->failed = false;
    return true;
}

static void put(json_out *w, const char *bytes, size_t n)
{
    if (n == 0 || !reserve(w, n))
        return;
    memcpy(w->bytes + w->length, bytes, n);
    w->length += n;
}

static void put_comma(json_out *w)
{
    if (w->comma)
        put(w, ",", 1);
}

static void put_value(json_out *w, const char *bytes, size_t n)
{
    put_comma(w);
    put(w, bytes, n);
    w->comma = true;
}

void json_raw(json_out *w, slice bytes)
{
    put(w, bytes.data, bytes.length);
}

void json_open(json_out *w, char bracket)
{
    put_value(w, &bracket, 1);
    w->comma = false;
}

void json_close(json_out *w, char bracket)
{
    put(w, &bracket, 1);
    w->comma = true;
}

void json_literal(json_out *w, const char *word)
{
    put_value(w, word, strlen(word));
}

static bool needs_escape(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static void put_escape(json_out *w, char c)
{
    static const char controls[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
    const char *found = c ? strchr(controls, c) : NULL;
    char text[8];
    int n = found ? snprintf(text, sizeof text, "\\%c", names[found - controls])
                  : snprintf(text, sizeof text, "\\u%04x", (unsigned)(unsigned char)c);
    put(w, text, (size_t)n);
}

static void put_quoted(json_out *w, slice utf8)
{
    put(w, "\"", 1);
    for (size_t at = 0; at < utf8.length;) {
        size_t start = at;
        while (at < utf8.length && !needs_escape(utf8.data[at]))
            at++;
        put(w, utf8.data + start, at - start);
        if (at < utf8.length)
            put_escape(w, utf8.data[at++]);
    }
    put(w, "\"", 1);
}

void json_text(json_out *w, slice utf8)
{
    put_comma(w);
    put_quoted(w, utf8);
    w->comma = true;
}

void json_key(json_out *w, const char *key)
{
    put_comma(w);
    put_quoted(w, slice_of(key));
    put(w, ":", 1);
    w->comma = false;
}

void json_integer(json_out *w, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    put_value(w, text, (size_t)n);
}

void json_number(json_out *w, double value)
{
    char text[FLOAT_MAX_BYTES];
    int n = 0;
    if (!isfinite(value)) {
        w->failed = true;
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    put_value(w, text, (size_t)n);
}

/* Whether a reader of the double nearest to a decimal gets this float, both directly and by rounding twice: a double
 * half way between two floats is refused, because the decimal may lie on either side of it. */
static bool reads_back(double read, float value)
{
    uint64_t bits;
    memcpy(&bits, &read, sizeof bits);
    bool half_way = (bits & 0x1fffffff) == 0x10000000;
    float rounded = (float)read;
    return !half_way && memcmp(&rounded, &value, sizeof value) == 0;
}

/* whole / 10^places as digits, trailing zeros dropped but for the first behind the point. */
static size_t write_scaled(char *out, uint64_t whole, size_t places)
{
    char digits[24];
    size_t n = 0, length = 0;
    while (places > 1 && whole % 10 == 0) {
        whole /= 10;
        places--;
    }
    if (places == 0) {
        whole *= 10;
        places = 1;
    }
    for (; whole > 0 || n <= places; whole /= 10)
        digits[n++] = (char)('0' + whole % 10);
    while (n > places)
        out[length++] = digits[--n];
    out[length++] = '.';
    while (n > 0)
        out[length++] = digits[--n];
    return length;
}

/* 1e-6 <= value < 1e6, where every scaled value is below 2^53 and every power of ten exact. */
static size_t write_plain(char *out, float value)
{
    double exact = (double)value;
    size_t places = 11;    /* 6 digits for values of 1e-6 */
    while (places > 0 && exact * powers[places] >= 1e6)
        places--;
    uint64_t whole = 0;
    for (int digits = 6; digits <= 9; digits++, places++) {
        whole = (uint64_t)(exact * powers[places] + 0.5);
        if (reads_back((double)whole / powers[places], value))
            return write_scaled(out, whole, places);
    }
    return write_scaled(out, whole, places - 1);
}

/* Also "-0.0", whole numbers as "5.0" (a list of vectors stays a list of floats for typed readers), and far
 * exponents. */
static size_t write_float(char *out, float value)
{
    float size = fabsf(value);
    size_t sign = signbit(value) ? 1 : 0;
    out[0] = '-';
    if (size >= 1e-6F && size < 1e6F)
        return sign + write_plain(out + sign, size);
    int n = snprintf(out + sign, FLOAT_MAX_BYTES - 1, "%.9g", (double)size);
    size_t length = sign + (size_t)n;
    if (!memchr(out, '.', length) && !memchr(out, 'e', length)) {
        memcpy(out + length, ".0", 2);
        length += 2;
    }
    return length;
}

void json_float(json_out *w, float value)
{
    if (!isfinite(value)) {
        w->failed = true;
        return;
    }
    put_comma(w);
    if (!reserve(w, FLOAT_MAX_BYTES))
        return;
    w->length += write_float(w->bytes + w->length, value);
    w->comma = true;
}

void json_floats(json_out *w, const float *values, size_t n)
{
    json_open(w, '[');
    for (size_t i = 0; i < n; i++)
        json_float(w, values[i]);
    json_close(w, ']');
}

void json_base64(json_out *w, const void *bytes, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    put_comma(w);
    if (!reserve(w, n / 3 * 4 + 6))
        return;
    char *out = w->bytes + w->length;
    *out++ = '"';
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t group =
            (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *out++ = '"';
    w->length = (size_t)(out - w->bytes);
    w->comma = true;
}

void json_field_text(json_out *w, const char *key, const char *value)
{
    json_key(w, key);
    json_text(w, slice_of(value));
}

void json_field_integer(json_out *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_integer(w, value);
}

void json_field_literal(json_out *w, const char *key, const char *word)
{
    json_key(w, key);
    json_literal(w, word);
}

slice json_end(json_out *w)
{
    if (!reserve(w, 1))
        return (slice){ NULL, 0 };
    w->bytes[w->length] = '\0';
    return (slice){ w->bytes, w->length };
}
