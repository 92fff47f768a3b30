/* diagnosis.c - see diagnosis.h: the order of an examination. What is measured, which rules there are and what is tried
 * stand in diagnosis_weights.c, diagnosis_layers.c, diagnosis_rules.c and diagnosis_repairs.c.
 */
#include "model/diagnosis_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const FLAG_NAMES[FLAG_KINDS] = {
    [FLAG_GOLDEN] = "golden", [FLAG_NOT_FINITE] = "not_finite", [FLAG_SATURATED] = "saturated", [FLAG_FLAT] = "flat",
    [FLAG_MISSING_SCALE] = "missing_scale", [FLAG_TRANSPOSED] = "transposed", [FLAG_SWAPPED] = "swapped_query_key",
    [FLAG_ROTATION] = "rotation_layout", [FLAG_ZEROED] = "zeroed", [FLAG_SCALE] = "scale", [FLAG_MOMENT] = "moment",
};

const char *flag_name(flag_kind kind)
{
    return FLAG_NAMES[kind];
}

void diagnosis_add(diagnosis *d, flag_kind kind, size_t layer, const char *tensor_name, const char *format, ...)
{
    va_list arguments;
    if (d->flag_count == DIAGNOSIS_FLAGS_MAX)
        return;
    diagnosis_flag *f = &d->flags[d->flag_count++];
    *f = (diagnosis_flag){ .kind = kind, .layer = layer };
    (void)snprintf(f->tensor, sizeof f->tensor, "%s", tensor_name ? tensor_name : "");
    va_start(arguments, format);
    (void)vsnprintf(f->text, sizeof f->text, format, arguments);
    va_end(arguments);
}

/* ---- open and close ---- */

static bool take_profiles(examination *x)
{
    arena *a = x->d->memory;
    const size_t width = x->config->hidden_size;
    bool good = true;
    x->profiles = arena_take_zero(a, x->config->layers, sizeof *x->profiles);
    for (size_t l = 0; x->profiles && good && l < x->config->layers; l++) {
        layer_profiles *p = &x->profiles[l];
        for (size_t s = 0; s < SQUARES; s++) {
            p->row[s] = arena_take_zero(a, width, sizeof(double));
            p->column[s] = arena_take_zero(a, width, sizeof(double));
            good = good && p->row[s] && p->column[s];
        }
        p->intermediate = arena_take_zero(a, width, sizeof(double));
        p->input = arena_take_zero(a, width, sizeof(double));
        good = good && p->intermediate && p->input;
    }
    return x->profiles && good;
}

static status take_memory(examination *x, errinfo *err)
{
    diagnosis *d = x->d;
    d->memory = arena_open(1 << 20, SIZE_MAX / 2);
    if (!d->memory)
        return fail(err, ST_NOMEM, "diagnosis: out of memory");
    d->layer_count = x->config->layers;
    d->tensor_count = d->layer_count * PARTS + FIRSTS;
    d->layers = arena_take_zero(d->memory, d->layer_count, sizeof *d->layers);
    d->tensors = arena_take_zero(d->memory, d->tensor_count, sizeof *d->tensors);
    if (!d->layers || !d->tensors || !take_profiles(x))
        return fail(err, ST_NOMEM, "diagnosis: out of memory");
    return ST_OK;
}

status diagnosis_open(diagnosis **out, const model *m, pool *p, errinfo *err)
{
    examination x = { .model = m, .config = model_describe(m)->config, .pool = p };
    status st;
    x.d = calloc(1, sizeof *x.d);
    if (!x.d)
        return fail(err, ST_NOMEM, "diagnosis: out of memory");
    st = take_memory(&x, err);
    if (st) goto out;
    st = folder_open(&x.folder, model_describe(m)->path, err);
    if (st) goto out;
    st = diagnosis_read_weights(&x, err);
    if (st) goto out;
    st = diagnosis_observe(&x, err);
    if (st) goto out;
    diagnosis_apply_rules(&x);
    st = diagnosis_try_repairs(&x, err);
    if (st) goto out;
    *out = x.d;
    x.d = NULL;
out:
    folder_close(x.folder);
    diagnosis_close(x.d);
    return st;
}

void diagnosis_close(diagnosis *d)
{
    if (!d)
        return;
    arena_close(d->memory);
    free(d);
}
