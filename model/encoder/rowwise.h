/* rowwise.h - what of a layer treats each row by itself, done for a few rows at a time: the attention's output layer,
 * both norms, the feed-forward, and the queries, keys and values of the next layer.
 *
 * Owns     nothing.    Borrows  as forward.h.    Threads  as forward.h.
 * Limits   private to this folder. The same bytes as the steps of forward.h one after the other.
 *
 * Step after step over a whole batch, the feed-forward's rows leave the cache and come back (512 tokens x 1536 floats
 * are 3 MiB), and all threads meet seven times a layer. A block of rows stays in the second-level cache, and they meet
 * once.
 */
#ifndef ROSIM_ROWWISE_H
#define ROSIM_ROWWISE_H

#include "model/encoder/forward.h"

/* Whether there are rows enough for every thread, and nobody wants to see or change what lies between the steps. */
bool rowwise_pays(const forward *f);

/* Scratch of one worker for batches of up to max_tokens. */
size_t rowwise_bytes(const encoder *e, size_t max_tokens);

/* s->hidden from s->mixed and s->hidden. next: the dense layer that reads the result; s->wide is its output then. NULL:
 * none. */
dense_rows rowwise_run(const forward *f, const layer_weight *layer, const dense_weight *next);

#endif
