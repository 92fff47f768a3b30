/* drift.h - do today's texts look like those that the model was tuned on? Distances between the law of a baseline's
 * sentence vectors and that of the recent ones, each beside what chance alone would give on as many texts.
 *
 * Owns     a baseline owns its axes, moments and null tables; a window owns its moments.
 * Borrows  vectors during a call; a window borrows its baseline until close.
 * Threads  a const baseline is shared; a window belongs to one thread at a time (its owner holds a lock).
 * Limits   a baseline of DRIFT_TEXTS_MIN to DRIFT_TEXTS_MAX vectors, D up to GAUSSIAN_WIDTH_MAX. A window remembers the
 *          last DRIFT_BUCKETS * DRIFT_BUCKET_TEXTS texts (the oldest bucket goes when a new one is begun).
 * Source   formulas.md A7 (kexue 8512). The null is a two-sample bootstrap: both the baseline and the window are drawn
 *          anew from the baseline's own vectors, since both are finite.
 *
 * Axes are the top principal ones of the even vectors; moments and null come from the odd ones, because the covariance
 * along axes looks too large on the vectors that chose them.
 */
#ifndef ROSIM_DRIFT_H
#define ROSIM_DRIFT_H

#include "model/score/gaussian.h"
#include "weights/base.h"

enum {
    DRIFT_AXES = 32, DRIFT_TEXTS_MIN = 64, DRIFT_TEXTS_MAX = 4096,
    DRIFT_BUCKETS = 8, DRIFT_BUCKET_TEXTS = 128,
    DRIFT_SIZES = 10,                     /* the null is tabled for windows of 8, 16, ... 4096 texts */
    DRIFT_KNOTS = 23,                     /* quantiles: 0, 5 % ... 95 %, 97.5 %, 99 %, 100 % */
    DRIFT_STATISTICS = 9,                 /* four distances diagonal, four on the axes, and the two combined */
    DRIFT_COMBINED = 8
};

#define DRIFT_ALARM 99.0                  /* percentile of the combined statistic from which texts count as drifted */
#define DRIFT_SHRINK 0.1

const char *drift_statistic_name(size_t statistic);       /* "diagonal_kl_forward" ... "combined" */
double drift_knot(size_t knot);                           /* 0 .. 100 */

typedef struct {
    size_t width, axes, texts;            /* axes: DRIFT_AXES or D; texts: what it was made from */
    double *axis_rows;                    /* [axes][D] */
    gaussian *diagonal, *principal;       /* of the odd vectors: [D], and full on the axes */
    double null[DRIFT_SIZES][DRIFT_STATISTICS][DRIFT_KNOTS];
} drift_baseline;

/* Room, all zero, for a fit or to be filled from a file. */
MUST_USE status drift_baseline_open(drift_baseline **out, size_t width, errinfo *err);
void drift_baseline_close(drift_baseline *b);             /* NULL is fine */
/* vectors[n][D] of any length (made unit vectors here). The same seed gives the same null. A second or so. */
MUST_USE status drift_baseline_fit(drift_baseline **out, const float *vectors, size_t n, size_t width, uint32_t seed,
                                   errinfo *err);

typedef struct drift_window drift_window;

MUST_USE status drift_window_open(drift_window **out, const drift_baseline *b, errinfo *err);
void drift_window_close(drift_window *w);                 /* NULL is fine */
void drift_window_reset(drift_window *w);
void drift_window_add(drift_window *w, const float *vector);

typedef struct {
    size_t texts, total;                  /* in the window; since it was opened or reset */
    double values[DRIFT_STATISTICS];
    double percentiles[DRIFT_STATISTICS]; /* 0 to 100, of the null at this many texts */
    bool drifted;
} drift_report;

/* ST_BUSY: fewer than 8 texts so far. */
MUST_USE status drift_window_report(drift_report *out, const drift_window *w, errinfo *err);

#endif
