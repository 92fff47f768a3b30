/* check_kernels_support.h - what the tests of the kernels share: the levels that run here, numbers, buffers.
 *
 * Every test that computes is a loop test over the levels compiled in; one that this machine refuses is passed over.
 */
#ifndef ROSIM_CHECK_KERNELS_SUPPORT_H
#define ROSIM_CHECK_KERNELS_SUPPORT_H

#include "tests/check_levels.h"

#include <math.h>
#include <string.h>

/* Numbers in [-1, 1) with 24 bits each, so that another order of additions shows. */
static inline void fill_random(float *x, size_t n, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 12345;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-23f - 1.0f;
    }
}

static inline void *take_bytes(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 64) & ~(size_t)63);
    ck_assert_ptr_nonnull(p);
    return p;
}

static inline float *take_floats(size_t n)
{
    return take_bytes(n * sizeof(float));
}

static inline float *take_random(size_t n, uint32_t seed)
{
    float *x = take_floats(n);
    fill_random(x, n, seed);
    return x;
}

/* The formats of all levels in one row, for loop tests: index = level * PRECISIONS + precision. */
static inline int formats_compiled_in(void)
{
    return levels_compiled_in() * PRECISIONS;
}

/* NULL when the level cannot run here or has no such format. */
static inline const dense_format *format_at(int i)
{
    const kernels *k = level_at(i / PRECISIONS);
    return k ? k->formats[i % PRECISIONS] : NULL;
}

static inline precision_kind precision_at(int i)
{
    return (precision_kind)(i % PRECISIONS);
}

/* A dense layer of random numbers, with its plain weight for the reference. */
typedef struct {
    dense_weight w;
    const dense_format *format;
    float *plain, *bias;
    void *packed, *scratch;
} layer;

static inline layer layer_make(const dense_format *format, size_t outputs, size_t inputs, bool bias)
{
    layer l = { .format = format, .plain = take_random(outputs * inputs, 7),
                .bias = bias ? take_random(outputs, 8) : NULL };
    l.packed = take_bytes(format->packed_bytes(outputs, inputs));
    l.scratch = take_bytes(format->scratch_bytes ? format->scratch_bytes(outputs, inputs) : 0);
    format->pack(l.plain, outputs, inputs, l.packed);
    l.w = (dense_weight){ format, outputs, inputs, l.bias, l.packed };
    return l;
}

static inline void layer_free(layer *l)
{
    free(l->plain);
    free(l->bias);
    free(l->packed);
    free(l->scratch);
}

/* Rows of floats through the format's own conversion, then dense. */
static inline void layer_run(const layer *l, const float *x, size_t x_stride, size_t rows, size_t first, size_t last,
                             activation act, float *y, size_t y_stride)
{
    const dense_format *f = l->format;
    size_t inputs = l->w.inputs;
    if (!f->row_bytes) {
        f->dense(x, x_stride * sizeof *x, rows, &l->w, first, last, act, y, y_stride, l->scratch);
        return;
    }
    size_t bytes = f->row_bytes(inputs);
    char *prepared = take_bytes(rows * bytes);
    for (size_t t = 0; t < rows; t++)
        f->prepare(x + t * x_stride, inputs, prepared + t * bytes);
    f->dense(prepared, bytes, rows, &l->w, first, last, act, y, y_stride, l->scratch);
    free(prepared);
}

/* Can this format hold rows of so many inputs? */
static inline bool format_takes(const dense_format *f, size_t inputs)
{
    return !f->inputs_multiple || inputs % f->inputs_multiple == 0;
}

#endif
