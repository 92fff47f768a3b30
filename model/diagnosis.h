/* diagnosis.h - which part of a model is wrong? Statistics of its weights and of what they do to a fixed set of texts,
 * and flags that name the tensor or the layer and what is likely the matter.
 *
 * Owns     a diagnosis owns its arrays, from open to close.
 * Borrows  the model and the pool during open.
 * Threads  open: one thread, with scratch of its own, so that serving goes on. Afterwards read-only.
 * Limits   DIAGNOSIS_FLAGS_MAX flags. The folder is read again, so it must be as it was when the model was opened.
 * Source   formulas.md A1 (Su, kexue 8620): second moments, entropy over ln n, weights against their initialisation.
 *
 * Rules compare a layer with the model's other layers and a tensor with its neighbours in the arithmetic, because
 * healthy models differ more from each other than their own layers do. Where the folder has golden vectors that do not
 * agree, the usual mistakes are undone one by one, and what makes the vectors agree again is named.
 */
#ifndef ROSIM_DIAGNOSIS_H
#define ROSIM_DIAGNOSIS_H

#include "model/model.h"

enum { DIAGNOSIS_FLAGS_MAX = 32, DIAGNOSIS_NAME_BYTES = 96, DIAGNOSIS_TEXT_BYTES = 320 };

typedef enum {
    FLAG_GOLDEN,                  /* golden vectors do not agree */
    FLAG_NOT_FINITE,
    FLAG_SATURATED,               /* every head of a layer looks at one token each */
    FLAG_FLAT,                    /* every head of a layer looks at all tokens alike */
    FLAG_MISSING_SCALE,           /* scores as large as without 1/sqrt(d) */
    FLAG_TRANSPOSED,
    FLAG_SWAPPED,                 /* query and key */
    FLAG_ROTATION,                /* rows of query and key in the other layout of rotary pairs */
    FLAG_ZEROED,
    FLAG_SCALE,                   /* a tensor much larger or smaller than in other layers */
    FLAG_MOMENT,                  /* what leaves a norm is not what its gamma and beta say */
    FLAG_KINDS
} flag_kind;

const char *flag_name(flag_kind kind);            /* "golden", "not_finite" ... */

typedef struct {
    flag_kind kind;
    size_t layer;                 /* 1 to L; 0: of no layer */
    char tensor[DIAGNOSIS_NAME_BYTES];            /* "" where it is the layer, or the model */
    char text[DIAGNOSIS_TEXT_BYTES];
} diagnosis_flag;

/* Over all tokens of the probe texts; E means the mean. */
typedef struct {
    /* E[x^2] before the layer, of what attention adds, after its norm, of what feed-forward adds, after the layer */
    double input, attention, attention_norm, feed_forward, output;
    double attention_ratio, feed_forward_ratio;   /* |F(x)| / |x| */
    double entropy, entropy_least, entropy_most;  /* of attention, over ln n: mean, and of the heads */
    double entropy_rescaled;      /* the mean, were the scores divided by sqrt(d) once more */
    double max_probability;       /* E[greatest probability of a query] */
    double column_effect;         /* ln of the spread of scores over keys against that over queries */
    bool finite;
} diagnosis_layer;

typedef struct {
    char name[DIAGNOSIS_NAME_BYTES];              /* as in the folder, without its prefix; "": the model has none */
    size_t layer, outputs, inputs;                /* inputs 0: a vector */
    double rms, zeros;            /* zeros: share of values that are exactly 0 */
    double scale, initial;        /* matrices: standard deviation times sqrt(inputs), now and when training began */
} diagnosis_tensor;

typedef struct {
    size_t texts, tokens;
    attention_kind attention;     /* that was looked at; entropies are of softmax only */
    double embeddings;            /* E[x^2] before the first layer */
    size_t layer_count;
    diagnosis_layer *layers;      /* [layer_count] */
    size_t tensor_count;
    diagnosis_tensor *tensors;    /* [tensor_count] */
    size_t golden_vectors, golden_trials;         /* 0 vectors: the folder has none */
    double golden_distance;       /* mean of 1 - cosine */
    size_t flag_count;
    diagnosis_flag flags[DIAGNOSIS_FLAGS_MAX];
    arena *memory;
} diagnosis;

MUST_USE status diagnosis_open(diagnosis **out, const model *m, pool *p, errinfo *err);
void diagnosis_close(diagnosis *d);               /* NULL is fine */

#endif
