/* adapter.c - see adapter.h.
 *
 * A batch in matrices: X [2B][D] both sides' unit vectors, Y = map(X), Z = Y made unit, scores Z_a Z_b'. The gradient
 * runs back through them: scores -> Z -> Y (the part along Z falls away) -> weights. BLAS does the products.
 */
#include "model/score/adapter.h"

#include "model/score/algebra.h"
#include "model/score/similarity.h"
#include "weights/random.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT_OF = 5, STREAM_START = 1, STREAM_ORDER = 2, PASSES = 4, STEPS_LEAST = 20 };

size_t adapter_weights(size_t width, size_t rank)
{
    return rank ? 2 * width * rank : width * width;
}

status adapter_open(adapter **out, size_t width, size_t rank, uint32_t seed, errinfo *err)
{
    if (width < 1 || width > ADAPTER_WIDTH_MAX || rank > width)
        return fail(err, ST_INPUT, "an adapter of rank %zu for %zu dimensions: at most %d, and no rank above it", rank,
                    width, ADAPTER_WIDTH_MAX);
    adapter *a = calloc(1, sizeof *a);
    double *weights = calloc(adapter_weights(width, rank), sizeof *weights);
    if (!a || !weights) {
        free(weights);
        free(a);
        return fail(err, ST_NOMEM, "an adapter: out of memory");
    }
    *a = (adapter){ .width = width, .rank = rank, .weights = weights };
    random_sequence r = random_begin(seed, STREAM_START);
    for (size_t i = 0; i < rank * width; i++)
        weights[i] = random_normal(&r) / sqrt((double)width);
    for (size_t i = 0; !rank && i < width; i++)
        weights[i * width + i] = 1;
    *out = a;
    return ST_OK;
}

void adapter_close(adapter *a)
{
    if (!a)
        return;
    free(a->weights);
    free(a);
}

void adapter_apply(const adapter *a, const float *x, float *y)
{
    const size_t d = a->width, r = a->rank;
    const double *up = a->weights + r * d;
    for (size_t i = 0; !r && i < d; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++)
            sum += a->weights[i * d + j] * (double)x[j];
        y[i] = (float)sum;
    }
    for (size_t i = 0; r && i < d; i++)
        y[i] = x[i];
    for (size_t k = 0; k < r; k++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++)
            sum += a->weights[k * d + j] * (double)x[j];
        for (size_t i = 0; i < d; i++)
            y[i] += (float)(up[i * r + k] * sum);
    }
}

/* ---- one batch ---- */

typedef struct {
    size_t n, d, r;
    double *x, *y, *z, *dz;               /* [2n][D]: the a sides, then the b sides */
    double *lengths;                      /* [2n] */
    double *hidden, *dhidden;             /* [2n][rank] */
    double *scores, *slopes;              /* [n][n]; slopes: d loss / d score */
} batch;

static bool batch_open(batch *w, size_t n, size_t d, size_t r)
{
    *w = (batch){ .n = n, .d = d, .r = r };
    w->x = calloc(8 * n * d + 2 * n + 4 * n * r + 2 * n * n, sizeof *w->x);
    if (!w->x)
        return false;
    w->y = w->x + 2 * n * d;
    w->z = w->y + 2 * n * d;
    w->dz = w->z + 2 * n * d;
    w->lengths = w->dz + 2 * n * d;
    w->hidden = w->lengths + 2 * n;
    w->dhidden = w->hidden + 2 * n * r;
    w->scores = w->dhidden + 2 * n * r;
    w->slopes = w->scores + n * n;
    return true;
}

/* z = x / |x|; the length. */
static double make_unit(const double *x, double *z, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += x[i] * x[i];
    double length = sqrt(sum), scale = length > 0 ? 1 / length : 0;
    for (size_t i = 0; i < d; i++)
        z[i] = x[i] * scale;
    return length;
}

static void load_rows(batch *w, const adapter_pairs *p)
{
    for (size_t i = 0; i < w->n * w->d; i++) {
        w->y[i] = (double)p->a[i];
        w->y[w->n * w->d + i] = (double)p->b[i];
    }
    for (size_t i = 0; i < 2 * w->n; i++)
        (void)make_unit(w->y + i * w->d, w->x + i * w->d, w->d);
}

static void run_forward(batch *w, const adapter *a, double scale)
{
    size_t rows = 2 * w->n, d = w->d, r = w->r;
    if (r) {
        memcpy(w->y, w->x, rows * d * sizeof *w->y);
        algebra_product(false, true, rows, r, d, 1, w->x, a->weights, 0, w->hidden);
        algebra_product(false, true, rows, d, r, 1, w->hidden, a->weights + r * d, 1, w->y);
    } else {
        algebra_product(false, true, rows, d, d, 1, w->x, a->weights, 0, w->y);
    }
    for (size_t i = 0; i < rows; i++)
        w->lengths[i] = make_unit(w->y + i * d, w->z + i * d, d);
    algebra_product(false, true, w->n, w->n, d, scale, w->z, w->z + w->n * d, 0, w->scores);
}

static bool same_row(const batch *w, size_t i, size_t j)
{
    return memcmp(w->x + i * w->d, w->x + j * w->d, w->d * sizeof *w->x) == 0;
}

/* May the meeting of a_i and b_j be called unrelated, seen from pair `of`? Not when either text is the other's own. */
static bool is_negative(const batch *w, const adapter_pairs *p, size_t of, size_t i, size_t j)
{
    if (i == j)
        return i != of && !p->labels[i];
    if (i != of && j != of)
        return false;
    size_t n = w->n;
    return !same_row(w, i, j) && !same_row(w, n + i, n + j) && !same_row(w, i, n + j) && !same_row(w, j, n + i);
}

/* Adds the loss of positive `of` and its slopes, each times share; nothing when it has no negatives. */
static void add_positive(batch *w, const adapter_pairs *p, size_t of, double share, double *loss)
{
    size_t n = w->n;
    double top = -HUGE_VAL, sum = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                if (!is_negative(w, p, of, i, j))
                    continue;
                double s = w->scores[i * n + j];
                if (pass == 0)
                    top = fmax(top, s);
                else if (pass == 1)
                    sum += exp(s - top);
                else
                    w->slopes[i * n + j] += share * exp(s - top) / sum;
            }
        }
        if (isinf(top))
            return;
    }
    w->slopes[of * n + of] -= share;
    *loss += share * (top + log(sum) - w->scores[of * n + of]);
}

static double sum_losses(batch *w, const adapter_pairs *p)
{
    double loss = 0;
    size_t positives = 0;
    memset(w->slopes, 0, w->n * w->n * sizeof *w->slopes);
    for (size_t i = 0; i < w->n; i++)
        positives += p->labels[i];
    for (size_t i = 0; i < w->n; i++)
        if (p->labels[i])
            add_positive(w, p, i, 1 / (double)positives, &loss);
    return loss;
}

static void run_backward(batch *w, const adapter *a, double scale, double *gradient)
{
    size_t n = w->n, d = w->d, r = w->r, rows = 2 * n;
    algebra_product(false, false, n, d, n, scale, w->slopes, w->z + n * d, 0, w->dz);
    algebra_product(true, false, n, d, n, scale, w->slopes, w->z, 0, w->dz + n * d);
    for (size_t i = 0; i < rows; i++) {    /* dz becomes dy */
        double *dz = w->dz + i * d, along = 0;
        const double *z = w->z + i * d;
        for (size_t j = 0; j < d; j++)
            along += dz[j] * z[j];
        for (size_t j = 0; j < d; j++)
            dz[j] = w->lengths[i] > 0 ? (dz[j] - along * z[j]) / w->lengths[i] : 0;
    }
    if (!r) {
        algebra_product(true, false, d, d, rows, 1, w->dz, w->x, 0, gradient);
        return;
    }
    algebra_product(true, false, d, r, rows, 1, w->dz, w->hidden, 0, gradient + r * d);
    algebra_product(false, false, rows, r, d, 1, w->dz, a->weights + r * d, 0, w->dhidden);
    algebra_product(true, false, r, d, rows, 1, w->dhidden, w->x, 0, gradient);
}

status adapter_loss(const adapter *a, const adapter_pairs *pairs, double scale, double *loss, double *gradient,
                    errinfo *err)
{
    batch w;
    if (pairs->n < 1 || pairs->n > ADAPTER_BATCH_MAX)
        return fail(err, ST_INPUT, "a batch of %zu pairs: must be 1 to %d", pairs->n, ADAPTER_BATCH_MAX);
    if (!batch_open(&w, pairs->n, a->width, a->rank))
        return fail(err, ST_NOMEM, "a batch of %zu pairs: out of memory", pairs->n);
    load_rows(&w, pairs);
    run_forward(&w, a, scale);
    *loss = sum_losses(&w, pairs);
    if (gradient)
        run_backward(&w, a, scale, gradient);
    free(w.x);
    return ST_OK;
}

/* ---- quality on held-out pairs ---- */

typedef struct { float score; bool label; } judged;

static int by_score(const void *left, const void *right)
{
    const judged *a = left, *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

/* Area under the ROC curve: the share of (related, unrelated) in the right order, ties half. */
static double area(judged *pairs, size_t n)
{
    double below = 0, sum = 0, related = 0;
    qsort(pairs, n, sizeof *pairs, by_score);
    for (size_t i = 0; i < n;) {
        size_t end = i, ties_related = 0;
        for (; end < n && !(pairs[end].score > pairs[i].score); end++)
            ties_related += pairs[end].label;
        double ties_other = (double)(end - i - ties_related);
        sum += (double)ties_related * (below + ties_other / 2);
        below += ties_other;
        related += (double)ties_related;
        i = end;
    }
    return below > 0 && related > 0 ? sum / (below * related) : 0.5;
}

static double reciprocal_rank(const float *a, const float *b, size_t n, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float own = similarity_score(METRIC_COSINE, a + i * d, b + i * d, d);
        size_t rank = 1;
        for (size_t j = 0; j < n; j++)
            rank += j != i && similarity_score(METRIC_COSINE, a + i * d, b + j * d, d) > own;
        sum += 1 / (double)rank;
    }
    return sum / (double)n;
}

/* Of the pairs after the map (NULL: as they are). */
static status judge(const adapter *m, const adapter_pairs *p, size_t d, bool by_rank, double *quality,
                    errinfo *err)
{
    float *a = malloc(2 * p->n * d * sizeof *a), *b = a + p->n * d;
    judged *scored = malloc(p->n * sizeof *scored);
    status st = a && scored ? ST_OK : fail(err, ST_NOMEM, "%zu held-out pairs: out of memory", p->n);
    for (size_t i = 0; st == ST_OK && i < p->n; i++) {
        if (m) {
            adapter_apply(m, p->a + i * d, a + i * d);
            adapter_apply(m, p->b + i * d, b + i * d);
        } else {
            memcpy(a + i * d, p->a + i * d, d * sizeof *a);
            memcpy(b + i * d, p->b + i * d, d * sizeof *b);
        }
        scored[i] = (judged){ similarity_score(METRIC_COSINE, a + i * d, b + i * d, d), p->labels[i] };
    }
    if (st == ST_OK)
        *quality = by_rank ? reciprocal_rank(a, b, p->n, d) : area(scored, p->n);
    free(scored);
    free(a);
    return st;
}

/* ---- training ---- */

adapter_options adapter_defaults(void)
{
    return (adapter_options){ .rank = 32, .batch = 32, .rate = 1e-3, .decay = 0.1, .scale = 20, .seed = 1 };
}

typedef struct {
    adapter *map;
    const adapter_options *options;
    size_t width, weights, train_count, held_count;
    float *rows;                          /* [2 n][D]: a sides, b sides, in the order of the split */
    bool *labels;                         /* [n]: held-out pairs first */
    size_t *order;                        /* [n] */
    uint64_t *hashes;                     /* [2 n] texts of the held-out pairs */
    double *start, *gradient, *first, *second;    /* [weights]: identity, gradient, Adam's moments */
    float *picked;                        /* [2 batch][D] */
    bool picked_labels[ADAPTER_BATCH_MAX];
    random_sequence random;
} training;

static void training_clear(training *t)
{
    adapter_close(t->map);
    free(t->rows);
    free(t->labels);
    free(t->order);
    free(t->hashes);
    free(t->start);
    free(t->picked);
}

static status training_init(training *t, const adapter_pairs *p, errinfo *err)
{
    size_t n = p->n, d = t->width;
    status st = adapter_open(&t->map, d, t->options->rank, t->options->seed, err);
    if (st)
        return st;
    t->weights = adapter_weights(d, t->options->rank);
    t->rows = calloc(2 * n * d, sizeof *t->rows);
    t->labels = calloc(n, sizeof *t->labels);
    t->order = calloc(n, sizeof *t->order);
    t->hashes = calloc(2 * n, sizeof *t->hashes);
    t->start = calloc(4 * t->weights, sizeof *t->start);
    t->picked = calloc(2 * t->options->batch * d, sizeof *t->picked);
    if (!t->rows || !t->labels || !t->order || !t->hashes || !t->start || !t->picked)
        return fail(err, ST_NOMEM, "training on %zu pairs: out of memory", n);
    t->gradient = t->start + t->weights;
    t->first = t->gradient + t->weights;
    t->second = t->first + t->weights;
    memcpy(t->start, t->map->weights, t->weights * sizeof *t->start);
    return ST_OK;
}

/* ---- the split ---- */

static uint64_t hash_row(const float *row, size_t d)    /* FNV-1a over the bytes: equal texts have equal vectors */
{
    const unsigned char *bytes = (const unsigned char *)row;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < d * sizeof *row; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int by_hash(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void put_pair(training *t, const adapter_pairs *p, size_t from, size_t at)
{
    size_t d = t->width;
    memcpy(t->rows + at * d, p->a + from * d, d * sizeof *t->rows);
    memcpy(t->rows + (p->n + at) * d, p->b + from * d, d * sizeof *t->rows);
    t->labels[at] = p->labels[from];
}

/* Every fifth of each class is held out; a pair that shares a text with one of those is not trained on. */
static void split(training *t, const adapter_pairs *p)
{
    size_t n = p->n, d = t->width, seen[2] = { 0, 0 }, rest = 0;
    uint64_t *held = t->hashes;
    t->random = random_begin(t->options->seed, STREAM_ORDER);
    for (size_t i = 0; i < n; i++)
        t->order[i] = i;
    random_shuffle(&t->random, t->order, n);
    for (size_t i = 0; i < n; i++) {
        size_t from = t->order[i];
        if (seen[p->labels[from]]++ % HELD_OUT_OF != 0) {
            t->order[rest++] = from;
            continue;
        }
        held[2 * t->held_count] = hash_row(p->a + from * d, d);
        held[2 * t->held_count + 1] = hash_row(p->b + from * d, d);
        put_pair(t, p, from, t->held_count++);
    }
    qsort(held, 2 * t->held_count, sizeof *held, by_hash);
    for (size_t i = 0; i < rest; i++) {
        uint64_t a = hash_row(p->a + t->order[i] * d, d), b = hash_row(p->b + t->order[i] * d, d);
        if (!bsearch(&a, held, 2 * t->held_count, sizeof a, by_hash) &&
            !bsearch(&b, held, 2 * t->held_count, sizeof b, by_hash))
            put_pair(t, p, t->order[i], t->held_count + t->train_count++);
    }
    for (size_t i = 0; i < t->train_count; i++)
        t->order[i] = t->held_count + i;
}

/* The next batch of the epoch; reshuffles when fewer than a batch are left. */
static adapter_pairs pick(training *t, const adapter_pairs *p, size_t *next)
{
    size_t d = t->width, size = t->options->batch < t->train_count ? t->options->batch : t->train_count;
    float *a = t->picked, *b = a + size * d;
    if (*next + size > t->train_count) {
        random_shuffle(&t->random, t->order, t->train_count);
        *next = 0;
    }
    for (size_t i = 0; i < size; i++) {
        size_t from = t->order[(*next)++];
        memcpy(a + i * d, t->rows + from * d, d * sizeof *a);
        memcpy(b + i * d, t->rows + (p->n + from) * d, d * sizeof *b);
        t->picked_labels[i] = t->labels[from];
    }
    return (adapter_pairs){ a, b, t->picked_labels, size };
}

static void step_adam(training *t, size_t step)
{
    const double b1 = 0.9, b2 = 0.999, rate = t->options->rate;
    double *w = t->map->weights, c1 = 1 - pow(b1, (double)step), c2 = 1 - pow(b2, (double)step);
    for (size_t i = 0; i < t->weights; i++) {
        double g = t->gradient[i];
        t->first[i] = b1 * t->first[i] + (1 - b1) * g;
        t->second[i] = b2 * t->second[i] + (1 - b2) * g * g;
        w[i] -= rate * (t->first[i] / c1) / (sqrt(t->second[i] / c2) + 1e-8);
        w[i] -= rate * t->options->decay * (w[i] - t->start[i]);
    }
}

/* Few pairs are learned by heart when they are seen too often. */
static size_t steps_of(const training *t)
{
    size_t steps = t->options->steps ? t->options->steps : PASSES * t->train_count / t->options->batch;
    return steps < STEPS_LEAST ? STEPS_LEAST : steps > ADAPTER_STEPS_MAX ? ADAPTER_STEPS_MAX : steps;
}

static status run_steps(training *t, const adapter_pairs *p, adapter_report *report, errinfo *err)
{
    size_t steps = steps_of(t), tenth = steps / 10 ? steps / 10 : 1, next = t->train_count;
    for (size_t step = 1; step <= steps; step++) {
        double loss;
        adapter_pairs picked = pick(t, p, &next);
        status st = adapter_loss(t->map, &picked, t->options->scale, &loss, t->gradient, err);
        if (st)
            return st;
        if (!isfinite(loss))
            return fail(err, ST_INTERNAL, "the loss is not finite at step %zu", step);
        step_adam(t, step);
        if (step <= tenth)
            report->first_loss += loss / (double)tenth;
        if (step > steps - tenth)
            report->last_loss += loss / (double)tenth;
    }
    return ST_OK;
}

static status check_pairs(const adapter_pairs *p, const adapter_options *o, bool *by_rank, errinfo *err)
{
    size_t positives = 0;
    for (size_t i = 0; i < p->n; i++)
        positives += p->labels[i];
    assert(o->batch >= 2 && o->batch <= ADAPTER_BATCH_MAX && o->steps <= ADAPTER_STEPS_MAX);
    *by_rank = positives == p->n;
    if (p->n < ADAPTER_PAIRS_MIN || p->n > ADAPTER_PAIRS_MAX)
        return fail(err, ST_INPUT, "%zu pairs: must be %d to %d", p->n, ADAPTER_PAIRS_MIN, ADAPTER_PAIRS_MAX);
    if (positives < ADAPTER_PAIRS_MIN / 2)
        return fail(err, ST_INPUT, "%zu pairs that belong together: at least %d are needed", positives,
                    ADAPTER_PAIRS_MIN / 2);
    return ST_OK;
}

status adapter_train(adapter **out, adapter_report *report, const adapter_pairs *pairs, size_t width,
                     const adapter_options *options, errinfo *err)
{
    training t = { .options = options, .width = width };
    *report = (adapter_report){ 0 };
    status st = check_pairs(pairs, options, &report->ranked, err);
    if (st) return st;
    st = training_init(&t, pairs, err);
    if (st) goto out;
    split(&t, pairs);
    report->trained = t.train_count;
    report->held_out = t.held_count;
    if (t.train_count < ADAPTER_PAIRS_MIN / 2) {
        st = fail(err, ST_INPUT, "only %zu pairs share no text with the %zu held-out ones; give more different texts",
                  t.train_count, t.held_count);
        goto out;
    }
    adapter_pairs held = { t.rows, t.rows + pairs->n * width, t.labels, t.held_count };
    st = judge(NULL, &held, width, report->ranked, &report->before, err);
    if (st) goto out;
    st = run_steps(&t, pairs, report, err);
    if (st) goto out;
    st = judge(t.map, &held, width, report->ranked, &report->after, err);
    if (st) goto out;
    if (!(report->after > report->before)) {
        st = fail(err, ST_INPUT, "the adapter loses on the %zu held-out pairs: %s %.4f with it, %.4f without",
                  t.held_count, report->ranked ? "mean reciprocal rank" : "area under ROC", report->after,
                  report->before);
        goto out;
    }
    *out = t.map;
    t.map = NULL;
out:
    training_clear(&t);
    return st;
}
