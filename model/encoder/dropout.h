/* dropout.h - encoding with dropout on, as in training: how far a vector moves says how sure the model is of it.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   p in [0, 1); 2^34 entries of a sequence at one place.
 * Source   Gao et al. 2021 (SimCSE, arXiv 2104.08821): hidden dropout on the embeddings after their norm, and on what
 *          attention and feed-forward add before it is added. Not on attention's probabilities, which the fused kernels
 *          never write down. Salmon et al. 2011 for the generator (weights/random.h).
 *
 * A mask is a pure function of key, place and entry, and the key one of seed, copy and the sequence's own ids: a text's
 * copies are the same to the bit alone, in any batch, at any number of threads, and p = 0 is plain encoding.
 */
#ifndef ROSIM_DROPOUT_H
#define ROSIM_DROPOUT_H

#include "weights/base.h"

enum { DROPOUT_PLAIN = 0 };       /* the key of a sequence that is encoded as ever */

typedef struct {
    double p;
    const uint64_t *keys;         /* [S] */
} encoder_dropout;

typedef enum { DROPOUT_EMBEDDINGS, DROPOUT_ATTENTION, DROPOUT_FEED_FORWARD } dropout_site;

/* Never DROPOUT_PLAIN. */
uint64_t dropout_key(uint32_t seed, uint32_t copy, const uint32_t *ids, size_t n);

/* x[n]: each entry becomes 0 with probability p, else itself times 1/(1-p), so that its mean stays. layer: 0 for the
 * embeddings, 1 to L. */
void dropout_apply(uint64_t key, double p, size_t layer, dropout_site site, float *x, size_t n);

#endif
