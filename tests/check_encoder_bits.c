/* check_encoder_bits.c - the vector of a text is the same to the bit alone, in any batch, in any
 * order, at any number of threads and on every kernel level. */
#include "tests/check_encoder_support.h"

enum { TEXTS = 24, SHUFFLES = 2, LONGEST = 300 };

/* The shipped model is 500 times a tiny one: it gets the short texts. */
static const struct {
    const char *path;
    size_t texts, shuffles;
} MODELS[] = {
    { "weights/default", 8, 0 },
    { "tests/golden/encoder/roformer_v2", TEXTS, SHUFFLES },
    { "tests/golden/encoder/roformer_linear", TEXTS, SHUFFLES },
    { "tests/golden/encoder/roformer_projection", TEXTS, SHUFFLES },
    { "tests/golden/encoder/bert", TEXTS, SHUFFLES },
};
enum { SHIPPED = 0 };
static const size_t LENGTHS[TEXTS] = { 5, 1, 2,  3,  33,  8,  16, 17,      31,  32, 7, 4,
                                       9, 6, 64, 65, 130, 12, 3,  LONGEST, 257, 2,  1, 5 };
static const size_t THREADS[] = { 1, 2, 3, 5 };

typedef struct {
    fixture x;
    attention_kind kind;
    size_t width, texts, shuffles;
    uint32_t ids[TEXTS][LONGEST];
    float *alone;                 /* [TEXTS][width] on one thread */
    float *vectors;               /* [TEXTS][width] of a batch */
    uint32_t *packed;
} subject;

static subject *subject_open(size_t model, const kernels *k, precision_kind precision,
                             attention_kind kind)
{
    subject *s = calloc(1, sizeof *s);
    uint64_t state = 77;
    ck_assert_ptr_nonnull(s);
    s->x = fixture_open_in(MODELS[model].path, k, precision, 1);
    s->texts = SANITIZED ? MODELS[model].texts / 3 : MODELS[model].texts;
    s->shuffles = SANITIZED ? 0 : MODELS[model].shuffles;
    s->kind = kind;
    s->width = s->x.config.pooler_outputs;
    s->alone = calloc(TEXTS * s->width, sizeof *s->alone);
    s->vectors = calloc(TEXTS * s->width, sizeof *s->vectors);
    s->packed = calloc(TEXTS * LONGEST, sizeof *s->packed);
    ck_assert(s->alone && s->vectors && s->packed);
    for (size_t t = 0; t < s->texts; t++) {
        for (size_t i = 0; i < LENGTHS[t]; i++)
            s->ids[t][i] = random_u32(&state) % (uint32_t)s->x.config.vocab_size;
        fixture_encode(&s->x, s->ids[t], LENGTHS[t], kind, s->alone + t * s->width);
    }
    return s;
}

static void subject_close(subject *s)
{
    fixture_close(&s->x);
    free(s->alone);
    free(s->vectors);
    free(s->packed);
    free(s);
}

/* The texts of `order` as one batch on the pool. */
static void compare_batch(subject *s, pool *p, encoder_scratch *scratch, const size_t *order,
                          size_t count)
{
    uint32_t starts[TEXTS + 1] = { 0 };
    for (size_t i = 0; i < count; i++) {
        memcpy(s->packed + starts[i], s->ids[order[i]], LENGTHS[order[i]] * sizeof *s->packed);
        starts[i + 1] = starts[i] + (uint32_t)LENGTHS[order[i]];
    }
    encoder_batch batch = { .ids = s->packed, .starts = starts, .sequences = count,
                            .attention = s->kind };
    encoder_run(s->x.e, scratch, p, &batch, s->vectors);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(memcmp(s->vectors + i * s->width, s->alone + order[i] * s->width,
                             s->width * sizeof *s->vectors) == 0,
                      "%s, %s: text %zu differs as number %zu of %zu, %zu threads",
                      folder_path(s->x.f), attention_name(s->kind), order[i], i, count,
                      pool_threads(p));
}

static void shuffle(size_t *order, size_t count, uint64_t *state)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = random_u32(state) % (i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* All in order, all backwards, then random parts in random order. */
static void compare_batches(subject *s, size_t threads)
{
    pool *p = NULL;
    encoder_scratch *scratch = NULL;
    errinfo err = { 0 };
    size_t order[TEXTS];
    uint64_t state = threads;
    ck_assert_msg(pool_open(&p, threads, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(encoder_scratch_open(&scratch, s->x.e, FIXTURE_TOKENS, FIXTURE_SEQUENCES, threads,
                                       &err) == ST_OK, "%s", err.text);
    for (size_t t = 0; t < s->texts; t++)
        order[t] = t;
    compare_batch(s, p, scratch, order, s->texts);
    for (size_t t = 0; t < s->texts; t++)
        order[t] = s->texts - 1 - t;
    compare_batch(s, p, scratch, order, s->texts);
    for (size_t i = 0; i < s->shuffles; i++) {
        shuffle(order, s->texts, &state);
        compare_batch(s, p, scratch, order, 1 + random_u32(&state) % s->texts);
    }
    encoder_scratch_close(scratch);
    pool_close(p);
}

/* _i: ((level * precisions + precision) * models + model) * kinds + kind */
START_TEST(a_vector_has_the_same_bytes_in_any_batch_order_and_thread_count)
{
    attention_kind kind = (attention_kind)(_i % ATTENTION_KINDS);
    size_t model = (size_t)_i / ATTENTION_KINDS % COUNT(MODELS);
    size_t rest = (size_t)_i / ATTENTION_KINDS / COUNT(MODELS);
    precision_kind precision = (precision_kind)(rest % PRECISIONS);
    const kernels *k = level_at((int)(rest / PRECISIONS));
    if (!k)
        return;
    if (SANITIZED && model == SHIPPED)    /* the tiny models go the same ways */
        return;
    subject *s = subject_open(model, k, precision, kind);
    for (size_t i = 0; i < COUNT(THREADS); i += SANITIZED ? 2 : 1)
        compare_batches(s, THREADS[i]);
    subject_close(s);
}
END_TEST

START_TEST(the_formula_for_scratch_memory_is_what_is_taken)
{
    fixture x = fixture_open("tests/golden/encoder/roformer_linear", level_named(NULL), 1);
    errinfo err = { 0 };
    for (size_t tokens = 1; tokens < 4000; tokens = tokens * 3 + 1) {
        encoder_scratch *s = NULL;
        size_t small = encoder_scratch_bytes(x.e, tokens, 1, 1);
        ck_assert_uint_lt(small, encoder_scratch_bytes(x.e, tokens + 16, 1, 1));
        ck_assert_uint_lt(small, encoder_scratch_bytes(x.e, tokens, 1, 2));
        ck_assert_int_eq(encoder_scratch_open(&s, x.e, tokens, 1, 1, &err), ST_OK);
        encoder_scratch_close(s);
    }
    encoder_scratch *none = NULL;
    ck_assert_int_eq(encoder_scratch_open(&none, x.e, 0, 1, 1, &err), ST_INPUT);
    ck_assert_int_eq(encoder_scratch_open(&none, x.e, 10, 11, 1, &err), ST_INPUT);
    ck_assert_int_eq(encoder_scratch_open(&none, x.e, SIZE_MAX, 1, 1, &err), ST_INPUT);
    ck_assert_ptr_null(none);
    encoder_scratch_close(NULL);
    encoder_close(NULL);
    fixture_close(&x);
}
END_TEST

/* A scratch that is filled to its last token: the sanitizers watch. Step by step, and in blocks of rows, the last of
 * them a short one. _i: precision */
START_TEST(a_full_scratch_is_enough)
{
    static const uint32_t IDS[250] = { 2, 7, 9 }, STARTS[][3] = { { 0, 33, 40 }, { 0, 33, 250 } };
    fixture x = fixture_open_in("tests/golden/encoder/roformer_projection", level_named(NULL), (precision_kind)_i, 2);
    encoder_scratch *exact = NULL;
    errinfo err = { 0 };
    float got[2 * 32], want[32];
    for (size_t i = 0; i < COUNT(STARTS) * ATTENTION_KINDS; i++) {
        const uint32_t *starts = STARTS[i % COUNT(STARTS)];
        attention_kind kind = (attention_kind)(i / COUNT(STARTS));
        encoder_batch batch = { .ids = IDS, .starts = starts, .sequences = 2, .attention = kind };
        ck_assert_int_eq(encoder_scratch_open(&exact, x.e, starts[2], 2, 2, &err), ST_OK);
        encoder_run(x.e, exact, x.p, &batch, got);
        fixture_encode(&x, IDS, 33, kind, want);
        ck_assert_int_eq(memcmp(got, want, sizeof want), 0);
        encoder_scratch_close(exact);
    }
    fixture_close(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder bits");
    TCase *t = tcase_create("bits");
    check_patience(t, 120);
    tcase_add_loop_test(t, a_vector_has_the_same_bytes_in_any_batch_order_and_thread_count, 0,
                        levels_compiled_in() * PRECISIONS * (int)COUNT(MODELS) * ATTENTION_KINDS);
    tcase_add_test(t, the_formula_for_scratch_memory_is_what_is_taken);
    tcase_add_loop_test(t, a_full_scratch_is_enough, 0, PRECISIONS);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
