/* groups.c - see groups.h.
 *
 * Union by least index with path halving. Nearly all pairs are far apart, so a quick dot product of unit vectors in
 * single precision is asked first, and the exact cosine only where that one is within rounding of the threshold.
 */
#include "model/score/groups.h"

#include "model/score/similarity.h"

enum { LANES = 16 };

static const float ROUNDING = 1e-4F;      /* of the quick product; d up to 65536 stays far below */

static float quick_dot(const float *a, const float *b, size_t d)
{
    float lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += a[i + k] * b[i + k];
    for (; i < d; i++)
        sum += a[i] * b[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static size_t root_of(size_t *group, size_t i)
{
    while (group[i] != i) {
        group[i] = group[group[i]];
        i = group[i];
    }
    return i;
}

static void join(size_t *group, size_t i, size_t j)
{
    size_t a = root_of(group, i), b = root_of(group, j);
    if (a < b)
        group[b] = a;
    else
        group[a] = b;
}

void groups_find(const float *vectors, size_t n, size_t d, float threshold, float *unit, size_t *group)
{
    for (size_t i = 0; i < n; i++) {
        similarity_normalize(vectors + i * d, d, unit + i * d);
        group[i] = i;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (quick_dot(unit + i * d, unit + j * d, d) >= threshold - ROUNDING &&
                similarity_score(METRIC_COSINE, vectors + i * d, vectors + j * d, d) >= threshold)
                join(group, i, j);
    for (size_t i = 0; i < n; i++)
        group[i] = root_of(group, i);
}

/* The mean cosine of a member to all is its product with their sum, so no pair is looked at. */
size_t groups_centre(const float *unit, size_t d, const size_t *members, size_t count, double *sum)
{
    size_t best = 0;
    double most = 0;
    for (size_t k = 0; k < d; k++)
        sum[k] = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < d; k++)
            sum[k] += (double)unit[members[i] * d + k];
    for (size_t i = 0; i < count; i++) {
        double product = 0;
        for (size_t k = 0; k < d; k++)
            product += sum[k] * (double)unit[members[i] * d + k];
        if (i == 0 || product > most + 1e-9) {
            most = product;
            best = i;
        }
    }
    return best;
}
