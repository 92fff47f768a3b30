/* similarity.c - sums run in double over ascending dimensions, so that a score depends on its two vectors alone. */
#include "model/score/similarity.h"

#include <math.h>
#include <stdlib.h>

static const char *const METRIC_NAMES[] = { "cosine", "dot", "euclidean" };

const char *metric_name(metric m)
{
    return METRIC_NAMES[m];
}

bool metric_parse(slice name, metric *out)
{
    for (metric m = METRIC_COSINE; m <= METRIC_EUCLIDEAN; m++) {
        if (slice_is(name, METRIC_NAMES[m])) {
            *out = m;
            return true;
        }
    }
    return false;
}

static double dot(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void similarity_normalize(const float *x, size_t d, float *y)
{
    double length = sqrt(dot(x, x, d));
    double factor = length > 0 ? 1 / length : 0;
    for (size_t i = 0; i < d; i++)
        y[i] = (float)((double)x[i] * factor);
}

/* The square root is taken once over the product, so that equal vectors give exactly 1. */
static float cosine(const float *a, const float *b, size_t d)
{
    double lengths = sqrt(dot(a, a, d) * dot(b, b, d));
    if (!(lengths > 0))
        return 0;
    double c = dot(a, b, d) / lengths;
    return (float)fmax(-1, fmin(1, c));
}

static float negative_distance(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    return (float)-sqrt(sum);
}

float similarity_score(metric m, const float *a, const float *b, size_t d)
{
    switch (m) {
    case METRIC_DOT: return (float)dot(a, b, d);
    case METRIC_EUCLIDEAN: return negative_distance(a, b, d);
    default: return cosine(a, b, d);
    }
}

static int best_first(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

size_t similarity_rank(const float *scores, size_t n, size_t top_k, float threshold, ranked *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (scores[i] >= threshold)
            out[kept++] = (ranked){ .index = i, .score = scores[i] };
    qsort(out, kept, sizeof *out, best_first);
    return top_k && top_k < kept ? top_k : kept;
}
