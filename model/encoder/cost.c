/* cost.c - see cost.h.
 *
 * A whole forward is dear, one head of attention cheap and, over long texts, the whole difference between the kinds. So
 * each kind's head is timed alone at two lengths, which gives its core's two constants; then whole forwards of a few
 * short lengths, less what the core takes, give the line of the dense layers.
 */
#include "model/encoder/cost.h"

#include "model/encoder/forward.h"
#include "model/encoder/head_time.h"
#include "model/encoder/pooling.h"
#include "model/encoder/rowwise.h"

#include <stdlib.h>

enum { HEAD_SHORT = 128, HEAD_LONG = 1024, ROUNDS_MIN = 5, ROUNDS_MAX = 64, LENGTH_FIRST = 8, LENGTH_LAST = 1024 };

/* Neighbours take the processor away for milliseconds: the best of what fits into so long tells what it can do. */
static const int64_t TRYING_NS = 15000000;

/* A forward that takes longer is not followed by one of twice the length. */
static const double ENOUGH_NS = 40e6;

/* ---- counting ---- */

static bool pools_cls(const encoder_config *c)
{
    return c->pooling == POOLING_CLS || c->pooling == POOLING_POOLER_LINEAR || c->pooling == POOLING_POOLER_TANH;
}

/* rows: how many go on behind attention. */
static uint64_t layer_dense(const encoder_config *c, uint64_t n, uint64_t rows)
{
    const uint64_t D = c->hidden_size, I = c->intermediate_size;
    return n * 3 * D * D + rows * (D * D + 2 * D * I);
}

static uint64_t linear_core(const encoder_config *c, uint64_t n)
{
    const uint64_t d = c->head_size, F = linear_map_features(c->map, d);
    const uint64_t maps = c->map == LINEAR_HEDGEHOG ? 2 * n * d * d : 0;
    const uint64_t denominators = c->map == LINEAR_EFFICIENT ? 0 : n * F;
    return 2 * n * F * d + denominators + maps;
}

/* favor projects its queries once and its keys twice. */
static uint64_t approx_core(const encoder_config *c, attention_kind kind, uint64_t n, uint64_t queries)
{
    const uint64_t d = c->head_size, F = attention_approx_features(kind, d, c->favor_features);
    const uint64_t maps = kind == ATTENTION_FAVOR ? (2 * n + queries) * F * d : 0;
    return (n + queries) * F * d + queries * F + maps;
}

/* Of one head. */
static uint64_t head_core(const encoder_config *c, attention_kind kind, uint64_t n, uint64_t queries)
{
    if (attention_approximates(kind))
        return approx_core(c, kind, n, queries);
    return kind == ATTENTION_LINEAR ? linear_core(c, n) : 2 * n * queries * c->head_size;
}

cost_macs cost_count(const encoder_config *c, attention_kind kind, size_t n)
{
    const uint64_t last_rows = pools_cls(c) ? 1 : n, before = c->layers - 1;
    cost_macs m = { .dense = before * layer_dense(c, n, n) + layer_dense(c, n, last_rows),
                    .core = c->heads * (before * head_core(c, kind, n, n) + head_core(c, kind, n, last_rows)) };
    if (c->embedding_size != c->hidden_size)
        m.dense += (uint64_t)n * c->embedding_size * c->hidden_size;
    if (pooling_has_dense(c->pooling))
        m.dense += (uint64_t)c->hidden_size * c->pooler_outputs;
    return m;
}

static size_t attention_bytes(const encoder *e, attention_kind kind, size_t n)
{
    const size_t d = e->config.head_size;
    if (kind == ATTENTION_LINEAR)
        return attention_linear_scratch_floats(e->config.map, n, d) * sizeof(float);
    if (attention_approximates(kind))
        return attention_approx_scratch_floats(n, d, e->config.favor_features) * sizeof(float);
    return attention_softmax_scratch_bytes(forward_attention_format(e), n, d);
}

size_t cost_bytes(const encoder *e, attention_kind kind, size_t n, size_t threads)
{
    size_t attention = attention_bytes(e, kind, n), rows = rowwise_bytes(e, n);
    return encoder_scratch_bytes(e, n, 1, 0) + threads * (attention > rows ? attention : rows);
}

/* ---- predicting ---- */

double cost_predict_ns(const cost_rates *r, attention_kind kind, cost_macs macs)
{
    return r->start_ns + r->dense_ns * (double)macs.dense + r->core_start_ns[kind]
           + r->core_ns[kind] * (double)macs.core;
}

size_t cost_crossing_macs(const encoder_config *c, attention_kind kind)
{
    for (size_t n = 1; n <= CONFIG_LENGTH_MAX; n++)
        if (head_core(c, kind, n, n) < head_core(c, ATTENTION_SOFTMAX, n, n))
            return n;
    return COST_NEVER;
}

size_t cost_crossing_time(const encoder_config *c, const cost_rates *r, attention_kind kind)
{
    for (size_t n = 1; n <= CONFIG_LENGTH_MAX; n++)
        if (cost_predict_ns(r, kind, cost_count(c, kind, n))
            < cost_predict_ns(r, ATTENTION_SOFTMAX, cost_count(c, ATTENTION_SOFTMAX, n)))
            return n;
    return COST_NEVER;
}

/* ---- measuring ---- */

typedef struct { int rounds; int64_t end; double best; } tries;

static tries tries_begin(void)
{
    return (tries){ .end = clock_now_ns() + TRYING_NS };
}

/* Takes in a time; is another one wanted? */
static bool tries_go_on(tries *t, double ns)
{
    t->best = t->rounds == 0 || ns < t->best ? ns : t->best;
    t->rounds++;
    return t->rounds < ROUNDS_MIN || (t->rounds < ROUNDS_MAX && clock_now_ns() < t->end);
}

static double best_head_ns(const head_time *t, attention_kind kind, size_t n)
{
    tries tried = tries_begin();
    while (tries_go_on(&tried, head_time_once(t, kind, n)))
        continue;
    return tried.best;
}

/* The heads of a layer share the pool evenly but for the last turn. */
static void measure_core(const encoder *e, const head_time *t, attention_kind kind, cost_rates *r)
{
    const encoder_config *c = &e->config;
    const double turns = (double)((c->heads + r->threads - 1) / r->threads) / (double)c->heads;
    double brief = best_head_ns(t, kind, HEAD_SHORT), lengthy = best_head_ns(t, kind, HEAD_LONG);
    double few = (double)head_core(c, kind, HEAD_SHORT, HEAD_SHORT);
    double many = (double)head_core(c, kind, HEAD_LONG, HEAD_LONG);
    double slope = lengthy > brief ? (lengthy - brief) / (many - few) : lengthy / many;
    double rest = brief - slope * few;
    r->core_ns[kind] = slope * turns;
    bool starts = kind != ATTENTION_SOFTMAX && rest > 0;    /* softmax's grows with n: the dense line takes it in */
    r->core_start_ns[kind] = starts ? rest * turns * (double)(c->heads * c->layers) : 0;
}

static status measure_cores(const encoder *e, cost_rates *r, errinfo *err)
{
    head_time *t;
    status st = head_time_open(&t, e, HEAD_LONG, err);
    if (st)
        return st;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (!attention_approximates(kind) || (e->config.attention_approx & 1u << kind))
            measure_core(e, t, kind, r);
    head_time_close(t);
    return ST_OK;
}

typedef struct {
    const encoder *e;
    encoder_scratch *s;
    pool *p;
    uint32_t *ids;
    float *vector;
} forwards;

static double best_forward_ns(const forwards *f, size_t n)
{
    const uint32_t starts[2] = { 0, (uint32_t)n };
    const encoder_batch batch = { .ids = f->ids, .starts = starts, .sequences = 1,
                                  .attention = f->e->config.attention };
    tries tried = tries_begin();
    double ns;
    do {
        int64_t begin = clock_now_ns();
        encoder_run(f->e, f->s, f->p, &batch, f->vector);
        ns = (double)(clock_now_ns() - begin);
    } while (tries_go_on(&tried, ns));
    return tried.best;
}

/* A line through times less the core's, each counted relative to its size; neither constant may be negative. */
typedef struct { double w, x, y, xx, xy; } line_sums;

static void add_point(line_sums *s, double x, double y)
{
    double w = 1 / (y * y);
    s->w += w;
    s->x += w * x;
    s->y += w * y;
    s->xx += w * x * x;
    s->xy += w * x * y;
}

static void fit_line(const line_sums *s, cost_rates *r)
{
    double spread = s->w * s->xx - s->x * s->x;
    r->dense_ns = spread > 0 ? (s->w * s->xy - s->x * s->y) / spread : s->xy / s->xx;
    r->start_ns = (s->y - r->dense_ns * s->x) / s->w;
    if (r->start_ns < 0 || r->dense_ns < 0) {
        r->start_ns = 0;
        r->dense_ns = s->xy / s->xx;
    }
}

static void measure_dense(const forwards *f, cost_rates *r)
{
    const encoder_config *c = &f->e->config;
    const attention_kind kind = c->attention;
    const size_t longest = c->max_length < LENGTH_LAST ? c->max_length : LENGTH_LAST;
    line_sums sums = { 0 };
    double ns = 0;
    for (size_t n = longest < LENGTH_FIRST ? longest : LENGTH_FIRST; n <= longest && ns < ENOUGH_NS; n *= 2) {
        cost_macs macs = cost_count(c, kind, n);
        double core = r->core_start_ns[kind] + r->core_ns[kind] * (double)macs.core;
        ns = best_forward_ns(f, n);
        add_point(&sums, (double)macs.dense, ns > 2 * core ? ns - core : ns / 2);
    }
    fit_line(&sums, r);
}

static status measure_forwards(const encoder *e, pool *p, cost_rates *r, errinfo *err)
{
    const size_t longest = e->config.max_length < LENGTH_LAST ? e->config.max_length : LENGTH_LAST;
    forwards f = { .e = e, .p = p };
    status st = encoder_scratch_open(&f.s, e, longest, 1, pool_threads(p), err);
    if (st)
        return st;
    f.ids = calloc(longest, sizeof *f.ids);
    f.vector = calloc(e->config.pooler_outputs, sizeof *f.vector);
    if (!f.ids || !f.vector) {
        st = fail(err, ST_NOMEM, "measuring forwards: out of memory");
        goto out;
    }
    for (size_t i = 0; i < longest; i++)
        f.ids[i] = (uint32_t)(i % e->config.vocab_size);
    measure_dense(&f, r);
out:
    free(f.vector);
    free(f.ids);
    encoder_scratch_close(f.s);
    return st;
}

status cost_measure(const encoder *e, pool *p, cost_rates *out, errinfo *err)
{
    cost_rates r = { .threads = pool_threads(p) };
    status st = measure_cores(e, &r, err);
    if (!st) st = measure_forwards(e, p, &r, err);
    if (!st) *out = r;
    return st;
}
