/* contribution.c - see contribution.h. Sums run in double, in ascending order. */
#include "model/score/contribution.h"

#include <math.h>

static double dot(const float *a, const float *b, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

double contribution_shares(const pooled_text *a, const pooled_text *b, size_t width, double score, double *shares)
{
    double lengths = sqrt(dot(a->pooled, a->pooled, width) * dot(b->pooled, b->pooled, width));
    double cells = (double)a->count * (double)b->count, sum = 0;
    double factor = lengths > 0 ? 1 / (cells * lengths) : 0;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            double share = factor * dot(a->tokens + i * width, b->tokens + j * width, width);
            shares[i * b->count + j] = share;
            sum += share;
        }
    }
    double rest = score - sum;
    for (size_t k = 0; k < a->count * b->count; k++)
        shares[k] += rest / cells;
    return rest;
}
