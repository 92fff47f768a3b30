/* shown.c - see shown.h. An error text holds 383 bytes: path, name and rule share them. */
#include "weights/shown.h"

#include <string.h>

enum { NAME_BYTES = 96, PATH_BYTES = 160 };

size_t shown_character_length(const unsigned char *bytes, size_t length)
{
    /* The second byte's range keeps out overlong forms, surrogates, and more than U+10FFFF. */
    static const struct { unsigned char first, last, length, second_low, second_high; } forms[] = {
        { 0x00, 0x7f, 1, 0x00, 0x00 }, { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
        { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
        { 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
    };
    if (length == 0)
        return 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
            continue;
        size_t wanted = forms[i].length;
        if (wanted > length)
            return 0;
        if (wanted > 1 && (bytes[1] < forms[i].second_low || bytes[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < wanted; k++)
            if ((bytes[k] & 0xc0) != 0x80)
                return 0;
        return wanted;
    }
    return 0;
}

bool shown_is_plain(slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t step;
    for (size_t at = 0; at < text.length; at += step) {
        step = shown_character_length(bytes + at, text.length - at);
        if (step == 0 || bytes[at] < 0x20 || bytes[at] == 0x7f)
            return false;
        if (bytes[at] == 0xc2 && bytes[at + 1] < 0xa0)
            return false;
    }
    return true;
}

static slice head_of(slice text, size_t max_bytes)
{
    if (text.length <= max_bytes)
        return text;
    while (max_bytes > 0 && ((unsigned char)text.data[max_bytes] & 0xc0) == 0x80)
        max_bytes--;
    return (slice){ text.data, max_bytes };
}

slice shown_name(slice text)
{
    slice head = head_of(text, NAME_BYTES);
    return shown_is_plain(head) ? head : slice_of("(not printable)");
}

const char *shown_path(const char *path)
{
    size_t length = strlen(path);
    if (length <= PATH_BYTES)
        return path;
    path += length - PATH_BYTES;
    while (((unsigned char)*path & 0xc0) == 0x80)
        path++;
    return path;
}
