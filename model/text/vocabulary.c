/* vocabulary.c - see vocabulary.h. All texts go into one block, since arena takes are rounded up. */
#include "model/text/vocabulary.h"

#include "weights/shown.h"

#include <string.h>

typedef struct {
    const char *label;
    size_t vocab_size;
    errinfo *err;
} source;

static status check_entry(const source *s, slice piece, uint32_t id)
{
    slice name = shown_name(piece);
    if (id >= s->vocab_size)
        return fail(s->err, ST_FORMAT, "%s: token \"%.*s\" has id %u, but the embedding table has %zu rows", s->label,
                    (int)name.length, name.data, id, s->vocab_size);
    if (piece.length > PIECE_MAX_BYTES)
        return fail(s->err, ST_FORMAT, "%s: token %u has %zu bytes, at most %d are supported", s->label, id,
                    piece.length, PIECE_MAX_BYTES);
    return ST_OK;
}

/* Ids come as file order tells: line numbers of vocab.txt, so a repeated line is shown as two ids. */
static status check_distinct(const source *s, const trie_entry *sorted, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (!slice_equal(sorted[i - 1].key, sorted[i].key))
            continue;
        slice name = shown_name(sorted[i].key);
        uint32_t a = sorted[i - 1].value, b = sorted[i].value;
        return fail(s->err, ST_FORMAT, "%s: token \"%.*s\" stands twice, with ids %u and %u", s->label,
                    (int)name.length, name.data, a < b ? a : b, a < b ? b : a);
    }
    return ST_OK;
}

static status check_sizes(const source *s, const trie_entry *entries, size_t count, const added_token *added,
                          size_t added_count, size_t *ids, size_t *bytes)
{
    if (count + added_count > VOCABULARY_MAX)
        return fail(s->err, ST_FORMAT, "%s: %zu tokens, at most %d are supported", s->label, count + added_count,
                    VOCABULARY_MAX);
    *ids = *bytes = 0;
    for (size_t i = 0; i < count + added_count; i++) {
        slice piece = i < count ? entries[i].key : added[i - count].content;
        uint32_t id = i < count ? entries[i].value : added[i - count].id;
        status st = check_entry(s, piece, id);
        if (st)
            return st;
        if (id >= *ids)
            *ids = (size_t)id + 1;
        *bytes += piece.length + 1;
    }
    return ST_OK;
}

static status place_piece(const source *s, vocabulary *v, char **next, slice piece, uint32_t id)
{
    if (v->pieces[id].data) {
        slice name = shown_name(piece), other = shown_name(v->pieces[id]);
        return fail(s->err, ST_FORMAT, "%s: id %u belongs to \"%.*s\" and to \"%.*s\"", s->label, id,
                    (int)other.length, other.data, (int)name.length, name.data);
    }
    if (piece.length > 0)
        memcpy(*next, piece.data, piece.length);
    (*next)[piece.length] = '\0';
    v->pieces[id] = (slice){ *next, piece.length };
    *next += piece.length + 1;
    return ST_OK;
}

static status place_added(const source *s, vocabulary *v, char **next, const added_token *token)
{
    uint32_t known = vocabulary_find(v, token->content);
    slice name = shown_name(token->content);
    if (known != TRIE_NONE && known != token->id)
        return fail(s->err, ST_FORMAT, "%s: added token \"%.*s\" has id %u, but id %u in the vocabulary", s->label,
                    (int)name.length, name.data, token->id, known);
    if (token->special)
        v->special[token->id] = true;
    return known != TRIE_NONE ? ST_OK : place_piece(s, v, next, token->content, token->id);
}

status vocabulary_open(vocabulary *out, arena *memory, trie_entry *entries, size_t count, const added_token *added,
                       size_t added_count, slice continuing_prefix, size_t vocab_size, const char *label, errinfo *err)
{
    source s = { label, vocab_size, err };
    size_t bytes = 0;
    vocabulary v = { 0 };
    trie_sort(entries, count);
    status st = check_distinct(&s, entries, count);
    if (!st)
        st = check_sizes(&s, entries, count, added, added_count, &v.count, &bytes);
    if (st)
        return st;
    v.pieces = arena_take_zero(memory, v.count, sizeof *v.pieces);
    v.special = arena_take_zero(memory, v.count, sizeof *v.special);
    char *next = arena_take(memory, bytes, 1);
    if (!v.pieces || !v.special || !next)
        return fail(err, ST_NOMEM, "%s: out of memory for %zu tokens", label, v.count);
    for (size_t i = 0; i < count && !st; i++)
        st = place_piece(&s, &v, &next, entries[i].key, entries[i].value);
    if (st)
        return st;
    size_t empty = count > 0 && entries[0].key.length == 0;    /* a blank line is an id that nothing matches */
    st = trie_open(&v.words, entries + empty, count - empty, err);
    if (st)
        return st;
    v.continuing = trie_walk(&v.words, TRIE_ROOT, continuing_prefix);
    for (size_t i = 0; i < added_count && !st; i++)
        st = place_added(&s, &v, &next, &added[i]);
    if (st)
        vocabulary_close(&v);
    else
        *out = v;
    return st;
}

void vocabulary_close(vocabulary *v)
{
    trie_close(&v->words);
}

uint32_t vocabulary_find(const vocabulary *v, slice piece)
{
    return trie_find(&v->words, piece);
}
