/* vector_tile.h - the register tile of every matrix product of a level, written once for all widths and precisions.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   a template: included once by a level's .c file, after its vector_<set>.h.
 *
 * A left operand is rows of 32-bit words, one word a step: a float, two bf16 numbers, or INT8_PER_WORD integers. A
 * right operand is a panel [steps][PANEL] of such words. A step is one instruction (vec_step) for each of up to 6 x
 * PANEL_VECTORS vectors of sums, which stay in registers: enough of them to hide the latency. Each sum is one chain
 * over ascending steps, whatever shares its tile.
 */
#ifndef ROSIM_VECTOR_TILE_H
#define ROSIM_VECTOR_TILE_H

enum {
    TILE_ROWS = 6, PANEL = LANES * PANEL_VECTORS, PREFETCH_STEPS = 8,
    LINE_WORDS = 16,                                     /* of a line of a cache */
    NEXT_LINES = PANEL > 2 * LINE_WORDS ? 2 : 1          /* fetched a step: half of a step, or all */
};

typedef ivec ivec_anywhere __attribute__((aligned(4), may_alias));

typedef struct {
    const void *words;
    size_t row_step, step;        /* in words: from row to row, and from k to k */
} left_operand;

typedef struct {
    const void *words;
    size_t stride;                /* words from k to k */
    size_t last_lanes;            /* lanes that exist in the last vector */
    const uint32_t *next;         /* what is read after it, with the same stride: some of it is fetched on the way */
} right_operand;

/* Where a tile's sums go: floats, or integers in the same place. */
typedef struct {
    float *words;
    size_t row_step;
} tile_output;

/* kind, rows and vectors are constants at every call, so that every loop over them unrolls. */
ALWAYS_INLINE void tile_run(step_kind kind, size_t rows, size_t vectors, left_operand a, right_operand b, size_t steps,
                            tile_output out)
{
    ivec local[TILE_ROWS][PANEL_VECTORS];
    const uint32_t *left = a.words, *right = b.words, *next = b.next;
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            local[row][v] = ivec_zero();
    for (size_t k = 0; k < steps; k++, left += a.step, right += b.stride) {
        ivec panel[PANEL_VECTORS];
        __builtin_prefetch(right + PREFETCH_STEPS * b.stride);
#pragma GCC unroll 2
        for (size_t line = 0; line < NEXT_LINES; line++)
            __builtin_prefetch(next + k * b.stride + line * LINE_WORDS, 0, 2);
#pragma GCC unroll 4
        for (size_t v = 0; v + 1 < vectors; v++)
            panel[v] = ivec_load(right + v * LANES);
        panel[vectors - 1] = ivec_load_first(right + (vectors - 1) * LANES, b.last_lanes);
#pragma GCC unroll 6
        for (size_t row = 0; row < rows; row++) {
            ivec x = ivec_all(left[row * a.row_step]);
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                local[row][v] = vec_step(kind, local[row][v], x, panel[v]);
        }
    }
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            *(ivec_anywhere *)(void *)(out.words + row * out.row_step + v * LANES) = local[row][v];
}

/* The same for panels of two bf16 numbers a word and rows of floats: two broadcasts and two steps a word. */
ALWAYS_INLINE void tile_run_stored_bf16(size_t rows, left_operand a, right_operand b, size_t words, tile_output out)
{
    vec local[TILE_ROWS][PANEL_VECTORS];
    const float *left = a.words;
    const uint32_t *right = b.words;
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (size_t v = 0; v < PANEL_VECTORS; v++)
            local[row][v] = vec_all(0.0f);
    for (size_t k = 0; k < words; k++, left += 2, right += PANEL) {
        __builtin_prefetch(right + PREFETCH_STEPS * PANEL);
#pragma GCC unroll 4
        for (size_t v = 0; v < PANEL_VECTORS; v++) {
            ivec pairs = ivec_load(right + v * LANES);
#pragma GCC unroll 6
            for (size_t row = 0; row < rows; row++) {
                const float *x = left + row * a.row_step;
                local[row][v] = vec_fma(vec_all(x[0]), low_bf16(pairs), local[row][v]);
                local[row][v] = vec_fma(vec_all(x[1]), high_bf16(pairs), local[row][v]);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (size_t v = 0; v < PANEL_VECTORS; v++)
            vec_store(out.words + row * out.row_step + v * LANES, local[row][v]);
}

ALWAYS_INLINE void tile_rows(step_kind kind, size_t rows, size_t vectors, left_operand a, right_operand b, size_t steps,
                             tile_output out)
{
    switch (rows) {
    case 1: tile_run(kind, 1, vectors, a, b, steps, out); break;
    case 2: tile_run(kind, 2, vectors, a, b, steps, out); break;
    case 3: tile_run(kind, 3, vectors, a, b, steps, out); break;
    case 4: tile_run(kind, 4, vectors, a, b, steps, out); break;
    case 5: tile_run(kind, 5, vectors, a, b, steps, out); break;
    default: tile_run(kind, 6, vectors, a, b, steps, out); break;
    }
}

/* Not inlined: merged into their callers, gcc 12 moves the sums of some to memory. */
typedef void tile_function(size_t rows, left_operand a, right_operand b, size_t steps, tile_output out);

#define DEFINE_TILE(name, kind, vectors)                                                                              \
    static __attribute__((noinline)) void name(size_t rows, left_operand a, right_operand b, size_t steps,            \
                                               tile_output out)                                                        \
    {                                                                                                                 \
        tile_rows(kind, rows, vectors, a, b, steps, out);                                                            \
    }

DEFINE_TILE(tile_f32_1, STEP_F32, 1)
#if PANEL_VECTORS == 4
DEFINE_TILE(tile_f32_2, STEP_F32, 2)
DEFINE_TILE(tile_f32_3, STEP_F32, 3)
#endif
DEFINE_TILE(tile_f32, STEP_F32, PANEL_VECTORS)
DEFINE_TILE(tile_int8, STEP_INT8, PANEL_VECTORS)
#if BF16_DOT
DEFINE_TILE(tile_bf16_1, STEP_BF16, 1)
DEFINE_TILE(tile_bf16_2, STEP_BF16, 2)
DEFINE_TILE(tile_bf16_3, STEP_BF16, 3)
DEFINE_TILE(tile_bf16, STEP_BF16, PANEL_VECTORS)
#else
static __attribute__((noinline)) void tile_bf16(size_t rows, left_operand a, right_operand b, size_t steps,
                                                tile_output out)
{
    switch (rows) {
    case 1: tile_run_stored_bf16(1, a, b, steps, out); break;
    case 2: tile_run_stored_bf16(2, a, b, steps, out); break;
    case 3: tile_run_stored_bf16(3, a, b, steps, out); break;
    case 4: tile_run_stored_bf16(4, a, b, steps, out); break;
    case 5: tile_run_stored_bf16(5, a, b, steps, out); break;
    default: tile_run_stored_bf16(6, a, b, steps, out); break;
    }
}
#endif

/* Rows of the next tile, as even as possible: 16 rows are 6 + 5 + 5 and not 6 + 6 + 4. */
static size_t next_rows(size_t left)
{
    size_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + tiles - 1) / tiles;
}

#endif
