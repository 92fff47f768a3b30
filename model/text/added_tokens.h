/* added_tokens.h - finds tokens that are written out in a text ("[SEP]"), as AddedVocabulary of tokenizers does.
 *
 * Owns     its trie.
 * Borrows  the tokens until added_tokens_close.
 * Threads  const after opening.
 * Limits   ADDED_MAX_BYTES per token, which bounds the work per byte of text.
 */
#ifndef ROSIM_ADDED_TOKENS_H
#define ROSIM_ADDED_TOKENS_H

#include "model/text/trie.h"
#include "model/text/vocabulary.h"

enum { ADDED_MAX_BYTES = 256 };

typedef struct {
    trie contents;                    /* values: indices of tokens */
    const added_token *tokens;
    size_t count;                     /* of contents; 0: nothing is ever found */
    bool begins[256];                 /* bytes that a content begins with */
} added_tokens;

typedef struct {
    size_t start, end;                /* bytes, swallowed white space included */
    uint32_t id;
} added_match;

/* contents[i] is what to look for in the place of tokens[i], or empty to leave that token out. Of two tokens with the
 * same content the later one is found. */
MUST_USE status added_tokens_open(added_tokens *out, const added_token *tokens, const slice *contents, size_t count,
                                  errinfo *err);
void added_tokens_close(added_tokens *a);             /* all zero is fine */

/* The next token in text at or behind *at (0 at first), leftmost and longest; false when there is none. *at moves
 * behind what was matched. `covered` is the end of the match before. */
bool added_tokens_next(const added_tokens *a, slice text, size_t *at, size_t covered, added_match *found);

#endif
