/* diagnostics.c - see diagnostics.h. */
#include "server/routes/diagnostics.h"

#include "server/api_error.h"
#include "server/router.h"
#include "server/routes/encode_job.h"
#include "server/routes/errand.h"

#include <math.h>

enum { BYTES_PER_ANSWER = 64 * 1024 };

static const schema text_or_null[] = { { .kind = SCHEMA_TEXT }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema whole_or_null[] = { { .kind = SCHEMA_WHOLE }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema flag_members[] = {
    { "kind", SCHEMA_TEXT, .must = true }, { "layer", SCHEMA_EITHER, .of = whole_or_null, .must = true },
    { "tensor", SCHEMA_EITHER, .of = text_or_null, .must = true }, { "message", SCHEMA_TEXT, .must = true }, { 0 }
};
static const schema flag = { .kind = SCHEMA_OBJECT, .of = flag_members };
static const schema any = { .kind = SCHEMA_ANY };
static const schema members[] = {
    { "object", SCHEMA_CHOICE, .words = "diagnostics", .must = true }, { "model", SCHEMA_TEXT, .must = true },
    { "precision", SCHEMA_TEXT, .must = true }, { "attention", SCHEMA_TEXT, .must = true },
    { "texts", SCHEMA_WHOLE, .must = true }, { "tokens", SCHEMA_WHOLE, .must = true },
    { "flags", SCHEMA_LIST, .of = &flag, .must = true }, { "golden", SCHEMA_ANY, .must = true },
    { "embeddings_second_moment", SCHEMA_ANY, .must = true }, { "layers", SCHEMA_LIST, .of = &any, .must = true },
    { "tensors", SCHEMA_LIST, .of = &any, .must = true }, { 0 }
};
const schema diagnostics_shape = { .kind = SCHEMA_OBJECT, .of = members };

/* What is not finite has no number in JSON. */
static void put(json_out *w, const char *key, double value)
{
    json_key(w, key);
    if (isfinite((float)value))
        json_float(w, (float)value);
    else
        json_literal(w, "null");
}

static void put_flag(json_out *w, const diagnosis_flag *f)
{
    json_open(w, '{');
    json_field_text(w, "kind", flag_name(f->kind));
    json_key(w, "layer");
    if (f->layer)
        json_integer(w, (int64_t)f->layer);
    else
        json_literal(w, "null");
    json_key(w, "tensor");
    if (f->tensor[0])
        json_text(w, slice_of(f->tensor));
    else
        json_literal(w, "null");
    json_field_text(w, "message", f->text);
    json_close(w, '}');
}

static void put_layer(json_out *w, const diagnosis *d, size_t index)
{
    const diagnosis_layer *l = &d->layers[index];
    json_open(w, '{');
    json_field_integer(w, "layer", (int64_t)index + 1);
    json_key(w, "second_moment");
    json_open(w, '{');
    put(w, "input", l->input);
    put(w, "attention", l->attention);
    put(w, "attention_norm", l->attention_norm);
    put(w, "feed_forward", l->feed_forward);
    put(w, "output", l->output);
    json_close(w, '}');
    put(w, "attention_ratio", l->attention_ratio);
    put(w, "feed_forward_ratio", l->feed_forward_ratio);
    if (d->attention == ATTENTION_SOFTMAX) {
        json_key(w, "entropy");
        json_open(w, '{');
        put(w, "mean", l->entropy);
        put(w, "least_head", l->entropy_least);
        put(w, "most_head", l->entropy_most);
        json_close(w, '}');
        put(w, "max_probability", l->max_probability);
    }
    json_close(w, '}');
}

static void put_tensor(json_out *w, const diagnosis_tensor *t)
{
    json_open(w, '{');
    json_field_text(w, "name", t->name);
    put(w, "rms", t->rms);
    put(w, "zeros", t->zeros);
    if (t->initial > 0) {
        put(w, "scale", t->scale);
        put(w, "initial", t->initial);
    }
    json_close(w, '}');
}

static void put_golden(json_out *w, const diagnosis *d)
{
    json_key(w, "golden");
    if (d->golden_vectors == 0) {
        json_literal(w, "null");
        return;
    }
    json_open(w, '{');
    json_field_integer(w, "vectors", (int64_t)d->golden_vectors);
    put(w, "distance", d->golden_distance);
    json_field_integer(w, "trials", (int64_t)d->golden_trials);
    json_close(w, '}');
}

void diagnostics_write(json_out *w, const model *m, const diagnosis *d)
{
    json_open(w, '{');
    json_field_text(w, "object", "diagnostics");
    json_field_text(w, "model", model_describe(m)->name);
    json_field_text(w, "precision", precision_name(model_describe(m)->precision));
    json_field_text(w, "attention", attention_name(d->attention));
    json_field_integer(w, "texts", (int64_t)d->texts);
    json_field_integer(w, "tokens", (int64_t)d->tokens);
    json_key(w, "flags");
    json_open(w, '[');
    for (size_t i = 0; i < d->flag_count; i++)
        put_flag(w, &d->flags[i]);
    json_close(w, ']');
    put_golden(w, d);
    put(w, "embeddings_second_moment", d->embeddings);
    json_key(w, "layers");
    json_open(w, '[');
    for (size_t i = 0; i < d->layer_count; i++)
        put_layer(w, d, i);
    json_close(w, ']');
    json_key(w, "tensors");
    json_open(w, '[');
    for (size_t i = 0; i < d->tensor_count; i++)
        if (d->tensors[i].name[0])
            put_tensor(w, &d->tensors[i]);
    json_close(w, ']');
    json_close(w, '}');
}

static status examine(const model *m, diagnosis **out, errinfo *err)
{
    pool *p;
    status st = pool_open(&p, 1, err);
    if (st)
        return st;
    st = diagnosis_open(out, m, p, err);
    pool_close(p);
    return st;
}

static void work(errand *e)
{
    errinfo err;
    json_out w;
    diagnosis *d;
    status st = examine(e->model, &d, &err);
    if (st) {
        api_error_answer(e->exchange, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INTERNAL, NULL, "%s", err.text);
        return;
    }
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER);
    diagnostics_write(&w, e->model, d);
    encode_send(e->exchange, &w);
    diagnosis_close(d);
}

void diagnostics_show(struct service *s, exchange *x)
{
    const model *m = errand_model(x, router_id(x));
    if (m)
        errand_start(s, x, m, work, NULL);
}
