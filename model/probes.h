/* probes.h - the fixed texts on which a model is tried at start: Chinese and English, short and long.
 *
 * Owns     nothing.    Borrows  the arena, which owns the ids, and the tokenizer during a call.
 * Threads  pure.
 * Limits   PROBES_MAX texts. Those in a language that the vocabulary does not know are left out, unless all are: nobody
 *          will ask the model about them.
 */
#ifndef ROSIM_PROBES_H
#define ROSIM_PROBES_H

#include "model/text/tokenizer.h"
#include "weights/base.h"

enum { PROBES_MAX = 24 };

typedef struct {
    uint32_t *ids, starts[PROBES_MAX + 1];
    size_t texts;
} probes;

MUST_USE status probes_read(probes *out, const tokenizer *t, size_t max_tokens, arena *a, errinfo *err);

#endif
