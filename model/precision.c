/* precision.c - see precision.h. The probe texts are encoded once in each precision the level has; the clock runs over
 * the first few of them, in turns, so that a neighbour's burst of work meets every precision alike.
 */
#include "model/precision.h"

#include "model/probes.h"
#include "model/score/similarity.h"
#include "weights/packed_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMED_TEXTS = 6, ROUNDS = 3, PATH_BYTES = 4096, ARENA_BYTES = 16 << 20 };

/* A coarser precision must win by this much to be worth it. */
static const float WORTH = 1.1f;

typedef struct {
    const precision_subject *subject;
    arena *memory;
    pool *pool;
    probes probes;
    size_t dimensions;
    encoder *encoders[PRECISIONS];
    encoder_scratch *scratch[PRECISIONS];
    float *vectors[PRECISIONS];       /* [PROBES_MAX][dimensions] */
} trial;

static size_t timed_texts(const trial *t)
{
    return t->probes.texts < TIMED_TEXTS ? t->probes.texts : TIMED_TEXTS;
}

static status open_precision(trial *t, precision_kind p, errinfo *err)
{
    const precision_subject *s = t->subject;
    if (!s->kernels->formats[p])
        return ST_OK;
    status st = encoder_open(&t->encoders[p], s->folder, s->config, s->kernels, p, err);
    if (st)
        return st;
    t->vectors[p] = arena_take_zero(t->memory, PROBES_MAX * t->dimensions, sizeof *t->vectors[p]);
    if (!t->vectors[p])
        return fail(err, ST_NOMEM, "choosing a precision: out of memory");
    const size_t texts = t->probes.texts;
    return encoder_scratch_open(&t->scratch[p], t->encoders[p], t->probes.starts[texts], texts, 1, err);
}

static void encode(trial *t, precision_kind p, size_t texts)
{
    const encoder_batch batch = { .ids = t->probes.ids, .starts = t->probes.starts, .sequences = texts,
                                  .attention = t->subject->config->attention };
    encoder_run(t->encoders[p], t->scratch[p], t->pool, &batch, t->vectors[p]);
}

static void compare(const trial *t, precision_kind p, precision_trial *out)
{
    float sum = 0;
    out->least_cosine = 1;
    for (size_t i = 0; i < t->probes.texts; i++) {
        size_t row = i * t->dimensions;
        float cosine = similarity_score(METRIC_COSINE, t->vectors[p] + row, t->vectors[PRECISION_F32] + row,
                                        t->dimensions);
        sum += cosine;
        if (!(cosine >= out->least_cosine))    /* not a number counts as the worst */
            out->least_cosine = cosine;
    }
    out->mean_cosine = sum / (float)t->probes.texts;
}

static void time_once(trial *t, precision_kind p, precision_trial *out)
{
    int64_t begin = clock_now_ns();
    encode(t, p, timed_texts(t));
    float each = (float)(clock_now_ns() - begin) / (float)t->probes.starts[timed_texts(t)];
    if (out->ns_per_token == 0 || each < out->ns_per_token)
        out->ns_per_token = each;
}

static void choose(precision_report *r)
{
    r->chosen = PRECISION_F32;
    for (precision_kind p = PRECISION_F32; p < PRECISIONS; p++) {    /* finest first */
        const precision_trial *tried = &r->of[p];
        bool close = tried->mean_cosine >= PRECISION_LEAST_MEAN_COSINE && tried->least_cosine >= PRECISION_LEAST_COSINE;
        if (tried->there && close && tried->ns_per_token * WORTH < r->of[r->chosen].ns_per_token)
            r->chosen = p;
    }
}

static status run_trial(trial *t, precision_report *r, errinfo *err)
{
    const precision_subject *s = t->subject;
    status st = probes_read(&t->probes, s->tokenizer, s->config->max_length, t->memory, err);
    for (precision_kind p = 0; p < PRECISIONS && st == ST_OK; p++)
        st = open_precision(t, p, err);
    if (st)
        return st;
    for (precision_kind p = 0; p < PRECISIONS; p++) {
        r->of[p].there = t->encoders[p] != NULL;
        if (!r->of[p].there)
            continue;
        encode(t, p, t->probes.texts);
        compare(t, p, &r->of[p]);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (precision_kind p = 0; p < PRECISIONS; p++)
            if (r->of[p].there)
                time_once(t, p, &r->of[p]);
    choose(r);
    return ST_OK;
}

static status try_all(precision_report *out, const precision_subject *subject, errinfo *err)
{
    precision_report r = { 0 };
    trial t = { .subject = subject, .dimensions = subject->config->pooler_outputs };
    t.memory = arena_open(0, ARENA_BYTES + 4 * PRECISIONS * PROBES_MAX * t.dimensions);
    status st = t.memory ? pool_open(&t.pool, 1, err) : fail(err, ST_NOMEM, "choosing a precision: out of memory");
    if (st == ST_OK)
        st = run_trial(&t, &r, err);
    for (precision_kind p = 0; p < PRECISIONS; p++) {
        encoder_scratch_close(t.scratch[p]);
        encoder_close(t.encoders[p]);
    }
    pool_close(t.pool);
    arena_close(t.memory);
    if (st == ST_OK)
        *out = r;
    return st;
}

/* The verdict holds for these files and settings; the path says for which level. */
static void verdict_key(const precision_subject *s, char key[64])
{
    errinfo unread;
    slice config = { NULL, 0 };
    uint64_t sum = s->config->max_length;
    if (folder_file(s->folder, "config.json", 1 << 20, &config, &unread) == ST_OK)
        sum += packed_file_checksum(config.data, config.length);
    for (size_t i = 0; i < folder_shard_count(s->folder); i++) {
        file_stamp stamp = folder_shard_stamp(s->folder, i);
        sum = 31 * sum + packed_file_checksum(&stamp, sizeof stamp);
    }
    (void)snprintf(key, 64, "precision 1 %d %016llx", (int)s->config->attention, (unsigned long long)sum);
}

status precision_choose(precision_report *out, const precision_subject *subject, errinfo *err)
{
    char path[PATH_BYTES], key[64];
    errinfo not_kept;
    if (!subject->packed)
        return try_all(out, subject, err);
    int length = snprintf(path, sizeof path, "%s-%s.precision", subject->packed, subject->kernels->name);
    if (length < 0 || (size_t)length >= sizeof path)
        return fail(err, ST_INPUT, "%s: path too long", subject->packed);
    verdict_key(subject, key);
    if (packed_file_read(path, key, out, sizeof *out) && out->chosen < PRECISIONS &&
        subject->kernels->formats[out->chosen])
        return ST_OK;
    status st = try_all(out, subject, err);
    if (st == ST_OK && packed_file_write(path, key, out, sizeof *out, &not_kept) != ST_OK)
        return ST_OK;    /* tried again at the next start */
    return st;
}

void precision_explain(const precision_report *r, char *out, size_t size)
{
    const precision_trial *chosen = &r->of[r->chosen];
    double times = chosen->ns_per_token > 0
                     ? (double)r->of[PRECISION_F32].ns_per_token / (double)chosen->ns_per_token : 1;
    if (r->chosen == PRECISION_F32)
        (void)snprintf(out, size, "f32: nothing coarser is both close enough and faster here");
    else
        (void)snprintf(out, size, "%s: cosine to f32 %.4f on average, %.4f at least; %.1f times as fast",
                       precision_name(r->chosen), (double)chosen->mean_cosine, (double)chosen->least_cosine, times);
}
