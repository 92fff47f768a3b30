/* head.c - `rosim head`: a pair head that was trained elsewhere into the state directory of a server, bound to a
 * model. */
#include "server/cli/cli.h"
#include "server/cli/output.h"

#include "server/artifacts.h"
#include "server/head_file.h"
#include "server/log.h"

#include <stdio.h>
#include <string.h>

static status check_width(const artifact *a, const model_info *m, errinfo *err)
{
    if (a->head.linear->width == 3 * m->dimensions)
        return ST_OK;
    return fail(err, ST_INPUT, "the head has %zu inputs; the model %s with %zu dimensions needs %zu",
                a->head.linear->width, m->name, m->dimensions, 3 * m->dimensions);
}

/* Takes a, also on failure. */
static status store(const options *o, registry *models, artifact *a, errinfo *err)
{
    artifacts *s = NULL;
    char id[ARTIFACT_NAME_BYTES];
    const model *m = registry_at(models, 0);
    const size_t classes = a->head.linear->classes, groups = a->head.group_count;
    status st = check_width(a, model_describe(m), err);
    if (st == ST_OK)
        st = artifacts_open(&s, o->state_dir, models, err);
    if (st) {
        artifact_close(a);
        return st;
    }
    (void)snprintf(a->id, sizeof a->id, "%s", o->id ? o->id : "");
    (void)snprintf(a->model, sizeof a->model, "%s", model_describe(m)->name);
    (void)snprintf(a->attention, sizeof a->attention, "%s", attention_name(model_default_attention(m)));
    st = artifacts_put(s, a, models, id, err);
    if (st == ST_OK)
        (void)printf("head %s: %zu classes in %zu group%s, for the model %s with %s attention\n", id, classes, groups,
                     groups == 1 ? "" : "s", model_describe(m)->name, attention_name(model_default_attention(m)));
    artifacts_close(s);
    return st == ST_OK ? output_flush(stdout, err) : st;
}

static status run(const options *o, errinfo *err)
{
    registry *models = NULL;
    artifact *a = NULL;
    const head_file_options how = { o->labels, o->groups, o->unit_vectors };
    if (!o->state_dir)
        return fail(err, ST_INPUT, "--state-dir is missing: where the server keeps what users make");
    if (o->id && !artifact_name_is_good(slice_of(o->id)))
        return fail(err, ST_INPUT, "--id is %.80s; it must be 1 to %d characters a-z A-Z 0-9 . _ -", o->id,
                    ARTIFACT_NAME_BYTES - 1);
    log_configure(LOG_ERROR, false);    /* other files there are the server's business */
    status st = head_file_read(&a, o->arguments[0], &how, err);
    if (st)
        return st;
    st = registry_open(&models, o->models, o->model_count, err);
    if (st)
        artifact_close(a);
    else
        st = store(o, models, a, err);
    registry_close(models);
    return st;
}

int cli_head(const options *o)
{
    errinfo err;
    return run(o, &err) == ST_OK ? EXIT_DONE : output_failed("head", &err);
}
