/* config.h - what a model is, as data: every family is a row of settings, not a code fork.
 *
 * Owns     plain data.    Borrows  the folder during load.    Threads  pure.
 * Limits   hidden size 8192, layers 128, heads 128, max_length 65 536, vocabulary 2^20.
 * Source   formulas.md part B (RoFormer, RoFormer-Sim, RoFormerV2, BERT, SimBERT), api.md section 6 (keys of ours).
 */
#ifndef ROSIM_CONFIG_H
#define ROSIM_CONFIG_H

#include "model/encoder/attention.h"
#include "model/kernels/kernels.h"
#include "weights/base.h"
#include "weights/folder.h"

enum { CONFIG_LENGTH_MAX = 65536, SENTENCE_MODULE_BYTES = 64 };

typedef enum { POSITION_ROTARY, POSITION_ABSOLUTE } position_kind;
typedef enum { NORM_LAYER, NORM_RMS } norm_kind;
typedef enum { SCALE_INV_SQRT_D, SCALE_NONE, SCALE_LOG512 } score_scale;     /* formulas.md A1 */
typedef enum {
    POOLING_CLS, POOLING_MEAN, POOLING_POOLER_LINEAR, POOLING_POOLER_TANH, POOLING_MEAN_POOLER_LINEAR,
    POOLING_FIRST_LAST_MEAN
} pooling_kind;

typedef struct {
    char family[24];              /* "roformer", "roformer_v2", "bert" */
    size_t vocab_size, embedding_size, hidden_size, layers, heads, head_size, intermediate_size;
    size_t max_positions;         /* rows of the absolute table; for rotary the config's hint */
    size_t token_types;
    position_kind position;
    norm_kind norm;
    bool bias;                    /* false: no biases and no norm parameters (RoFormerV2) */
    bool rotary_value;
    activation act;
    float norm_eps;
    score_scale scale;

    pooling_kind pooling;
    bool normalize;               /* vectors are meant to be L2-normalised (all but an explicit "no") */
    size_t pooler_outputs;        /* width of the sentence vector: hidden_size unless a dense module says otherwise */
    bool pooler_bias;
    char dense_module[SENTENCE_MODULE_BYTES];    /* folder with the pooler ("2_Dense"); "": the model's own file */
    unsigned attention_trained;   /* bit 1u << attention_kind */
    unsigned attention_approx;    /* likewise: served besides those, with a warning; rosim.attention_approx */
    attention_kind attention;     /* the default */
    size_t favor_features;        /* of the attention favor, and the seed of its directions: rosim.favor */
    uint32_t favor_seed;
    linear_map map;               /* of linear attention; LINEAR_ELU1 when the config names none */
    bool map_given;
    size_t max_length;            /* tokens, [CLS] and [SEP] included */
    char golden[128];             /* file name below the folder, "" when there is none */
    char languages[64];           /* "zh,en" */
    char warning[160];            /* a line for the log, "" when there is none: e.g. pooling was guessed */
} encoder_config;

/* Reads config.json, modules.json, 1_Pooling/config.json, 2_Dense/config.json, sentence_bert_config.json,
 * tokenizer_config.json. ST_FORMAT names the file, the key, the value and what is supported. */
MUST_USE status config_load(encoder_config *out, folder *f, errinfo *err);

/* What stands before "embeddings.word_embeddings.weight" in this folder: "", "roformer.", "bert.", "0.auto_model.";
 * NULL when there is no such tensor. Static storage. */
const char *config_tensor_prefix(const folder *f);

const char *pooling_name(pooling_kind pooling);   /* "pooler_linear", as in rosim.pooling */

#endif
