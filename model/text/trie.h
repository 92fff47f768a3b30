/* trie.h - a set of byte strings in a double array: one array access per byte of a key.
 *
 * Owns     the array.
 * Borrows  the keys during trie_open only.
 * Threads  a const trie is shared without locks.
 * Limits   keys without NUL bytes, values below 2^31; building is linear in the keys' bytes.
 * Source   Aoe 1989, An efficient digital search algorithm by using a double-array structure.
 */
#ifndef ROSIM_TRIE_H
#define ROSIM_TRIE_H

#include "weights/base.h"

#define TRIE_NONE UINT32_MAX

typedef struct {
    uint32_t base;                    /* the child by byte c, if there, is unit base + c */
    uint32_t parent;                  /* TRIE_NONE: unused */
    uint32_t value;                   /* of the key that ends here, or TRIE_NONE */
} trie_unit;

typedef struct {
    trie_unit *units;                 /* [count]; any base + 255 is inside */
    size_t count;
} trie;

typedef struct {
    slice key;
    uint32_t value;
} trie_entry;

enum { TRIE_ROOT = 0 };

/* Sorts entries by key, as bytes. Afterwards equal keys stand side by side. */
void trie_sort(trie_entry *entries, size_t count);

/* entries: sorted, keys distinct and not empty. ST_NOMEM, ST_INPUT when they are not. */
MUST_USE status trie_open(trie *out, const trie_entry *entries, size_t count, errinfo *err);
void trie_close(trie *t);             /* an all-zero trie is fine */

/* The node behind `node` by one byte, or TRIE_NONE. */
static inline uint32_t trie_step(const trie *t, uint32_t node, unsigned char byte)
{
    uint32_t child = t->units[node].base + byte;
    return t->units[child].parent == node ? child : TRIE_NONE;
}

/* The value of the whole key, or TRIE_NONE. */
uint32_t trie_find(const trie *t, slice key);

/* The node reached by a prefix of keys, or TRIE_NONE. */
uint32_t trie_walk(const trie *t, uint32_t node, slice bytes);

#endif
