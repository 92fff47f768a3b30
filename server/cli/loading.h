/* loading.h - models from their folders to a batcher that can serve them: at start, and again beside those that serve.
 *
 * Owns     nothing: what it opens is the caller's.
 * Borrows  its parts: during a call; the batcher keeps pool and metrics until it is closed.
 * Threads  main.
 * Limits   refuses what does not fit into the cgroup's memory, together with what is loaded already.
 */
#ifndef ROSIM_LOADING_H
#define ROSIM_LOADING_H

#include "server/generations.h"
#include "server/metrics.h"
#include "server/options.h"

typedef struct {
    const options *options;
    pool *pool;
    metrics *metrics;
    const generation *beside;             /* stays loaded meanwhile; NULL: nothing */
} loading;

/* Opens the models, runs their golden texts, opens a batcher. On failure nothing is left, and err names the model. */
MUST_USE status loading_run(const loading *l, registry **models, batcher **b, errinfo *err);

#endif
