/* registry.c - see registry.h. A handful of models: a plain array, searched from the front. */
#include "server/registry.h"

#include "server/fingerprint.h"

#include <stdlib.h>
#include <string.h>

struct registry {
    size_t count;
    model *owned[REGISTRY_MODELS_MAX];
    const model *shown[REGISTRY_MODELS_MAX];    /* the same, as others may have them */
    char marks[REGISTRY_MODELS_MAX][FINGERPRINT_BYTES];        /* from before the files were read */
    char identities[REGISTRY_MODELS_MAX][FINGERPRINT_BYTES];
};

static status add(registry *r, const model_options *options, errinfo *err)
{
    errinfo why;
    model *m;
    fingerprint_of_marks(options->path, r->marks[r->count]);
    status st = model_open(&m, options, &why);
    if (st)
        return fail(err, st, "model %s: %s", options->path, why.text);
    const char *name = model_describe(m)->name;
    if (registry_find(r, slice_of(name))) {
        st = fail(err, ST_INPUT, "model %s: the name \"%s\" is taken; give another as NAME=DIR",
                  options->path, name);
        model_close(m);
        return st;
    }
    r->owned[r->count] = m;
    r->shown[r->count++] = m;
    return ST_OK;
}

status registry_open(registry **out, const model_options *models, size_t count, errinfo *err)
{
    if (count == 0 || count > REGISTRY_MODELS_MAX)
        return fail(err, ST_INPUT, "%zu models: must be 1 to %d", count, REGISTRY_MODELS_MAX);
    registry *r = calloc(1, sizeof *r);
    if (!r)
        return fail(err, ST_NOMEM, "models: out of memory");
    for (size_t i = 0; i < count; i++) {
        status st = add(r, &models[i], err);
        if (st) {
            registry_close(r);
            return st;
        }
    }
    *out = r;
    return ST_OK;
}

void registry_close(registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        model_close(r->owned[i]);
    free(r);
}

size_t registry_count(const registry *r)
{
    return r->count;
}

const model *registry_at(const registry *r, size_t index)
{
    return r->shown[index];
}

const model *const *registry_all(const registry *r)
{
    return r->shown;
}

bool registry_is_current(const registry *r)
{
    char now[FINGERPRINT_BYTES];
    for (size_t i = 0; i < r->count; i++) {
        fingerprint_of_marks(model_describe(r->shown[i])->path, now);
        if (!now[0] || strcmp(now, r->marks[i]) != 0)
            return false;
    }
    return true;
}

void registry_identify(registry *r, bool by_contents)
{
    for (size_t i = 0; i < r->count; i++)
        if (by_contents)
            fingerprint_of_contents(model_describe(r->shown[i])->path, r->identities[i]);
        else
            memcpy(r->identities[i], r->marks[i], sizeof r->identities[i]);
}

const char *registry_identity(const registry *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(model_describe(r->shown[i])->name, name) == 0)
            return r->identities[i];
    return NULL;
}

const model *registry_find(const registry *r, slice name)
{
    if (name.length == 0)
        return r->shown[0];
    for (size_t i = 0; i < r->count; i++)
        if (slice_is(name, model_describe(r->shown[i])->name))
            return r->shown[i];
    return NULL;
}
