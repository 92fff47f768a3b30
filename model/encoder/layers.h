/* layers.h - the weights of an encoder: read from the folder, packed for a kernel level.
 *
 * Owns     one block of memory with all numbers, and the list of layers.    Borrows  the folder during load.
 * Threads  load: one thread. Afterwards read-only.
 * Limits   those of config.h; fp32 copies of a matrix live only while it is packed.
 * Source   formulas.md B4 for the names and shapes of the tensors.
 */
#ifndef ROSIM_LAYERS_H
#define ROSIM_LAYERS_H

#include "model/encoder/config.h"
#include "model/encoder/tensor_editor.h"
#include "model/kernels/kernels.h"
#include "weights/base.h"
#include "weights/folder.h"
#include "weights/packed_file.h"

/* gamma and beta are NULL in a family without norm parameters. */
typedef struct {
    const float *gamma, *beta;
} norm_weight;

typedef struct {
    dense_weight qkv;             /* [3D][D]: query, key, value below each other */
    dense_weight attention_output;       /* [D][D] */
    dense_weight intermediate;    /* [I][D] */
    dense_weight output;          /* [D][I] */
    norm_weight attention_norm, output_norm;
    const float *query_map, *key_map;    /* [heads][d][d], hedgehog only */
} layer_weight;

/* [V][E], of which a forward reads one row a token: fp32, or bf16 where the matrices are no finer either. */
typedef struct {
    const float *f32;
    const uint16_t *bf16;
} word_table;

typedef struct {
    void *memory;
    size_t bytes;
    packed_state packed;
    word_table words;
    const float *types;           /* [token_types][E]; a text alone is of type 0 */
    const float *positions;       /* [max_positions][E], absolute positions only */
    norm_weight embedding_norm;   /* over E */
    dense_weight projection;      /* [D][E], only where E != D: else outputs is 0 */
    layer_weight *layers;
    dense_weight pooler;          /* [pooler_outputs][D], or outputs is 0 */
} layers;

/* packed: the beginning of the path of a file that keeps the packed numbers (weights/packed_file.h), to which the level
 * and the precision are added; NULL: none. One that fits the folder's files, the configuration and the level is read in
 * place of the tensors; any other is replaced, if it can be. editor: NULL, or then packed is NULL. The folder may be
 * opened by its headers alone. On failure out is left as it was. */
MUST_USE status layers_load(layers *out, folder *f, const encoder_config *config, const kernels *k,
                            precision_kind precision, const char *packed, const tensor_editor *editor, errinfo *err);
void layers_clear(layers *l);

#endif
