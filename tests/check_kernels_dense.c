/* check_kernels_dense.c - matrix products of every level: against double, and the bit rule. */
#include "tests/check_kernels_support.h"

enum { ROWS_MAX = 70 };

/* Odd and even, below and above every tile, and deep enough for a BLAS to cut k. */
static const struct {
    size_t outputs, inputs;
} shapes[] = {
    { 1, 1 },   { 1, 64 },    { 3, 5 },     { 7, 33 },    { 8, 4 },     { 17, 37 },   { 50, 384 },
    { 64, 64 }, { 100, 130 }, { 129, 257 }, { 192, 128 }, { 65, 1537 }, { 70, 3072 },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* A sum of K products in any order is off by at most K u sum |x w|, u = 2^-24; errors of both signs make sqrt(K) of it.
 * Two more for the bias. */
static double tolerance(size_t inputs, double magnitude)
{
    return (sqrt((double)inputs) + 2) * 0x1p-24 * magnitude;
}

/* Of the numbers and 0. */
static void find_range(const float *x, size_t n, double *low, double *high)
{
    *low = *high = 0;
    for (size_t i = 0; i < n; i++) {
        *low = fmin(*low, (double)x[i]);
        *high = fmax(*high, (double)x[i]);
    }
}

static double x_step_of(const float *x, size_t n)
{
    double low, high;
    find_range(x, n, &low, &high);
    return (high - low) / 255;
}

static double w_step_of(const float *w, size_t n)
{
    double low, high;
    find_range(w, n, &low, &high);
    return fmax(high, -low) / 127;
}

/* What rounding x and w may change in one product. bf16 has 8 bits: half an ulp is up to 2^-8 of either factor (x
 * stays fp32 where the processor has no bf16 product). int8: w has steps of the largest of a column over 127, half a
 * step off; x has 255 steps between its ends, and where the rounded zero pushes an end out of the range, a whole step
 * is lost. A little more for the scale itself being rounded. */
static double rounding(precision_kind p, double x, double w, double x_step, double w_step)
{
    const double x_off = x_step * (1 + 1e-4), w_off = 0.5 * w_step * (1 + 1e-4);
    switch (p) {
    case PRECISION_BF16: return fabs(x * w) * (0x1p-7 + 0x1p-16);
    case PRECISION_INT8: return fabs(x) * w_off + fabs(w) * x_off + x_off * w_off;
    default: return 0;
    }
}

static void check_against_double(precision_kind p, const layer *l, const float *x, size_t x_stride, size_t rows,
                                 const float *y, size_t y_stride)
{
    const size_t inputs = l->w.inputs;
    for (size_t t = 0; t < rows; t++)
        for (size_t n = 0; n < l->w.outputs; n++) {
            const float *row = x + t * x_stride, *weight = l->plain + n * inputs;
            double x_step = x_step_of(row, inputs), w_step = w_step_of(weight, inputs);
            double sum = l->bias ? (double)l->bias[n] : 0, magnitude = fabs(sum), rounded = 0;
            for (size_t k = 0; k < inputs; k++) {
                double product = (double)row[k] * (double)weight[k];
                sum += product;
                magnitude += fabs(product);
                rounded += rounding(p, (double)row[k], (double)weight[k], x_step, w_step);
            }
            ck_assert_double_le(fabs((double)y[t * y_stride + n] - sum), tolerance(inputs, magnitude) + rounded);
        }
}

START_TEST(dense_equals_the_sum_in_double)
{
    const dense_format *f = format_at(_i);
    if (!f)
        return;
    for (size_t s = 0; s < SHAPES; s++) {
        if (!format_takes(f, shapes[s].inputs))
            continue;
        size_t outputs = shapes[s].outputs, inputs = shapes[s].inputs, x_stride = inputs + s % 3,
               y_stride = outputs + 3;
        layer l = layer_make(f, outputs, inputs, s % 2 == 0);
        float *x = take_random(ROWS_MAX * x_stride, 1), *y = take_floats(ROWS_MAX * y_stride);
        for (size_t rows = 1; rows <= ROWS_MAX; rows += inputs > 500 ? 23 : 1) {
            layer_run(&l, x, x_stride, rows, 0, outputs, ACTIVATION_NONE, y, y_stride);
            size_t last = rows - 1;    /* all rows for some counts, the last row for each */
            if (rows % 23 == 1)
                check_against_double(precision_at(_i), &l, x, x_stride, rows, y, y_stride);
            check_against_double(precision_at(_i), &l, x + last * x_stride, x_stride, 1, y + last * y_stride,
                                 y_stride);
        }
        free(x);
        free(y);
        layer_free(&l);
    }
}
END_TEST

static void check_row(const float *got, const float *want, size_t n, const char *what, size_t row)
{
    ck_assert_msg(memcmp(got, want, n * sizeof *got) == 0, "%s: row %zu has other bits", what, row);
}

START_TEST(a_row_has_the_same_bits_alone_and_in_every_place_of_any_block)
{
    const dense_format *f = format_at(_i);
    if (!f)
        return;
    for (size_t s = 0; s < SHAPES; s++) {
        if (!format_takes(f, shapes[s].inputs))
            continue;
        size_t outputs = shapes[s].outputs, inputs = shapes[s].inputs;
        layer l = layer_make(f, outputs, inputs, true);
        float *row = take_random(inputs, 1), *alone = take_floats(outputs);
        float *x = take_floats(ROWS_MAX * inputs), *y = take_floats(ROWS_MAX * outputs);
        layer_run(&l, row, inputs, 1, 0, outputs, ACTIVATION_GELU, alone, outputs);
        for (size_t rows = 2; rows <= ROWS_MAX; rows += 1 + rows / 3)
            for (size_t place = 0; place < rows; place += 1 + place / 5) {
                fill_random(x, rows * inputs, (uint32_t)(rows + place));
                x[0] = 1e30f;          /* a neighbour's size must not matter either */
                memcpy(x + place * inputs, row, inputs * sizeof *row);
                layer_run(&l, x, inputs, rows, 0, outputs, ACTIVATION_GELU, y, outputs);
                check_row(y + place * outputs, alone, outputs, "place", place);
            }
        free(row);
        free(alone);
        free(x);
        free(y);
        layer_free(&l);
    }
}
END_TEST

/* Computes rows in blocks and columns in pieces of `step`, as workers would; every piece must
 * leave the rest of y alone. */
static void dense_in_pieces(const layer *l, const float *x, size_t rows,
                            size_t step, float *y)
{
    size_t outputs = l->w.outputs, inputs = l->w.inputs;
    for (size_t t = 0; t < rows; t += l->format->row_block)
        for (size_t n = 0; n < outputs; n += step) {
            size_t count = rows - t < l->format->row_block ? rows - t : l->format->row_block;
            size_t last = outputs - n < step ? outputs : n + step;
            layer_run(l, x + t * inputs, inputs, count, n, last, ACTIVATION_TANH, y + t * outputs,
                      outputs);
        }
}

START_TEST(a_result_has_the_same_bits_wherever_rows_and_columns_are_cut)
{
    const dense_format *f = format_at(_i);
    if (!f)
        return;
    for (size_t s = 0; s < SHAPES; s++) {
        if (!format_takes(f, shapes[s].inputs))
            continue;
        size_t outputs = shapes[s].outputs, inputs = shapes[s].inputs, size = ROWS_MAX * outputs;
        layer l = layer_make(f, outputs, inputs, true);
        float *x = take_random(ROWS_MAX * inputs, 1), *whole = take_floats(size),
              *pieces = take_floats(size);
        layer_run(&l, x, inputs, ROWS_MAX, 0, outputs, ACTIVATION_TANH, whole, outputs);
        for (size_t step = f->column_block; step < outputs + f->column_block;
             step += f->column_block) {
            fill_random(pieces, size, 9);
            dense_in_pieces(&l, x, ROWS_MAX, step, pieces);
            for (size_t t = 0; t < ROWS_MAX; t++)
                check_row(pieces + t * outputs, whole + t * outputs, outputs, "column cut", t);
        }
        free(x);
        free(whole);
        free(pieces);
        layer_free(&l);
    }
}
END_TEST

START_TEST(dense_writes_its_columns_only)
{
    const dense_format *f = format_at(_i);
    if (!f)
        return;
    size_t outputs = 3 * f->column_block + 5, inputs = 40, stride = outputs + 9,
           rows = f->row_block + 3;
    layer l = layer_make(f, outputs, inputs, false);
    float *x = take_random(rows * inputs, 1), *y = take_floats(rows * stride);
    size_t first = f->column_block, last = 2 * f->column_block;
    for (size_t i = 0; i < rows * stride; i++)
        y[i] = 77.0f;
    layer_run(&l, x, inputs, rows, first, last, ACTIVATION_RELU, y, stride);
    layer_run(&l, x, inputs, rows, last + f->column_block, outputs, ACTIVATION_RELU, y, stride);
    for (size_t t = 0; t < rows; t++)
        for (size_t n = 0; n < stride; n++) {
            bool ours = (n >= first && n < last) || (n >= last + f->column_block && n < outputs);
            ck_assert_int_eq(y[t * stride + n] != 77.0f, ours);
        }
    free(x);
    free(y);
    layer_free(&l);
}
END_TEST

/* The two products of linear attention in one frame: which operand is walked how. */
typedef enum { NN, TN } product;

static void run_product(const kernels *k, product p, const float *a, size_t a_stride,
                        const float *b, size_t b_stride, size_t m, size_t n, size_t depth, float *c,
                        size_t c_stride)
{
    switch (p) {
    case NN: k->matmul_nn(a, a_stride, b, b_stride, m, n, depth, c, c_stride); break;
    case TN: k->matmul_tn(a, a_stride, b, b_stride, m, n, depth, c, c_stride); break;
    }
}

static void check_product(product p, const float *a, size_t a_stride, const float *b,
                          size_t b_stride, size_t m, size_t n, size_t depth, const float *c,
                          size_t c_stride)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, magnitude = 0;
            for (size_t q = 0; q < depth; q++) {
                float left = p == TN ? a[q * a_stride + i] : a[i * a_stride + q];
                float right = b[q * b_stride + j];
                sum += (double)left * (double)right;
                magnitude += fabs((double)left * (double)right);
            }
            ck_assert_double_le(fabs((double)c[i * c_stride + j] - sum), tolerance(depth, magnitude));
        }
}

enum { STRIDE = 600 };

static const struct {
    size_t m, n, depth;
} products[] = {
    { 1, 1, 1 },    { 1, 9, 64 },    { 5, 7, 3 },    { 4, 8, 32 },   { 13, 13, 64 },
    { 33, 20, 17 }, { 12, 31, 257 }, { 3, 16, 520 }, { 64, 64, 64 }, { 70, 66, 31 },
};

static void check_all_products(const kernels *k, product p)
{
    float *a = take_random(STRIDE * STRIDE, 1), *b = take_random(STRIDE * STRIDE, 2);
    float *c = take_floats(STRIDE * STRIDE), *part = take_floats(STRIDE * STRIDE);
    for (size_t s = 0; s < sizeof products / sizeof *products; s++) {
        size_t m = products[s].m, n = products[s].n, depth = products[s].depth;
        fill_random(c, STRIDE * STRIDE, 3);
        memcpy(part, c, STRIDE * STRIDE * sizeof *c);
        run_product(k, p, a, STRIDE, b, STRIDE, m, n, depth, c, STRIDE);
        check_product(p, a, STRIDE, b, STRIDE, m, n, depth, c, STRIDE);
        /* One element at a time gives the same bits, and nothing else moved. */
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                run_product(k, p, a + (p == TN ? i : i * STRIDE), STRIDE,
                            b + j, STRIDE, 1, 1, depth,
                            part + i * STRIDE + j, STRIDE);
        ck_assert_mem_eq(c, part, STRIDE * STRIDE * sizeof *c);
    }
    free(a);
    free(b);
    free(c);
    free(part);
}

START_TEST(products_of_linear_attention_equal_double_and_do_not_depend_on_cuts)
{
    const kernels *k = level_at(_i);
    if (!k)
        return;
    check_all_products(k, NN);
    check_all_products(k, TN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dense");
    TCase *t = tcase_create("dense");
    int formats = formats_compiled_in();
    tcase_add_loop_test(t, dense_equals_the_sum_in_double, 0, formats);
    tcase_add_loop_test(t, a_row_has_the_same_bits_alone_and_in_every_place_of_any_block, 0,
                        formats);
    tcase_add_loop_test(t, a_result_has_the_same_bits_wherever_rows_and_columns_are_cut, 0, formats);
    tcase_add_loop_test(t, dense_writes_its_columns_only, 0, formats);
    tcase_add_loop_test(t, products_of_linear_attention_equal_double_and_do_not_depend_on_cuts, 0,
                        levels_compiled_in());
    suite_add_tcase(suite, t);
    return check_run(suite);
}
