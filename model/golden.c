/* golden.c - see golden.h. The file is JSON: [{"text", "ids", "softmax": [...], "linear": [...]}, ...]. */
#include "model/golden.h"

#include "model/score/similarity.h"
#include "model/text/utf8.h"
#include "weights/folder.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a vector is measured by, and its bound: in fp32 every component, else the direction. */
static const float COMPONENT_MOST = 1e-4f;
static const float COSINE_LEAST[PRECISIONS] = { [PRECISION_BF16] = 0.999f, [PRECISION_INT8] = 0.99f };

enum { GOLDEN_FILE_MAX_BYTES = 16 << 20, GOLDEN_ARENA_BYTES = 64 << 20 };

typedef struct {
    const model *model;
    model_runner *runner;
    const char *name;             /* of the file, for errors */
    arena *arena;
    float *vector, *wanted;       /* [dimensions] */
    size_t index, checked;
    double *distance;             /* not NULL: nothing is judged, distances 1 - cosine are added up here */
} golden_run;

static status check_ids(const golden_run *g, const cJSON *wanted, const token_list *found, errinfo *err)
{
    size_t at = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, wanted) {
        if (at < found->count && item->valuedouble != (double)found->ids[at])
            return fail(err, ST_FORMAT, "%s: text %zu: token %zu is %u, golden %.0f", g->name, g->index, at,
                        found->ids[at], item->valuedouble);
        at++;
    }
    if (at != found->count)
        return fail(err, ST_FORMAT, "%s: text %zu: %zu tokens, golden %zu", g->name, g->index, found->count, at);
    return ST_OK;
}

static status read_vector(const golden_run *g, const cJSON *list, attention_kind kind, errinfo *err)
{
    size_t dimensions = model_describe(g->model)->dimensions, count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (count < dimensions)
            g->wanted[count] = (float)item->valuedouble;
        count++;
    }
    if (count == dimensions)
        return ST_OK;
    return fail(err, ST_FORMAT, "%s: text %zu: golden %s vector has %zu numbers, the model gives %zu", g->name,
                g->index, attention_name(kind), count, dimensions);
}

static status check_components(const golden_run *g, attention_kind kind, errinfo *err)
{
    float worst = 0;
    for (size_t i = 0; i < model_describe(g->model)->dimensions; i++)
        worst = fmaxf(worst, fabsf(g->wanted[i] - g->vector[i]));
    if (worst <= COMPONENT_MOST)
        return ST_OK;
    return fail(err, ST_FORMAT, "%s: text %zu: the %s vector is off by %g, at most %g is allowed", g->name, g->index,
                attention_name(kind), (double)worst, (double)COMPONENT_MOST);
}

static status check_direction(const golden_run *g, attention_kind kind, errinfo *err)
{
    const model_info *info = model_describe(g->model);
    float cosine = similarity_score(METRIC_COSINE, g->wanted, g->vector, info->dimensions);
    if (cosine >= COSINE_LEAST[info->precision])
        return ST_OK;
    return fail(err, ST_FORMAT,
                "%s: text %zu: the %s vector has cosine %g to the golden one, at least %g is wanted in %s", g->name,
                g->index, attention_name(kind), (double)cosine, (double)COSINE_LEAST[info->precision],
                precision_name(info->precision));
}

/* The farthest there is, where the vector is no vector. */
static double distance_of(const golden_run *g)
{
    double cosine = (double)similarity_score(METRIC_COSINE, g->wanted, g->vector, model_describe(g->model)->dimensions);
    return isfinite(cosine) ? 1 - cosine : 2;
}

static status check_vector(golden_run *g, const cJSON *wanted, attention_kind kind, errinfo *err)
{
    bool exact = model_describe(g->model)->precision == PRECISION_F32;
    status st = read_vector(g, wanted, kind, err);
    if (!st && g->distance)
        *g->distance += distance_of(g);
    else if (!st)
        st = exact ? check_components(g, kind, err) : check_direction(g, kind, err);
    if (!st)
        g->checked++;
    return st;
}

static status check_entry(golden_run *g, const cJSON *entry, errinfo *err)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(entry, "text");
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(entry, "ids");
    size_t bad;
    if (!cJSON_IsString(text) || !cJSON_IsArray(ids) || !utf8_check(slice_of(text->valuestring), &bad))
        return fail(err, ST_FORMAT, "%s: entry %zu needs a \"text\" and its \"ids\"", g->name, g->index);
    token_list tokens;
    tokenize_options options = { .max_tokens = model_describe(g->model)->config->max_length };
    status st =
        tokenizer_encode(model_tokenizer(g->model), slice_of(text->valuestring), &options, g->arena, &tokens, err);
    if (st)
        return st;
    st = check_ids(g, ids, &tokens, err);
    for (attention_kind kind = 0; !st && kind < ATTENTION_KINDS; kind++) {
        const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(entry, attention_name(kind));
        if (!cJSON_IsArray(wanted))
            continue;
        const uint32_t starts[2] = { 0, (uint32_t)tokens.count };
        st = model_encode(g->model, g->runner, tokens.ids, starts, 1, kind, g->vector, err);
        if (st && !(g->distance && st == ST_INTERNAL))
            break;
        similarity_normalize(g->vector, model_describe(g->model)->dimensions, g->vector);
        st = check_vector(g, wanted, kind, err);
    }
    return st;
}

static status check_all(golden_run *g, slice text, errinfo *err)
{
    cJSON *list = cJSON_ParseWithLength(text.data, text.length);
    status st = ST_OK;
    const cJSON *entry;
    if (!cJSON_IsArray(list))
        st = fail(err, ST_FORMAT, "%s: not a JSON list", g->name);
    else
        cJSON_ArrayForEach(entry, list) {
            st = check_entry(g, entry, err);
            if (st)
                break;
            arena_reset(g->arena);
            g->index++;
        }
    cJSON_Delete(list);
    return st;
}

static status run_all(const model *m, model_runner *r, const char *name, double *distance, size_t *checked,
                      errinfo *err)
{
    folder *f = NULL;
    slice text;
    golden_run g = { .model = m, .runner = r, .name = name, .distance = distance };
    status st = folder_open_text(&f, model_describe(m)->path, err);
    if (st)
        return st;
    st = folder_file(f, name, GOLDEN_FILE_MAX_BYTES, &text, err);
    if (st) goto out;
    if (!text.data) {
        st = fail(err, ST_IO, "%s: the golden file that config.json names is not there", name);
        goto out;
    }
    g.arena = arena_open(0, GOLDEN_ARENA_BYTES);
    g.vector = calloc(model_describe(m)->dimensions, sizeof *g.vector);
    g.wanted = calloc(model_describe(m)->dimensions, sizeof *g.wanted);
    if (!g.arena || !g.vector || !g.wanted) {
        st = fail(err, ST_NOMEM, "%s: out of memory", name);
        goto out;
    }
    st = check_all(&g, text, err);
    if (checked)
        *checked = g.checked;
out:
    free(g.vector);
    free(g.wanted);
    arena_close(g.arena);
    folder_close(f);
    return st;
}

status golden_check(const model *m, model_runner *r, const char *name, size_t *checked, errinfo *err)
{
    return run_all(m, r, name, NULL, checked, err);
}

status golden_distance(const model *m, model_runner *r, const char *name, double *mean, size_t *checked, errinfo *err)
{
    double sum = 0;
    status st = run_all(m, r, name, &sum, checked, err);
    if (st == ST_OK)
        *mean = *checked ? sum / (double)*checked : 0;
    return st;
}
