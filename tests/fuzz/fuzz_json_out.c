/* fuzz_json_out.c - any bytes written as floats, as text and as base64; what comes out must read back as what went
 * in. */
#include "model/text/utf8.h"
#include "server/json_in.h"
#include "server/json_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void floats_read_back(const uint8_t *data, size_t size, arena *a)
{
    float value;
    for (size_t at = 0; at + sizeof value <= size; at += sizeof value) {
        json_out w;
        memcpy(&value, data + at, sizeof value);
        arena_reset(a);
        json_begin(&w, a, 0);
        json_float(&w, value);
        slice text = json_end(&w);
        must((text.data != NULL) == (isfinite(value) != 0));
        if (!text.data)
            continue;
        float direct = strtof(text.data, NULL), twice = (float)strtod(text.data, NULL);
        must(memcmp(&direct, &value, sizeof value) == 0 && memcmp(&twice, &value, sizeof value) == 0);
    }
}

static void texts_read_back(slice text, arena *a)
{
    size_t at;
    json_out w;
    json_fault fault;
    if (!utf8_check(text, &at) || memchr(text.data, 0, text.length))
        return;
    arena_reset(a);
    json_begin(&w, a, 0);
    json_open(&w, '[');
    json_text(&w, text);
    json_close(&w, ']');
    slice written = json_end(&w);
    must(written.data != NULL);
    cJSON *tree = json_parse(written, &fault);
    must(tree && cJSON_IsString(tree->child) && slice_is(text, tree->child->valuestring));
    json_free(tree);
}

static int digit_of(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : 0;    /* padding counts as zero bits */
}

static void base64_reads_back(const uint8_t *data, size_t size, arena *a)
{
    json_out w;
    arena_reset(a);
    json_begin(&w, a, 0);
    json_base64(&w, data, size);
    slice text = json_end(&w);
    must(text.data && text.length == (size + 2) / 3 * 4 + 2);
    for (size_t i = 0; i < size; i++) {
        const char *group = text.data + 1 + i / 3 * 4;
        uint32_t bits = 0;
        for (int k = 0; k < 4; k++)
            bits = bits << 6 | (uint32_t)digit_of(group[k]);
        must((uint8_t)(bits >> (16 - 8 * (i % 3))) == data[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena *a = arena_open(0, 1 << 20);
    if (!a || size == 0) {
        arena_close(a);
        return 0;
    }
    floats_read_back(data, size, a);
    texts_read_back((slice){ (const char *)data, size }, a);
    base64_reads_back(data, size, a);
    arena_close(a);
    return 0;
}
