/* attention_linear.c - attention in time n for one head:
 * o_i = phi(q_i)' KV / (phi(q_i)' z), with KV = sum psi(k_j) v_j' and z = sum psi(k_j).
 *
 * A map turns rows of q or k into F features; everything else is shared. Rotary positions turn the
 * features, and in the numerator only: rotated products may be negative, so that a rotated
 * denominator could vanish (arXiv 2104.09864, section 3.3). Keys come in blocks whose sums are
 * gathered in double, so that long texts keep their precision; the cuts depend on n alone. Nothing
 * here is of size n * n, or even n * F.
 */
#include "model/encoder/attention.h"

#include "model/encoder/rope.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 64 };

static const float RELU_FLOOR = 1e-3f;           /* Performer's generalised kernel */
static const float DENOMINATOR_FLOOR = 1e-6f;
static const double HALF_PI = 1.57079632679489661923;

/* A block of rows on its way through a map. */
typedef struct {
    const kernels *k;
    const float *x;               /* [rows][d], stride */
    size_t stride, rows, d;
    size_t first, n;              /* position of row 0, length of the sequence */
    const float *map;             /* hedgehog's [d][d] */
    const float *shift;           /* efficient's keys: [d], greatest values; NULL for queries */
    float *mapped;                /* room for [rows][d] */
    float *features;              /* out: [rows][F] */
} map_job;

typedef struct {
    size_t features_per_column;   /* F / d */
    bool rotates;
    bool normalizes_itself;       /* rows sum to 1 without a denominator */
    bool clamps;                  /* denominator max(x, floor) instead of x + floor */
    void (*run)(const map_job *job);
} map_row;

/* elu(x) + 1 = max(x, 0) + exp(min(x, 0)). */
static void map_elu1(const map_job *job)
{
    for (size_t row = 0; row < job->rows; row++) {
        const float *x = job->x + row * job->stride;
        float *y = job->features + row * job->d;
        for (size_t i = 0; i < job->d; i++)
            y[i] = x[i] < 0 ? x[i] : 0;
        job->k->exp(y, job->d);
        for (size_t i = 0; i < job->d; i++)
            y[i] += x[i] > 0 ? x[i] : 0;
    }
}

static void map_relu(const map_job *job)
{
    for (size_t row = 0; row < job->rows; row++) {
        const float *x = job->x + row * job->stride;
        float *y = job->features + row * job->d;
        for (size_t i = 0; i < job->d; i++)
            y[i] = (x[i] > 0 ? x[i] : 0) + RELU_FLOOR;
    }
}

/* Queries: softmax over the features. Keys: softmax over the positions, whose sum is divided out at
 * the end (z). */
static void map_efficient(const map_job *job)
{
    for (size_t row = 0; row < job->rows; row++) {
        const float *x = job->x + row * job->stride;
        float *y = job->features + row * job->d;
        for (size_t i = 0; i < job->d; i++)
            y[i] = job->shift ? x[i] - job->shift[i] : x[i];
        if (job->shift)
            job->k->exp(y, job->d);
        else
            job->k->softmax(y, job->d);
    }
}

/* relu(x) times sin and cos of pi/2 * i/n, positions from 1: Qin et al. 2022 (arXiv 2202.08791). */
static void map_cosformer(const map_job *job)
{
    for (size_t row = 0; row < job->rows; row++) {
        double angle = HALF_PI * (double)(job->first + row + 1) / (double)job->n;
        float sine = (float)sin(angle), cosine = (float)cos(angle);
        const float *x = job->x + row * job->stride;
        float *y = job->features + row * 2 * job->d;
        for (size_t i = 0; i < job->d; i++) {
            float positive = x[i] > 0 ? x[i] : 0;
            y[i] = positive * sine;
            y[job->d + i] = positive * cosine;
        }
    }
}

/* softmax over [xA, -xA]. */
static void map_hedgehog(const map_job *job)
{
    const size_t d = job->d;
    job->k->matmul_nn(job->x, job->stride, job->map, d, job->rows, d, d, job->mapped, d);
    for (size_t row = 0; row < job->rows; row++) {
        const float *x = job->mapped + row * d;
        float *y = job->features + row * 2 * d;
        for (size_t i = 0; i < d; i++) {
            y[i] = x[i];
            y[d + i] = -x[i];
        }
        job->k->softmax(y, 2 * d);
    }
}

static const map_row MAPS[LINEAR_MAPS] = {
    [LINEAR_ELU1] = { 1, true, false, false, map_elu1 },
    [LINEAR_RELU] = { 1, true, false, false, map_relu },
    [LINEAR_EFFICIENT] = { 1, false, true, false, map_efficient },
    [LINEAR_COSFORMER] = { 2, false, false, true, map_cosformer },
    [LINEAR_HEDGEHOG] = { 2, true, false, false, map_hedgehog },
};

size_t linear_map_features(linear_map map, size_t d)
{
    return d * MAPS[map].features_per_column;
}

bool linear_map_rotates(linear_map map)
{
    return MAPS[map].rotates;
}

/* The scratch of one head, named. */
typedef struct {
    double *sum_kv, *sum_z;       /* [F][d], [F] */
    float *kv, *z;                /* the same as floats; kv holds the sums of one block before */
    float *features, *turned;     /* [ROW_BLOCK][F] */
    float *mapped, *values;       /* [ROW_BLOCK][d] */
    float *shift;                 /* [d] */
} room;

size_t attention_linear_scratch_floats(linear_map map, size_t n, size_t d)
{
    const size_t features = linear_map_features(map, d);
    (void)n;    /* nothing here grows with the text */
    return 3 * features * (d + 1) + ROW_BLOCK * 2 * (features + d) + d;
}

static room lay_out(size_t features, size_t d, float *scratch)
{
    room r;
    float *at = scratch + 2 * features * (d + 1);    /* doubles first: they need the alignment */
    r.sum_kv = (double *)(void *)scratch;
    r.sum_z = r.sum_kv + features * d;
    r.kv = at, at += features * d;
    r.z = at, at += features;
    r.features = at, at += ROW_BLOCK * features;
    r.turned = at, at += ROW_BLOCK * features;
    r.mapped = at, at += ROW_BLOCK * d;
    r.values = at, at += ROW_BLOCK * d;
    r.shift = at;
    return r;
}

typedef struct {
    const kernels *k;
    const attention_head *h;
    const map_row *map;
    size_t features;
    const float *turn;            /* [n][F], NULL: no rotation */
    room r;
} linear_job;

/* phi of rows [first, first + rows) of x into r.features. */
static void run_map(const linear_job *job, const float *x, const float *weight, const float *shift,
                    size_t first, size_t rows)
{
    const attention_head *h = job->h;
    map_job map = {
        .k = job->k, .x = x + first * h->stride, .stride = h->stride, .rows = rows, .d = h->d,
        .first = first, .n = h->n, .map = weight, .shift = shift,
        .mapped = job->r.mapped, .features = job->r.features,
    };
    job->map->run(&map);
}

/* The features as the numerator sees them. */
static const float *turned(const linear_job *job, size_t first, size_t rows)
{
    const size_t features = job->features;
    if (!job->turn)
        return job->r.features;
    rope_rotate(job->r.features, features, job->turn + first * features, rows, features,
                job->r.turned, features);
    return job->r.turned;
}

static void find_shift(const linear_job *job)
{
    const attention_head *h = job->h;
    memcpy(job->r.shift, h->k, h->d * sizeof *h->k);
    for (size_t row = 1; row < h->n; row++)
        for (size_t i = 0; i < h->d; i++)
            if (h->k[row * h->stride + i] > job->r.shift[i])
                job->r.shift[i] = h->k[row * h->stride + i];
}

static void add_keys(const linear_job *job, size_t first, size_t rows)
{
    const attention_head *h = job->h;
    const size_t features = job->features, d = h->d;
    const room *r = &job->r;
    const float *value = h->v + first * h->stride;
    size_t value_stride = h->stride;
    if (h->rotary_value && h->rope) {
        rope_rotate(value, value_stride, h->rope + first * d, rows, d, r->values, d);
        value = r->values;
        value_stride = d;
    }
    run_map(job, h->k, h->key_map, r->shift, first, rows);
    for (size_t row = 0; row < rows; row++)
        for (size_t f = 0; f < features; f++)
            r->sum_z[f] += (double)r->features[row * features + f];
    const float *key = turned(job, first, rows);
    job->k->matmul_tn(key, features, value, value_stride, features, d, rows, r->kv, d);
    for (size_t i = 0; i < features * d; i++)
        r->sum_kv[i] += (double)r->kv[i];
}

static void gather_keys(const linear_job *job)
{
    const size_t features = job->features, d = job->h->d;
    const room *r = &job->r;
    memset(r->sum_kv, 0, features * (d + 1) * sizeof *r->sum_kv);
    if (job->map->normalizes_itself)
        find_shift(job);
    for (size_t first = 0; first < job->h->n; first += ROW_BLOCK) {
        size_t left = job->h->n - first;
        add_keys(job, first, left < ROW_BLOCK ? left : ROW_BLOCK);
    }
    for (size_t f = 0; f < features; f++) {
        double divisor = job->map->normalizes_itself ? r->sum_z[f] : 1;
        r->z[f] = (float)r->sum_z[f];
        for (size_t i = 0; i < d; i++)
            r->kv[f * d + i] = (float)(r->sum_kv[f * d + i] / divisor);
    }
}

static float denominator(const linear_job *job, size_t row)
{
    if (job->map->normalizes_itself)
        return 1;
    float sum = job->k->dot(job->r.features + row * job->features, job->r.z, job->features);
    if (job->map->clamps)
        return sum > DENOMINATOR_FLOOR ? sum : DENOMINATOR_FLOOR;
    return sum + DENOMINATOR_FLOOR;
}

static void answer_queries(const linear_job *job, size_t first, size_t rows)
{
    const attention_head *h = job->h;
    float *out = h->out + first * h->out_stride;
    run_map(job, h->q, h->query_map, NULL, first, rows);
    const float *query = turned(job, first, rows);
    job->k->matmul_nn(query, job->features, job->r.kv, h->d, rows, h->d, job->features, out,
                      h->out_stride);
    for (size_t row = 0; row < rows; row++) {
        float factor = 1 / denominator(job, row);
        for (size_t i = 0; i < h->d; i++)
            out[row * h->out_stride + i] *= factor;
    }
}

void attention_linear(const kernels *k, linear_map map, const attention_head *h, float *scratch)
{
    const map_row *row = &MAPS[map];
    const size_t features = linear_map_features(map, h->d);
    assert((map == LINEAR_HEDGEHOG) == (h->query_map && h->key_map));
    assert(!h->rope || !row->rotates || h->feature_rope);
    linear_job job = {
        .k = k, .h = h, .map = row, .features = features,
        .turn = row->rotates ? h->feature_rope : NULL,
        .r = lay_out(features, h->d, scratch),
    };
    gather_keys(&job);
    for (size_t first = 0; first < h->n; first += ROW_BLOCK) {
        size_t left = h->n - first;
        answer_queries(&job, first, left < ROW_BLOCK ? left : ROW_BLOCK);
    }
}
