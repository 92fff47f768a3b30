/* wordpiece.c - see wordpiece.h. One walk through the trie finds the longest piece, as it meets every shorter one. */
#include "model/text/wordpiece.h"

#include "model/text/characters.h"
#include "model/text/utf8.h"

typedef struct {
    uint32_t id;
    uint16_t start, end;              /* bytes of the word */
} found_piece;

void wordpiece_init(wordpiece *w, const vocabulary *words, collector *out, uint32_t unknown, size_t max_characters)
{
    w->words = words;
    w->out = out;
    w->unknown = unknown;
    w->max_characters = max_characters;
    w->characters = w->length = 0;
    w->start = w->end = 0;
}

void wordpiece_add(wordpiece *w, const character *c)
{
    if (w->characters++ == 0)
        w->start = c->start;
    w->end = c->end;
    if (w->characters > w->max_characters)
        return;
    w->starts[w->length] = c->start;
    w->length += utf8_put(c->code_point, w->bytes + w->length);
    w->ends[w->length] = c->end;
}

/* The longest piece at `start`; its end, or `start` when there is none. */
static size_t longest_piece(const wordpiece *w, size_t start, uint32_t *id)
{
    const trie *t = &w->words->words;
    uint32_t node = start == 0 ? TRIE_ROOT : w->words->continuing;
    size_t end = start;
    for (size_t i = start; i < w->length && node != TRIE_NONE; i++) {
        node = trie_step(t, node, (unsigned char)w->bytes[i]);
        if (node == TRIE_NONE || t->units[node].value == TRIE_NONE)
            continue;
        *id = t->units[node].value;
        end = i + 1;
    }
    return end;
}

/* The word's pieces, 0 when it is not known as a whole. */
static size_t find_pieces(const wordpiece *w, found_piece *pieces)
{
    size_t count = 0;
    if (w->characters > w->max_characters)
        return 0;
    for (size_t start = 0, end; start < w->length; start = end) {
        uint32_t id = 0;
        end = longest_piece(w, start, &id);
        if (end == start)
            return 0;
        pieces[count++] = (found_piece){ id, (uint16_t)start, (uint16_t)end };
    }
    return count;
}

void wordpiece_end_word(wordpiece *w)
{
    found_piece pieces[4 * WORD_MAX_CHARACTERS];
    if (w->characters == 0)
        return;
    size_t count = find_pieces(w, pieces);
    if (count == 0)
        collector_put(w->out, w->unknown, w->start, w->end);
    for (size_t i = 0; i < count; i++)
        collector_put(w->out, pieces[i].id, w->starts[pieces[i].start], w->ends[pieces[i].end]);
    w->characters = w->length = 0;
}

void wordpiece_take(void *context, const character *characters, size_t count)
{
    wordpiece *w = context;
    for (size_t i = 0; i < count; i++) {
        uint16_t flags = character_of(characters[i].code_point)->flags;
        if (flags & (CHARACTER_SPACE | CHARACTER_PUNCTUATION))
            wordpiece_end_word(w);
        if (flags & CHARACTER_SPACE)
            continue;
        wordpiece_add(w, &characters[i]);
        if (flags & CHARACTER_PUNCTUATION)
            wordpiece_end_word(w);
    }
}
