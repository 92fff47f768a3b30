/* vector_dense.h - dense layers of a level in fp32, bf16 and int8, written once for all widths.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure on disjoint outputs.
 * Limits   a template: included once by a level's .c file, after vector_tile.h and vector_math.h.
 *
 * Weights lie in panels [N / PANEL][words of K][PANEL], the last panel filled up with zeros. Up to six rows at a time
 * meet a panel; scale, bias and activation are applied on the way of the sums to memory.
 */
#ifndef ROSIM_VECTOR_DENSE_H
#define ROSIM_VECTOR_DENSE_H

#include <math.h>
#include <string.h>

#ifndef INT8_OFFSET
#define INT8_OFFSET 0          /* what a level takes off the integers of x to store them */
#endif

enum { LINE_BYTES = 64 };

static size_t round_up_to(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t panels_of(size_t outputs)
{
    return (outputs + PANEL - 1) / PANEL;
}

static size_t words_of(size_t inputs, size_t per_word)
{
    return (inputs + per_word - 1) / per_word;
}

/* Where the sums of a tile go, and what happens to them on the way. */
typedef struct {
    const float *bias;            /* from the panel's first column, or NULL */
    const float *scales;          /* int8: of each column; NULL: the sums are floats */
    const int32_t *column_sums;   /* int8: of the integers of each column */
    activation act;
    size_t columns;               /* that exist, from the panel's first */
    float *y;                     /* row 0, the panel's first column */
    size_t y_stride;
} tile_target;

/* In front of a prepared int8 row: x = scale * (q - zero). */
typedef struct {
    float scale;
    int32_t zero;
} int8_header;

/* What becomes of the sums of one vector of columns, the same for all rows. */
typedef struct {
    vec bias, scales;
    ivec column_sums;
} column_terms;

ALWAYS_INLINE column_terms terms_of(const tile_target *t, size_t v, size_t lanes, bool integers)
{
    column_terms terms = { .bias = vec_all(0.0f) };
    if (t->bias)
        terms.bias = vec_load_first(t->bias + v * LANES, lanes);
    if (integers) {
        terms.scales = vec_load(t->scales + v * LANES);
        terms.column_sums = ivec_load(t->column_sums + v * LANES);
    }
    return terms;
}

/* header NULL: the sum is of floats. */
ALWAYS_INLINE vec product_of(ivec sum, const column_terms *terms, const int8_header *header)
{
    if (!header)
        return as_vec(sum);
    ivec zero = ivec_all((uint32_t)(header->zero - INT8_OFFSET));
    vec product = to_vec(ivec_subtract(sum, ivec_multiply(zero, terms->column_sums)));
    return product * (vec_all(header->scale) * terms->scales);
}

/* sums [rows][PANEL]; headers NULL: they are floats. act is a constant where speed counts. t by value: stores through
 * y might else change it. */
ALWAYS_INLINE void store_tile_as(activation act, const tile_target t, size_t row, size_t rows, const float *sums,
                                 const int8_header *headers)
{
    for (size_t v = 0; v * LANES < t.columns; v++) {
        const size_t lanes = t.columns - v * LANES;
        const column_terms terms = terms_of(&t, v, lanes, headers);
        float *y = t.y + row * t.y_stride + v * LANES;
        for (size_t i = 0; i < rows; i++, y += t.y_stride) {
            vec product = product_of(ivec_load(sums + i * PANEL + v * LANES), &terms, headers ? headers + i : NULL);
            vec_store_first(y, lanes, vec_activate(act, product + terms.bias));
        }
    }
}

ALWAYS_INLINE void store_tile(const tile_target *t, size_t row, size_t rows, const float *sums,
                              const int8_header *headers)
{
    switch (t->act) {
    case ACTIVATION_NONE: store_tile_as(ACTIVATION_NONE, *t, row, rows, sums, headers); break;
    case ACTIVATION_GELU: store_tile_as(ACTIVATION_GELU, *t, row, rows, sums, headers); break;
    default: store_tile_as(t->act, *t, row, rows, sums, headers); break;
    }
}

/* Not inlined, as the tiles are not. */
static __attribute__((noinline)) void store_floats(const tile_target *t, size_t row, size_t rows, const float *sums)
{
    store_tile(t, row, rows, sums, NULL);
}

/* x: the prepared rows. */
static __attribute__((noinline)) void store_integers(const tile_target *t, size_t row, size_t rows, const float *sums,
                                                     const char *x, size_t x_stride_bytes)
{
    int8_header headers[TILE_ROWS];
    for (size_t i = 0; i < rows; i++)
        memcpy(&headers[i], x + i * x_stride_bytes, sizeof headers[i]);
    store_tile(t, row, rows, sums, headers);
}

/* x: rows of words; int8 rows have a header in front. */
ALWAYS_INLINE void dense_panel(tile_function *tile, const char *x, size_t x_stride_bytes, size_t header_bytes,
                               size_t rows, right_operand panel, size_t words, const tile_target *target)
{
    float sums[TILE_ROWS * PANEL];
    const uint32_t *next = (const uint32_t *)panel.words + words * PANEL;    /* another part of it with every tile */
    for (size_t row = 0, count; row < rows; row += count) {
        count = next_rows(rows - row);
        panel.next = next + row * PANEL_VECTORS / rows * LANES;
        const char *first = x + row * x_stride_bytes;
        left_operand part = { first + header_bytes, x_stride_bytes / sizeof(uint32_t), 1 };
        tile(count, part, panel, words, (tile_output){ sums, PANEL });
        if (header_bytes)
            store_integers(target, row, count, sums, first, x_stride_bytes);
        else
            store_floats(target, row, count, sums);
    }
}

static tile_target target_of(const dense_weight *w, size_t n, activation act, float *y, size_t y_stride)
{
    size_t columns = w->outputs - n < PANEL ? w->outputs - n : PANEL;
    return (tile_target){ .bias = w->bias ? w->bias + n : NULL, .act = act, .columns = columns, .y = y + n,
                          .y_stride = y_stride };
}

/* ---- fp32 ---- */

static size_t f32_packed_bytes(size_t outputs, size_t inputs)
{
    return round_up_to(panels_of(outputs) * PANEL * inputs * sizeof(float), LINE_BYTES);
}

static void f32_pack(const float *weight, size_t outputs, size_t inputs, void *packed)
{
    float *panels = packed;
    memset(packed, 0, f32_packed_bytes(outputs, inputs));
    for (size_t n = 0; n < outputs; n++)
        for (size_t k = 0; k < inputs; k++)
            panels[(n / PANEL * inputs + k) * PANEL + n % PANEL] = weight[n * inputs + k];
}

static void f32_dense(const void *x, size_t x_stride_bytes, size_t rows, const dense_weight *w, size_t first,
                      size_t last, activation act, float *y, size_t y_stride, void *scratch)
{
    (void)scratch;
    for (size_t n = first; n < last; n += PANEL) {
        tile_target target = target_of(w, n, act, y, y_stride);
        right_operand panel = { (const float *)w->packed + n * w->inputs, PANEL, LANES, NULL };
        dense_panel(tile_f32, x, x_stride_bytes, 0, rows, panel, w->inputs, &target);
    }
}

static const dense_format f32_format = {
    .row_block = 1,
    .column_block = PANEL,
    .packed_bytes = f32_packed_bytes,
    .pack = f32_pack,
    .dense = f32_dense,
};

/* ---- bf16: two numbers a word ---- */

static size_t bf16_packed_bytes(size_t outputs, size_t inputs)
{
    return round_up_to(panels_of(outputs) * PANEL * words_of(inputs, 2) * sizeof(uint32_t), LINE_BYTES);
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static void bf16_pack(const float *weight, size_t outputs, size_t inputs, void *packed)
{
    const size_t words = words_of(inputs, 2);
    uint16_t *panels = packed;
    memset(packed, 0, bf16_packed_bytes(outputs, inputs));
    for (size_t n = 0; n < outputs; n++)
        for (size_t k = 0; k < inputs; k++)
            panels[((n / PANEL * words + k / 2) * PANEL + n % PANEL) * 2 + k % 2] = to_bf16(weight[n * inputs + k]);
}

#if BF16_DOT
static size_t bf16_row_bytes(size_t inputs)
{
    return round_up_to(round_up_to(inputs, LANES) * sizeof(uint16_t), LINE_BYTES);
}

static void bf16_prepare(const float *x, size_t inputs, void *row)
{
    uint16_t *out = row;
    for (size_t i = 0; i < inputs; i += LANES)
        store_bf16(out + i, vec_load_first(x + i, inputs - i));
}
#endif

static void bf16_dense(const void *x, size_t x_stride_bytes, size_t rows, const dense_weight *w, size_t first,
                       size_t last, activation act, float *y, size_t y_stride, void *scratch)
{
    const size_t words = words_of(w->inputs, 2);
    (void)scratch;
    for (size_t n = first; n < last; n += PANEL) {
        tile_target target = target_of(w, n, act, y, y_stride);
        right_operand panel = { (const uint32_t *)w->packed + n * words, PANEL, LANES, NULL };
        dense_panel(tile_bf16, x, x_stride_bytes, 0, rows, panel, words, &target);
    }
}

static const dense_format bf16_format = {
    .row_block = 1,
    .column_block = PANEL,
    .packed_bytes = bf16_packed_bytes,
    .pack = bf16_pack,
#if BF16_DOT
    .row_bytes = bf16_row_bytes,
    .prepare = bf16_prepare,
#else
    .inputs_multiple = 2,
#endif
    .dense = bf16_dense,
};

/* ---- int8: weights symmetric per output column, x between its smallest and its largest per row ----
 *
 * Packed: scales [N padded], column sums [N padded], panels. A prepared row: its header in a line of its own, then
 * words. */

static size_t padded(size_t outputs)
{
    return panels_of(outputs) * PANEL;
}

static size_t int8_packed_bytes(size_t outputs, size_t inputs)
{
    size_t column = sizeof(float) + sizeof(int32_t) + words_of(inputs, INT8_PER_WORD) * sizeof(uint32_t);
    return round_up_to(padded(outputs) * column, LINE_BYTES);
}

/* One column: its scale, its integers, and their sum. */
static void int8_pack_column(const float *weight, size_t inputs, float *scale, int32_t *column_sum, int8_element *out)
{
    float largest = 0;
    int32_t sum = 0;
    for (size_t k = 0; k < inputs; k++)
        largest = fmaxf(largest, fabsf(weight[k]));
    *scale = largest / 127.0f;
    for (size_t k = 0; k < inputs; k++) {
        long q = largest > 0 ? lrintf(weight[k] / largest * 127.0f) : 0;
        sum += (int32_t)q;
        out[k / INT8_PER_WORD * PANEL * INT8_PER_WORD + k % INT8_PER_WORD] = (int8_element)q;
    }
    *column_sum = sum;
}

static void int8_pack(const float *weight, size_t outputs, size_t inputs, void *packed)
{
    const size_t words = words_of(inputs, INT8_PER_WORD), columns = padded(outputs);
    float *scales = packed;
    int32_t *column_sums = (int32_t *)(scales + columns);
    int8_element *panels = (int8_element *)(column_sums + columns);
    memset(packed, 0, int8_packed_bytes(outputs, inputs));
    for (size_t n = 0; n < outputs; n++)
        int8_pack_column(weight + n * inputs, inputs, scales + n, column_sums + n,
                         panels + (n / PANEL * words * PANEL + n % PANEL) * INT8_PER_WORD);
}

static size_t int8_row_bytes(size_t inputs)
{
    return LINE_BYTES + round_up_to(round_up_to(inputs, LANES) * sizeof(int8_element), LINE_BYTES);
}

/* The smallest and the largest number get 0 and 255, and zero its own integer: what follows a GELU lies on one side,
 * and would waste half of a symmetric range. */
static int8_header int8_range(const float *x, size_t inputs)
{
    vec most = vec_all(0.0f), least = vec_all(0.0f);
    for (size_t i = 0; i < inputs; i += LANES) {
        vec v = vec_load_first(x + i, inputs - i);
        most = vec_max(most, v);
        least = vec_min(least, v);
    }
    float low = -vec_largest(vec_all(0.0f) - least), range = vec_largest(most) - low;
    int8_header header = { range / 255.0f, 0 };
    header.zero = range > 0 ? (int32_t)lrintf(-low / header.scale) : 0;
    return header;
}

static void int8_prepare(const float *x, size_t inputs, void *row)
{
    char *words = (char *)row + LINE_BYTES;
    const int8_header header = int8_range(x, inputs);
    vec factor = vec_all(header.scale > 0 ? 1.0f / header.scale : 0.0f);
    memcpy(row, &header, sizeof header);
    for (size_t i = 0; i < inputs; i += LANES)
        store_int8(words + i * sizeof(int8_element), vec_load_first(x + i, inputs - i) * factor, header.zero);
}

static void int8_dense(const void *x, size_t x_stride_bytes, size_t rows, const dense_weight *w, size_t first,
                       size_t last, activation act, float *y, size_t y_stride, void *scratch)
{
    const size_t words = words_of(w->inputs, INT8_PER_WORD), columns = padded(w->outputs);
    const float *scales = w->packed;
    const int32_t *column_sums = (const int32_t *)(scales + columns);
    const uint32_t *panels = (const uint32_t *)(column_sums + columns);
    (void)scratch;
    for (size_t n = first; n < last; n += PANEL) {
        tile_target target = target_of(w, n, act, y, y_stride);
        target.scales = scales + n;
        target.column_sums = column_sums + n;
        right_operand panel = { panels + n * words, PANEL, LANES, NULL };
        dense_panel(tile_int8, x, x_stride_bytes, LINE_BYTES, rows, panel, words, &target);
    }
}

static const dense_format int8_format = {
    .row_block = 1,
    .column_block = PANEL,
    .packed_bytes = int8_packed_bytes,
    .pack = int8_pack,
    .row_bytes = int8_row_bytes,
    .prepare = int8_prepare,
    .dense = int8_dense,
};

#endif
