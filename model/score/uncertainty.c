/* uncertainty.c - see uncertainty.h. All pairs of K things are never visited: a mean over pairs of products of
 * differences is a (co)variance, and running means give exactly 0 for things that are all the same. */
#include "model/score/uncertainty.h"

#include "model/score/margin.h"

#include <math.h>

uncertainty_summary uncertainty_scores(const double *scores, size_t k)
{
    double mean = 0, scatter = 0;
    for (size_t i = 0; i < k; i++) {
        double before = scores[i] - mean;
        mean += before / (double)(i + 1);
        scatter += before * (scores[i] - mean);
    }
    return (uncertainty_summary){ mean, k > 1 ? sqrt(scatter / (double)(k - 1)) : 0 };
}

static double inverse_length(const float *v, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++)
        sum += (double)v[j] * (double)v[j];
    return sum > 0 ? 1 / sqrt(sum) : 0;
}

uncertainty_text uncertainty_vectors(const float *plain, const float *vectors, size_t stride, size_t k, size_t d)
{
    double inverse[UNCERTAINTY_COPIES_MAX], scatter = 0, mean_squares = 0, meeting = 0;
    double plain_inverse = inverse_length(plain, d);
    for (size_t c = 0; c < k; c++)
        inverse[c] = inverse_length(vectors + c * stride, d);
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t c = 0; c < k; c++) {
            double x = (double)vectors[c * stride + j] * inverse[c], before = x - mean;
            mean += before / (double)(c + 1);
            scatter += before * (x - mean);
        }
        mean_squares += mean * mean;
        meeting += mean * (double)plain[j] * plain_inverse;
    }
    double cosine = mean_squares > 0 ? meeting / sqrt(mean_squares) : 0;
    return (uncertainty_text){ k > 1 ? scatter / (double)(k - 1) : 0, fmax(1 - cosine, 0) };
}

double uncertainty_divergence(const double *logits, size_t k)
{
    double mean_logit = 0, mean_probability = 0, sum = 0;
    for (size_t i = 0; i < k; i++) {
        double p = margin_sigmoid(logits[i]), before = logits[i] - mean_logit;
        mean_logit += before / (double)(i + 1);
        sum += before * (p - mean_probability) * (double)i / (double)(i + 1);
        mean_probability += (p - mean_probability) / (double)(i + 1);
    }
    return k > 1 ? sum / (double)(k - 1) : 0;
}
