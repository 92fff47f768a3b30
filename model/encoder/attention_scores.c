/* attention_scores.c - see attention_scores.h. */
#include "model/encoder/attention_scores.h"

#include "model/encoder/forward.h"
#include "model/encoder/rope.h"

#include <string.h>

static void turn(const encoder *e, const float *x, size_t stride, size_t n, float *out)
{
    const size_t d = e->config.head_size;
    if (e->rope) {
        rope_rotate(x, stride, e->rope, n, d, out, d);
        return;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * d, x + i * stride, d * sizeof *out);
}

void attention_scores(const encoder_view *v, size_t sequence, size_t head, float *turned, float *scores)
{
    const encoder *e = v->encoder;
    const size_t d = e->config.head_size, start = v->starts[sequence], n = v->starts[sequence + 1] - start;
    const float *query = v->qkv + start * 3 * v->width + head * d, *key = query + v->width;
    float *q = turned, *k = turned + n * d;
    const float scale = forward_score_scale(&e->config, n);
    turn(e, query, 3 * v->width, n, q);
    turn(e, key, 3 * v->width, n, k);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            scores[i * n + j] = scale * e->k->dot(q + i * d, k + j * d, d);
}
