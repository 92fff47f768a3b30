/* json_scan.c - see json_scan.h.
 *
 * The idea: values follow one another in the text whatever their nesting, so a loop of "scan a value, then what
 * follows it" with a 16-entry stack of open brackets reads everything. Keys are only noted; duplicates are found at
 * the end by sorting, so that no choice of keys costs more than n log n. It refuses what RFC 8259 refuses, and what
 * two parsers could read in two ways: duplicate keys, lone surrogates, byte order marks.
 */
#include "server/json_scan.h"

#include "model/text/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 16, MEMBERS_MAX = 1000000, KEYS_MAX = 100000, CONTAINERS_MAX = 100000,
    NUMBER_MAX = 63,    /* cJSON copies a number into 64 bytes and would split a longer one */
    KEYS_FIRST = 64,
    KEY_SHOWN_MAX = 40  /* bytes of a key in a message */
};

typedef struct { size_t object, at, length; } key;    /* length: raw bytes between the quotes, which begin at `at` */

typedef struct {
    slice in;
    size_t at;
    const json_limits *limits;
    json_fault *fault;
    struct { char close; size_t object; } open[DEPTH_MAX];
    size_t depth;
    size_t members, strings, numbers, containers;
    key *keys;
    size_t key_count, key_capacity;
} scan;

static bool bad(scan *s, size_t at, const char *what)
{
    return json_refuse(s->fault, API_INVALID_JSON, NULL, "invalid JSON at byte %zu: %s", at, what);
}

/* The next byte, or -1 at the end. */
static int peek(const scan *s)
{
    return s->at < s->in.length ? (unsigned char)s->in.data[s->at] : -1;
}

static void skip_space(scan *s)
{
    for (int c = peek(s); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(s))
        s->at++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four hexadecimal digits at `at`, or -1. */
static int32_t hex4(slice in, size_t at)
{
    int32_t unit = 0;
    if (in.length - at < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(in.data[at + i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* At the u of an escape. */
static bool scan_unicode_escape(scan *s)
{
    size_t start = s->at - 1;
    int32_t unit = hex4(s->in, ++s->at);
    if (unit < 0)
        return bad(s, start, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return json_refuse(s->fault, API_INVALID_CHARACTER, NULL,
                           "the character U+0000 at byte %zu cannot be part of a text", start);
    s->at += 4;
    if (is_low(unit))
        return bad(s, start, "a low surrogate without a high one before it");
    if (!is_high(unit))
        return true;
    bool paired = s->in.length - s->at >= 6 && s->in.data[s->at] == '\\' && s->in.data[s->at + 1] == 'u' &&
                  is_low(hex4(s->in, s->at + 2));
    if (!paired)
        return bad(s, start, "a high surrogate without a low one behind it");
    s->at += 6;
    return true;
}

/* At the backslash. */
static bool scan_escape(scan *s)
{
    s->at++;
    int c = peek(s);
    if (c == 'u')
        return scan_unicode_escape(s);
    if (c <= 0 || !strchr("\"\\/bfnrt", c))
        return bad(s, s->at - 1, "unknown escape");
    s->at++;
    return true;
}

static bool control_in_string(scan *s, int c)
{
    if (c == 0)
        return json_refuse(s->fault, API_INVALID_CHARACTER, NULL, "the NUL byte at byte %zu cannot be part of a text",
                           s->at);
    return bad(s, s->at, "a control character in a string must be escaped");
}

/* At the opening quote; ends behind the closing one. */
static bool scan_string(scan *s)
{
    size_t start = s->at++;
    for (;;) {
        int c = peek(s);
        if (c < 0)
            return bad(s, start, "this string does not end");
        if (c < 0x20)
            return control_in_string(s, c);
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        s->at++;
        if (c == '"')
            return true;
    }
}

static bool scan_digits(scan *s)
{
    size_t start = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > start;
}

static bool scan_number(scan *s)
{
    size_t start = s->at;
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!scan_digits(s))
        return bad(s, start, "a number needs a digit behind its sign");
    if (peek(s) >= '0' && peek(s) <= '9')
        return bad(s, start, "a number must not begin with 0");
    if (peek(s) == '.') {
        s->at++;
        if (!scan_digits(s))
            return bad(s, start, "a number needs a digit behind its point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!scan_digits(s))
            return bad(s, start, "a number needs a digit in its exponent");
    }
    if (s->at - start > NUMBER_MAX)
        return bad(s, start, "a number has more than 63 characters");
    if (s->limits->numbers && ++s->numbers > s->limits->numbers)
        return json_refuse(s->fault, API_TOO_MANY_TOKENS, NULL, "the body holds more than %zu numbers",
                           s->limits->numbers);
    return true;
}

static bool scan_literal(scan *s)
{
    static const char *const words[] = { "true", "false", "null" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (s->in.length - s->at >= length && memcmp(s->in.data + s->at, words[i], length) == 0) {
            s->at += length;
            return true;
        }
    }
    return bad(s, s->at, peek(s) < 0 ? "the text ends where a value should stand" : "a value should stand here");
}

static bool note_key(scan *s, key k)
{
    if (s->key_count >= KEYS_MAX)
        return json_refuse(s->fault, API_TOO_MANY_FIELDS, NULL, "the body holds more than %d keys", KEYS_MAX);
    if (s->key_count == s->key_capacity) {
        size_t capacity = s->key_capacity ? s->key_capacity * 2 : KEYS_FIRST;
        key *grown = realloc(s->keys, capacity * sizeof *grown);
        if (!grown)
            return json_refuse(s->fault, API_OUT_OF_MEMORY, NULL, "out of memory while reading the body");
        s->keys = grown;
        s->key_capacity = capacity;
    }
    s->keys[s->key_count++] = k;
    return true;
}

/* A key and its colon. */
static bool scan_key(scan *s)
{
    skip_space(s);
    if (peek(s) != '"')
        return bad(s, s->at, "a key in double quotes should stand here");
    key k = { s->open[s->depth - 1].object, s->at + 1, 0 };
    if (!scan_string(s))
        return false;
    k.length = s->at - 1 - k.at;
    if (!note_key(s, k))
        return false;
    skip_space(s);
    if (peek(s) != ':')
        return bad(s, s->at, "a colon should stand here");
    s->at++;
    return true;
}

/* At a bracket. *inside: the container has a first value, which comes next; else it was empty and is already closed. */
static bool scan_open(scan *s, bool *inside)
{
    bool object = s->in.data[s->at] == '{';
    if (s->depth == DEPTH_MAX)
        return json_refuse(s->fault, API_JSON_TOO_DEEP, NULL, "the nesting at byte %zu is deeper than %d", s->at,
                           DEPTH_MAX);
    if (++s->containers > CONTAINERS_MAX)
        return json_refuse(s->fault, API_TOO_MANY_FIELDS, NULL, "the body holds more than %d arrays and objects",
                           CONTAINERS_MAX);
    s->open[s->depth].close = object ? '}' : ']';
    s->open[s->depth].object = s->containers;
    s->depth++;
    s->at++;
    skip_space(s);
    *inside = peek(s) != (object ? '}' : ']');
    if (*inside)
        return object ? scan_key(s) : true;
    s->at++;
    s->depth--;
    return true;
}

static bool scan_value(scan *s, bool *inside)
{
    *inside = false;
    skip_space(s);
    if (++s->members > MEMBERS_MAX)
        return json_refuse(s->fault, API_TOO_MANY_FIELDS, NULL, "the body holds more than %d values", MEMBERS_MAX);
    int c = peek(s);
    if (c == '{' || c == '[')
        return scan_open(s, inside);
    if (c == '-' || (c >= '0' && c <= '9'))
        return scan_number(s);
    if (c != '"')
        return scan_literal(s);
    if (s->limits->strings && ++s->strings > s->limits->strings)
        return json_refuse(s->fault, API_TOO_MANY_INPUTS, NULL, "the body holds more than %zu strings",
                           s->limits->strings);
    return scan_string(s);
}

/* Behind a value: closes what ends here, then moves behind the comma (and the key) of the next value. Depth 0: the
 * end. */
static bool scan_after(scan *s)
{
    while (s->depth > 0) {
        char close = s->open[s->depth - 1].close;
        skip_space(s);
        int c = peek(s);
        if (c == ',') {
            s->at++;
            return close == '}' ? scan_key(s) : true;
        }
        if (c != close)
            return bad(s, s->at, close == '}' ? "a comma or } should stand here" : "a comma or ] should stand here");
        s->at++;
        s->depth--;
    }
    return true;
}

static bool scan_document(scan *s)
{
    bool inside;
    do {
        if (!scan_value(s, &inside) || (!inside && !scan_after(s)))
            return false;
    } while (s->depth > 0);
    skip_space(s);
    return s->at == s->in.length ? true : bad(s, s->at, "nothing may follow the first value");
}

/* One code point of a key that the scan has accepted. */
static uint32_t key_next(slice raw, size_t *at)
{
    if (raw.data[*at] != '\\')
        return utf8_next(raw, at);
    char c = raw.data[*at + 1];
    if (c != 'u') {
        static const char names[] = "bfnrt", controls[] = "\b\f\n\r\t";
        const char *found = strchr(names, c);
        *at += 2;
        return (unsigned char)(found ? controls[found - names] : c);
    }
    uint32_t unit = (uint32_t)hex4(raw, *at + 2);
    *at += 6;
    if (!is_high((int32_t)unit))
        return unit;
    uint32_t low = (uint32_t)hex4(raw, *at + 2);
    *at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

typedef struct { key k; slice raw; } sortable;

static int compare_keys(const void *left, const void *right)
{
    const sortable *a = left, *b = right;
    if (a->k.object != b->k.object)
        return a->k.object < b->k.object ? -1 : 1;
    size_t i = 0, j = 0;
    while (i < a->raw.length && j < b->raw.length) {
        uint32_t p = key_next(a->raw, &i), q = key_next(b->raw, &j);
        if (p != q)
            return p < q ? -1 : 1;
    }
    return (i < a->raw.length) - (j < b->raw.length);
}

static bool find_duplicates(scan *s, sortable *sorted)
{
    for (size_t i = 0; i < s->key_count; i++)
        sorted[i] = (sortable){ s->keys[i], { s->in.data + s->keys[i].at, s->keys[i].length } };
    qsort(sorted, s->key_count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < s->key_count; i++) {
        const key *a = &sorted[i - 1].k, *b = &sorted[i].k;
        if (compare_keys(&sorted[i - 1], &sorted[i]) == 0)
            return json_refuse(s->fault, API_DUPLICATE_KEY, NULL,
                               "the key \"%.*s\" at byte %zu stands in the same object at byte %zu",
                               (int)(a->length < KEY_SHOWN_MAX ? a->length : KEY_SHOWN_MAX), sorted[i].raw.data,
                               (a->at > b->at ? a->at : b->at) - 1, (a->at > b->at ? b->at : a->at) - 1);
    }
    return true;
}

static bool check_keys(scan *s)
{
    if (s->key_count < 2)
        return true;
    sortable *sorted = malloc(s->key_count * sizeof *sorted);
    if (!sorted)
        return json_refuse(s->fault, API_OUT_OF_MEMORY, NULL, "out of memory while reading the body");
    bool unique = find_duplicates(s, sorted);
    free(sorted);
    return unique;
}

/* What must hold before the grammar is looked at. */
static bool check_bytes(slice bytes, json_fault *fault)
{
    size_t at = 0;
    if (!utf8_check(bytes, &at))
        return json_refuse(fault, API_INVALID_UTF8, NULL, "the body is not valid UTF-8 at byte %zu", at);
    if (bytes.length >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0)
        return json_refuse(fault, API_INVALID_UTF8, NULL, "the body begins with a byte order mark");
    return true;
}

bool json_scan(slice bytes, const json_limits *limits, json_fault *fault)
{
    scan s = { .in = bytes, .limits = limits, .fault = fault };
    if (!check_bytes(bytes, fault))
        return false;
    skip_space(&s);
    if (s.at == bytes.length)
        return json_refuse(fault, API_EMPTY_BODY, NULL, "the body is empty; a JSON object should stand there");
    bool good = scan_document(&s) && check_keys(&s);
    free(s.keys);
    return good;
}
