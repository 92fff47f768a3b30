/* trie.c - see trie.h.
 *
 * The idea: sorted keys with a common prefix are one range, so a node is a range and a depth, and its children are
 * found in one pass over it. Nodes wait on a list of their own, so nothing recurses. Free units form a ring in
 * ascending order; a node takes the first place there whose gaps fit all its children, and after a few misses the end
 * of the array, which bounds the work per node and wastes little.
 *
 * Unit 0 is the root; its parent and that of unused units is TRIE_NONE, which no node is.
 */
#include "model/text/trie.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 256, MAX_MISSES = 48, FIRST_UNITS = 4096 };

typedef struct {
    uint32_t node, first, last;       /* keys [first, last) share the path to node */
    uint32_t depth;
} range;

typedef struct {
    const trie_entry *entries;
    trie_unit *units;
    uint32_t *next_free, *previous_free;      /* ring through unit 0, which is never free */
    size_t count;                             /* units allocated */
    size_t end;                               /* behind the last unit in use */
    range *waiting;
    size_t waiting_count, waiting_room;
    unsigned char bytes[BYTES];               /* children of the node at hand */
    uint32_t firsts[BYTES + 1];
    size_t children;
} builder;

static int compare_entries(const void *left, const void *right)
{
    const trie_entry *a = left, *b = right;
    size_t common = a->key.length < b->key.length ? a->key.length : b->key.length;
    int order = memcmp(a->key.data, b->key.data, common);
    if (order != 0)
        return order;
    return (a->key.length > b->key.length) - (a->key.length < b->key.length);
}

void trie_sort(trie_entry *entries, size_t count)
{
    if (count > 1)
        qsort(entries, count, sizeof *entries, compare_entries);
}

static bool grow_array(void **array, size_t count, size_t size)
{
    size_t bytes;
    void *larger = size_multiply(count, size, &bytes) ? realloc(*array, bytes) : NULL;
    if (larger)
        *array = larger;
    return larger != NULL;
}

/* Makes `count` units and appends the new ones to the ring. */
static bool grow_units(builder *b, size_t count)
{
    if (count >= TRIE_NONE || !grow_array((void **)&b->units, count, sizeof *b->units) ||
        !grow_array((void **)&b->next_free, count, sizeof *b->next_free) ||
        !grow_array((void **)&b->previous_free, count, sizeof *b->previous_free))
        return false;
    uint32_t last = b->count > 0 ? b->previous_free[0] : 0;
    for (size_t i = b->count; i < count; i++) {
        b->units[i] = (trie_unit){ .base = 0, .parent = TRIE_NONE, .value = TRIE_NONE };
        b->previous_free[i] = last;
        b->next_free[last] = (uint32_t)i;
        last = (uint32_t)i;
    }
    b->next_free[last] = 0;
    b->previous_free[0] = last;
    b->count = count;
    return true;
}

static void use_unit(builder *b, uint32_t unit, uint32_t parent)
{
    b->units[unit].parent = parent;
    if (unit >= b->end)
        b->end = unit + 1;
    b->next_free[b->previous_free[unit]] = b->next_free[unit];
    b->previous_free[b->next_free[unit]] = b->previous_free[unit];
}

static bool fits(const builder *b, size_t base)
{
    if (base + BYTES > b->count)
        return false;
    for (size_t i = 0; i < b->children; i++) {
        size_t unit = base + b->bytes[i];
        if (unit == 0 || b->units[unit].parent != TRIE_NONE)
            return false;
    }
    return true;
}

/* A base for the children at hand, growing the array when no gap is found soon. */
static bool find_base(builder *b, uint32_t *base)
{
    size_t misses = 0;
    for (uint32_t unit = b->next_free[0]; unit != 0 && misses < MAX_MISSES; unit = b->next_free[unit], misses++) {
        if (unit < b->bytes[0] || !fits(b, unit - b->bytes[0]))
            continue;
        *base = unit - b->bytes[0];
        return true;
    }
    if (b->end + 2 * BYTES > b->count && !grow_units(b, b->count + b->count / 2 + 2 * BYTES))
        return false;
    *base = (uint32_t)(b->end > b->bytes[0] ? b->end - b->bytes[0] : b->end);
    return true;
}

/* Fills bytes, firsts and children for a range; a key that ends here gives the node its value. */
static void collect_children(builder *b, const range *r)
{
    uint32_t first = r->first;
    if (b->entries[first].key.length == r->depth)
        b->units[r->node].value = b->entries[first++].value;
    b->children = 0;
    for (uint32_t i = first; i < r->last; i++) {
        unsigned char byte = (unsigned char)b->entries[i].key.data[r->depth];
        if (b->children > 0 && b->bytes[b->children - 1] == byte)
            continue;
        b->bytes[b->children] = byte;
        b->firsts[b->children++] = i;
    }
    b->firsts[b->children] = r->last;
}

static bool wait_for(builder *b, range r)
{
    if (b->waiting_count == b->waiting_room) {
        size_t room = b->waiting_room ? 2 * b->waiting_room : 1024;
        if (!grow_array((void **)&b->waiting, room, sizeof *b->waiting))
            return false;
        b->waiting_room = room;
    }
    b->waiting[b->waiting_count++] = r;
    return true;
}

static bool build(builder *b, size_t count)
{
    if (!grow_units(b, FIRST_UNITS) || (count > 0 && !wait_for(b, (range){ 0, 0, (uint32_t)count, 0 })))
        return false;
    while (b->waiting_count > 0) {
        range r = b->waiting[--b->waiting_count];
        uint32_t base;
        collect_children(b, &r);
        if (b->children == 0)
            continue;
        if (!find_base(b, &base))
            return false;
        b->units[r.node].base = base;
        for (size_t i = 0; i < b->children; i++)
            use_unit(b, base + b->bytes[i], r.node);
        for (size_t i = b->children; i-- > 0;)
            if (!wait_for(b, (range){ base + b->bytes[i], b->firsts[i], b->firsts[i + 1], r.depth + 1 }))
                return false;
    }
    return true;
}

static bool sorted_and_distinct(const trie_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].key.length == 0 || (i > 0 && compare_entries(&entries[i - 1], &entries[i]) >= 0))
            return false;
    return true;
}

status trie_open(trie *out, const trie_entry *entries, size_t count, errinfo *err)
{
    if (count >= TRIE_NONE || !sorted_and_distinct(entries, count))
        return fail(err, ST_INPUT, "trie: %zu keys are not sorted, distinct and filled", count);
    builder b = { .entries = entries, .end = 1 };
    bool built = build(&b, count);
    free(b.next_free);
    free(b.previous_free);
    free(b.waiting);
    if (!built) {
        free(b.units);
        return fail(err, ST_NOMEM, "trie of %zu keys: out of memory", count);
    }
    *out = (trie){ .units = b.units, .count = b.count };
    return ST_OK;
}

void trie_close(trie *t)
{
    free(t->units);
    *t = (trie){ 0 };
}

uint32_t trie_walk(const trie *t, uint32_t node, slice bytes)
{
    for (size_t i = 0; i < bytes.length && node != TRIE_NONE; i++)
        node = trie_step(t, node, (unsigned char)bytes.data[i]);
    return node;
}

uint32_t trie_find(const trie *t, slice key)
{
    uint32_t node = trie_walk(t, TRIE_ROOT, key);
    return node == TRIE_NONE ? TRIE_NONE : t->units[node].value;
}
