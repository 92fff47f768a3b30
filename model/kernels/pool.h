/* pool.h - one fixed set of pinned threads that share the work of a forward pass.
 *
 * Owns     threads - 1 workers; the caller of pool_run is worker 0.
 * Borrows  the context of a run until pool_run returns.
 * Threads  open, close: one thread. pool_run: any thread that is not inside a run; callers take turns, in the order in
 *          which they came (normally there is one, the batcher's thread; two while models are being replaced).
 * Limits   256 threads. Between runs workers spin for at most 50 us, then sleep: an idle pool costs no CPU.
 */
#ifndef ROSIM_POOL_H
#define ROSIM_POOL_H

#include "weights/base.h"

typedef struct pool pool;

/* Runs one task; worker is 0 .. threads-1 and unique among the tasks running now: the index of its scratch. */
typedef void pool_task(void *context, size_t task, size_t worker);

/* threads 0: the processors that this process may use, by affinity and cgroup quota. */
MUST_USE status pool_open(pool **out, size_t threads, errinfo *err);
void pool_close(pool *p);                         /* NULL is fine */
size_t pool_threads(const pool *p);
size_t pool_usable_processors(void);              /* affinity and cgroup v1/v2 quota, at least 1 */

/* Runs tasks 0 .. count-1 and returns when all are done. Order and placement are free: tasks write disjoint memory. */
void pool_run(pool *p, size_t count, pool_task *task, void *context);

#endif
