/* spearman.c - see spearman.h. Indices are sorted by a heap: no memory, no recursion, n log n in any order. */
#include "model/score/spearman.h"

#include <math.h>

static void sift(const float *x, size_t *order, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && x[order[child + 1]] > x[order[child]])
            child++;
        if (!(x[order[child]] > x[order[at]]))
            return;
        size_t kept = order[at];
        order[at] = order[child];
        order[child] = kept;
    }
}

static void sort_ascending(const float *x, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(x, order, i, n);
    for (size_t end = n; end-- > 1;) {
        size_t kept = order[0];
        order[0] = order[end];
        order[end] = kept;
        sift(x, order, 0, end);
    }
}

static void rank(const float *x, size_t n, double *ranks, size_t *order)
{
    sort_ascending(x, order, n);
    for (size_t first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && !(x[order[last]] > x[order[first]]); last++)
            continue;
        for (size_t i = first; i < last; i++)
            ranks[order[i]] = (double)(first + last + 1) / 2;
    }
}

double spearman(const float *a, const float *b, size_t n, double *ranks, size_t *order)
{
    const double mean = (double)(n + 1) / 2;
    double aa = 0, bb = 0, ab = 0;
    rank(a, n, ranks, order);
    rank(b, n, ranks + n, order);
    for (size_t i = 0; i < n; i++) {
        double x = ranks[i] - mean, y = ranks[n + i] - mean;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
}
