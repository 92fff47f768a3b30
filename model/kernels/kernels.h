/* kernels.h - the arithmetic, one table of functions per instruction-set level; the only place with SIMD.
 *
 * Owns     nothing: tables are constant data.
 * Borrows  every operand during a call. Matrices are row-major; [rows][columns]; a stride counts floats between rows.
 * Threads  pure functions on disjoint outputs; any thread.
 * Limits   sizes are those of a checked model; no function allocates.
 *
 * Bit-for-bit rule: an output element is one fixed chain of operations over its inputs. Its value must not depend on
 * how many other rows or columns are computed in the same call, nor on where a caller cut the work, as long as the cuts
 * lie on row_block and column_block. Tests compare bytes.
 */
#ifndef ROSIM_KERNELS_H
#define ROSIM_KERNELS_H

#include "weights/base.h"

typedef enum { ACTIVATION_NONE, ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_RELU, ACTIVATION_TANH } activation;

typedef enum { PRECISION_F32, PRECISION_BF16, PRECISION_INT8, PRECISIONS } precision_kind;

const char *precision_name(precision_kind p);          /* "f32", "bf16", "int8" */

typedef struct dense_format dense_format;

/* A weight matrix in the layout of one format of one level. */
typedef struct {
    const dense_format *format;
    size_t outputs;               /* N: rows of the stored [N][K] weight */
    size_t inputs;                /* K */
    const float *bias;            /* [N] or NULL */
    const void *packed;
} dense_weight;

/* How a level computes dense layers in one precision. Sums are fp32 (int8: exact integers, then fp32). */
struct dense_format {
    size_t row_block;             /* a row cut lies on a multiple of this */
    size_t column_block;          /* a column cut lies on a multiple of this */
    size_t inputs_multiple;       /* K must be a multiple of this; 0: any */

    /* Bytes of the packed form of an [N][K] matrix (multiple of 64); packing it, from PyTorch's layout (out, in). */
    size_t (*packed_bytes)(size_t outputs, size_t inputs);
    void (*pack)(const float *weight, size_t outputs, size_t inputs, void *packed);

    /* Rows of x are converted once, before every dense that reads them: bytes of one row of K (multiple of 64), and the
     * conversion. NULL: dense reads rows of floats as they are. */
    size_t (*row_bytes)(size_t inputs);
    void (*prepare)(const float *x, size_t inputs, void *row);

    /* Bytes of scratch per worker for this K and N; NULL: none. */
    size_t (*scratch_bytes)(size_t outputs, size_t inputs);

    /* y[t][n] = activation(sum_k x[t][k] * w[n][k] + bias[n]) for t in [0, rows), n in [first, last). y points at row
     * 0, column 0. first is a multiple of column_block; last too, or N. */
    void (*dense)(const void *x, size_t x_stride_bytes, size_t rows, const dense_weight *w, size_t first, size_t last,
                  activation act, float *y, size_t y_stride, void *scratch);
};

/* One head of softmax attention over n keys. */
typedef struct {
    size_t (*packed_bytes)(size_t n, size_t d);          /* of keys and values, packed once */
    void (*pack)(const float *k, size_t k_stride, const float *v, size_t v_stride, size_t n, size_t d, void *packed);
    size_t (*scratch_bytes)(size_t n, size_t d);
    /* out[i] = softmax(scale * q[i] . k) v for i in [0, rows); scale > 0 */
    void (*attend)(const float *q, size_t q_stride, size_t rows, const void *packed, size_t n, size_t d, float scale,
                   float *out, size_t out_stride, void *scratch);
} attention_format;

typedef struct kernels {
    const char *name;             /* "generic", "openblas", "avx512vnni" ... */
    const dense_format *formats[PRECISIONS];             /* NULL: this level has none; f32 is always there */
    const attention_format *attention[PRECISIONS];

    /* Small products for linear attention, all fp32, sums over k ascending:
     * nn: c[m][n] = sum_k a[m][k] b[k][n]    tn: c[m][n] = sum_k a[k][m] b[k][n] */
    void (*matmul_nn)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t m, size_t n, size_t k,
                      float *c, size_t c_stride);
    void (*matmul_tn)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t m, size_t n, size_t k,
                      float *c, size_t c_stride);

    /* x[i] = f(x[i]); error bounds against double stand in the README of this folder and are tested. */
    void (*exp)(float *x, size_t n);
    void (*activate)(activation act, float *x, size_t n);

    /* Softmax over one row of n, in place, maximum subtracted. -INFINITY entries give 0 (not all of them may be). */
    void (*softmax)(float *x, size_t n);

    /* y = (x + residual - mean) / sqrt(var + eps) * gamma + beta, one row of n; residual NULL: none. y may be x. */
    void (*layer_norm)(const float *x, const float *residual, const float *gamma, const float *beta, float eps,
                       size_t n, float *y);
    /* y = (x + residual) / sqrt(mean square + eps) * gamma; gamma NULL: 1 (RoFormerV2). */
    void (*rms_norm)(const float *x, const float *residual, const float *gamma, float eps, size_t n, float *y);

    float (*dot)(const float *a, const float *b, size_t n);
} kernels;

/* The level called name; NULL or "auto": the best that runs here. ST_INPUT names the levels there are; a level that
 * this machine cannot run is refused with the reason. So is OpenBLAS when the library loaded is the sequential build
 * (wrong results under concurrent callers, performance.md 5), the OpenMP build without OMP_NUM_THREADS=1, or one
 * whose core breaks the bit-for-bit rule. Sets the number of BLAS threads to one. One thread at a time, before the
 * first forward. */
MUST_USE status kernels_choose(const kernels **out, const char *name, errinfo *err);

/* The i-th level compiled in, best first; NULL past the end. For info, tests and benchmarks. */
const kernels *kernels_at(size_t index);

/* One line on the level and the machine: CPU features, BLAS build and core, and why better levels were refused. Up
 * to 600 bytes, cut to size. As kernels_choose: one thread at a time. */
void kernels_describe(const kernels *k, char *out, size_t size);

#endif
