/* segment.c - see segment.h. */
#include "model/text/segment.h"

#include "model/text/utf8.h"

#include <string.h>

enum { FIRST_CHARACTERS = 1024 };

typedef struct {
    segment *out;
    arena *memory;
    size_t room;
    bool failed;
} builder;

static void take_characters(void *context, const character *characters, size_t count)
{
    builder *b = context;
    segment *s = b->out;
    if (!b->failed && count > b->room - s->count) {
        size_t room = 2 * b->room + count;
        character *larger = arena_take(b->memory, room, sizeof *larger);
        b->failed = larger == NULL;
        if (larger && s->count > 0)
            memcpy(larger, s->characters, s->count * sizeof *larger);
        if (larger) {
            s->characters = larger;
            b->room = room;
        }
    }
    if (b->failed)
        return;
    memcpy(s->characters + s->count, characters, count * sizeof *characters);
    s->count += count;
}

status segment_normalize(segment *out, const normalizer_options *options, slice text, size_t start, size_t end,
                         arena *a, errinfo *err)
{
    *out = (segment){ 0 };
    builder b = { .out = out,
                  .memory = a,
                  .room = end - start < FIRST_CHARACTERS ? end - start + 1 : FIRST_CHARACTERS };
    out->characters = arena_take(a, b.room, sizeof *out->characters);
    b.failed = out->characters == NULL;
    normalizer_run(options, text, start, end, take_characters, &b);
    return b.failed ? fail(err, ST_NOMEM, "out of memory for the characters of a text") : ST_OK;
}

status segment_encode(segment *s, arena *a, errinfo *err)
{
    char *bytes = arena_take(a, s->count + 1, 4);
    s->offsets = arena_take(a, s->count + 1, sizeof *s->offsets);
    if (!bytes || !s->offsets)
        return fail(err, ST_NOMEM, "out of memory for the characters of a text");
    size_t length = 0;
    for (size_t i = 0; i < s->count; i++) {
        s->offsets[i] = (uint32_t)length;
        length += utf8_put(s->characters[i].code_point, bytes + length);
    }
    s->offsets[s->count] = (uint32_t)length;
    s->bytes = (slice){ bytes, length };
    return ST_OK;
}

size_t segment_index(const segment *s, size_t offset)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->offsets[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool segment_is_piece(const vocabulary *words, const character *characters, size_t count)
{
    uint32_t node = TRIE_ROOT;
    for (size_t i = 0; i < count && node != TRIE_NONE; i++) {
        char bytes[4];
        size_t length = utf8_put(characters[i].code_point, bytes);
        node = trie_walk(&words->words, node, (slice){ bytes, length });
    }
    return node != TRIE_NONE && words->words.units[node].value != TRIE_NONE;
}
