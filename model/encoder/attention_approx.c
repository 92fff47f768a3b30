/* attention_approx.c - softmax attention approximated in time n for one head: e^(q.k) is replaced by phi(q).phi(k),
 *
 *   favor      phi_j(x) = e^(w_j.x - |x|^2/2) / sqrt(m), random w_j (favor.h): right on average
 *   taylor2    1 + q.k + (q.k)^2/2
 *   explimit2  (1 + q.k/2)^2
 *
 * with x = q or k, turned by their positions first and then times sqrt(scale), so that q.k is the score that softmax
 * would see. What is common to all keys of a query, or to all features, cancels in the quotient: it is taken off the
 * exponents of favor before they can overflow.
 *
 * Polynomials need 1 + d + d(d+1)/2 features (each product x_i x_j once). They are never all there: features come in
 * tiles, and a tile's sums over the keys are spent on the queries before the next tile is begun. Memory is n * d and
 * a tile. Sums over keys are gathered in double from blocks of rows, like those of attention_linear.c.
 */
#include "model/encoder/attention.h"

#include "model/encoder/rope.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 64, TILE_FEATURES = 288 };    /* a tile holds a whole group of features: up to 1 + 256 */

/* A key's weight is 1/2 at least in taylor2, a square in explimit2, whose sum rounding may leave at or below 0; favor's
 * weights have lost their common factor, so that only 0 itself is no denominator. */
static const float POLYNOMIAL_FLOOR = 1e-6F, FAVOR_FLOOR = FLT_MIN;

/* What the features x_i^2 and x_i x_j are multiplied by; 1 and x_i stand as they are. */
typedef struct { float square, mixed; } polynomial;

static const float ROOT_HALF = 0.70710678118654752440F;

/* The scratch of one head, named. */
typedef struct {
    double *sum_kv, *sum_z;       /* [F][d], [F], F the features of a tile */
    float *query, *key, *value;   /* [n][d] turned and scaled; value only where values turn */
    float *kv, *z;                /* the sums as floats; kv holds those of a block before */
    float *features;              /* [ROW_BLOCK][F] */
    float *part;                  /* [ROW_BLOCK][d] */
    float *below;                 /* [n] denominators */
} room;

/* Features in groups: polynomials have d + 1 (1 and x; then for each i the products x_i x_j, j >= i), favor has one. */
typedef struct {
    size_t first, last;           /* groups of the tile */
    size_t width;                 /* its features */
} tile;

typedef struct {
    const kernels *k;
    const attention_head *h;
    const polynomial *weights;    /* NULL: favor */
    const float *value;
    size_t value_stride;
    float key_shift;              /* favor: the greatest exponent of all keys and features */
    room r;
} approx_job;

static const polynomial *polynomial_of(attention_kind kind)
{
    static const polynomial taylor = { ROOT_HALF, 1 }, limit = { 0.5F, ROOT_HALF };
    return kind == ATTENTION_TAYLOR2 ? &taylor : kind == ATTENTION_EXPLIMIT2 ? &limit : NULL;
}

bool attention_approximates(attention_kind kind)
{
    return kind == ATTENTION_FAVOR || kind == ATTENTION_TAYLOR2 || kind == ATTENTION_EXPLIMIT2;
}

size_t attention_approx_features(attention_kind kind, size_t d, size_t favor_features)
{
    return kind == ATTENTION_FAVOR ? favor_features : 1 + d + d * (d + 1) / 2;
}

/* ---- scratch ---- */

static size_t tile_room(size_t favor_features)
{
    return favor_features > TILE_FEATURES ? favor_features : TILE_FEATURES;
}

size_t attention_approx_scratch_floats(size_t n, size_t d, size_t favor_features)
{
    const size_t features = tile_room(favor_features);
    return 3 * features * (d + 1) + 3 * n * d + ROW_BLOCK * (features + d) + n;
}

static room lay_out(const attention_head *h, float *scratch)
{
    const size_t features = tile_room(h->favor_features), n = h->n, d = h->d;
    room r;
    float *at = scratch + 2 * features * (d + 1);    /* doubles first: they need the alignment */
    r.sum_kv = (double *)(void *)scratch;
    r.sum_z = r.sum_kv + features * d;
    r.query = at, at += n * d;
    r.key = at, at += n * d;
    r.value = at, at += n * d;
    r.kv = at, at += features * d;
    r.z = at, at += features;
    r.features = at, at += ROW_BLOCK * features;
    r.part = at, at += ROW_BLOCK * d;
    r.below = at;
    return r;
}

/* ---- rows: turned, then scaled ---- */

static void turn_and_scale(const attention_head *h, const float *x, size_t first, size_t last, float *out)
{
    const size_t d = h->d;
    const float root = sqrtf(h->scale);
    for (size_t row = first; row < last; row++) {
        float *y = out + row * d;
        if (h->rope)
            rope_rotate(x + row * h->stride, h->stride, h->rope + row * d, 1, d, y, d);
        else
            memcpy(y, x + row * h->stride, d * sizeof *y);
        for (size_t i = 0; i < d; i++)
            y[i] *= root;
    }
}

static void turn_all(approx_job *j)
{
    const attention_head *h = j->h;
    turn_and_scale(h, h->q, h->first_query, h->last_query, j->r.query);
    turn_and_scale(h, h->k, 0, h->n, j->r.key);
    j->value = h->v;
    j->value_stride = h->stride;
    if (!h->rotary_value || !h->rope)
        return;
    rope_rotate(h->v, h->stride, h->rope, h->n, h->d, j->r.value, h->d);
    j->value = j->r.value;
    j->value_stride = h->d;
}

/* ---- features ---- */

static float *write_group(const polynomial *p, const float *x, size_t d, size_t group, float *y)
{
    if (group == 0) {
        *y++ = 1;
        memcpy(y, x, d * sizeof *x);
        return y + d;
    }
    const size_t i = group - 1;
    const float mixed = p->mixed * x[i];
    *y++ = p->square * x[i] * x[i];
    for (size_t other = i + 1; other < d; other++)
        *y++ = mixed * x[other];
    return y;
}

static void write_polynomials(const approx_job *j, const tile *t, const float *x, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        float *y = j->r.features + row * t->width;
        for (size_t group = t->first; group < t->last; group++)
            y = write_group(j->weights, x + row * j->h->d, j->h->d, group, y);
    }
}

static float greatest(const float *x, size_t n)
{
    float most = x[0];
    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* w_j.x of a block of rows. */
static void project(const approx_job *j, const float *x, size_t rows)
{
    const size_t d = j->h->d, m = j->h->favor_features;
    j->k->matmul_nn(x, d, j->h->directions, m, rows, m, d, j->r.features, m);
}

static float half_square(const approx_job *j, const float *x)
{
    return 0.5F * j->k->dot(x, x, j->h->d);
}

/* A query's own |q|^2/2, like its greatest exponent, is common to all its keys; a key's is not. */
static void write_exponentials(const approx_job *j, const float *x, size_t rows, bool keys)
{
    const size_t m = j->h->favor_features;
    project(j, x, rows);
    for (size_t row = 0; row < rows; row++) {
        float *y = j->r.features + row * m;
        float shift = keys ? half_square(j, x + row * j->h->d) + j->key_shift : greatest(y, m);
        for (size_t i = 0; i < m; i++)
            y[i] -= shift;
        j->k->exp(y, m);
    }
}

static void write_features(const approx_job *j, const tile *t, const float *x, size_t rows, bool keys)
{
    if (j->weights)
        write_polynomials(j, t, x, rows);
    else
        write_exponentials(j, x, rows, keys);
}

static void find_key_shift(approx_job *j)
{
    const size_t n = j->h->n, d = j->h->d, m = j->h->favor_features;
    j->key_shift = -FLT_MAX;
    for (size_t first = 0; first < n; first += ROW_BLOCK) {
        size_t rows = n - first < ROW_BLOCK ? n - first : ROW_BLOCK;
        project(j, j->r.key + first * d, rows);
        for (size_t row = 0; row < rows; row++) {
            float most = greatest(j->r.features + row * m, m) - half_square(j, j->r.key + (first + row) * d);
            j->key_shift = most > j->key_shift ? most : j->key_shift;
        }
    }
}

static size_t group_width(const approx_job *j, size_t group)
{
    if (!j->weights)
        return j->h->favor_features;
    return group == 0 ? j->h->d + 1 : j->h->d + 1 - group;
}

/* As many groups as fit; at least one. False: there are none left. */
static bool next_tile(const approx_job *j, tile *t)
{
    const size_t groups = j->weights ? j->h->d + 1 : 1;
    *t = (tile){ .first = t->last, .last = t->last };
    while (t->last < groups && (t->width == 0 || t->width + group_width(j, t->last) <= TILE_FEATURES))
        t->width += group_width(j, t->last++);
    return t->width > 0;
}

/* ---- the two passes ---- */

static void add_keys(const approx_job *j, const tile *t, size_t first, size_t rows)
{
    const size_t d = j->h->d, width = t->width;
    const room *r = &j->r;
    write_features(j, t, r->key + first * d, rows, true);
    for (size_t row = 0; row < rows; row++)
        for (size_t f = 0; f < width; f++)
            r->sum_z[f] += (double)r->features[row * width + f];
    j->k->matmul_tn(r->features, width, j->value + first * j->value_stride, j->value_stride, width, d, rows, r->kv, d);
    for (size_t i = 0; i < width * d; i++)
        r->sum_kv[i] += (double)r->kv[i];
}

static void gather_keys(const approx_job *j, const tile *t)
{
    const size_t d = j->h->d, n = j->h->n;
    const room *r = &j->r;
    memset(r->sum_kv, 0, t->width * d * sizeof *r->sum_kv);
    memset(r->sum_z, 0, t->width * sizeof *r->sum_z);
    for (size_t first = 0; first < n; first += ROW_BLOCK)
        add_keys(j, t, first, n - first < ROW_BLOCK ? n - first : ROW_BLOCK);
    for (size_t f = 0; f < t->width; f++)
        r->z[f] = (float)r->sum_z[f];
    for (size_t i = 0; i < t->width * d; i++)
        r->kv[i] = (float)r->sum_kv[i];
}

/* Adds what the tile's features give to the rows' numerators (in out) and denominators. */
static void answer_queries(const approx_job *j, const tile *t, size_t first, size_t rows)
{
    const attention_head *h = j->h;
    const size_t d = h->d, width = t->width;
    const room *r = &j->r;
    write_features(j, t, r->query + first * d, rows, false);
    j->k->matmul_nn(r->features, width, r->kv, d, rows, d, width, r->part, d);
    for (size_t row = 0; row < rows; row++) {
        float *out = h->out + (first + row) * h->out_stride;
        const float *part = r->part + row * d;
        for (size_t i = 0; i < d; i++)
            out[i] = t->first == 0 ? part[i] : out[i] + part[i];
        float below = j->k->dot(r->features + row * width, r->z, width);
        r->below[first + row] = t->first == 0 ? below : r->below[first + row] + below;
    }
}

static void divide(const approx_job *j)
{
    const attention_head *h = j->h;
    const float floor = j->weights ? POLYNOMIAL_FLOOR : FAVOR_FLOOR;
    for (size_t row = h->first_query; row < h->last_query; row++) {
        float below = j->r.below[row] > floor ? j->r.below[row] : floor;
        for (size_t i = 0; i < h->d; i++)
            h->out[row * h->out_stride + i] /= below;
    }
}

void attention_approx(const kernels *k, attention_kind kind, const attention_head *h, float *scratch)
{
    approx_job j = { .k = k, .h = h, .weights = polynomial_of(kind), .r = lay_out(h, scratch) };
    tile t = { 0 };
    assert(attention_approximates(kind) && (j.weights || h->directions));
    turn_all(&j);
    if (!j.weights)
        find_key_shift(&j);
    while (next_tile(&j, &t)) {
        gather_keys(&j, &t);
        for (size_t first = h->first_query; first < h->last_query; first += ROW_BLOCK) {
            size_t left = h->last_query - first;
            answer_queries(&j, &t, first, left < ROW_BLOCK ? left : ROW_BLOCK);
        }
    }
    divide(&j);
}
