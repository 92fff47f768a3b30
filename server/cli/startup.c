/* startup.c - see startup.h.
 *
 * The default batch is small on purpose: 256 tokens a thread already run at full speed, and a new
 * request waits for the batch that is running.
 */
#include "server/cli/startup.h"

enum { BATCH_TOKENS_PER_THREAD = 256, BATCH_TOKENS_MIN = 512, SELF_TEST_TOKENS = 2048 };

status startup_self_test(const model *m, pool *p, size_t *checked, errinfo *err)
{
    errinfo why;
    model_runner *r;
    size_t longest = model_describe(m)->config->max_length;
    size_t tokens = longest > SELF_TEST_TOKENS ? longest : SELF_TEST_TOKENS;
    status st = model_runner_open(&r, &m, 1, p, tokens, tokens, err);
    if (st)
        return st;
    st = model_self_test(m, r, checked, &why);
    model_runner_close(r);
    if (st == ST_OK)
        return ST_OK;
    return fail(err, st, "model %s fails its golden texts: %s", model_describe(m)->name, why.text);
}

static size_t default_batch_tokens(pool *p)
{
    size_t tokens = pool_threads(p) * BATCH_TOKENS_PER_THREAD;
    return tokens > BATCH_TOKENS_MIN ? tokens : BATCH_TOKENS_MIN;
}

batcher_options startup_batches(const registry *r, pool *p, const options *o)
{
    size_t wanted = o->max_batch_tokens ? o->max_batch_tokens : default_batch_tokens(p);
    return (batcher_options){
        .pool = p,
        .models = registry_all(r),
        .model_count = registry_count(r),
        .max_queue_tokens = o->max_queue_tokens,
        .max_batch_tokens = wanted,
    };
}
