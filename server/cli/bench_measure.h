/* bench_measure.h - how long a call takes, from many short windows: the best and the middle one.
 *
 * Owns     nothing.    Borrows  the context during a measurement.    Threads  one.
 * Limits   512 windows; at least 3 are taken, however long they last.
 */
#ifndef ROSIM_BENCH_MEASURE_H
#define ROSIM_BENCH_MEASURE_H

#include "weights/base.h"

typedef struct {
    double min_ns, median_ns;     /* of one call, as the mean over a window */
    size_t windows, calls;
} measurement;

typedef void measured_call(void *context);

enum { BENCH_WINDOW_NS = 1000000 };

/* One call to warm up, then windows of at least window_ns (0: every call is a window) until budget_ns is spent. */
void bench_measure(measured_call *call, void *context, int64_t window_ns, int64_t budget_ns, measurement *out);

#endif
