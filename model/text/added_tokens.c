/* added_tokens.c - see added_tokens.h. */
#include "model/text/added_tokens.h"

#include "model/text/characters.h"
#include "model/text/utf8.h"

#include <stdlib.h>

status added_tokens_open(added_tokens *out, const added_token *tokens, const slice *contents, size_t count,
                         errinfo *err)
{
    added_tokens a = { .tokens = tokens };
    trie_entry *entries = calloc(count + 1, sizeof *entries);
    if (!entries)
        return fail(err, ST_NOMEM, "added tokens: out of memory");
    for (size_t i = 0; i < count; i++) {
        if (contents[i].length == 0)
            continue;
        entries[a.count++] = (trie_entry){ contents[i], (uint32_t)i };
        a.begins[(unsigned char)contents[i].data[0]] = true;
    }
    trie_sort(entries, a.count);
    size_t kept = 0;
    for (size_t i = 0; i < a.count; i++) {
        bool repeated = kept > 0 && slice_equal(entries[kept - 1].key, entries[i].key);
        if (!repeated)
            entries[kept++] = entries[i];
        else if (entries[i].value > entries[kept - 1].value)
            entries[kept - 1] = entries[i];
    }
    a.count = kept;
    status st = trie_open(&a.contents, entries, kept, err);
    free(entries);
    if (!st)
        *out = a;
    return st;
}

void added_tokens_close(added_tokens *a)
{
    trie_close(&a->contents);
    a->count = 0;
}

/* The longest content at text[start], its end; start when there is none. */
static size_t longest_content(const added_tokens *a, slice text, size_t start, uint32_t *index)
{
    uint32_t node = TRIE_ROOT;
    size_t end = start;
    for (size_t i = start; i < text.length && node != TRIE_NONE; i++) {
        node = trie_step(&a->contents, node, (unsigned char)text.data[i]);
        if (node == TRIE_NONE || a->contents.units[node].value == TRIE_NONE)
            continue;
        *index = a->contents.units[node].value;
        end = i + 1;
    }
    return end;
}

/* The start of the character before `at`, which is not 0. */
static size_t character_before(slice text, size_t at)
{
    do
        at--;
    while (((unsigned char)text.data[at] & 0xC0) == 0x80);
    return at;
}

static uint16_t flags_at(slice text, size_t at)
{
    return character_of(utf8_next(text, &at))->flags;
}

static bool stands_alone(slice text, size_t start, size_t end)
{
    if (start > 0 && flags_at(text, character_before(text, start)) & CHARACTER_WORD)
        return false;
    return end == text.length || !(flags_at(text, end) & CHARACTER_WORD);
}

static size_t space_before(slice text, size_t start, size_t covered)
{
    while (start > covered) {
        size_t before = character_before(text, start);
        if (!(flags_at(text, before) & CHARACTER_SPACE))
            break;
        start = before;
    }
    return start;
}

static size_t space_behind(slice text, size_t end)
{
    while (end < text.length && flags_at(text, end) & CHARACTER_SPACE)
        (void)utf8_next(text, &end);
    return end;
}

bool added_tokens_next(const added_tokens *a, slice text, size_t *at, size_t covered, added_match *found)
{
    if (a->count == 0)
        return false;
    for (size_t start = *at; start < text.length; start++) {
        uint32_t index = 0;
        if (!a->begins[(unsigned char)text.data[start]])
            continue;
        size_t end = longest_content(a, text, start, &index);
        if (end == start)
            continue;
        const added_token *token = &a->tokens[index];
        *at = end;
        if (token->single_word && !stands_alone(text, start, end)) {
            start = end - 1;
            continue;
        }
        found->start = token->lstrip ? space_before(text, start, covered) : start;
        found->end = token->rstrip ? space_behind(text, end) : end;
        found->id = token->id;
        return true;
    }
    return false;
}
