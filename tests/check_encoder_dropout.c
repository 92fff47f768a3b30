/* check_encoder_dropout.c - dropout at inference: its masks, where they stand (against transformers' classes in
 * training mode, tests/golden/encoder/make_dropout.py), and that nothing else moves. */
#include "tests/check_encoder_support.h"

#include "model/encoder/dropout.h"
#include "weights/safetensors.h"

#include <fcntl.h>
#include <stdio.h>

enum { TEXTS_FROM = 1, TEXTS_TO = 4, SEED = 7, LONGEST = 40, WIDEST = 64 };

/* Seen: 2e-6; at p = 0.5 entries double at each of seven places. */
static const double TOLERANCE = 2e-5;
static const char *const MODELS[] = { "roformer", "roformer_projection", "bert" };
static const double RATES[] = { 0, 0.1, 0.5 };    /* by copy */

static safetensors *open_golden(const char *path)
{
    safetensors *s = NULL;
    errinfo err = { 0 };
    ck_assert_msg(safetensors_open(&s, AT_FDCWD, path, &err) == ST_OK, "%s", err.text);
    return s;
}

static fixture open_model(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "tests/golden/encoder/%s", name);
    return fixture_open(path, level_named(NULL), 2);
}

START_TEST(dropout_stands_where_transformers_has_it)
{
    char path[128], key_name[64];
    const char *name = MODELS[_i];
    fixture x = open_model(name);
    (void)snprintf(path, sizeof path, "tests/golden/encoder/%s/expected.safetensors", name);
    safetensors *texts = open_golden(path), *golden = open_golden("tests/golden/encoder/dropout.safetensors");
    for (int text = TEXTS_FROM; text < TEXTS_TO; text++)
        for (uint32_t copy = 1; copy < COUNT(RATES); copy++) {
            float got[WIDEST];
            (void)snprintf(key_name, sizeof key_name, "%d.ids", text);
            const tensor *ids = safetensors_find(texts, slice_of(key_name));
            (void)snprintf(key_name, sizeof key_name, "%s.%d.%u", name, text, (unsigned)copy);
            const tensor *want = safetensors_find(golden, slice_of(key_name));
            ck_assert(ids && want && want->bytes == x.config.pooler_outputs * sizeof *got);
            const uint32_t starts[2] = { 0, (uint32_t)ids->shape[0] };
            const uint64_t key = dropout_key(SEED, copy, ids->data, starts[1]);
            const encoder_dropout dropout = { RATES[copy], &key };
            encoder_batch batch = { .ids = ids->data, .starts = starts, .sequences = 1, .dropout = &dropout };
            encoder_run(x.e, x.s, x.p, &batch, got);
            for (size_t i = 0; i < x.config.pooler_outputs; i++)
                ck_assert_msg(fabs((double)got[i] - (double)((const float *)want->data)[i]) < TOLERANCE,
                              "%s, element %zu: %.7g, want %.7g", key_name, i, (double)got[i],
                              (double)((const float *)want->data)[i]);
        }
    safetensors_close(golden);
    safetensors_close(texts);
    fixture_close(&x);
}
END_TEST

START_TEST(a_mask_keeps_its_mean_and_depends_on_key_and_place_alone)
{
    enum { M = 40001 };
    static float mask[M], other[M];
    double sum = 0;
    for (size_t i = 0; i < M; i++)
        mask[i] = 1;
    dropout_apply(5, 0.1, 2, DROPOUT_ATTENTION, mask, M);
    for (size_t i = 0; i < M; i++) {
        ck_assert(mask[i] == 0 || mask[i] == (float)(1 / 0.9));
        sum += (double)mask[i];
    }
    ck_assert_double_lt(fabs(sum / M - 1), 4 * sqrt(0.1 / 0.9 / M));
    static const struct { uint64_t key; size_t layer; dropout_site site; bool same; } others[] = {
        { 5, 2, DROPOUT_ATTENTION, true },     { 6, 2, DROPOUT_ATTENTION, false },
        { 5, 3, DROPOUT_ATTENTION, false },    { 5, 2, DROPOUT_FEED_FORWARD, false },
        { 5 + (1ull << 32), 2, DROPOUT_ATTENTION, false },
    };
    for (size_t o = 0; o < COUNT(others); o++) {
        for (size_t i = 0; i < M; i++)
            other[i] = 1;
        dropout_apply(others[o].key, 0.1, others[o].layer, others[o].site, other, 4097);    /* a prefix is a prefix */
        ck_assert_int_eq(memcmp(mask, other, 4097 * sizeof *mask) == 0, others[o].same);
    }
}
END_TEST

START_TEST(keys_differ_by_seed_copy_and_every_token)
{
    uint32_t ids[3] = { 2, 9, 3 };
    const uint64_t key = dropout_key(1, 1, ids, 3);
    ck_assert_uint_eq(key, dropout_key(1, 1, ids, 3));
    ck_assert_uint_ne(key, dropout_key(2, 1, ids, 3));
    ck_assert_uint_ne(key, dropout_key(1, 2, ids, 3));
    ck_assert_uint_ne(key, dropout_key(1, 1, ids, 2));
    for (size_t i = 0; i < 3; i++) {
        ids[i]++;
        ck_assert_uint_ne(key, dropout_key(1, 1, ids, 3));
        ids[i]--;
    }
}
END_TEST

static const uint32_t IDS[] = { 2, 9, 30, 11, 3, 2, 40, 3, 2, 9, 30, 11, 3 };
static const uint32_t STARTS[] = { 0, 5, 8, 13 };

static void run(fixture *x, attention_kind kind, const encoder_dropout *dropout, float *vectors)
{
    encoder_batch batch = { .ids = IDS, .starts = STARTS, .sequences = 3, .attention = kind, .dropout = dropout };
    encoder_run(x->e, x->s, x->p, &batch, vectors);
}

/* _i: ((level * models + model) * precisions + precision) * kinds + kind */
START_TEST(with_p_zero_or_a_plain_key_it_is_plain_encoding_to_the_bit)
{
    const attention_kind kind = (attention_kind)(_i % ATTENTION_KINDS);
    const precision_kind precision = (precision_kind)(_i / ATTENTION_KINDS % PRECISIONS);
    const size_t model = (size_t)_i / ATTENTION_KINDS / PRECISIONS % COUNT(MODELS);
    const kernels *k = level_at(_i / ATTENTION_KINDS / (int)PRECISIONS / (int)COUNT(MODELS));
    char path[128];
    if (!k)
        return;
    (void)snprintf(path, sizeof path, "tests/golden/encoder/%s", MODELS[model]);
    fixture x = fixture_open_in(path, k, precision, 3);
    const size_t width = x.config.pooler_outputs, bytes = 3 * width * sizeof(float);
    float plain[3 * WIDEST], dropped[3 * WIDEST], again[3 * WIDEST];
    const uint64_t keys[3] = { 77, 78, 79 }, mixed[3] = { 77, DROPOUT_PLAIN, 77 };
    run(&x, kind, NULL, plain);
    run(&x, kind, &(encoder_dropout){ 0, keys }, dropped);
    ck_assert_mem_eq(plain, dropped, bytes);
    run(&x, kind, &(encoder_dropout){ 0.1, mixed }, dropped);
    ck_assert_mem_eq(plain + width, dropped + width, bytes / 3);      /* its neighbours' masks do not reach it */
    ck_assert_mem_eq(dropped, dropped + 2 * width, bytes / 3);        /* same text, same key, another place */
    ck_assert(memcmp(plain, dropped, bytes / 3) != 0);
    run(&x, kind, &(encoder_dropout){ 0.1, mixed }, again);
    ck_assert_mem_eq(again, dropped, bytes);
    fixture_close(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder dropout");
    TCase *t = tcase_create("dropout");
    check_patience(t, 60);
    tcase_add_loop_test(t, dropout_stands_where_transformers_has_it, 0, (int)COUNT(MODELS));
    tcase_add_test(t, a_mask_keeps_its_mean_and_depends_on_key_and_place_alone);
    tcase_add_test(t, keys_differ_by_seed_copy_and_every_token);
    tcase_add_loop_test(t, with_p_zero_or_a_plain_key_it_is_plain_encoding_to_the_bit, 0,
                        levels_compiled_in() * (int)COUNT(MODELS) * PRECISIONS * ATTENTION_KINDS);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
