/* observer.h - looking at a forward from outside, for diagnostics: what each step left behind, where it lies.
 *
 * Owns     nothing.
 * Borrows  all that a view points at belongs to the forward: it is good during the call, and read only.
 * Threads  called on the thread that runs the forward, while its pool is free.
 * Limits   none. Without an observer a forward does not make any of this: serving pays nothing.
 *
 * A layer is seen three times, each time as rows[T][D], the residual stream as it is then, and add[T][D], what the
 * sublayer is about to add to it before the norm:
 *
 *   VIEW_EMBEDDINGS    once, layer 0: rows
 *   VIEW_ATTENTION     layers 1 to L: rows before the layer; add is attention's output; queries, keys, values
 *   VIEW_FEED_FORWARD  rows after attention's norm; add is the feed-forward's output
 *   VIEW_LAYER         rows after the layer's last norm
 */
#ifndef ROSIM_OBSERVER_H
#define ROSIM_OBSERVER_H

#include "model/encoder/attention.h"
#include "weights/base.h"

struct encoder;

typedef enum { VIEW_EMBEDDINGS, VIEW_ATTENTION, VIEW_FEED_FORWARD, VIEW_LAYER } view_stage;

typedef struct {
    view_stage stage;
    size_t layer;                 /* 0: the embeddings; 1 to L */
    const struct encoder *encoder;
    attention_kind attention;     /* of the batch */
    size_t tokens, sequences, width;     /* T, S, D */
    const uint32_t *starts;       /* [S+1] */
    const float *rows;            /* [T][D] */
    const float *add;             /* [T][D]; NULL but for VIEW_ATTENTION and VIEW_FEED_FORWARD */
    const float *qkv;             /* [T][3D] query, key, value side by side, heads below each other, as projected:
                                   * neither turned nor scaled; VIEW_ATTENTION only */
    const float *mixed;           /* [T][D] the values as attention mixed them, before its output layer; likewise */
} encoder_view;

typedef void encoder_observer(void *context, const encoder_view *view);

#endif
