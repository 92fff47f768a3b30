/* attention_softmax.c - softmax(scale * q k') v for one head: positions are turned here, the rest is the kernels' work.
 *
 * Queries come in blocks, so that memory grows with n and not with n * n. The cuts depend on n alone: a sequence gives
 * the same bytes in every batch.
 */
#include "model/encoder/attention.h"

#include "model/encoder/rope.h"

enum { QUERY_BLOCK = 96, ALIGN = 64 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

typedef struct {
    const float *rows;
    size_t stride;
} view;

/* The scratch of one head. */
typedef struct {
    size_t keys, values;          /* [n][d] turned */
    size_t queries;               /* [QUERY_BLOCK][d] turned */
    size_t packed, scores;        /* the kernels' own */
    size_t bytes;                 /* of all */
} layout;                         /* offsets in bytes */

static layout lay_out(const attention_format *format, size_t n, size_t d)
{
    layout l = { 0 };
    l.values = l.keys + aligned(n * d * sizeof(float));
    l.queries = l.values + aligned(n * d * sizeof(float));
    l.packed = l.queries + aligned(QUERY_BLOCK * d * sizeof(float));
    l.scores = l.packed + aligned(format->packed_bytes(n, d));
    l.bytes = l.scores + aligned(format->scratch_bytes(n, d));
    return l;
}

size_t attention_softmax_scratch_bytes(const attention_format *format, size_t n, size_t d)
{
    return lay_out(format, n, d).bytes;
}

/* The rotated rows in `room`, or the rows where they lie when there is nothing to turn. */
static view rotated(const float *x, size_t stride, const float *rope, size_t rows, size_t d, float *room)
{
    if (!rope)
        return (view){ x, stride };
    rope_rotate(x, stride, rope, rows, d, room, d);
    return (view){ room, d };
}

void attention_softmax(const attention_format *format, const attention_head *h, void *scratch)
{
    const size_t n = h->n, d = h->d;
    const layout l = lay_out(format, n, d);
    char *base = scratch;
    void *packed = base + l.packed;
    view key = rotated(h->k, h->stride, h->rope, n, d, (float *)(void *)(base + l.keys));
    view value = rotated(h->v, h->stride, h->rotary_value ? h->rope : NULL, n, d, (float *)(void *)(base + l.values));
    format->pack(key.rows, key.stride, value.rows, value.stride, n, d, packed);

    for (size_t first = h->first_query; first < h->last_query; first += QUERY_BLOCK) {
        size_t rows = h->last_query - first < QUERY_BLOCK ? h->last_query - first : QUERY_BLOCK;
        const float *turn = h->rope ? h->rope + first * d : NULL;
        view query = rotated(h->q + first * h->stride, h->stride, turn, rows, d, (float *)(void *)(base + l.queries));
        format->attend(query.rows, query.stride, rows, packed, n, d, h->scale, h->out + first * h->out_stride,
                       h->out_stride, base + l.scores);
    }
}
