/* crossover.h - how long a text must be for another kind of attention to be faster than softmax, measured here.
 *
 * Owns     nothing after a call.    Borrows  the encoder.
 * Threads  one; it measures on the calling thread, some milliseconds.
 * Limits   lengths up to the encoder's max_length; what is not crossed by then counts as never.
 *
 * Everything but attention costs the same in all kinds, so one head of one layer tells.
 */
#ifndef ROSIM_CROSSOVER_H
#define ROSIM_CROSSOVER_H

#include "model/encoder/encoder.h"

#define CROSSOVER_NEVER SIZE_MAX

/* *tokens: from this length on `kind` is faster than softmax; CROSSOVER_NEVER. ST_NOMEM. */
MUST_USE status crossover_measure(const encoder *e, attention_kind kind, size_t *tokens, errinfo *err);

#endif
