/* favor.c - see favor.h. A block is made by Gram-Schmidt (twice, which makes it orthogonal to rounding) from normal
 * numbers; lengths are drawn apart, so that every direction alone is normal and the estimate of e^(q.k) unbiased.
 */
#include "model/encoder/favor.h"

#include "weights/random.h"

#include <math.h>

static double product(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static void remove_part(double *x, const double *unit, size_t d)
{
    const double part = product(x, unit, d);
    for (size_t i = 0; i < d; i++)
        x[i] -= part * unit[i];
}

static double draw(random_sequence *r, size_t d, double *x)
{
    for (size_t i = 0; i < d; i++)
        x[i] = random_normal(r);
    return sqrt(product(x, x, d));
}

/* A unit vector orthogonal to the rows before it. A draw that lies among them, to rounding, is drawn again. */
static void draw_unit(random_sequence *r, size_t row, size_t d, double *block)
{
    double *x = block + row * d, length;
    do {
        (void)draw(r, d, x);
        for (int pass = 0; pass < 2; pass++)
            for (size_t before = 0; before < row; before++)
                remove_part(x, block + before * d, d);
        length = sqrt(product(x, x, d));
    } while (!(length > 1e-8));
    for (size_t i = 0; i < d; i++)
        x[i] /= length;
}

void favor_directions(uint32_t seed, size_t m, size_t d, double *block, float *directions)
{
    random_sequence turns = random_begin(seed, 0), lengths = random_begin(seed, 1);
    for (size_t j = 0; j < m; j++) {
        const size_t row = j % d;
        draw_unit(&turns, row, d, block);
        double square = 0;
        for (size_t i = 0; i < d; i++) {
            double x = random_normal(&lengths);
            square += x * x;
        }
        for (size_t i = 0; i < d; i++)
            directions[i * m + j] = (float)(sqrt(square) * block[row * d + i]);
    }
}
