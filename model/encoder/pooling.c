/* pooling.c - see pooling.h. Means are summed in double, a few columns at a time, so that a text of
 * thousands of tokens loses nothing. */
#include "model/encoder/pooling.h"

#include <string.h>

enum { COLUMNS_AT_ONCE = 64 };

bool pooling_has_dense(pooling_kind pooling)
{
    return pooling == POOLING_POOLER_LINEAR || pooling == POOLING_POOLER_TANH ||
           pooling == POOLING_MEAN_POOLER_LINEAR;
}

static void add_rows(const float *x, size_t n, size_t d, size_t columns, double *sums)
{
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < columns; i++)
            sums[i] += (double)x[row * d + i];
}

/* The mean over tokens of a, or of (a + b) / 2. */
static void mean(const float *a, const float *b, size_t n, size_t d, float *out)
{
    for (size_t first = 0; first < d; first += COLUMNS_AT_ONCE) {
        size_t columns = d - first < COLUMNS_AT_ONCE ? d - first : COLUMNS_AT_ONCE;
        double sums[COLUMNS_AT_ONCE] = { 0 };
        add_rows(a + first, n, d, columns, sums);
        if (b)
            add_rows(b + first, n, d, columns, sums);
        for (size_t i = 0; i < columns; i++)
            out[first + i] = (float)(sums[i] / (double)(b ? 2 * n : n));
    }
}

void pooling_reduce(pooling_kind pooling, const float *first, const float *last, size_t n, size_t d,
                    float *out)
{
    switch (pooling) {
    case POOLING_MEAN:
    case POOLING_MEAN_POOLER_LINEAR:
        mean(last, NULL, n, d, out);
        break;
    case POOLING_FIRST_LAST_MEAN:
        mean(last, first, n, d, out);
        break;
    case POOLING_CLS:
    case POOLING_POOLER_LINEAR:
    case POOLING_POOLER_TANH:
        memcpy(out, last, d * sizeof *out);
        break;
    }
}
