/* tokenizer.c - see tokenizer.h.
 *
 * The way of a text, as in Hugging Face tokenizers: tokens written out in it are cut out; what lies between is
 * normalised; in that, added tokens that want it so are looked for; the rest becomes words, and words become pieces.
 * Characters flow from the normaliser to the pieces without a copy of the text, but for word tokenizers and
 * normalised added tokens, which need a whole segment at once.
 */
#include "model/text/tokenizer.h"

#include "model/text/added_tokens.h"
#include "model/text/characters.h"
#include "model/text/jieba.h"
#include "model/text/recipe.h"
#include "model/text/segment.h"
#include "model/text/utf8.h"
#include "model/text/wordpiece.h"

#include <stdlib.h>

struct tokenizer {
    arena *memory;                    /* pieces and added tokens */
    vocabulary words;
    added_token *added;
    size_t added_count;
    added_tokens written;             /* looked for in the text as it is */
    added_tokens normalized;          /* looked for in the normalised text */
    normalizer_options normalizer;
    jieba *segmenter;                 /* NULL: words as BertPreTokenizer makes them */
    size_t max_word_characters;
    uint32_t unknown;
    uint32_t before[SPECIAL_MAX], after[SPECIAL_MAX];
    size_t before_count, after_count;
};

/* One text on its way. */
typedef struct {
    const tokenizer *t;
    slice text;
    arena *memory;
    collector tokens;
    wordpiece pieces;
    errinfo *err;
} job;

static status find_special(const tokenizer *t, const tokenizer_recipe *r, slice piece, uint32_t *id, errinfo *err)
{
    *id = vocabulary_find(&t->words, piece);
    for (size_t i = 0; i < r->added_count && *id == TRIE_NONE; i++)
        if (slice_equal(r->added[i].content, piece))
            *id = r->added[i].id;
    if (*id == TRIE_NONE)
        return fail(err, ST_FORMAT, "%s: the special token \"%.*s\" is not in the vocabulary", r->label,
                    (int)piece.length, piece.data);
    return ST_OK;
}

static status find_specials(tokenizer *t, const tokenizer_recipe *r, errinfo *err)
{
    status st = find_special(t, r, r->unknown, &t->unknown, err);
    for (size_t i = 0; i < r->before_count && !st; i++)
        st = find_special(t, r, r->before[i], &t->before[i], err);
    for (size_t i = 0; i < r->after_count && !st; i++)
        st = find_special(t, r, r->after[i], &t->after[i], err);
    t->before_count = r->before_count;
    t->after_count = r->after_count;
    return st;
}

/* The added tokens, kept for as long as the tokenizer lives, and the two ways to look for them. */
static status open_added(tokenizer *t, const tokenizer_recipe *r, arena *scratch, errinfo *err)
{
    t->added = arena_take_zero(t->memory, r->added_count + 1, sizeof *t->added);
    slice *written = arena_take_zero(scratch, r->added_count + 1, sizeof *written);
    slice *normalized = arena_take_zero(scratch, r->added_count + 1, sizeof *normalized);
    if (!t->added || !written || !normalized)
        return fail(err, ST_NOMEM, "%s: out of memory for %zu added tokens", r->label, r->added_count);
    t->added_count = r->added_count;
    for (size_t i = 0; i < r->added_count; i++) {
        const added_token *token = &r->added[i];
        if (token->content.length > ADDED_MAX_BYTES)
            return fail(err, ST_FORMAT, "%s: added token %u has %zu bytes, at most %d are supported", r->label,
                        token->id, token->content.length, ADDED_MAX_BYTES);
        t->added[i] = *token;
        t->added[i].content = t->words.pieces[token->id];
        if (!token->normalized) {
            written[i] = token->content;
            continue;
        }
        segment s;
        status st = segment_normalize(&s, &t->normalizer, token->content, 0, token->content.length, scratch, err);
        if (!st)
            st = segment_encode(&s, scratch, err);
        if (st)
            return st;
        normalized[i] = s.bytes;
    }
    status st = added_tokens_open(&t->written, t->added, written, t->added_count, err);
    return st ? st : added_tokens_open(&t->normalized, t->added, normalized, t->added_count, err);
}

static status open_parts(tokenizer *t, folder *f, size_t vocab_size, arena *scratch, errinfo *err)
{
    tokenizer_recipe r = { 0 };
    status st = recipe_read(&r, f, vocab_size, scratch, err);
    if (!st)
        st = vocabulary_open(&t->words, t->memory, r.entries, r.entry_count, r.added, r.added_count,
                             r.continuing_prefix, vocab_size, r.label, err);
    if (!st)
        st = find_specials(t, &r, err);
    t->normalizer = r.normalizer;
    t->max_word_characters = r.max_word_characters;
    if (!st)
        st = open_added(t, &r, scratch, err);
    if (!st && r.words)
        st = jieba_open(&t->segmenter, err);
    return st;
}

status tokenizer_open(tokenizer **out, folder *f, size_t vocab_size, errinfo *err)
{
    status st = ST_NOMEM;
    tokenizer *t = calloc(1, sizeof *t);
    arena *scratch = arena_open(0, SIZE_MAX);
    if (t)
        t->memory = arena_open(0, SIZE_MAX);
    if (!t || !scratch || !t->memory)
        (void)fail(err, ST_NOMEM, "tokenizer: out of memory");
    else
        st = open_parts(t, f, vocab_size, scratch, err);
    arena_close(scratch);
    if (st)
        tokenizer_close(t);
    else
        *out = t;
    return st;
}

void tokenizer_close(tokenizer *t)
{
    if (!t)
        return;
    jieba_close(t->segmenter);
    added_tokens_close(&t->written);
    added_tokens_close(&t->normalized);
    vocabulary_close(&t->words);
    arena_close(t->memory);
    free(t);
}

/* Jieba's words: one in the vocabulary stays whole; in others every Chinese character stands alone. */
static status put_words(job *j, const character *characters, size_t count)
{
    uint32_t *ends;
    status st = jieba_cut(j->t->segmenter, characters, count, j->memory, &ends, j->err);
    for (size_t start = 0; start < count && !st; start = ends[start]) {
        bool whole = segment_is_piece(&j->t->words, characters + start, ends[start] - start);
        for (size_t i = start; i < ends[start]; i++) {
            uint16_t flags = character_of(characters[i].code_point)->flags;
            bool apart = !whole && flags & (CHARACTER_CHINESE | CHARACTER_SPACE);
            if (apart)
                wordpiece_end_word(&j->pieces);
            if (whole || !(flags & CHARACTER_SPACE))
                wordpiece_add(&j->pieces, &characters[i]);
            if (apart)
                wordpiece_end_word(&j->pieces);
        }
        wordpiece_end_word(&j->pieces);
    }
    return st;
}

static status put_characters(job *j, const character *characters, size_t count)
{
    if (j->t->segmenter)
        return put_words(j, characters, count);
    wordpiece_take(&j->pieces, characters, count);
    wordpiece_end_word(&j->pieces);
    return ST_OK;
}

/* A segment as a whole: the added tokens of its normalised form, and what lies between. */
static status put_segment(job *j, size_t start, size_t end)
{
    const added_tokens *wanted = &j->t->normalized;
    segment s;
    added_match found;
    size_t at = 0, covered = 0, done = 0;
    status st = segment_normalize(&s, &j->t->normalizer, j->text, start, end, j->memory, j->err);
    if (!st && wanted->count > 0)
        st = segment_encode(&s, j->memory, j->err);
    while (!st && added_tokens_next(wanted, s.bytes, &at, covered, &found)) {
        size_t first = segment_index(&s, found.start), last = segment_index(&s, found.end);
        if (first > done)
            st = put_characters(j, s.characters + done, first - done);
        collector_put(&j->tokens, found.id, s.characters[first].start, s.characters[last - 1].end);
        done = last;
        covered = found.end;
    }
    return st ? st : put_characters(j, s.characters + done, s.count - done);
}

static status put_text(job *j, size_t start, size_t end)
{
    if (j->t->segmenter || j->t->normalized.count > 0)
        return put_segment(j, start, end);
    normalizer_run(&j->t->normalizer, j->text, start, end, wordpiece_take, &j->pieces);
    wordpiece_end_word(&j->pieces);
    return ST_OK;
}

static status put_all(job *j)
{
    added_match found;
    size_t at = 0, done = 0;
    status st = ST_OK;
    while (!st && added_tokens_next(&j->t->written, j->text, &at, done, &found)) {
        if (found.start > done)
            st = put_text(j, done, found.start);
        collector_put(&j->tokens, found.id, (uint32_t)found.start, (uint32_t)found.end);
        done = found.end;
    }
    return st || done == j->text.length ? st : put_text(j, done, j->text.length);
}

static size_t count_unknown(const tokenizer *t, const token_list *list)
{
    size_t unknown = 0;
    for (size_t i = 0; i < list->count; i++)
        unknown += list->ids[i] == t->unknown;
    return unknown;
}

status tokenizer_encode(const tokenizer *t, slice text, const tokenize_options *options, arena *a, token_list *out,
                        errinfo *err)
{
    size_t before = options->without_special ? 0 : t->before_count;
    size_t after = options->without_special ? 0 : t->after_count;
    if (text.length >= UINT32_MAX)
        return fail(err, ST_INPUT, "a text has %zu bytes, at most %u are supported", text.length, UINT32_MAX - 1);
    if (options->max_tokens > 0 && options->max_tokens < before + after)
        return fail(err, ST_INPUT, "max_tokens is %zu, but %zu special tokens belong to every text",
                    options->max_tokens, before + after);
    job j = { .t = t, .text = text, .memory = a, .err = err };
    collector_init(&j.tokens, a, options, before + after, text.length);
    wordpiece_init(&j.pieces, &t->words, &j.tokens, t->unknown, t->max_word_characters);
    status st = put_all(&j);
    if (!st)
        st = collector_finish(&j.tokens, t->before, before, t->after, after, out, err);
    if (!st)
        out->unknown = count_unknown(t, out);
    return st;
}

/* Offsets ascend, so counting goes on from the last one; it begins anew should one be smaller. */
static void to_code_points(uint32_t *offsets, size_t count, slice text)
{
    size_t at = 0, points = 0;
    for (size_t i = 0; i < count; i++) {
        if (offsets[i] < at)
            at = points = 0;
        points += utf8_length((slice){ text.data + at, offsets[i] - at });
        at = offsets[i];
        offsets[i] = (uint32_t)points;
    }
}

void token_list_to_code_points(token_list *list, slice text)
{
    if (!list->starts)
        return;
    to_code_points(list->starts, list->count, text);
    to_code_points(list->ends, list->count, text);
}

size_t tokenizer_size(const tokenizer *t)
{
    return t->words.count;
}

slice tokenizer_piece(const tokenizer *t, uint32_t id)
{
    return id < t->words.count ? t->words.pieces[id] : (slice){ "", 0 };
}

bool tokenizer_is_special(const tokenizer *t, uint32_t id)
{
    return id < t->words.count && t->words.special[id];
}

const char *tokenizer_kind(const tokenizer *t)
{
    return t->segmenter ? "roformer-words" : "wordpiece";
}
