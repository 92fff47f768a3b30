/* strict_json.c - see strict_json.h.
 *
 * The scan looks at each byte once and knows only strings, nesting and numbers; grammar is left to
 * cJSON. Escapes make equal names look different, so duplicates are sought in the finished tree.
 */
#include "weights/strict_json.h"

#include "weights/shown.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_CHARACTERS_MAX = 63 };

typedef struct {
    const unsigned char *bytes;
    size_t length, at;
    size_t depth, values;
    const strict_json_rules *rules;
    const char *broken_rule;    /* NULL while all is well */
} scan;

static bool refuse(scan *s, const char *rule)
{
    s->broken_rule = rule;
    return false;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const unsigned char *digits, size_t length)
{
    int value = 0;
    if (length < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        const char *all = "0123456789abcdef";
        unsigned char c = digits[i];
        const char *found = strchr(all, c >= 'A' && c <= 'F' ? c + 32 : c);
        if (c == 0 || !found)
            return -1;
        value = value * 16 + (int)(found - all);
    }
    return value;
}

static bool scan_escape(scan *s)
{
    size_t left = s->length - s->at;    /* the backslash included */
    const unsigned char *here = s->bytes + s->at;
    if (left < 2 || here[1] == 0 || !strchr("\"\\/bfnrtu", here[1]))
        return refuse(s, "a bad escape in a string");
    if (here[1] != 'u') {
        s->at += 2;
        return true;
    }
    int unit = hex4(here + 2, left - 2);
    if (unit < 0)
        return refuse(s, "\\u without four hexadecimal digits");
    if (unit == 0)
        return refuse(s, "\\u0000 in a string");
    s->at += 6;
    return true;
}

static bool scan_string(scan *s)
{
    s->at++;
    while (s->at < s->length) {
        unsigned char c = s->bytes[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return refuse(s, "a control character in a string");
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        size_t step = shown_character_length(s->bytes + s->at, s->length - s->at);
        if (step == 0)
            return refuse(s, "a string that is not UTF-8");
        s->at += step;
    }
    return refuse(s, "a string without an end");
}

static bool scan_number(scan *s)
{
    size_t start = s->at;
    bool zero = s->bytes[start] == '0';
    while (s->at < s->length && s->bytes[s->at] != 0 && strchr("0123456789+-.eE", s->bytes[s->at]))
        s->at++;
    if (s->at - start > NUMBER_CHARACTERS_MAX)
        return refuse(s, "a number of more than 63 characters");
    if (zero && s->at - start > 1 && is_digit(s->bytes[start + 1]))
        return refuse(s, "a number with leading zeros");
    for (size_t i = start; s->rules->integers_only && i < s->at; i++)
        if (!is_digit(s->bytes[i]))
            return refuse(s, "a number that is no plain integer");
    return true;
}

static bool scan_mark(scan *s, unsigned char c)
{
    s->at++;
    if (c == '}' || c == ']') {
        if (s->depth == 0)
            return refuse(s, "an unmatched bracket");
        s->depth--;
        return true;
    }
    if ((c == '{' || c == '[') && ++s->depth > s->rules->max_depth)
        return refuse(s, "too many nested objects or arrays");
    if (c != ':' && ++s->values > s->rules->max_values)
        return refuse(s, "too many values");
    return true;
}

static bool scan_token(scan *s)
{
    unsigned char c = s->bytes[s->at];
    if (c == '"')
        return scan_string(s);
    if (is_digit(c) || c == '-')
        return scan_number(s);
    if (c != 0 && strchr("{}[]:,", c))
        return scan_mark(s, c);
    bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    bool letter = c >= 'a' && c <= 'z';
    if (!blank && (!letter || s->rules->integers_only))
        return refuse(s, "a byte that JSON does not allow here");
    s->at++;
    return true;
}

static bool only_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\n\r", *at) && *at != 0)
        at++;
    return at == end;
}

status strict_json_parse(cJSON **out, const char *bytes, size_t length,
                         const strict_json_rules *rules, const char *label, errinfo *err)
{
    scan s = { .bytes = (const unsigned char *)bytes, .length = length, .rules = rules };
    while (s.at < length && scan_token(&s))
        continue;
    if (s.broken_rule)
        return fail(err, ST_FORMAT, "%s: byte %zu of the JSON: %s", label, s.at, s.broken_rule);

    /* cJSON wants a NUL behind the text: versions without a patch read past a bare length. */
    char *text = malloc(length + 1);
    if (!text)
        return fail(err, ST_NOMEM, "%s: no memory for %zu bytes of JSON", label, length);
    memcpy(text, bytes, length);
    text[length] = '\0';
    const char *end = text;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, length + 1, &end, false);
    bool complete = tree && only_blanks(end, text + length);
    size_t stopped_at = end ? (size_t)(end - text) : 0;
    free(text);
    if (!complete) {
        cJSON_Delete(tree);
        return fail(err, ST_FORMAT, "%s: byte %zu of the JSON: %s", label, stopped_at,
                    tree ? "more text behind the document" : "not valid JSON");
    }
    *out = tree;
    return ST_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

status strict_json_unique_keys(const cJSON *object, const char *label, errinfo *err)
{
    size_t count = 0, filled = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
        count++;
    if (count < 2)
        return ST_OK;
    const char **keys = malloc(count * sizeof *keys);
    if (!keys)
        return fail(err, ST_NOMEM, "%s: no memory for %zu names", label, count);
    cJSON_ArrayForEach(item, object)
        keys[filled++] = item->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    status st = ST_OK;
    for (size_t i = 1; i < count && st == ST_OK; i++) {
        if (strcmp(keys[i - 1], keys[i]) != 0)
            continue;
        slice shown = shown_name(slice_of(keys[i]));
        st = fail(err, ST_FORMAT, "%s: the name %.*s is there twice", label, (int)shown.length,
                  shown.data);
    }
    free(keys);
    return st;
}
