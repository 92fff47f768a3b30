/* check_kernels_level.c - the choice of a level, and every level under several threads at once. */
#include "tests/check_kernels_support.h"

#include "model/kernels/pool.h"

#include <stdatomic.h>

START_TEST(auto_takes_the_first_level_that_runs_here)
{
    const kernels *named = NULL, *automatic = NULL, *best = NULL;
    errinfo err;
    for (int i = 0; !best && i < levels_compiled_in(); i++)
        best = level_at(i);
    ck_assert_int_eq(kernels_choose(&named, "auto", &err), ST_OK);
    ck_assert_int_eq(kernels_choose(&automatic, NULL, &err), ST_OK);
    ck_assert(best && named == best && automatic == best);
}
END_TEST

START_TEST(the_generic_level_runs_everywhere)
{
    const kernels *k = NULL;
    errinfo err;
    ck_assert_int_eq(kernels_choose(&k, "generic", &err), ST_OK);
    ck_assert_str_eq(k->name, "generic");
}
END_TEST

START_TEST(an_unknown_level_is_refused_with_the_names_there_are)
{
    const kernels *k = NULL;
    errinfo err;
    ck_assert_int_eq(kernels_choose(&k, "avx1024", &err), ST_INPUT);
    ck_assert_ptr_null(k);
    ck_assert_ptr_nonnull(strstr(err.text, "avx1024"));
    ck_assert_ptr_nonnull(strstr(err.text, "auto"));
    for (int i = 0; i < levels_compiled_in(); i++)
        ck_assert_ptr_nonnull(strstr(err.text, kernels_at((size_t)i)->name));
}
END_TEST

START_TEST(a_level_that_is_refused_says_why)
{
    for (int i = 0; i < levels_compiled_in(); i++) {
        const kernels *k = NULL;
        errinfo err = { 0 };
        const char *name = kernels_at((size_t)i)->name;
        if (kernels_choose(&k, name, &err) == ST_OK) {
            ck_assert_ptr_eq(k, kernels_at((size_t)i));
            continue;
        }
        ck_assert_ptr_null(k);
        ck_assert_ptr_nonnull(strstr(err.text, name));
    }
}
END_TEST

START_TEST(the_description_starts_with_the_level_and_fits_any_size)
{
    const kernels *k = level_at(_i);
    char whole[600];
    if (!k)
        return;
    kernels_describe(k, whole, sizeof whole);
    ck_assert_int_eq(strncmp(whole, k->name, strlen(k->name)), 0);
    ck_assert_ptr_null(strchr(whole, '\n'));
    for (size_t size = 0; size < sizeof whole; size += SANITIZED ? 37 : 1) {
        char part[sizeof whole + 1];
        memset(part, '#', sizeof part);
        kernels_describe(k, part, size);
        ck_assert_int_eq(part[size], '#');
        if (size > 0)
            ck_assert_int_eq(strncmp(part, whole, strlen(part)), 0);
    }
}
END_TEST

START_TEST(blocks_and_packed_sizes_keep_their_promises)
{
    const dense_format *f = kernels_at((size_t)_i / PRECISIONS)->formats[_i % PRECISIONS];
    if (!f)
        return;
    ck_assert_uint_gt(f->row_block, 0);
    ck_assert_uint_gt(f->column_block, 0);
    for (size_t outputs = 1; outputs < 200; outputs += 13)
        for (size_t inputs = 1; inputs < 200; inputs += 7) {
            size_t bytes = f->packed_bytes(outputs, inputs);
            ck_assert_uint_eq(bytes % 64, 0);
            ck_assert_uint_ge(bytes, outputs * inputs);    /* a byte per weight at the very least */
        }
}
END_TEST

/* Whole numbers so small that every sum is exact: one wrong bit is a fault, whatever the order
 * of additions. The deep layer makes OpenBLAS use its shared work buffers, where the sequential
 * build goes wrong. */
typedef struct {
    layer l;
    float *x, *want, *y;       /* [BLOCKS][row_block][K or N] */
    void **scratch;            /* per worker */
    atomic_size_t wrong;
} exact_work;

enum { BLOCKS = 8, WORKERS = 4, OUTPUTS = 192 };

static void fill_whole_numbers(float *x, size_t n, uint32_t seed)
{
    fill_random(x, n, seed);
    for (size_t i = 0; i < n; i++)
        x[i] = floorf(x[i] * 4);
}

static void exact_task(void *context, size_t task, size_t worker)
{
    exact_work *e = context;
    const dense_format *f = e->l.format;
    size_t rows = f->row_block, inputs = e->l.w.inputs, size = rows * OUTPUTS;
    size_t block = task % BLOCKS;
    float *y = e->y + worker * size;
    f->dense(e->x + block * rows * inputs, inputs * sizeof *e->x, rows, &e->l.w, 0, OUTPUTS,
             ACTIVATION_NONE, y, OUTPUTS, e->scratch[worker]);
    if (memcmp(y, e->want + block * size, size * sizeof *y) != 0)
        atomic_fetch_add(&e->wrong, 1);
}

static void check_exact_sums(const dense_format *f, pool *p, size_t inputs)
{
    size_t rows = BLOCKS * f->row_block;
    exact_work e = { .l = layer_make(f, OUTPUTS, inputs, false) };
    fill_whole_numbers(e.l.plain, OUTPUTS * inputs, 1);
    f->pack(e.l.plain, OUTPUTS, inputs, e.l.packed);
    e.x = take_floats(rows * inputs);
    fill_whole_numbers(e.x, rows * inputs, 2);
    e.want = take_floats(rows * OUTPUTS);
    e.y = take_floats(WORKERS * f->row_block * OUTPUTS);
    void *scratch[WORKERS];
    e.scratch = scratch;
    for (size_t i = 0; i < WORKERS; i++)
        scratch[i] = take_bytes(f->scratch_bytes ? f->scratch_bytes(OUTPUTS, inputs) : 0);
    for (size_t t = 0; t < rows; t++)
        for (size_t n = 0; n < OUTPUTS; n++) {
            int64_t sum = 0;
            for (size_t i = 0; i < inputs; i++)
                sum += (int64_t)e.x[t * inputs + i] * (int64_t)e.l.plain[n * inputs + i];
            e.want[t * OUTPUTS + n] = (float)sum;
        }
    pool_run(p, 400, exact_task, &e);
    ck_assert_uint_eq(atomic_load(&e.wrong), 0);
    for (size_t i = 0; i < WORKERS; i++)
        free(scratch[i]);
    free(e.x);
    free(e.want);
    free(e.y);
    layer_free(&e.l);
}

START_TEST(several_threads_at_once_get_exact_sums)
{
    const kernels *k = level_at(_i);
    pool *p = NULL;
    errinfo err;
    if (!k)
        return;
    ck_assert_int_eq(pool_open(&p, WORKERS, &err), ST_OK);
    check_exact_sums(k->formats[PRECISION_F32], p, 384);
    check_exact_sums(k->formats[PRECISION_F32], p, 4096);
    pool_close(p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("level");
    TCase *t = tcase_create("level");
    int levels = levels_compiled_in();
    tcase_add_test(t, auto_takes_the_first_level_that_runs_here);
    tcase_add_test(t, the_generic_level_runs_everywhere);
    tcase_add_test(t, an_unknown_level_is_refused_with_the_names_there_are);
    tcase_add_test(t, a_level_that_is_refused_says_why);
    tcase_add_loop_test(t, the_description_starts_with_the_level_and_fits_any_size, 0, levels);
    tcase_add_loop_test(t, blocks_and_packed_sizes_keep_their_promises, 0,
                        formats_compiled_in());
    tcase_add_loop_test(t, several_threads_at_once_get_exact_sums, 0, levels);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
