/* check_encoder_attention.c - attention of one head against the full n x n matrix of the same
 * kernel in double, and rotary positions against the numbers that Hugging Face's own tests hold. */
#include "tests/check_encoder_support.h"

#include "model/encoder/attention.h"
#include "model/encoder/pooling.h"
#include "model/encoder/rope.h"

/* Of the largest output: float sums over up to 300 keys. Seen: 1.5e-6 (softmax of unscaled scores),
 * linear 1e-6. */
static const double TOLERANCE = 1e-5;

enum { D = 32, HEADS_APART = 3 * D + 5, LONGEST = 300 };

static const size_t LENGTHS[] = { 1, 2, 33, 64, 65, LONGEST };

/* ---- the reference: written from formulas.md part C, a weight for each pair ---- */

typedef struct {
    size_t n;
    bool rotary, rotary_value;
    linear_map map;               /* LINEAR_MAPS: softmax */
    double scale;
    const float *q, *k, *v, *query_map, *key_map;    /* rows of stride HEADS_APART, maps [D][D] */
} problem;

static void turn(double *x, size_t count, size_t position)
{
    for (size_t i = 0; i < count; i += 2) {
        double angle = (double)position / pow(10000.0, (double)i / (double)count);
        double a = x[i], b = x[i + 1];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + 1] = a * sin(angle) + b * cos(angle);
    }
}

static void soften(double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += exp(x[i]);
    for (size_t i = 0; i < count; i++)
        x[i] = exp(x[i]) / sum;
}

/* The features of one row. Keys of `efficient` need all rows: see key_features. */
static void row_features(const problem *p, const float *x, const float *map, double *y)
{
    for (size_t i = 0; i < D; i++)
        y[i] = (double)x[i];
    if (p->map == LINEAR_ELU1)
        for (size_t i = 0; i < D; i++)
            y[i] = y[i] > 0 ? y[i] + 1 : exp(y[i]);
    if (p->map == LINEAR_RELU)
        for (size_t i = 0; i < D; i++)
            y[i] = fmax(y[i], 0) + 1e-3;
    if (p->map == LINEAR_EFFICIENT)
        soften(y, D);
    if (p->map == LINEAR_COSFORMER)
        for (size_t i = 0; i < D; i++)
            y[i] = fmax(y[i], 0);
    if (p->map != LINEAR_HEDGEHOG)
        return;
    for (size_t j = 0; j < D; j++) {
        double sum = 0;
        for (size_t i = 0; i < D; i++)
            sum += (double)x[i] * (double)map[i * D + j];
        y[j] = sum;
        y[D + j] = -sum;
    }
    soften(y, 2 * D);
}

static void efficient_keys(const problem *p, double (*keys)[2 * D])
{
    for (size_t f = 0; f < D; f++) {
        double sum = 0;
        for (size_t i = 0; i < p->n; i++)
            sum += exp((double)p->k[i * HEADS_APART + f]);
        for (size_t i = 0; i < p->n; i++)
            keys[i][f] = exp((double)p->k[i * HEADS_APART + f]) / sum;
    }
}

static double product(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Every row as the kernel sees it: below the line (unrotated), above it (rotated where the kind
 * rotates), values. */
typedef struct {
    size_t count;                 /* features */
    double query[LONGEST][2 * D], key[LONGEST][2 * D];
    double turned_query[LONGEST][2 * D], turned_key[LONGEST][2 * D];
    double value[LONGEST][D];
} reference;

static bool rotates(const problem *p)
{
    return p->rotary && p->map != LINEAR_EFFICIENT && p->map != LINEAR_COSFORMER;
}

static reference *reference_open(const problem *p)
{
    reference *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    r->count = p->map == LINEAR_HEDGEHOG ? 2 * D : D;
    for (size_t i = 0; i < p->n; i++) {
        row_features(p, p->q + i * HEADS_APART, p->query_map, r->query[i]);
        row_features(p, p->k + i * HEADS_APART, p->key_map, r->key[i]);
        for (size_t f = 0; f < D; f++)
            r->value[i][f] = (double)p->v[i * HEADS_APART + f];
        if (p->rotary_value)
            turn(r->value[i], D, i);
    }
    if (p->map == LINEAR_EFFICIENT)
        efficient_keys(p, r->key);
    memcpy(r->turned_query, r->query, sizeof r->query);
    memcpy(r->turned_key, r->key, sizeof r->key);
    for (size_t i = 0; rotates(p) && i < p->n; i++) {
        turn(r->turned_query[i], r->count, i);
        turn(r->turned_key[i], r->count, i);
    }
    return r;
}

/* The weights of the pair (i, j) above and below the line. */
static void weigh(const problem *p, const reference *r, size_t i, size_t j, double *above,
                  double *below)
{
    *above = product(r->turned_query[i], r->turned_key[j], r->count);
    if (p->map == LINEAR_MAPS)
        *above = *below = exp(p->scale * *above);
    else if (p->map == LINEAR_COSFORMER)
        *above = *below = *above * cos(acos(-1) / 2 * ((double)i - (double)j) / (double)p->n);
    else
        *below = product(r->query[i], r->key[j], r->count);
}

static void reference_row(const problem *p, const reference *r, size_t i, double *out)
{
    double sum = 0, above, below;
    memset(out, 0, D * sizeof *out);
    for (size_t j = 0; j < p->n; j++) {
        weigh(p, r, i, j, &above, &below);
        sum += below;
        for (size_t f = 0; f < D; f++)
            out[f] += above * r->value[j][f];
    }
    if (p->map == LINEAR_EFFICIENT)
        sum = 1;
    else if (p->map == LINEAR_COSFORMER)
        sum = fmax(sum, 1e-6);
    else if (p->map != LINEAR_MAPS)
        sum += 1e-6;
    for (size_t f = 0; f < D; f++)
        out[f] /= sum;
}

/* ---- the comparison ---- */

typedef struct {
    float rows[LONGEST * HEADS_APART], maps[2 * D * D];
    float rope[LONGEST * D], feature_rope[LONGEST * 2 * D];
    float out[LONGEST * (D + 3)];
} room;

static room *room_open(uint64_t seed)
{
    room *r = calloc(1, sizeof *r);
    uint64_t state = seed * 7919 + 1;
    ck_assert_ptr_nonnull(r);
    for (size_t i = 0; i < COUNT(r->rows); i++)
        r->rows[i] = random_normal(&state);
    for (size_t i = 0; i < COUNT(r->maps); i++)
        r->maps[i] = 0.4f * random_normal(&state);
    rope_table(LONGEST, D, r->rope);
    return r;
}

static attention_head head_of(room *r, const problem *p)
{
    bool maps = p->map == LINEAR_HEDGEHOG;
    size_t count = p->map == LINEAR_MAPS ? D : linear_map_features(p->map, D);
    rope_table(p->n, count, r->feature_rope);
    return (attention_head){
        .n = p->n, .d = D, .stride = HEADS_APART, .out_stride = D + 3,
        .q = p->q, .k = p->k, .v = p->v, .out = r->out,
        .rope = p->rotary ? r->rope : NULL, .feature_rope = p->rotary ? r->feature_rope : NULL,
        .rotary_value = p->rotary_value, .scale = (float)p->scale, .last_query = p->n,
        .query_map = maps ? p->query_map : NULL, .key_map = maps ? p->key_map : NULL,
    };
}

static problem problem_of(const room *r, size_t n, linear_map map, bool rotary, bool rotary_value)
{
    return (problem){ .n = n, .rotary = rotary, .rotary_value = rotary_value, .map = map,
                      .scale = 1 / sqrt(D), .q = r->rows, .k = r->rows + D, .v = r->rows + 2 * D,
                      .query_map = r->maps, .key_map = r->maps + D * D };
}

static void compare_within(room *r, const problem *p, double tolerance, const char *what)
{
    double worst = 0, largest = 0, want[D];
    reference *explicit = reference_open(p);
    for (size_t i = 0; i < p->n; i++) {
        reference_row(p, explicit, i, want);
        for (size_t f = 0; f < D; f++) {
            worst = fmax(worst, fabs((double)r->out[i * (D + 3) + f] - want[f]));
            largest = fmax(largest, fabs(want[f]));
        }
    }
    free(explicit);
    ck_assert_msg(worst <= tolerance * largest, "%s, n %zu, rotary %d: off by %g of %g", what, p->n,
                  p->rotary, worst, largest);
}

static void compare(room *r, const problem *p, const char *what)
{
    compare_within(r, p, TOLERANCE, what);
}

static float *scratch_of(size_t floats)
{
    float *scratch = aligned_alloc(64, (floats * sizeof *scratch + 63) / 64 * 64);
    ck_assert_ptr_nonnull(scratch);
    return scratch;
}

/* _i: level * LINEAR_MAPS + map */
START_TEST(linear_attention_is_the_explicit_matrix_of_the_same_kernel)
{
    const kernels *k = level_at((int)((size_t)_i / LINEAR_MAPS));
    linear_map map = (linear_map)((size_t)_i % LINEAR_MAPS);
    if (!k)
        return;
    room *r = room_open((uint64_t)_i);
    float *scratch = scratch_of(attention_linear_scratch_floats(map, LONGEST, D));
    for (size_t i = 0; i < COUNT(LENGTHS); i++) {
        for (int mode = 0; mode < 3; mode++) {
            problem p = problem_of(r, LENGTHS[i], map, mode > 0, mode == 2);
            attention_head h = head_of(r, &p);
            attention_linear(k, map, &h, scratch);
            compare(r, &p, linear_map_name(map));
        }
    }
    free(scratch);
    free(r);
}
END_TEST

START_TEST(softmax_attention_is_the_explicit_matrix)
{
    static const double SCALES[] = { 0.1767766952966369, 1, 0 };
    const kernels *k = level_at((int)((size_t)_i / 3));
    if (!k)
        return;
    room *r = room_open(99);
    float *scratch = scratch_of(attention_softmax_scratch_bytes(k->attention[PRECISION_F32], LONGEST, D));
    for (size_t i = 0; i < COUNT(LENGTHS); i++) {
        for (int mode = 0; mode < 3; mode++) {
            problem p = problem_of(r, LENGTHS[i], LINEAR_MAPS, mode > 0, mode == 2);
            p.scale = SCALES[_i % 3];
            attention_head h = head_of(r, &p);
            attention_softmax(k->attention[PRECISION_F32], &h, scratch);
            compare(r, &p, "softmax");
        }
    }
    free(scratch);
    free(r);
}
END_TEST

/* bf16 keeps 8 bits: a score of 32 products, each off by up to 2^-7, moves by a few hundredths, and a weight with it.
 */
START_TEST(softmax_attention_in_bf16_is_near_the_explicit_matrix)
{
    const kernels *k = level_at(_i);
    if (!k || !k->attention[PRECISION_BF16])
        return;
    const attention_format *format = k->attention[PRECISION_BF16];
    room *r = room_open(7);
    float *scratch = scratch_of(attention_softmax_scratch_bytes(format, LONGEST, D));
    for (size_t i = 0; i < COUNT(LENGTHS); i++) {
        problem p = problem_of(r, LENGTHS[i], LINEAR_MAPS, i % 2 == 0, false);
        attention_head h = head_of(r, &p);
        attention_softmax(format, &h, scratch);
        compare_within(r, &p, 0.03, "softmax in bf16");
    }
    free(scratch);
    free(r);
}
END_TEST

/* Scores that bf16 holds exactly and values that pick one weight each leave two errors: half a unit of bf16 (2^-8) for
 * the weight, and the exponential's 7.5e-5 for it and for the sum. */
START_TEST(a_weight_of_bf16_attention_is_right_to_half_a_unit)
{
    enum { KEYS = 64 };
    const kernels *k = level_at(_i);
    if (!k || !k->attention[PRECISION_BF16])
        return;
    const attention_format *format = k->attention[PRECISION_BF16];
    float *operands = calloc(2 * KEYS * KEYS + 2 * KEYS, sizeof *operands);
    float *scratch = scratch_of(attention_softmax_scratch_bytes(format, KEYS, KEYS) / sizeof *scratch);
    ck_assert_ptr_nonnull(operands);
    float *keys = operands, *values = keys + KEYS * KEYS, *query = values + KEYS * KEYS, *out = query + KEYS;
    double sum = 0;
    query[0] = 1;
    for (size_t j = 0; j < KEYS; j++) {
        keys[j * KEYS] = -(float)j * (j % 2 ? 0.5F : 0.03125F);
        values[j * KEYS + j] = 1;
        sum += exp((double)keys[j * KEYS]);
    }
    void *packed = scratch_of(format->packed_bytes(KEYS, KEYS) / sizeof *scratch);
    format->pack(keys, KEYS, values, KEYS, KEYS, KEYS, packed);
    format->attend(query, KEYS, 1, packed, KEYS, KEYS, 1, out, KEYS, scratch);
    for (size_t j = 0; j < KEYS; j++)
        ck_assert_double_le(fabs((double)out[j] / (exp((double)keys[j * KEYS]) / sum) - 1), 0x1p-8 + 3 * 7.5e-5);
    free(packed);
    free(scratch);
    free(operands);
}
END_TEST

/* Rows that another task computes stay untouched, and the cut changes no bit. */
START_TEST(a_range_of_queries_gives_the_same_bytes_as_all_of_them)
{
    const kernels *k = level_at((int)((size_t)_i));
    if (!k)
        return;
    room *r = room_open(5);
    float *scratch = scratch_of(attention_softmax_scratch_bytes(k->attention[PRECISION_F32], LONGEST, D));
    float *whole = malloc(sizeof r->out);
    problem p = problem_of(r, LONGEST, LINEAR_MAPS, true, false);
    attention_head h = head_of(r, &p);
    ck_assert_ptr_nonnull(whole);
    attention_softmax(k->attention[PRECISION_F32], &h, scratch);
    memcpy(whole, r->out, sizeof r->out);
    memset(r->out, 0, sizeof r->out);
    h.first_query = 256;
    attention_softmax(k->attention[PRECISION_F32], &h, scratch);
    for (size_t i = 0; i < 256 * (D + 3); i++)
        ck_assert(r->out[i] == 0);
    h.first_query = 0;
    h.last_query = 256;
    attention_softmax(k->attention[PRECISION_F32], &h, scratch);
    ck_assert_int_eq(memcmp(whole, r->out, sizeof r->out), 0);
    free(whole);
    free(scratch);
    free(r);
}
END_TEST

/* Rows of zeros under relu and cosformer: a denominator that is only the floor must still divide.
 */
START_TEST(queries_and_keys_of_zeros_give_finite_values)
{
    linear_map map = (linear_map)_i;
    room *r = room_open(1);
    float *scratch = scratch_of(attention_linear_scratch_floats(map, LONGEST, D));
    for (size_t t = 0; t < LONGEST; t++)
        for (size_t i = 0; i < 2 * D; i++)
            r->rows[t * HEADS_APART + i] = -1e4f;
    problem p = problem_of(r, 33, map, true, false);
    attention_head h = head_of(r, &p);
    attention_linear(level_named("generic"), map, &h, scratch);
    for (size_t i = 0; i < 33 * (D + 3); i++)
        ck_assert(isfinite(r->out[i]));
    free(scratch);
    free(r);
}
END_TEST

/* ---- rotary positions ---- */

/* transformers, test_modeling_roformer: RoFormerSinusoidalPositionalEmbeddingTest; sines first,
 * then cosines. */
START_TEST(the_rotary_table_holds_hugging_face_s_sinusoids)
{
    static const double ROW_1[] = { 0.8415, 0.0464, 0.0022, 0.5403, 0.9989, 1.0000 };
    static const double WIDE[2][5] = { { 0.8415, 0.8219, 0.8020, 0.7819, 0.7617 },
                                       { 0.9093, 0.9364, 0.9581, 0.9749, 0.9870 } };
    static float narrow[6 * 6], wide[512 * 512];
    rope_table(6, 6, narrow);
    rope_table(512, 512, wide);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_double_eq_tol((double)narrow[2 * i + 1], 0, 1e-7);
        ck_assert_double_eq_tol((double)narrow[2 * i], 1, 1e-7);
        ck_assert_double_eq_tol((double)narrow[6 + 2 * i + 1], ROW_1[i], 1e-4);
        ck_assert_double_eq_tol((double)narrow[6 + 2 * i], ROW_1[3 + i], 1e-4);
    }
    for (size_t row = 0; row < 2; row++)
        for (size_t i = 0; i < 5; i++)
            ck_assert_double_eq_tol((double)wide[(row + 1) * 512 + 2 * i + 1], WIDE[row][i], 1e-4);
}
END_TEST

/* transformers, test_modeling_roformer: RoFormerSelfAttentionRotaryPositionEmbeddingTest. */
START_TEST(rotation_gives_hugging_face_s_numbers)
{
    static const double WANT[6][8] = {
        { 0.0000, 0.0100, 0.0200, 0.0300, 0.0400, 0.0500, 0.0600, 0.0700 },
        { -0.2012, 0.8897, 0.0263, 0.9401, 0.2074, 0.9463, 0.3481, 0.9343 },
        { -1.7057, 0.6271, -1.2145, 1.3897, -0.6303, 1.7647, -0.1173, 1.8985 },
        { -2.1731, -1.6397, -2.7358, 0.2854, -2.1840, 1.7183, -1.3018, 2.4871 },
        { 0.2717, -3.6173, -2.9206, -2.1988, -3.6638, 0.3858, -2.9155, 2.2980 },
        { 3.9859, -2.1580, -0.7984, -4.4904, -4.1181, -2.0252, -4.4782, 1.1253 },
    };
    static float table[16 * 64], query[16 * 64], key[16 * 64];
    rope_table(16, 64, table);
    for (size_t i = 0; i < COUNT(query); i++) {
        query[i] = (float)i / 100;
        key[i] = -query[i];
    }
    rope_rotate(query, 64, table, 16, 64, query, 64);
    rope_rotate(key, 64, table, 16, 64, key, 64);
    for (size_t row = 0; row < 6; row++) {
        for (size_t i = 0; i < 8; i++) {
            ck_assert_double_eq_tol((double)query[row * 64 + i], WANT[row][i], 1e-4);
            ck_assert_double_eq_tol((double)key[row * 64 + i], -WANT[row][i], 1e-4);
        }
    }
}
END_TEST

START_TEST(the_rotary_table_is_the_closed_form_far_out)
{
    enum { FAR = 8192, WIDTH = 4 };
    static float table[FAR * WIDTH];
    rope_table(FAR, WIDTH, table);
    for (size_t m = 0; m < FAR; m++) {
        ck_assert_double_eq_tol((double)table[m * WIDTH + 1], sin((double)m), 1e-7);
        ck_assert_double_eq_tol((double)table[m * WIDTH + 2], cos((double)m / 100), 1e-7);
    }
}
END_TEST

START_TEST(a_rotated_product_depends_on_the_distance_alone)
{
    static float table[64 * D];
    uint64_t state = 11;
    float q[D], k[D], a[D], b[D];
    rope_table(64, D, table);
    for (size_t i = 0; i < D; i++) {
        q[i] = random_normal(&state);
        k[i] = random_normal(&state);
    }
    for (size_t shift = 0; shift < 50; shift++) {
        double sum = 0, want = 0;
        rope_rotate(q, D, table + shift * D, 1, D, a, D);
        rope_rotate(k, D, table + (shift + 13) * D, 1, D, b, D);
        for (size_t i = 0; i < D; i++)
            sum += (double)a[i] * (double)b[i];
        rope_rotate(k, D, table + 13 * D, 1, D, b, D);
        for (size_t i = 0; i < D; i++)
            want += (double)q[i] * (double)b[i];
        ck_assert_double_eq_tol(sum, want, 1e-5);
    }
}
END_TEST

/* ---- pooling ---- */

START_TEST(a_mean_over_many_tokens_keeps_its_precision)
{
    enum { TOKENS = 20000, WIDTH = 67 };
    float *x = malloc(TOKENS * WIDTH * sizeof *x), out[WIDTH];
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < TOKENS * WIDTH; i++)
        x[i] = 1.1f;
    pooling_reduce(POOLING_MEAN, NULL, x, TOKENS, WIDTH, out);
    for (size_t i = 0; i < WIDTH; i++)
        ck_assert(out[i] == 1.1f);
    free(x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder attention");
    TCase *t = tcase_create("attention");
    check_patience(t, 120);
    tcase_add_loop_test(t, linear_attention_is_the_explicit_matrix_of_the_same_kernel, 0,
                        levels_compiled_in() * LINEAR_MAPS);
    tcase_add_loop_test(t, softmax_attention_is_the_explicit_matrix, 0, levels_compiled_in() * 3);
    tcase_add_loop_test(t, softmax_attention_in_bf16_is_near_the_explicit_matrix, 0, levels_compiled_in());
    tcase_add_loop_test(t, a_weight_of_bf16_attention_is_right_to_half_a_unit, 0, levels_compiled_in());
    tcase_add_loop_test(t, a_range_of_queries_gives_the_same_bytes_as_all_of_them, 0, levels_compiled_in());
    tcase_add_loop_test(t, queries_and_keys_of_zeros_give_finite_values, 0, LINEAR_MAPS);
    tcase_add_test(t, the_rotary_table_holds_hugging_face_s_sinusoids);
    tcase_add_test(t, rotation_gives_hugging_face_s_numbers);
    tcase_add_test(t, the_rotary_table_is_the_closed_form_far_out);
    tcase_add_test(t, a_rotated_product_depends_on_the_distance_alone);
    tcase_add_test(t, a_mean_over_many_tokens_keeps_its_precision);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
