/* check.c - `rosim check [MODEL]`: everything that serve would verify before it binds its port; or,
 * with --live and --ready, whether a server that runs is well. */
#include "server/cli/cli.h"
#include "server/cli/memory.h"
#include "server/cli/output.h"
#include "server/cli/probe.h"
#include "server/cli/startup.h"

#include <stdio.h>

static status probe(const options *o, errinfo *err)
{
    int http_status = 0;
    const char *path = o->ready ? "/readyz" : "/livez";
    status st = probe_get(o->host, (uint16_t)o->port, o->tls_certificate != NULL, path, &http_status, err);
    if (st)
        return st;
    if (http_status != 200)
        return fail(err, ST_BUSY, "%s answers %d", path, http_status);
    (void)printf("%s answers 200\n", path);
    return ST_OK;
}

static status check_models(const registry *r, pool *p, const options *o, errinfo *err)
{
    memory_plan plan;
    char line[MEMORY_LINE_BYTES];
    for (size_t i = 0; i < registry_count(r); i++) {
        size_t checked;
        const model_info *m = model_describe(registry_at(r, i));
        status st = startup_self_test(registry_at(r, i), p, &checked, err);
        if (st)
            return st;
        (void)printf("model %s: valid, %zu parameters, %s, kernel %s; %zu golden vectors agree\n",
                     m->name, m->parameters, m->config->family, m->kernel, checked);
        if (m->config->warning[0])
            (void)fprintf(stderr, "rosim check: model %s: %s\n", m->name, m->config->warning);
    }
    batcher_options batches = startup_batches(r, p, o);
    memory_plan_make(&plan, o, &batches);
    memory_plan_print(&plan, line);
    (void)printf("%s\n", line);
    return memory_plan_check(&plan, err);
}

static status check(const options *o, errinfo *err)
{
    registry *r = NULL;
    pool *p = NULL;
    status st = registry_open(&r, o->models, o->model_count, err);
    if (st == ST_OK)
        st = pool_open(&p, o->threads, err);
    if (st == ST_OK)
        st = check_models(r, p, o, err);
    pool_close(p);
    registry_close(r);
    return st;
}

int cli_check(const options *o)
{
    errinfo err;
    status st = o->live || o->ready ? probe(o, &err) : check(o, &err);
    if (st == ST_OK)
        st = output_flush(stdout, &err);
    return st == ST_OK ? EXIT_DONE : output_failed("check", &err);
}
