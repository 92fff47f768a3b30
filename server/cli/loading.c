/* loading.c - see loading.h. A model whose golden texts come out wrong is not served at all. */
#include "server/cli/loading.h"

#include "server/cli/memory.h"
#include "server/cli/startup.h"
#include "server/log.h"

static void announce(const model *m)
{
    static const char *const packed[] = {
        [PACKED_READ] = "read",
        [PACKED_WRITTEN] = "kept for the next start",
        [PACKED_NOT_WRITTEN] = "could not be kept: --packed-dir is no folder, or one that this user may not write to",
    };
    const model_info *i = model_describe(m);
    log_line(LOG_INFO, "model %s: %s, %zu layers of %zu, %s attention, kernel %s, %s", i->name, i->config->family,
             i->config->layers, i->config->hidden_size, attention_name(model_default_attention(m)), i->kernel,
             precision_name(i->precision));
    if (i->precision_reason[0])
        log_line(LOG_INFO, "model %s: precision %s", i->name, i->precision_reason);
    if (i->packed != PACKED_NONE)
        log_line(i->packed == PACKED_NOT_WRITTEN ? LOG_WARN : LOG_INFO, "model %s: packed weights %s", i->name,
                 packed[i->packed]);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (i->probed_cosine[kind] > 0)
            log_line(LOG_INFO, "model %s: %s approximates softmax, with a cosine of %.4f at least; auto %s", i->name,
                     attention_name(kind), i->probed_cosine[kind],
                     i->from_tokens[kind] < SIZE_MAX ? "may take it" : "does not take it");
    if (i->config->warning[0])
        log_line(LOG_WARN, "model %s: %s", i->name, i->config->warning);
}

static status self_test(const registry *models, pool *p, errinfo *err)
{
    for (size_t i = 0; i < registry_count(models); i++) {
        size_t checked;
        const model *m = registry_at(models, i);
        status st = startup_self_test(m, p, &checked, err);
        if (st)
            return st;
        log_line(LOG_INFO, "model %s: %zu golden vectors agree", model_describe(m)->name, checked);
    }
    return ST_OK;
}

/* Weights and batches are there twice until the last request of the old ones is done. */
static void count_beside(const loading *l, memory_plan *plan)
{
    memory_plan old;
    if (!l->beside)
        return;
    batcher_options batches = startup_batches(l->beside->registry, l->pool, l->options);
    memory_plan_make(&old, l->options, &batches);
    plan->weights += old.weights;
    plan->batches += old.batches;
    plan->total += old.weights + old.batches;
}

static status open_batcher(const loading *l, const registry *models, batcher **b, errinfo *err)
{
    memory_plan plan;
    char line[MEMORY_LINE_BYTES];
    batcher_options batches = startup_batches(models, l->pool, l->options);
    batches.metrics = l->metrics;
    batches.tokens_per_s = l->beside ? batcher_tokens_per_s(l->beside->batcher) : 0;
    memory_plan_make(&plan, l->options, &batches);
    count_beside(l, &plan);
    memory_plan_print(&plan, line);
    log_line(LOG_INFO, "%s", line);
    status st = memory_plan_check(&plan, err);
    return st ? st : batcher_open(b, &batches, err);
}

status loading_run(const loading *l, registry **models, batcher **b, errinfo *err)
{
    registry *r;
    status st = registry_open(&r, l->options->models, l->options->model_count, err);
    if (st)
        return st;
    for (size_t i = 0; i < registry_count(r); i++)
        announce(registry_at(r, i));
    st = self_test(r, l->pool, err);
    if (!st)
        st = open_batcher(l, r, b, err);
    if (st)
        registry_close(r);
    else
        *models = r;
    return st;
}
