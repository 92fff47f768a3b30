/* diagnosis_parts.h - what the files of diagnosis share; nobody else includes this.
 *
 * Owns     nothing beyond diagnosis.h: arrays are in the diagnosis' arena.
 * Borrows  the model, the pool and the folder while diagnosis_open runs.
 * Threads  one.    Limits  those of diagnosis.h.
 */
#ifndef ROSIM_DIAGNOSIS_PARTS_H
#define ROSIM_DIAGNOSIS_PARTS_H

#include "model/diagnosis.h"
#include "weights/folder.h"

/* The tensors of a layer. */
typedef enum {
    PART_QUERY, PART_KEY, PART_VALUE, PART_ATTENTION_OUTPUT, PART_INTERMEDIATE, PART_OUTPUT,
    PART_QUERY_BIAS, PART_KEY_BIAS, PART_VALUE_BIAS, PART_ATTENTION_OUTPUT_BIAS, PART_INTERMEDIATE_BIAS,
    PART_OUTPUT_BIAS, PART_ATTENTION_GAMMA, PART_ATTENTION_BETA, PART_OUTPUT_GAMMA, PART_OUTPUT_BETA, PARTS,
    MATRICES = PART_QUERY_BIAS, SQUARES = PART_INTERMEDIATE    /* the first so many */
} part;

/* Which tensors of the embeddings follow those of the layers in diagnosis.tensors. */
typedef enum { FIRST_WORDS, FIRST_GAMMA, FIRST_BETA, FIRSTS } first_part;

/* ln of the root mean square of each row and each column of a square matrix, and of each dimension of what goes in. */
typedef struct {
    double *row[SQUARES], *column[SQUARES], *intermediate, *input;    /* [D]; intermediate: its columns */
} layer_profiles;

typedef struct {
    diagnosis *d;
    const model *model;
    const encoder_config *config;
    pool *pool;
    folder *folder;
    layer_profiles *profiles;     /* [layers] */
} examination;

const char *part_name(part p);                    /* "attention.self.query.weight" */
diagnosis_tensor *diagnosis_part(const examination *x, size_t layer, part p);     /* layer from 0 */
diagnosis_tensor *diagnosis_first(const examination *x, first_part p);

/* One more flag; tensor_name NULL: none. Past the limit it is dropped. */
PRINTF_LIKE(5, 6) void diagnosis_add(diagnosis *d, flag_kind kind, size_t layer, const char *tensor_name,
                                     const char *format, ...);

MUST_USE status diagnosis_read_weights(examination *x, errinfo *err);
MUST_USE status diagnosis_observe(examination *x, errinfo *err);
void diagnosis_apply_rules(const examination *x);
/* Golden vectors, and what makes them agree. */
MUST_USE status diagnosis_try_repairs(examination *x, errinfo *err);

#endif
