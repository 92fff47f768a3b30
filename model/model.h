/* model.h - the one face of the model that server/ sees: open, tokenize, encode, describe.
 *
 * Owns     a model owns its tokenizer and packed weights; a model_runner owns the scratch of one forward.
 * Borrows  a runner borrows the models it was opened for, and a pool.
 * Threads  `const model *` is the thread contract: shared without locks. A runner belongs to one thread.
 * Limits   see config.h; a forward holds at most max_tokens tokens.
 */
#ifndef ROSIM_MODEL_H
#define ROSIM_MODEL_H

#include "model/encoder/attention.h"
#include "model/encoder/config.h"
#include "model/encoder/cost.h"
#include "model/encoder/dropout.h"
#include "model/encoder/observer.h"
#include "model/encoder/tensor_editor.h"
#include "model/kernels/pool.h"
#include "model/text/tokenizer.h"
#include "weights/base.h"
#include "weights/packed_file.h"

typedef struct model model;
typedef struct model_runner model_runner;

typedef struct {
    const char *path;             /* model folder */
    const char *name;             /* NULL: the folder's base name */
    const char *kernel;           /* level, NULL: the best */
    const char *precision;        /* NULL or "f32", "bf16", "int8"; "auto": the best here (precision.h) */
    const char *packed_dir;       /* folder for packed weights and what auto found out; NULL: nothing is kept */
    const char *attention;        /* default kind, NULL or "auto": the model's */
    bool allow_untrained;         /* that kind may be one that the model was not trained for */
    double attention_floor;       /* cosine below which an approximating kind takes no part in auto; 0: 0.999 */
    const struct model_trial *trial;     /* NULL, or what to change: for diagnosis; nothing is packed or timed then */
    size_t max_length;            /* 0: the model's; larger than the model's is refused for absolute positions */
} model_options;

typedef struct model_trial {
    tensor_editor editor;
    bool scaled;
    score_scale scale;            /* in the place of the config's, if scaled */
} model_trial;

typedef struct {
    const char *name, *path;
    const encoder_config *config;
    const char *tokenizer_kind, *kernel;
    precision_kind precision;
    const char *precision_reason; /* what auto found out; "" when it was not asked */
    packed_state packed;
    size_t from_tokens[ATTENTION_KINDS]; /* from this length on the kind is faster than softmax here; SIZE_MAX: never,
                                          * or not measured: untrained, or below the floor */
    double probed_cosine[ATTENTION_KINDS];    /* the least, over the probe texts, of a listed approximation; else 0 */
    size_t dimensions;            /* D of a sentence vector */
    size_t parameters, weight_bytes;
    int64_t opened_ns;            /* clock_now_ns: no two models of a process share it */
} model_info;

MUST_USE status model_open(model **out, const model_options *options, errinfo *err);
void model_close(model *m);                       /* NULL is fine */
const model_info *model_describe(const model *m);
const tokenizer *model_tokenizer(const model *m);
bool model_trained_for(const model *m, attention_kind kind);
/* Or serves it with a warning: listed in attention_approx, or allowed by model_options. */
bool model_serves(const model *m, attention_kind kind);
attention_kind model_default_attention(const model *m);
/* "auto" for a request whose longest text has so many tokens: the fastest of the kinds that it was trained for and of
 * the approximations that it lists and that passed the floor. */
attention_kind model_fastest_attention(const model *m, size_t tokens);

/* The constants of encoder/cost.h for this model on this pool, and the memory that encoding a text takes. */
MUST_USE status model_measure_cost(const model *m, pool *p, cost_rates *out, errinfo *err);
size_t model_cost_bytes(const model *m, attention_kind kind, size_t tokens, size_t threads);

/* Scratch for forwards of any of the models given, on the pool. Bytes: model_runner_bytes, the formula that check
 * prints. */
size_t model_runner_bytes(const model *const *models, size_t count, size_t max_tokens, size_t max_sequences,
                          size_t threads);
MUST_USE status model_runner_open(model_runner **out, const model *const *models, size_t count, pool *p,
                                  size_t max_tokens, size_t max_sequences, errinfo *err);
void model_runner_close(model_runner *r);         /* NULL is fine */
/* From now on between(context) is called in the middle of every model_encode of this runner, on its thread, whenever
 * the pool is free: another runner may encode something short then. NULL: nothing. */
void model_runner_between(model_runner *r, void (*between)(void *context), void *context);

/* vectors[S][dimensions], pooled, not normalised, from packed ids [T] with starts [S+1]. ST_INPUT: an id outside the
 * vocabulary; ST_INTERNAL: a vector that is not finite (its row is named). Bytes of a row: see encoder_run. */
MUST_USE status model_encode(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                             size_t sequences, attention_kind attention, float *vectors, errinfo *err);

/* The same with token_vectors[T][dimensions] (encoder_batch), or NULL. */
MUST_USE status model_encode_tokens(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                                    size_t sequences, attention_kind attention, float *vectors, float *token_vectors,
                                    errinfo *err);

/* The same while observe(context, view) looks on: model/encoder/observer.h. For diagnostics, with their own runner. */
MUST_USE status model_encode_observed(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                                      size_t sequences, attention_kind attention, float *vectors,
                                      encoder_observer *observe, void *context, errinfo *err);

/* The same with dropout (model/encoder/dropout.h), or NULL. */
MUST_USE status model_encode_dropped(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                                     size_t sequences, attention_kind attention, const encoder_dropout *dropout,
                                     float *vectors, errinfo *err);

/* Encodes the golden texts of the folder and compares ids and vectors (1e-4 in fp32). ST_FORMAT says which text, by how
 * much; a model without golden texts passes. *checked: how many vectors were compared (NULL is fine). */
MUST_USE status model_self_test(const model *m, model_runner *r, size_t *checked, errinfo *err);

#endif
