/* startup.h - what serve and check do alike before a port is bound.
 *
 * Owns     nothing.    Borrows  its arguments during a call; batcher_options for as long as they are used.
 * Threads  main.       Limits   none.
 */
#ifndef ROSIM_STARTUP_H
#define ROSIM_STARTUP_H

#include "server/batcher.h"
#include "server/options.h"
#include "server/registry.h"
#include "weights/base.h"

/* Golden texts of one model, with a runner of its own that is closed again. Errors name the model. */
MUST_USE status startup_self_test(const model *m, pool *p, size_t *checked, errinfo *err);

/* The batcher's settings, with the batch size that --max-batch-tokens 0 stands for; without metrics. */
batcher_options startup_batches(const registry *r, pool *p, const options *o);

#endif
