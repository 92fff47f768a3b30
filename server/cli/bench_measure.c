/* bench_measure.c - see bench_measure.h.
 *
 * Neighbours take the processor away for milliseconds: a short window has a fair chance to be left
 * alone, so that the best of many tells what the code can do, and the middle one how the day was.
 */
#include "server/cli/bench_measure.h"

#include <stdlib.h>

enum { WINDOWS_MIN = 3, WINDOWS_MAX = 512 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double window(measured_call *call, void *context, size_t calls)
{
    int64_t start = clock_now_ns();
    for (size_t i = 0; i < calls; i++)
        call(context);
    return (double)(clock_now_ns() - start) / (double)calls;
}

/* Calls that fill a window: the number doubles until they do. */
static size_t calls_of_window(measured_call *call, void *context, int64_t window_ns)
{
    size_t calls = 1;
    while (window(call, context, calls) * (double)calls < (double)window_ns)
        calls *= 2;
    return calls;
}

void bench_measure(measured_call *call, void *context, int64_t window_ns, int64_t budget_ns,
                   measurement *out)
{
    double samples[WINDOWS_MAX];
    size_t count = 0, calls = calls_of_window(call, context, window_ns);
    int64_t end = clock_now_ns() + budget_ns;
    while (count < WINDOWS_MIN || (count < WINDOWS_MAX && clock_now_ns() < end))
        samples[count++] = window(call, context, calls);
    qsort(samples, count, sizeof *samples, compare);
    *out = (measurement){ .min_ns = samples[0], .median_ns = samples[count / 2], .windows = count,
                          .calls = calls * count };
}
