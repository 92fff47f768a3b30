/* openblas.c - dense layers through OpenBLAS, for processors that have no level of ours.
 *
 * A BLAS picks its code path by the shape of a call, and some of its kernels treat the rows of one
 * call differently. The bit rule is kept by three habits. Every call has ROW_BLOCK rows, a short
 * block filled up with rows of zeros. Columns come in panels whose width follows from the weight's
 * shape alone. And the product is asked for transposed: the rows then lie along the dimension that
 * BLAS kernels vectorise, where every lane does the same; along the other one the AVX2 kernels give
 * other bits to the last rows of a block (measured with 0.3.21; so do 32 rows in either order).
 * runs_here probes the rule on the library that was loaded, and refuses it when a row's bits depend
 * on its place.
 *
 * It also refuses the sequential build, whose work buffers are taken without a lock (wrong results
 * under two callers), and the OpenMP build unless OMP_NUM_THREADS=1, since it starts a team for
 * every thread that calls. Attention's products and all functions of rows are the portable ones.
 */
#include "model/kernels/levels.h"

#include "model/kernels/vector_portable.h"
#include "model/kernels/vector_level.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_BLOCK = 16,
    COLUMN_BLOCK = 64,
    COLUMNS_MIN = 16,
    SMALL_PRODUCT = 1000000    /* rows * columns * K up to which AVX-512 cores skip packing: 1.3x */
};

static size_t packed_bytes(size_t outputs, size_t inputs)
{
    return (outputs * inputs * sizeof(float) + 63) & ~(size_t)63;
}

static void pack(const float *weight, size_t outputs, size_t inputs, void *packed)
{
    memset(packed, 0, packed_bytes(outputs, inputs));
    memcpy(packed, weight, outputs * inputs * sizeof *weight);
}

/* Scratch: a padded block of x [ROW_BLOCK][K], then one panel of results
 * [COLUMN_BLOCK][ROW_BLOCK]. */
static size_t dense_scratch_bytes(size_t outputs, size_t inputs)
{
    (void)outputs;
    return ROW_BLOCK * (inputs + COLUMN_BLOCK) * sizeof(float);
}

/* Width of a panel, a divisor of COLUMN_BLOCK; wide again when no width makes a product small. */
static size_t panel_columns(size_t inputs)
{
    for (size_t columns = COLUMN_BLOCK; columns >= COLUMNS_MIN; columns /= 2)
        if (ROW_BLOCK * columns * inputs <= SMALL_PRODUCT)
            return columns;
    return COLUMN_BLOCK;
}

/* product[n][t] = sum_k x[t][k] weight[n][k]; in BLAS's column-major terms x^T weight. */
static void multiply(const float *x, size_t x_stride, const float *weight, size_t columns,
                     size_t inputs, float *product)
{
    cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, ROW_BLOCK, (blasint)columns,
                (blasint)inputs, 1.0f, x, (blasint)x_stride, weight, (blasint)inputs, 0.0f, product,
                ROW_BLOCK);
}

static void finish(const float *product, size_t rows, size_t columns, const float *bias,
                   activation act, float *y, size_t y_stride)
{
    for (size_t t = 0; t < rows; t++) {
        float *row = y + t * y_stride;
        for (size_t n = 0; n < columns; n++)
            row[n] = product[n * ROW_BLOCK + t] + (bias ? bias[n] : 0.0f);
        if (act != ACTIVATION_NONE)
            level_activate(act, row, columns);
    }
}

static void dense_block(const float *x, size_t x_stride, size_t rows, const dense_weight *w,
                        size_t first, size_t last, activation act, float *y, size_t y_stride,
                        float *product)
{
    const float *weight = w->packed;
    size_t width = panel_columns(w->inputs);
    for (size_t n = first; n < last; n += width) {
        size_t columns = last - n < width ? last - n : width;
        multiply(x, x_stride, weight + n * w->inputs, columns, w->inputs, product);
        finish(product, rows, columns, w->bias ? w->bias + n : NULL, act, y + n, y_stride);
    }
}

static void dense(const void *x, size_t x_stride_bytes, size_t rows, const dense_weight *w,
                  size_t first, size_t last, activation act, float *y, size_t y_stride,
                  void *scratch)
{
    const size_t inputs = w->inputs, x_stride = x_stride_bytes / sizeof(float);
    const float *in = x;
    float *padded = scratch, *product = padded + ROW_BLOCK * inputs;
    size_t t = 0;
    for (; t + ROW_BLOCK <= rows; t += ROW_BLOCK)
        dense_block(in + t * x_stride, x_stride, ROW_BLOCK, w, first, last, act, y + t * y_stride,
                    y_stride, product);
    if (t == rows)
        return;
    size_t left = rows - t;
    for (size_t i = 0; i < left; i++)
        memcpy(padded + i * inputs, in + (t + i) * x_stride, inputs * sizeof *in);
    memset(padded + left * inputs, 0, (ROW_BLOCK - left) * inputs * sizeof *padded);
    dense_block(padded, inputs, left, w, first, last, act, y + t * y_stride, y_stride, product);
}

static const dense_format blas_format = {
    .row_block = ROW_BLOCK,
    .column_block = COLUMN_BLOCK,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .scratch_bytes = dense_scratch_bytes,
    .dense = dense,
};

const kernels *openblas_level(void)
{
    static const kernels level = { VECTOR_LEVEL("openblas", blas_format) };
    return &level;
}

/* Fractions with many digits, so that another order of additions shows. */
static void fill(float *x, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
    }
}

/* One row in every place of a block: do all places give the same bits? */
static bool places_agree(size_t columns, size_t inputs, float *x, const float *weight,
                         float *product)
{
    fill(x, inputs);
    for (size_t t = 1; t < ROW_BLOCK; t++)
        memcpy(x + t * inputs, x, inputs * sizeof *x);
    multiply(x, inputs, weight, columns, inputs, product);
    for (size_t n = 0; n < columns; n++)
        for (size_t t = 1; t < ROW_BLOCK; t++)
            if (memcmp(&product[n * ROW_BLOCK + t], &product[n * ROW_BLOCK], sizeof *product) != 0)
                return false;
    return true;
}

/* The widths of panels (a last one may be any), each with depths on both sides of the border of
 * small products. */
static status probe_bit_rule(errinfo *err)
{
    static const struct {
        size_t columns, inputs;
    } shapes[] = {
        { 64, 64 },   { 64, 384 },  { 64, 768 }, { 32, 1536 },
        { 16, 3072 }, { 64, 4096 }, { 7, 384 },  { 1, 4096 },
    };
    enum { INPUTS_MAX = 4096 };
    float *x = malloc((ROW_BLOCK + COLUMN_BLOCK) * INPUTS_MAX * sizeof *x);
    if (!x)
        return fail(err, ST_NOMEM, "kernel level openblas: out of memory");
    float *weight = x + ROW_BLOCK * INPUTS_MAX, product[COLUMN_BLOCK * ROW_BLOCK];
    fill(weight, COLUMN_BLOCK * INPUTS_MAX);
    bool agree = true;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && agree; i++)
        agree = places_agree(shapes[i].columns, shapes[i].inputs, x, weight, product);
    free(x);
    if (agree)
        return ST_OK;
    return fail(err, ST_INPUT, "kernel level openblas: core %s gives a row other bits in another "
                "place of its block", openblas_get_corename());
}

static bool one_openmp_thread(void)
{
    const char *threads = getenv("OMP_NUM_THREADS");
    return threads && strcmp(threads, "1") == 0;
}

status openblas_runs_here(errinfo *err)
{
    int build = openblas_get_parallel();
    if (build == OPENBLAS_SEQUENTIAL)
        return fail(err, ST_INPUT, "kernel level openblas: the library loaded is the sequential "
                    "build, which gives wrong results when several threads call it; install the "
                    "pthread build");
    if (build == OPENBLAS_OPENMP && !one_openmp_thread())
        return fail(err, ST_INPUT, "kernel level openblas: the library loaded is the OpenMP "
                    "build; set OMP_NUM_THREADS=1 or install the pthread build");
    openblas_set_num_threads(1);
    return probe_bit_rule(err);
}

void openblas_describe(char *out, size_t size)
{
    const char *build = openblas_get_parallel() == OPENBLAS_OPENMP ? "OpenMP" : "pthread";
    (void)snprintf(out, size, "%s, %s build, %d thread", openblas_get_config(), build,
                   openblas_get_num_threads());
}
