/* attention.h - the kinds of attention and their implementations, one head of one sequence at a time.
 *
 * Owns     nothing.    Borrows  all operands during a call.
 * Threads  pure on disjoint outputs and scratch.
 * Limits   head size 256, even; sequence length 65 536.
 * Source   Vaswani et al. 2017; Su et al. 2021 (arXiv 2104.09864) for rotary positions and their linear form;
 *          formulas.md part C for every feature map; Zhang et al. 2024 (arXiv 2402.04347) for hedgehog.
 */
#ifndef ROSIM_ATTENTION_H
#define ROSIM_ATTENTION_H

#include "model/kernels/kernels.h"
#include "weights/base.h"

/* Softmax and linear are what models are trained for; the others approximate softmax (attention_approximates). */
typedef enum {
    ATTENTION_SOFTMAX, ATTENTION_LINEAR, ATTENTION_FAVOR, ATTENTION_TAYLOR2, ATTENTION_EXPLIMIT2, ATTENTION_KINDS
} attention_kind;
typedef enum { LINEAR_ELU1, LINEAR_RELU, LINEAR_EFFICIENT, LINEAR_COSFORMER, LINEAR_HEDGEHOG, LINEAR_MAPS } linear_map;

const char *attention_name(attention_kind kind);                          /* "softmax", "linear", "favor" ... */
bool attention_parse(slice name, attention_kind *out);
bool attention_approximates(attention_kind kind);                         /* e^(q.k), of a model trained for softmax */
const char *linear_map_name(linear_map map);                              /* "elu1", ... */
bool linear_map_parse(slice name, linear_map *out);

/* One head: n rows of q, k, v, each [n][d] with the given stride, and the same for the output. */
typedef struct {
    size_t n, d, stride, out_stride;
    const float *q, *k, *v;       /* as projected: neither rotated nor scaled */
    float *out;
    const float *rope;            /* [n][d] cos,sin pairs interleaved (rope.h), or NULL without rotary positions */
    const float *feature_rope;    /* the same over the features of a linear map, [n][F]; NULL without */
    bool rotary_value;            /* v was asked to be rotated too (by rope) */
    float scale;                  /* multiplies q.k (not linear) */
    size_t first_query, last_query;      /* not linear: the rows of out to compute; 0 and n for all */
    const float *query_map, *key_map;    /* [d][d], hedgehog only: x @ map */
    size_t favor_features;        /* favor only: m, and its directions (favor.h) */
    const float *directions;      /* [d][m] */
} attention_head;

size_t linear_map_features(linear_map map, size_t d);     /* F: 2d for cosformer and hedgehog, else d */
bool linear_map_rotates(linear_map map);                  /* after the map, numerator only: elu1, relu, hedgehog */

size_t attention_softmax_scratch_bytes(const attention_format *format, size_t n, size_t d);
void attention_softmax(const attention_format *format, const attention_head *h, void *scratch);

size_t attention_linear_scratch_floats(linear_map map, size_t n, size_t d);
void attention_linear(const kernels *k, linear_map map, const attention_head *h, float *scratch);

/* The approximations of softmax. favor_features: of the head (0 where it has none). */
size_t attention_approx_features(attention_kind kind, size_t d, size_t favor_features);
size_t attention_approx_scratch_floats(size_t n, size_t d, size_t favor_features);
void attention_approx(const kernels *k, attention_kind kind, const attention_head *h, float *scratch);

#endif
