/* sentence_modules.h - what sentence-transformers says about a model: modules.json and the folders that it names.
 *
 * Owns     plain data.    Borrows  the folder during load.    Threads  pure.
 * Limits   a chain of Transformer, Pooling, at most one Dense, Normalize, in this order; other modules are refused.
 * Source   sentence-transformers' saved folders: modules.json, 1_Pooling/config.json, 2_Dense/config.json.
 */
#ifndef ROSIM_SENTENCE_MODULES_H
#define ROSIM_SENTENCE_MODULES_H

#include "model/encoder/config.h"
#include "weights/base.h"
#include "weights/folder.h"

typedef struct {
    bool listed;                  /* modules.json is there */
    bool pooled;                  /* pooling below was given */
    bool normalize;               /* a Normalize module is listed */
    pooling_kind pooling;         /* with the Dense module, if any, folded in */
    size_t inputs, outputs;       /* of the Dense module; 0 without one */
    bool bias;
    char dense[SENTENCE_MODULE_BYTES];    /* folder of the Dense module, "" without one */
} sentence_modules;

MUST_USE status sentence_modules_load(sentence_modules *out, folder *f, errinfo *err);

#endif
