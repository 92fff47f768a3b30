/* attention_error.h - how far other kinds of attention are from softmax on a layer's real queries, keys and values.
 *
 * Owns     plain data, adding up over views.    Borrows  the view and the scratch during a call.
 * Threads  as the observer: one.
 * Limits   views of VIEW_ATTENTION of a softmax forward.
 * Source   formulas.md A3: z = |q + k|^2 / sqrt(d) says how many random features favor needs (about e^z); the output's
 *          relative error is L2 over all rows, heads and texts.
 */
#ifndef ROSIM_ATTENTION_ERROR_H
#define ROSIM_ATTENTION_ERROR_H

#include "model/encoder/encoder.h"

/* Of one layer. */
typedef struct {
    double pairs;                 /* of a query and a key, over heads and texts */
    double score_sum, score_squares;     /* of scaled scores */
    double z_sum;
    double output;                /* squares of softmax's output */
    double difference[ATTENTION_KINDS];  /* squares of what each kind's output differs by */
} attention_errors;

/* For sequences of up to n tokens. */
size_t attention_errors_bytes(const encoder *e, size_t n);
/* kinds: bits 1u << attention_kind, those to compare. */
void attention_errors_add(attention_errors *sum, const encoder_view *view, unsigned kinds, void *scratch);

double attention_errors_score_deviation(const attention_errors *sum);
double attention_errors_mean_z(const attention_errors *sum);
double attention_errors_relative(const attention_errors *sum, attention_kind kind);

#endif
