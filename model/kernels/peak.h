/* peak.h - what the machine can do at best: loops on registers alone, and a stream of reads. The yardstick of
 * benchmarks.
 *
 * Owns     nothing: the table is constant data.
 * Borrows  the memory of a read during the call.
 * Threads  pure; any thread.
 * Limits   x86-64 has loops of its own; other processors are measured by a portable one, which may fall short of the
 *          peak.
 */
#ifndef ROSIM_PEAK_H
#define ROSIM_PEAK_H

#include "model/kernels/kernels.h"

typedef struct {
    const char *name;             /* "avx512 fma" */
    precision_kind precision;     /* whose dense layers it is the roof of */
    double operations;            /* of one step; a multiplication and an addition are two */
    bool (*runs_here)(void);
    void (*run)(size_t steps);
} peak_loop;

const peak_loop *peak_at(size_t index);           /* NULL past the end */

/* Reads all of it once, as four streams; returns a sum, so that no compiler drops the loads. bytes: a multiple of
 * 256. */
uint64_t peak_read(const void *memory, size_t bytes);

#endif
