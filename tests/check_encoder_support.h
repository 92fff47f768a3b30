/* check_encoder_support.h - a model under test: folder, encoder, pool and scratch in one struct;
 * JSON and random numbers.
 *
 * Everything here fails the running test at once when it cannot do its work.
 */
#ifndef ROSIM_CHECK_ENCODER_SUPPORT_H
#define ROSIM_CHECK_ENCODER_SUPPORT_H

#include "tests/check_levels.h"

#include "model/encoder/config.h"
#include "model/encoder/encoder.h"
#include "model/kernels/kernels.h"
#include "model/kernels/pool.h"
#include "weights/folder.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { FIXTURE_TOKENS = 2048, FIXTURE_SEQUENCES = 64 };

typedef struct {
    folder *f;
    encoder_config config;
    encoder *e;
    pool *p;
    encoder_scratch *s;
} fixture;

static inline const kernels *level_named(const char *name)
{
    const kernels *k = NULL;
    errinfo err = { 0 };
    ck_assert_msg(kernels_choose(&k, name, &err) == ST_OK, "%s", err.text);
    return k;
}

static inline fixture fixture_open_in(const char *dir, const kernels *k, precision_kind precision,
                                      size_t threads)
{
    fixture x = { 0 };
    errinfo err = { 0 };
    ck_assert_msg(folder_open(&x.f, dir, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(config_load(&x.config, x.f, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(encoder_open(&x.e, x.f, &x.config, k, precision, &err) == ST_OK, "%s", err.text);
    folder_drop_tensors(x.f);
    ck_assert_msg(pool_open(&x.p, threads, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(encoder_scratch_open(&x.s, x.e, FIXTURE_TOKENS, FIXTURE_SEQUENCES,
                                       pool_threads(x.p), &err) == ST_OK, "%s", err.text);
    return x;
}

static inline fixture fixture_open(const char *dir, const kernels *k, size_t threads)
{
    return fixture_open_in(dir, k, PRECISION_F32, threads);
}

static inline void fixture_close(fixture *x)
{
    encoder_scratch_close(x->s);
    pool_close(x->p);
    encoder_close(x->e);
    folder_close(x->f);
}

/* One sequence. */
static inline void fixture_encode(fixture *x, const uint32_t *ids, size_t n, attention_kind kind,
                                  float *vector)
{
    const uint32_t starts[2] = { 0, (uint32_t)n };
    encoder_batch batch = { .ids = ids, .starts = starts, .sequences = 1, .attention = kind };
    encoder_run(x->e, x->s, x->p, &batch, vector);
}

/* A JSON file of the folder; the caller deletes it. */
static inline cJSON *fixture_json(fixture *x, const char *name)
{
    slice text;
    errinfo err = { 0 };
    ck_assert_msg(folder_file(x->f, name, 64u << 20, &text, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(text.data != NULL, "%s: not found", name);
    cJSON *json = cJSON_ParseWithLength(text.data, text.length);
    ck_assert_msg(json != NULL, "%s: no JSON", name);
    return json;
}

/* A list of numbers; the caller frees it. */
static inline double *numbers_of(const cJSON *list, size_t *count)
{
    *count = (size_t)cJSON_GetArraySize(list);
    double *out = calloc(*count + 1, sizeof *out);
    size_t i = 0;
    const cJSON *item;
    ck_assert_ptr_nonnull(out);
    cJSON_ArrayForEach(item, list)
        out[i++] = item->valuedouble;
    return out;
}

static inline uint32_t *ids_of(const cJSON *list, size_t *count)
{
    double *numbers = numbers_of(list, count);
    uint32_t *out = calloc(*count + 1, sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < *count; i++)
        out[i] = (uint32_t)numbers[i];
    free(numbers);
    return out;
}

/* Repeatable numbers: a xorshift generator, and about normal ones by summing twelve of its. */
static inline uint32_t random_u32(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static inline float random_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)random_u32(state) / 4294967296.0;
    return (float)sum;
}

#endif
