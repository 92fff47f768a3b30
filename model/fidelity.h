/* fidelity.h - what becomes of a model's vectors when its softmax attention is replaced by another kind.
 *
 * Owns     a fidelity owns its arrays, until fidelity_clear.
 * Borrows  the model and the ids during fidelity_measure.
 * Threads  fidelity_measure: any thread; it runs there alone, with scratch of its own, so that serving goes on.
 * Limits   FIDELITY_TEXTS_MAX texts of FIDELITY_TOKENS_MAX tokens together.
 * Source   formulas.md A3, "selectable kernels with a fidelity probe".
 */
#ifndef ROSIM_FIDELITY_H
#define ROSIM_FIDELITY_H

#include "model/encoder/attention_error.h"
#include "model/model.h"

enum { FIDELITY_TEXTS_MAX = 256, FIDELITY_TOKENS_MAX = 32768 };

typedef struct {
    const model *model;
    const uint32_t *ids, *starts; /* packed, as for model_encode */
    size_t texts;
    unsigned kinds;               /* bits of what is compared with softmax; softmax itself is left out */
    bool (*stop)(void *context);  /* asked before each text; NULL: never */
    void *context;
} fidelity_subject;

typedef struct {
    size_t texts, layers, dimensions;
    attention_errors *layer;      /* [layers] */
    float *vectors[ATTENTION_KINDS];     /* [texts][dimensions], of length 1; of softmax and the kinds compared */
} fidelity;

/* ST_INPUT: a limit is passed, or the model was not trained for softmax; ST_TIMEOUT: stopped; ST_INTERNAL: a vector of
 * softmax is not finite (one of another kind becomes zeros, cosine 0). */
MUST_USE status fidelity_measure(fidelity *out, const fidelity_subject *subject, errinfo *err);
void fidelity_clear(fidelity *f);

/* Between a text's vector and the one that the kind makes of it. */
double fidelity_mean_cosine(const fidelity *f, attention_kind kind);
double fidelity_least_cosine(const fidelity *f, attention_kind kind);

/* Rank correlation of the cosines of pairs of texts, between softmax and the kind. pairs: [count][2] indices; NULL: all
 * pairs. NAN: fewer than two pairs, or all alike. ST_NOMEM. */
MUST_USE status fidelity_spearman(const fidelity *f, attention_kind kind, const uint32_t (*pairs)[2], size_t count,
                                  double *out, errinfo *err);

#endif
