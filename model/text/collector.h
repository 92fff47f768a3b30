/* collector.h - gathers the tokens of one text as they come, and keeps only those that truncation will keep.
 *
 * Owns     nothing: its arrays live in the caller's arena.
 * Borrows  the arena until collector_finish.
 * Threads  one thread.
 * Limits   memory follows the tokens kept, not the text, when a maximum is given; a full arena is reported at the end.
 */
#ifndef ROSIM_COLLECTOR_H
#define ROSIM_COLLECTOR_H

#include "model/text/tokenizer.h"

typedef struct {
    arena *memory;
    uint32_t *ids, *starts, *ends;    /* [room]; starts and ends NULL unless asked for */
    size_t room;
    size_t head, tail;                /* the first `head` tokens are kept, and the last `tail` */
    size_t total;                     /* tokens seen */
    bool failed;                      /* the arena is full: tokens are only counted from here on */
} collector;

/* expected: an upper bound of the tokens, so that a short text is one take. */
void collector_init(collector *c, arena *memory, const tokenize_options *options, size_t special, size_t expected);
void collector_put(collector *c, uint32_t id, uint32_t start, uint32_t end);

/* The kept tokens between the special ones, in the text's order. */
MUST_USE status collector_finish(collector *c, const uint32_t *before, size_t before_count, const uint32_t *after,
                                 size_t after_count, token_list *out, errinfo *err);

#endif
