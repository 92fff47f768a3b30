/* reload.c - see reload.h. What "lost nothing" rests on: a request holds the keys and the generation that it began
 * with, so each part is swapped by one pointer under a lock, and the old one goes with its last user. */
#include "server/cli/reload.h"

#include "server/cli/loading.h"
#include "server/log.h"

static status reload_keys(const reload *r, bool *changed, errinfo *err)
{
    const options *o = r->options;
    if (!r->service->auth || !o->api_key_file)
        return ST_OK;
    *changed = true;
    return auth_reload(r->service->auth, o->api_keys, o->api_key_count, o->api_key_file, err);
}

static status reload_certificate(const reload *r, bool *changed, errinfo *err)
{
    *changed = r->tls != NULL;
    return r->tls ? tls_reload(r->tls, err) : ST_OK;
}

static status load_beside(const reload *r, const generation *now, errinfo *err)
{
    service *s = r->service;
    registry *models;
    batcher *b;
    const loading how = { r->options, r->pool, s->metrics, now };
    status st = loading_run(&how, &models, &b, err);
    if (st)
        return st;
    artifacts_identify(s->artifacts, models);
    st = generations_replace(s->generations, models, b, err);
    if (st) {
        batcher_close(b);
        registry_close(models);
    }
    return st;
}

static status reload_models(const reload *r, bool *changed, errinfo *err)
{
    generation *now = generations_take(r->service->generations);
    *changed = !registry_is_current(now->registry);
    status st = *changed ? load_beside(r, now, err) : ST_OK;
    generations_give(now);
    return st;
}

/* After the models: what was made for other ones goes. */
static status reload_state(const reload *r, bool *changed, errinfo *err)
{
    generation *now = generations_take(r->service->generations);
    *changed = true;
    status st = artifacts_reload(r->service->artifacts, now->registry, err);
    generations_give(now);
    return st;
}

static const struct {
    metrics_part part;
    const char *what;
    status (*again)(const reload *r, bool *changed, errinfo *err);
} parts[] = {
    { PART_KEYS, "keys", reload_keys },
    { PART_CERTIFICATE, "certificate", reload_certificate },
    { PART_MODELS, "models", reload_models },
    { PART_STATE, "state", reload_state },
};

void reload_all(const reload *r)
{
    log_line(LOG_INFO, "reload: begins");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        errinfo err = { 0 };
        bool changed = false;
        status st = parts[i].again(r, &changed, &err);
        metrics_reload(r->service->metrics, parts[i].part, st ? RELOAD_FAILED : changed ? RELOAD_OK : RELOAD_UNCHANGED);
        if (st)
            log_line(LOG_ERROR, "reload: the %s stay as they were: %s", parts[i].what, err.text);
        else if (changed)
            log_line(LOG_INFO, "reload: %s", parts[i].what);
    }
    log_line(LOG_INFO, "reload: done");
}
