/* similarity.h - numbers from sentence vectors: cosine, dot, negative distance; matrices and their best entries.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   none.
 */
#ifndef ROSIM_SIMILARITY_H
#define ROSIM_SIMILARITY_H

#include "weights/base.h"

typedef enum { METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN } metric;      /* larger is nearer, always */

const char *metric_name(metric m);
bool metric_parse(slice name, metric *out);

/* x / |x|, |x| summed in double; a zero vector stays zero. y may be x. */
void similarity_normalize(const float *x, size_t d, float *y);

/* cosine: in [-1, 1], 1 for equal non-zero vectors, 0 when one is zero. dot: raw. euclidean: -|a - b|. Sums in
 * double. */
float similarity_score(metric m, const float *a, const float *b, size_t d);

typedef struct { size_t index; float score; } ranked;

/* The at most top_k (0: all) entries of scores[n] that are >= threshold, best first, ties by index; returns how many.
 */
size_t similarity_rank(const float *scores, size_t n, size_t top_k, float threshold, ranked *out);

#endif
