/* pair_head.c - see pair_head.h. */
#include "model/score/pair_head.h"

#include "model/score/similarity.h"

#include <math.h>
#include <string.h>

void pair_head_clear(pair_head *h)
{
    classifier_close(h->linear);
    *h = (pair_head){ 0 };
}

status pair_head_check(const pair_head *h, errinfo *err)
{
    size_t sum = 0;
    for (size_t g = 0; g < h->group_count; g++) {
        if (h->groups[g] < 2)
            return fail(err, ST_INPUT, "group %zu has %zu classes; at least 2 are needed", g, h->groups[g]);
        sum += h->groups[g];
    }
    if (sum == h->linear->classes)
        return ST_OK;
    return fail(err, ST_INPUT, "the groups have %zu classes; the layer has %zu outputs", sum, h->linear->classes);
}

/* Of columns [first, last) of x[n][width], summed. */
static double variance(const float *x, size_t n, size_t width, size_t first, size_t last)
{
    double sum = 0;
    for (size_t j = first; j < last; j++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i * width + j] / (double)n;
        for (size_t i = 0; i < n; i++)
            squares += ((double)x[i * width + j] - mean) * ((double)x[i * width + j] - mean);
        sum += squares / (double)n;
    }
    return sum;
}

status pair_head_fit(pair_head *out, size_t classes, float *x, bool unit, const size_t *labels, size_t n, size_t d,
                     double shrink, errinfo *err)
{
    classifier *linear;
    const size_t width = 3 * d;
    double vectors = variance(x, n, width, 0, 2 * d) / 2, distances = variance(x, n, width, 2 * d, width);
    double factor = distances > 0 && vectors > 0 ? sqrt(vectors / distances) : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 2 * d; j < width; j++)
            x[i * width + j] *= (float)factor;
    status st = classifier_fit(&linear, classes, x, labels, n, width, shrink, err);
    if (st)
        return st;
    for (size_t k = 0; k < classes; k++)
        for (size_t j = 2 * d; j < width; j++)
            linear->weights[k * width + j] *= (double)(float)factor;
    *out = (pair_head){ .linear = linear, .unit = unit, .group_count = 1, .groups = { classes } };
    return ST_OK;
}

void pair_head_features(const float *u, const float *v, size_t d, bool unit, float *x)
{
    if (unit) {
        similarity_normalize(u, d, x);
        similarity_normalize(v, d, x + d);
    } else {
        memcpy(x, u, d * sizeof *x);
        memcpy(x + d, v, d * sizeof *x);
    }
    for (size_t j = 0; j < d; j++)
        x[2 * d + j] = fabsf(x[j] - x[d + j]);
}

void pair_head_predict(const pair_head *h, const float *u, const float *v, float *x, double *probabilities)
{
    pair_head_features(u, v, h->linear->width / 3, h->unit, x);
    classifier_logits(h->linear, x, probabilities);
    for (size_t g = 0; g < h->group_count; probabilities += h->groups[g++])
        classifier_softmax(probabilities, h->groups[g]);
}
