/* segment.h - a stretch of text in normalised form, held as a whole for what cannot work character by character.
 *
 * Owns     nothing: arrays live in the caller's arena.
 * Borrows  the arena.
 * Threads  one thread.
 * Limits   12 bytes of the arena per character (growing doubles them for a moment), 8 more with bytes.
 */
#ifndef ROSIM_SEGMENT_H
#define ROSIM_SEGMENT_H

#include "model/text/normalizer.h"
#include "model/text/vocabulary.h"
#include "weights/base.h"

typedef struct {
    character *characters;            /* [count] */
    size_t count;
    slice bytes;                      /* the normalised text; empty before segment_encode */
    uint32_t *offsets;                /* [count + 1] where each character's bytes begin */
} segment;

/* text[start..end), well-formed UTF-8, normalised. ST_NOMEM. */
MUST_USE status segment_normalize(segment *out, const normalizer_options *options, slice text, size_t start, size_t end,
                                  arena *a, errinfo *err);

/* Fills bytes and offsets. ST_NOMEM. */
MUST_USE status segment_encode(segment *s, arena *a, errinfo *err);

/* The index of the character whose bytes begin at `offset` (count for the end). Needs segment_encode. */
size_t segment_index(const segment *s, size_t offset);

/* True when the characters spell a piece of the model. */
bool segment_is_piece(const vocabulary *words, const character *characters, size_t count);

#endif
