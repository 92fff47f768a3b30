/* encoder.h - runs the layers in the paper's order over packed sequences, without padding.
 *
 * Owns     the packed weights (one block, read-only after open).
 * Borrows  the folder and the kernels during open; kernels (static) for ever.
 * Threads  a const encoder is shared without locks; an encoder_scratch belongs to one forward at a time.
 * Limits   a forward holds at most the tokens and sequences that its scratch was opened for.
 * Source   Su et al. 2021 (arXiv 2104.09864); Devlin et al. 2018; formulas.md part B1 and B2 give each step.
 */
#ifndef ROSIM_ENCODER_H
#define ROSIM_ENCODER_H

#include "model/encoder/config.h"
#include "model/encoder/dropout.h"
#include "model/encoder/observer.h"
#include "model/kernels/kernels.h"
#include "model/encoder/tensor_editor.h"
#include "model/kernels/pool.h"
#include "weights/folder.h"
#include "weights/packed_file.h"

typedef struct encoder encoder;
typedef struct encoder_scratch encoder_scratch;

/* Tensor names with prefix "", "roformer." or "bert." (formulas.md B4). A missing or misshapen tensor: ST_FORMAT with
 * file, tensor, found and wanted shape. config->max_length may have been changed since config_load: it bounds a
 * sequence here, and a value above the table of absolute positions is ST_INPUT. */
MUST_USE status encoder_open(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                             precision_kind precision, errinfo *err);
/* The same with a file that keeps the packed weights from start to start: "<packed>-<level>-<precision>.packed"; NULL:
 * none. The folder may have been opened by its headers alone. */
MUST_USE status encoder_open_packed(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                                    precision_kind precision, const char *packed, errinfo *err);
/* The same with tensors changed as they are read (tensor_editor.h). */
MUST_USE status encoder_open_edited(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                                    precision_kind precision, const tensor_editor *editor, errinfo *err);
packed_state encoder_packed(const encoder *e);
void encoder_close(encoder *e);                   /* NULL is fine */
const encoder_config *encoder_settings(const encoder *e);
size_t encoder_weight_bytes(const encoder *e);    /* packed, in memory */

/* Scratch for forwards of up to max_tokens in up to max_sequences on a pool of `threads`. */
size_t encoder_scratch_bytes(const encoder *e, size_t max_tokens, size_t max_sequences, size_t threads);
MUST_USE status encoder_scratch_open(encoder_scratch **out, const encoder *e, size_t max_tokens, size_t max_sequences,
                                     size_t threads, errinfo *err);
void encoder_scratch_close(encoder_scratch *s);   /* NULL is fine */

typedef struct {
    const uint32_t *ids;          /* [T], each < vocab_size (checked by the caller) */
    const uint32_t *starts;       /* [S+1], starts[0] == 0, starts[S] == T; each of 1 to max_length tokens */
    size_t sequences;             /* S */
    attention_kind attention;
    /* NULL, or [T][pooler_outputs]: each token as if it alone were pooled, its last hidden state (first-last pooling:
     * half the sum with the first layer's) through the pooler's dense layer. Mean poolings give the mean of these rows,
     * poolings of [CLS] the first one. */
    float *token_vectors;
    encoder_observer *observe;    /* NULL: none. With one, every layer runs for every token (observer.h) */
    void *observe_context;
    const encoder_dropout *dropout;      /* NULL: none, as in all serving but where it is asked for (dropout.h) */
    void (*between)(void *context);      /* called between the steps, when the pool is free; NULL: nothing */
    void *between_context;
} encoder_batch;

/* vectors[S][pooler_outputs]: pooled, not normalised. The bytes of row s depend on the ids of sequence s, the attention
 * and the kernel level alone. Nothing can fail: sizes were checked when the scratch was opened (asserted). */
void encoder_run(const encoder *e, encoder_scratch *s, pool *p, const encoder_batch *batch, float *vectors);

#endif
