/* utf8.c - see utf8.h. Checking is by the lead byte's row of table 3-7: how many bytes follow, and the narrower range
 * that the second one must lie in (which is what keeps overlong forms, surrogates and values above U+10FFFF out). */
#include "model/text/utf8.h"

typedef struct {
    unsigned char first, last;      /* lead bytes of this row */
    unsigned char low, high;        /* range of the second byte */
    unsigned char length;
} lead_row;

static const lead_row lead_rows[] = {
    { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
    { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
    { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

/* Bytes of the well-formed sequence at p[0..left), 0 when there is none. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof lead_rows / sizeof lead_rows[0]; i++) {
        const lead_row *row = &lead_rows[i];
        if (p[0] < row->first || p[0] > row->last)
            continue;
        if (left < row->length || p[1] < row->low || p[1] > row->high)
            return 0;
        for (size_t k = 2; k < row->length; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return row->length;
    }
    return 0;
}

bool utf8_check(slice bytes, size_t *at)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.length;) {
        size_t length = sequence_length(p + i, bytes.length - i);
        if (length == 0) {
            *at = i;
            return false;
        }
        i += length;
    }
    return true;
}

uint32_t utf8_next(slice text, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text.data + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 |
           (p[3] & 0x3F);
}

static char continuation(uint32_t bits)
{
    return (char)(0x80 | (bits & 0x3F));
}

size_t utf8_put(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = continuation(code_point);
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = continuation(code_point >> 6);
        out[2] = continuation(code_point);
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = continuation(code_point >> 12);
    out[2] = continuation(code_point >> 6);
    out[3] = continuation(code_point);
    return 4;
}

size_t utf8_length(slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++)
        length += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return length;
}
