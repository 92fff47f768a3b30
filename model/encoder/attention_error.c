/* attention_error.c - see attention_error.h. Sums over all pairs of a query and a key need no loop over pairs: with
 * Q and K the rows, sum (q.k)^2 is the product of Q'Q and K'K, entry by entry, and sum q.k that of the sums of rows.
 */
#include "model/encoder/attention_error.h"

#include "model/encoder/forward.h"
#include "model/encoder/rope.h"

#include <math.h>
#include <string.h>

enum { ALIGN = 64 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Of the rows of one head: the sum, and the sum of products. */
typedef struct {
    double *row, *products;       /* [d], [d][d] */
} moments;

typedef struct {
    moments query, key;
    float *turned;                /* [d] */
    float *out;                   /* [n][d] of the other kind */
    void *attention;
} room;

typedef struct { size_t key, turned, out, attention, bytes; } layout;    /* offsets; the query's moments come first */

static layout lay_out(const encoder *e, size_t n)
{
    const size_t d = e->config.head_size, moment = aligned((d + d * d) * sizeof(double));
    layout l = { .key = moment, .turned = 2 * moment };
    l.out = l.turned + aligned(d * sizeof(float));
    l.attention = l.out + aligned(n * d * sizeof(float));
    l.bytes = l.attention + aligned(forward_attention_bytes(e, n));
    return l;
}

static moments moments_at(void *memory, size_t d)
{
    double *row = memory;
    return (moments){ row, row + d };
}

static room room_at(const encoder *e, size_t n, char *base)
{
    const layout l = lay_out(e, n);
    const size_t d = e->config.head_size;
    return (room){ moments_at(base, d), moments_at(base + l.key, d), (float *)(void *)(base + l.turned),
                   (float *)(void *)(base + l.out), base + l.attention };
}

size_t attention_errors_bytes(const encoder *e, size_t n)
{
    return lay_out(e, n).bytes;
}

/* Returns the sum of squares. */
static double gather(const attention_head *h, const float *x, const room *r, moments *m)
{
    const size_t d = h->d;
    double squares = 0;
    memset(m->row, 0, (d + d * d) * sizeof *m->row);
    for (size_t t = 0; t < h->n; t++) {
        const float *row = x + t * h->stride;
        if (h->rope) {
            rope_rotate(row, h->stride, h->rope + t * d, 1, d, r->turned, d);
            row = r->turned;
        }
        for (size_t i = 0; i < d; i++) {
            m->row[i] += (double)row[i];
            for (size_t k = 0; k < d; k++)
                m->products[i * d + k] += (double)row[i] * (double)row[k];
        }
    }
    for (size_t i = 0; i < d; i++)
        squares += m->products[i * d + i];
    return squares;
}

static double product(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_scores(attention_errors *sum, const attention_head *h, room *r)
{
    const double n = (double)h->n, scale = (double)h->scale;
    double squares = gather(h, h->q, r, &r->query) + gather(h, h->k, r, &r->key);
    double scores = product(r->query.row, r->key.row, h->d);
    sum->pairs += n * n;
    sum->score_sum += scale * scores;
    sum->score_squares += scale * scale * product(r->query.products, r->key.products, h->d * h->d);
    sum->z_sum += scale * (n * squares + 2 * scores);
}

static double squared_distance(const attention_head *h, const float *mixed, size_t stride)
{
    double sum = 0;
    for (size_t t = 0; t < h->n; t++)
        for (size_t i = 0; i < h->d; i++) {
            double other = h->out ? (double)h->out[t * h->out_stride + i] : 0;
            double difference = (double)mixed[t * stride + i] - other;
            sum += difference * difference;
        }
    return sum;
}

static void add_head(attention_errors *sum, const encoder_view *view, unsigned kinds, size_t start, size_t head,
                     size_t n, room *r)
{
    const size_t d = view->encoder->config.head_size, width = view->width;
    const float *rows = view->qkv + start * 3 * width + head * d, *mixed = view->mixed + start * width + head * d;
    attention_head h = { .n = n, .d = d, .stride = 3 * width, .out_stride = d,
                         .q = rows, .k = rows + width, .v = rows + 2 * width, .last_query = n };
    forward_head_tables(view->encoder, view->layer - 1, head, &h);
    add_scores(sum, &h, r);
    sum->output += squared_distance(&h, mixed, width);
    h.out = r->out;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!(kinds & 1u << kind))
            continue;
        forward_attend(view->encoder, kind, &h, r->attention);
        sum->difference[kind] += squared_distance(&h, mixed, width);
    }
}

void attention_errors_add(attention_errors *sum, const encoder_view *view, unsigned kinds, void *scratch)
{
    for (size_t s = 0; s < view->sequences; s++) {
        const size_t start = view->starts[s], n = view->starts[s + 1] - start;
        room r = room_at(view->encoder, n, scratch);
        for (size_t head = 0; head < view->encoder->config.heads; head++)
            add_head(sum, view, kinds, start, head, n, &r);
    }
}

double attention_errors_score_deviation(const attention_errors *sum)
{
    double mean = sum->score_sum / sum->pairs, variance = sum->score_squares / sum->pairs - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

double attention_errors_mean_z(const attention_errors *sum)
{
    return sum->z_sum / sum->pairs;
}

double attention_errors_relative(const attention_errors *sum, attention_kind kind)
{
    return sum->output > 0 ? sqrt(sum->difference[kind] / sum->output) : 0;
}
