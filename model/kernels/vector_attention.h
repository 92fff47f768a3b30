/* vector_attention.h - softmax attention of one head, and small fp32 products, of a level; written once for all widths.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure on disjoint outputs and scratch.
 * Limits   a template: included once by a level's .c file, after vector_tile.h, vector_math.h and vector_dense.h.
 *
 * Keys are packed once into panels [n / PANEL][d][PANEL], values into [n][d padded]; up to six queries at a time then
 * run over all keys: their scores stay in the first-level cache between the two products and the softmax.
 */
#ifndef ROSIM_VECTOR_ATTENTION_H
#define ROSIM_VECTOR_ATTENTION_H

static tile_function *const tiles_f32[PANEL_VECTORS + 1] = {
    NULL, tile_f32_1,
#if PANEL_VECTORS == 4
    tile_f32_2, tile_f32_3,
#endif
    tile_f32,
};

typedef struct {
    size_t keys;                  /* n rounded up to whole vectors: columns of a row of scores */
    size_t width;                 /* d rounded up to whole vectors */
} attention_shape;

static attention_shape attention_shape_of(size_t n, size_t d)
{
    return (attention_shape){ round_up_to(n, LANES), round_up_to(d, LANES) };
}

static size_t attention_packed_bytes(size_t n, size_t d)
{
    attention_shape s = attention_shape_of(n, d);
    return round_up_to((s.keys * d + n * s.width) * sizeof(float), LINE_BYTES);
}

/* The last panel holds only as many whole vectors of keys as there are, so that a short text costs little. */
static size_t panel_width(size_t keys, size_t first)
{
    return keys - first < PANEL ? keys - first : PANEL;
}

static void attention_pack(const float *k, size_t k_stride, const float *v, size_t v_stride, size_t n, size_t d,
                           void *packed)
{
    attention_shape s = attention_shape_of(n, d);
    float *panel = packed, *values = panel + s.keys * d;
    for (size_t first = 0; first < s.keys; first += PANEL) {
        size_t width = panel_width(s.keys, first);
        for (size_t j = 0; j < width; j++)
            for (size_t i = 0; i < d; i++)
                panel[i * width + j] = first + j < n ? k[(first + j) * k_stride + i] : 0.0f;
        panel += width * d;
    }
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < s.width; i += LANES)
            vec_store(values + j * s.width + i, vec_load_first(v + j * v_stride + i, i < d ? d - i : 0));
}

static size_t attention_scratch_bytes(size_t n, size_t d)
{
    (void)d;
    return TILE_ROWS * round_up_to(n, LANES) * sizeof(float);
}

/* scores[row][keys] = q . k; what lies past n is zero. */
static void score_rows(tile_function *const *tiles, left_operand q, size_t rows, const uint32_t *panel, size_t n,
                       size_t steps, float *scores)
{
    const size_t keys = round_up_to(n, LANES);
    for (size_t first = 0; first < keys; first += PANEL) {
        size_t width = panel_width(keys, first);
        right_operand right = { panel, width, LANES, panel };
        tiles[width / LANES](rows, q, right, steps, (tile_output){ scores + first, keys });
        panel += width * steps;
    }
}

/* The largest score of a row; what lies past n becomes -infinity. */
static float top_score(float *scores, size_t n)
{
    vec top = vec_all(-INFINITY), other = top;
    size_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) {
        top = vec_max(top, vec_load(scores + j));
        other = vec_max(other, vec_load(scores + j + LANES));
    }
    for (; j < n; j += LANES) {
        vec last = vec_fill_after(vec_load(scores + j), n - j, -INFINITY);
        vec_store(scores + j, last);
        top = vec_max(top, last);
    }
    return vec_largest(vec_max(top, other));
}

/* e^(scale * (score - top)), in place; returns 1 / their sum. */
static float exponentials(float *scores, size_t n, float scale)
{
    vec top = vec_all(top_score(scores, n)), sum = vec_all(0.0f);
    for (size_t j = 0; j < n; j += LANES) {
        vec e = vec_exp((vec_load(scores + j) - top) * vec_all(scale));
        sum = sum + e;
        vec_store(scores + j, e);
    }
    return 1.0f / vec_sum(sum);
}

/* out[row] = factor * weights[row] values; steps over the keys. */
static void mix_values(tile_function *const *tiles, left_operand weights, size_t rows, const float *factors,
                       const uint32_t *values, size_t steps, size_t d, float *out, size_t out_stride)
{
    const size_t width = round_up_to(d, LANES);
    float sums[TILE_ROWS * PANEL];
    for (size_t first = 0; first < width; first += PANEL) {
        size_t vectors = (width - first < PANEL ? width - first : PANEL) / LANES;
        right_operand right = { values + first, width, LANES, values };
        tiles[vectors](rows, weights, right, steps, (tile_output){ sums, PANEL });
        for (size_t row = 0; row < rows; row++)
            for (size_t v = 0; v < vectors; v++) {
                size_t at = first + v * LANES;
                vec_store_first(out + row * out_stride + at, at < d ? d - at : 0,
                                vec_load(sums + row * PANEL + v * LANES) * vec_all(factors[row]));
            }
    }
}

static void attention_attend(const float *q, size_t q_stride, size_t rows, const void *packed, size_t n, size_t d,
                             float scale, float *out, size_t out_stride, void *scratch)
{
    const attention_shape s = attention_shape_of(n, d);
    const uint32_t *panels = packed, *values = panels + s.keys * d;
    float *scores = scratch;
    for (size_t row = 0, count; row < rows; row += count) {
        float factors[TILE_ROWS];
        count = next_rows(rows - row);
        left_operand queries = { q + row * q_stride, q_stride, 1 };
        score_rows(tiles_f32, queries, count, panels, n, d, scores);
        for (size_t i = 0; i < count; i++)
            factors[i] = exponentials(scores + i * s.keys, n, scale);
        mix_values(tiles_f32, (left_operand){ scores, s.keys, 1 }, count, factors, values, n, d, out + row * out_stride,
                   out_stride);
    }
}

static const attention_format f32_attention = {
    .packed_bytes = attention_packed_bytes,
    .pack = attention_pack,
    .scratch_bytes = attention_scratch_bytes,
    .attend = attention_attend,
};

/* ---- the same with bf16 operands, where the processor multiplies them: sums and softmax stay fp32 ---- */

#if BF16_DOT

enum { HEAD_SIZE_MAX = 256, BF16_ROW_WORDS = HEAD_SIZE_MAX / 2 };

static tile_function *const tiles_bf16[PANEL_VECTORS + 1] = { NULL, tile_bf16_1, tile_bf16_2, tile_bf16_3, tile_bf16 };

/* Keys: panels [n / PANEL][d / 2][PANEL] of two neighbours of one key. Values: [n / 2][width] of one column of two
 * keys. */
static size_t bf16_attention_packed_bytes(size_t n, size_t d)
{
    attention_shape s = attention_shape_of(n, d);
    return round_up_to((s.keys * words_of(d, 2) + s.keys / 2 * s.width) * sizeof(uint32_t), LINE_BYTES);
}

/* A word is two neighbours of one key, so that a rounded row has the words of its column in the panel. */
static void bf16_pack_keys(const float *k, size_t k_stride, size_t n, size_t d, size_t keys, uint32_t *panel)
{
    const size_t words = words_of(d, 2);
    uint32_t row[BF16_ROW_WORDS];
    for (size_t first = 0; first < keys; first += PANEL) {
        const size_t width = panel_width(keys, first);
        for (size_t j = 0; j < width; j++) {
            if (first + j < n)
                bf16_prepare(k + (first + j) * k_stride, d, row);
            else
                memset(row, 0, words * sizeof *row);
            for (size_t i = 0; i < words; i++)
                panel[i * width + j] = row[i];
        }
        panel += words * width;
    }
}

static void bf16_pack_values(const float *v, size_t v_stride, size_t n, size_t d, attention_shape s, uint32_t *out)
{
    for (size_t j = 0; j < s.keys; j += 2, out += s.width)
        for (size_t i = 0; i < s.width; i += LANES) {
            size_t lanes = i < d ? d - i : 0;
            vec even = vec_load_first(v + j * v_stride + i, j < n ? lanes : 0);
            vec odd = vec_load_first(v + (j + 1) * v_stride + i, j + 1 < n ? lanes : 0);
            store_bf16_pairs(out + i, even, odd);
        }
}

static void bf16_attention_pack(const float *k, size_t k_stride, const float *v, size_t v_stride, size_t n, size_t d,
                                void *packed)
{
    attention_shape s = attention_shape_of(n, d);
    uint32_t *panels = packed;
    bf16_pack_keys(k, k_stride, n, d, s.keys, panels);
    bf16_pack_values(v, v_stride, n, d, s, panels + s.keys * words_of(d, 2));
}

/* Scores as fp32, the same rounded, and queries. */
static size_t bf16_attention_scratch_bytes(size_t n, size_t d)
{
    size_t keys = round_up_to(n, LANES);
    return TILE_ROWS * (keys * (sizeof(float) + sizeof(uint16_t)) + bf16_row_bytes(d));
}

/* e^(scale * (score - top)) as bf16; returns 1 / their sum. */
static float bf16_exponentials(float *scores, size_t n, float scale, uint16_t *out)
{
    const vec binary = vec_all(scale * 1.44269504f), minus_top = vec_all(-top_score(scores, n)) * binary;
    vec sum = vec_all(0.0f);
    for (size_t j = 0; j < n; j += LANES) {
        vec e = vec_exp2_rough(vec_fma(vec_load(scores + j), binary, minus_top));
        sum = sum + e;
        store_bf16(out + j, e);
    }
    return 1.0f / vec_sum(sum);
}

static void bf16_attention_attend(const float *q, size_t q_stride, size_t rows, const void *packed, size_t n, size_t d,
                                  float scale, float *out, size_t out_stride, void *scratch)
{
    const attention_shape s = attention_shape_of(n, d);
    const size_t words = words_of(d, 2), query_words = bf16_row_bytes(d) / sizeof(uint32_t);
    const uint32_t *panels = packed, *values = panels + s.keys * words;
    float *scores = scratch;
    uint16_t *weights = (uint16_t *)(scores + TILE_ROWS * s.keys);
    uint32_t *queries = (uint32_t *)(weights + TILE_ROWS * s.keys);
    for (size_t row = 0, count; row < rows; row += count) {
        float factors[TILE_ROWS];
        count = next_rows(rows - row);
        for (size_t i = 0; i < count; i++)
            bf16_prepare(q + (row + i) * q_stride, d, queries + i * query_words);
        score_rows(tiles_bf16, (left_operand){ queries, query_words, 1 }, count, panels, n, words, scores);
        for (size_t i = 0; i < count; i++)
            factors[i] = bf16_exponentials(scores + i * s.keys, n, scale, weights + i * s.keys);
        mix_values(tiles_bf16, (left_operand){ weights, s.keys / 2, 1 }, count, factors, values, s.keys / 2, d,
                   out + row * out_stride, out_stride);
    }
}

static const attention_format bf16_attention = {
    .packed_bytes = bf16_attention_packed_bytes,
    .pack = bf16_attention_pack,
    .scratch_bytes = bf16_attention_scratch_bytes,
    .attend = bf16_attention_attend,
};

#endif

/* ---- products for linear attention ---- */

/* c[m][n] = a b, columns in panels; b has row-major rows. */
static void level_product(left_operand a, const float *b, size_t b_stride, size_t m, size_t n, size_t k, float *c,
                          size_t c_stride)
{
    float sums[TILE_ROWS * PANEL];
    for (size_t first = 0; first < n; first += PANEL) {
        size_t columns = n - first < PANEL ? n - first : PANEL, vectors = (columns + LANES - 1) / LANES;
        right_operand right = { b + first, b_stride, columns - (vectors - 1) * LANES, (const void *)b };
        for (size_t row = 0, count; row < m; row += count) {
            count = next_rows(m - row);
            left_operand part = { (const float *)a.words + row * a.row_step, a.row_step, a.step };
            tiles_f32[vectors](count, part, right, k, (tile_output){ sums, PANEL });
            for (size_t i = 0; i < count; i++)
                for (size_t v = 0; v < vectors; v++)
                    vec_store_first(c + (row + i) * c_stride + first + v * LANES, columns - v * LANES,
                                    vec_load(sums + i * PANEL + v * LANES));
        }
    }
}

static void level_matmul_nn(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t m, size_t n,
                            size_t k, float *c, size_t c_stride)
{
    level_product((left_operand){ a, a_stride, 1 }, b, b_stride, m, n, k, c, c_stride);
}

static void level_matmul_tn(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t m, size_t n,
                            size_t k, float *c, size_t c_stride)
{
    level_product((left_operand){ a, 1, a_stride }, b, b_stride, m, n, k, c, c_stride);
}

#endif
