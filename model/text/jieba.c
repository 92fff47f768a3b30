/* jieba.c - see jieba.h.
 *
 * The idea: in a block of Chinese characters, ASCII letters, digits and + # & . _ % - every way to cut it into
 * dictionary words has a probability, the product of the words' frequencies over their total; the best way is found
 * from the right, one character at a time, as the best first word with what is already best behind it. A tie goes to
 * the longer word, a character that begins no word stands alone. Of what remains single, neighbouring ASCII letters
 * and digits are one word. Outside of blocks every character is a word.
 *
 * Sums are made in the order that jieba makes them, in double, so that near ties fall the same way.
 */
#include "model/text/jieba.h"

#include "model/text/jieba_dictionary.h"
#include "model/text/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_BITS = 21, NODE_BITS = 21, ROOT = 0, MAX_WORD = 64 };

#define NODE_MASK ((UINT64_C(1) << NODE_BITS) - 1)
#define NO_WORD (-1.0)    /* frequencies are at least 1, so logarithms at least 0 */

/* The words' beginnings are nodes of a tree, numbered as they come. Its edges are in one hash table without links: an
 * edge is parent, character and child in 63 bits, 0 is a free place (no edge leads to the root). */
struct jieba {
    uint64_t *edges;                  /* [mask + 1] */
    size_t mask;
    unsigned shift;                   /* of a hash, to its upper bits */
    double *log_frequencies;          /* [nodes] NO_WORD where only longer words go on */
    double log_total;
};

static const struct {
    uint32_t first, last;
} block_ranges[] = {
    { 0x4E00, 0x9FFF }, { 'a', 'z' }, { 'A', 'Z' }, { '0', '9' }, { 0x3400, 0x4DBF }, { 0xF900, 0xFAFF },
    { 0x20000, 0x2A6DF }, { 0x2A700, 0x2EBEF }, { 0x2F800, 0x2FA1F }, { '#', '#' }, { '%', '&' }, { '+', '+' },
    { '-', '.' }, { '_', '_' },
};

static bool is_block(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof block_ranges / sizeof block_ranges[0]; i++)
        if (code_point >= block_ranges[i].first && code_point <= block_ranges[i].last)
            return true;
    return false;
}

static bool is_alphanumeric(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t place_of(const jieba *j, uint64_t key)
{
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> j->shift);
}

/* The node behind `node` by one character, ROOT when no word goes on so. */
static uint32_t step(const jieba *j, uint32_t node, uint32_t code_point)
{
    uint64_t key = (uint64_t)node << CODE_BITS | code_point;
    for (size_t i = place_of(j, key); j->edges[i] != 0; i = (i + 1) & j->mask)
        if (j->edges[i] >> NODE_BITS == key)
            return (uint32_t)(j->edges[i] & NODE_MASK);
    return ROOT;
}

static void add_edge(jieba *j, uint32_t node, uint32_t code_point, uint32_t child)
{
    uint64_t key = (uint64_t)node << CODE_BITS | code_point;
    size_t i = place_of(j, key);
    while (j->edges[i] != 0)
        i = (i + 1) & j->mask;
    j->edges[i] = key << NODE_BITS | child;
}

static size_t read_number(slice text, size_t *at)
{
    size_t number = 0;
    for (; *at < text.length && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at)
        number = 10 * number + (size_t)(text.data[*at] - '0');
    return number;
}

/* A label and the number behind it. The file is ours, so only its shape is checked. */
static bool read_labelled(slice text, size_t *at, const char *label, size_t *number)
{
    size_t length = strlen(label);
    if (text.length - *at <= length || memcmp(text.data + *at, label, length) != 0)
        return false;
    *at += length;
    *number = read_number(text, at);
    return true;
}

/* The word before, as its characters and nodes: sorted words share what they have in common with it. */
typedef struct {
    uint32_t characters[MAX_WORD];
    uint32_t nodes[MAX_WORD + 1];
    size_t length;
} path;

/* One line "word frequency\n"; its nodes are added behind `used`. */
static bool read_word(jieba *j, slice text, size_t *at, path *p, uint32_t *used, size_t nodes)
{
    size_t length = 0;
    bool same = true;
    while (*at < text.length && text.data[*at] != ' ') {
        if (length == MAX_WORD)
            return false;
        uint32_t code_point = utf8_next(text, at);
        same = same && length < p->length && p->characters[length] == code_point;
        if (!same) {
            if (++*used >= nodes)
                return false;
            add_edge(j, p->nodes[length], code_point, *used);
            j->log_frequencies[*used] = NO_WORD;
            p->characters[length] = code_point;
            p->nodes[length + 1] = *used;
        }
        length++;
    }
    p->length = length;
    size_t frequency;
    if (length == 0 || !read_labelled(text, at, " ", &frequency) || frequency == 0)
        return false;
    j->log_frequencies[p->nodes[length]] = log((double)frequency);
    return *at < text.length && text.data[(*at)++] == '\n';
}

/* Room for the tree: the table stays at most half full. */
static status make_room(jieba *j, size_t nodes, errinfo *err)
{
    unsigned bits = 1;
    while ((size_t)1 << bits < 2 * nodes)
        bits++;
    j->mask = ((size_t)1 << bits) - 1;
    j->shift = 64 - bits;
    j->edges = calloc(j->mask + 1, sizeof *j->edges);
    j->log_frequencies = calloc(nodes, sizeof *j->log_frequencies);
    if (!j->edges || !j->log_frequencies)
        return fail(err, ST_NOMEM, "jieba: out of memory for %zu nodes", nodes);
    j->log_frequencies[ROOT] = NO_WORD;
    return ST_OK;
}

static status read_dictionary(jieba *j, slice text, errinfo *err)
{
    size_t at = 0, total, words, prefixes;
    uint32_t used = ROOT;
    path p = { .length = 0 };
    if (!read_labelled(text, &at, "total ", &total) || !read_labelled(text, &at, " words ", &words) ||
        !read_labelled(text, &at, " prefixes ", &prefixes) || text.data[at++] != '\n' || prefixes >= NODE_MASK)
        return fail(err, ST_INTERNAL, "jieba: the dictionary has no header");
    status st = make_room(j, prefixes + 1, err);
    j->log_total = log((double)total);
    for (size_t i = 0; i < words && !st; i++)
        if (!read_word(j, text, &at, &p, &used, prefixes + 1))
            st = fail(err, ST_INTERNAL, "jieba: the dictionary is broken at word %zu", i);
    if (!st && (used != prefixes || at != text.length))
        st = fail(err, ST_INTERNAL, "jieba: the dictionary is not as long as it says");
    return st;
}

status jieba_open(jieba **out, errinfo *err)
{
    jieba *j = calloc(1, sizeof *j);
    if (!j)
        return fail(err, ST_NOMEM, "jieba: out of memory");
    status st = read_dictionary(j, jieba_dictionary(), err);
    if (st)
        jieba_close(j);
    else
        *out = j;
    return st;
}

void jieba_close(jieba *j)
{
    if (!j)
        return;
    free(j->edges);
    free(j->log_frequencies);
    free(j);
}

/* The best end of the word that begins at `start` of a block, given what is best behind it. */
static void choose(const jieba *j, const character *block, size_t start, size_t count, double *best, uint32_t *ends)
{
    best[start] = 0.0 - j->log_total + best[start + 1];
    ends[start] = (uint32_t)start + 1;
    bool found = false;
    uint32_t node = ROOT;
    for (size_t end = start; end < count;) {
        node = step(j, node, block[end++].code_point);
        if (node == ROOT)
            return;
        if (j->log_frequencies[node] == NO_WORD)
            continue;
        double score = j->log_frequencies[node] - j->log_total + best[end];
        if (found && score < best[start])
            continue;
        found = true;
        best[start] = score;
        ends[start] = (uint32_t)end;
    }
}

/* Glues what was left single among ASCII letters and digits, and makes the ends count from the text's start. */
static void glue(const character *block, size_t count, size_t offset, uint32_t *ends)
{
    size_t word = 0;
    bool open = false;
    for (size_t start = 0, end; start < count; start = end) {
        end = ends[start];
        bool single = end == start + 1 && is_alphanumeric(block[start].code_point);
        if (!single || !open)
            word = start;
        open = single;
        ends[word] = (uint32_t)(offset + end);
    }
}

status jieba_cut(const jieba *j, const character *text, size_t count, arena *a, uint32_t **out, errinfo *err)
{
    uint32_t *ends = arena_take(a, count + 1, sizeof *ends);
    double *best = arena_take(a, count + 1, sizeof *best);
    if (!ends || !best)
        return fail(err, ST_NOMEM, "out of memory for the words of a text");
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        ends[start] = (uint32_t)end;
        if (!is_block(text[start].code_point))
            continue;
        while (end < count && is_block(text[end].code_point))
            end++;
        best[end - start] = 0;
        for (size_t i = end - start; i-- > 0;)
            choose(j, text + start, i, end - start, best, ends + start);
        glue(text + start, end - start, start, ends + start);
    }
    *out = ends;
    return ST_OK;
}
