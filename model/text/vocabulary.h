/* vocabulary.h - the pieces of a WordPiece model: by id, and by prefix in a trie.
 *
 * Owns     its trie; texts and arrays live in the arena it was opened with.
 * Borrows  nothing.
 * Threads  a const vocabulary is shared without locks.
 * Limits   VOCABULARY_MAX pieces of at most PIECE_MAX_BYTES bytes.
 */
#ifndef ROSIM_VOCABULARY_H
#define ROSIM_VOCABULARY_H

#include "model/text/trie.h"
#include "weights/base.h"

enum { VOCABULARY_MAX = 1 << 20, PIECE_MAX_BYTES = 1 << 12 };

/* An entry of added_tokens: recognised in the text itself, before words are looked for. */
typedef struct {
    slice content;
    uint32_t id;
    bool single_word;                 /* only where no word character touches it */
    bool lstrip, rstrip;              /* swallows the white space before, behind it */
    bool normalized;                  /* looked for in the normalised text, in its own normalised form */
    bool special;                     /* left out by skip_special when decoding */
} added_token;

typedef struct {
    size_t count;                     /* ids are 0 .. count-1 */
    slice *pieces;                    /* [count]; empty where no piece has the id */
    bool *special;                    /* [count] */
    trie words;                       /* the model's pieces, without those that are only added */
    uint32_t continuing;              /* the trie's node behind "##", or TRIE_NONE when no piece begins so */
} vocabulary;

/* entries: the model's pieces (sorted in place); added: tokens whose piece may be new. Everything is copied. `label`
 * names the file. ST_FORMAT: a piece or id twice, an id not below vocab_size, an added token at odds with the model. */
MUST_USE status vocabulary_open(vocabulary *out, arena *memory, trie_entry *entries, size_t count,
                                const added_token *added, size_t added_count, slice continuing_prefix,
                                size_t vocab_size, const char *label, errinfo *err);
void vocabulary_close(vocabulary *v); /* an all-zero vocabulary is fine */

/* The id of a piece of the model, or TRIE_NONE. */
uint32_t vocabulary_find(const vocabulary *v, slice piece);

#endif
