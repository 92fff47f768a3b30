/* margin.c - see margin.h.
 *
 * The sum without candidate i is not the whole sum less one term: where i holds nearly all of it, that difference is
 * rounding noise, the very error that the article is about. So the largest is set aside: everybody else's sum keeps
 * it, and its own is summed over the others alone, relative to the second largest.
 */
#include "model/score/margin.h"

#include <math.h>

double margin_sigmoid(double logit)
{
    double e = exp(-fabs(logit));
    return logit >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double margin_log_sigmoid(double logit)
{
    return fmin(logit, 0) - log1p(exp(-fabs(logit)));
}

/* Index of the largest but for `skip` (n: none). */
static size_t find_largest(const float *x, size_t n, size_t skip)
{
    size_t best = skip == 0 ? 1 : 0;
    for (size_t i = best + 1; i < n; i++)
        if (i != skip && x[i] > x[best])
            best = i;
    return best;
}

static double sum_relative(const float *x, size_t n, size_t skip, double scale, float to)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (i != skip)
            sum += exp(scale * ((double)x[i] - (double)to));
    return sum;
}

void margin_all(const float *cosines, size_t n, double scale, double *margins, double *probabilities)
{
    if (n == 1)
        margins[0] = HUGE_VAL;
    if (n > 1) {
        size_t first = find_largest(cosines, n, n), second = find_largest(cosines, n, first);
        double top = (double)cosines[first], next = (double)cosines[second];
        double others = sum_relative(cosines, n, first, scale, cosines[second]);         /* >= 1 */
        double rest = others * exp(scale * (next - top));                                /* all but first, to top */
        for (size_t i = 0; i < n; i++) {
            double relative = scale * ((double)cosines[i] - top);
            margins[i] = relative - log1p(fmax(rest - exp(relative), 0));
        }
        margins[first] = scale * (top - next) - log(others);
    }
    for (size_t i = 0; probabilities && i < n; i++)
        probabilities[i] = isinf(margins[i]) ? 1 : margin_sigmoid(margins[i]);
}
