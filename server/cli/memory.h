/* memory.h - what a server with these options and models may come to hold, and whether that fits here.
 *
 * Owns     plain data.    Borrows  its arguments during a call.    Threads  start-up only.
 * Limits   a budget, not a proof: bodies still being uploaded and answers that clients read slowly come on top.
 * Source   reliability.md section 6 "Memory".
 */
#ifndef ROSIM_MEMORY_H
#define ROSIM_MEMORY_H

#include "server/batcher.h"
#include "server/options.h"
#include "weights/base.h"

enum { HTTP_THREADS = 2, MEMORY_LINE_BYTES = 512 };

typedef struct {
    size_t weights, batches, queue, connections, json, answers, process, total;
    size_t limit;                 /* of the cgroup; SIZE_MAX: none */
} memory_plan;

void memory_plan_make(memory_plan *plan, const options *o, const batcher_options *batches);
void memory_plan_print(const memory_plan *plan, char out[MEMORY_LINE_BYTES]);
/* ST_NOMEM when the total is over nine tenths of the limit; the message names the options that lower it. */
MUST_USE status memory_plan_check(const memory_plan *plan, errinfo *err);
size_t memory_limit_bytes(void);                  /* smallest memory limit of the process's cgroups, v2 or v1 */

#endif
