/* calibrate_diagram.c - see calibrate_diagram.h. */
#include "server/cli/calibrate_diagram.h"

#include "server/cli/diagram.h"

#include <math.h>

static const double ticks[] = { 0, 0.2, 0.4, 0.6, 0.8, 1 };
enum { TICKS = sizeof ticks / sizeof *ticks };

/* The bar is two standard errors of a share of so many pairs at the mean probability. */
static void put_bin(diagram *d, const calibration_bin *b, size_t n)
{
    const double p = b->mean_probability, spread = 2 * sqrt(p * (1 - p) / (double)b->count);
    const double x[2] = { p, p }, y[2] = { fmin(b->matches + spread, 1), fmax(b->matches - spread, 0) };
    diagram_line(d, x, y, 2, -1, false);
    diagram_dot(d, p, b->matches, 3 + 20 * sqrt((double)b->count / (double)n), 0,
                "%zu pairs: probability %.3f, matching %.3f", b->count, p, b->matches);
}

status calibrate_diagram(const char *path, const calibration_quality *q, size_t n, errinfo *err)
{
    static const diagram_scale across = { 0, 1, false, ticks, TICKS, "%.1f", "probability given (leave-one-out)" };
    static const diagram_scale up = { 0, 1, false, ticks, TICKS, "%.1f", "share that matched" };
    static const double ends[2] = { 0, 1 };
    diagram d;
    status st = diagram_open(&d, path, "reliability diagram", &across, &up, err);
    if (st)
        return st;
    diagram_line(&d, ends, ends, 2, -1, true);
    for (size_t b = 0; b < CALIBRATION_BINS; b++)
        if (q->bins[b].count)
            put_bin(&d, &q->bins[b], n);
    diagram_title(&d, "%zu pairs, ECE %.4f (chance alone %.4f), log-loss %.4f", n, q->ece, q->ece_floor, q->log_loss);
    return diagram_close(&d, err);
}
