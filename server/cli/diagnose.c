/* diagnose.c - `rosim diagnose [MODEL]`: what the parts of a model do to a fixed set of texts, and what looks wrong.
 *
 * Weights are looked at as they are stored, so the model runs in fp32. Status 1 when there is a flag. */
#include "server/cli/cli.h"
#include "server/cli/output.h"

#include "model/diagnosis.h"
#include "server/routes/diagnostics.h"

#include <stdio.h>

enum { JSON_BYTES = 64 * 1024 };

static void print_layers(const diagnosis *d)
{
    (void)printf("\nsecond moments and attention by layer\n"
                 "layer    input    +attn |F|/|x|     norm     +ffn |F|/|x|   output  entropy/ln n   heads    max p\n");
    for (size_t i = 0; i < d->layer_count; i++) {
        const diagnosis_layer *l = &d->layers[i];
        (void)printf("%5zu %8.3g %8.3g %7.2f %8.3g %8.3g %7.2f %8.3g", i + 1, l->input, l->attention,
                     l->attention_ratio, l->attention_norm, l->feed_forward, l->feed_forward_ratio, l->output);
        if (d->attention == ATTENTION_SOFTMAX)
            (void)printf("      %6.2f  %4.2f-%4.2f %8.2f", l->entropy, l->entropy_least, l->entropy_most,
                         l->max_probability);
        (void)putchar('\n');
    }
}

/* The six matrices of a layer in a row: tensors come layer by layer, matrices in the order of their names here. */
static void print_weights(const diagnosis *d)
{
    size_t layer = 0;
    (void)printf("\nstandard deviation times sqrt(inputs), over what it was at initialisation\n"
                 "layer    query      key    value attention   widened  output");
    for (size_t i = 0; i < d->tensor_count; i++) {
        const diagnosis_tensor *t = &d->tensors[i];
        if (!(t->initial > 0))
            continue;
        if (t->layer != layer)
            (void)printf("\n%5zu ", t->layer);
        layer = t->layer;
        (void)printf("%8.2f ", t->scale / t->initial);
    }
    (void)putchar('\n');
}

static void print_flags(const diagnosis *d)
{
    (void)printf("\n%zu flags\n", d->flag_count);
    for (size_t i = 0; i < d->flag_count; i++)
        (void)printf("%s: %s\n", flag_name(d->flags[i].kind), d->flags[i].text);
}

static void print_words(const model *m, const diagnosis *d)
{
    (void)printf("model      %s, %s\n", model_describe(m)->name, model_describe(m)->config->family);
    (void)printf("texts      %zu of %zu tokens in all, %s attention\n", d->texts, d->tokens,
                 attention_name(d->attention));
    if (d->golden_vectors)
        (void)printf("golden     %zu vectors, off by %.2g (mean of 1 - cosine); %zu repairs tried\n", d->golden_vectors,
                     d->golden_distance, d->golden_trials);
    else
        (void)printf("golden     none: statistics only\n");
    print_layers(d);
    print_weights(d);
    print_flags(d);
}

static status print_json(const model *m, const diagnosis *d, errinfo *err)
{
    json_out w;
    arena *memory = arena_open(JSON_BYTES, SIZE_MAX / 2);
    if (!memory)
        return fail(err, ST_NOMEM, "out of memory");
    json_begin(&w, memory, JSON_BYTES / 2);
    diagnostics_write(&w, m, d);
    status st = output_json(&w, stdout, err);
    arena_close(memory);
    return st;
}

static status run(const options *o, size_t *flags, errinfo *err)
{
    model *m = NULL;
    pool *p = NULL;
    diagnosis *d = NULL;
    model_options f32 = o->models[0];
    f32.precision = precision_name(PRECISION_F32);
    status st = model_open(&m, &f32, err);
    if (st == ST_OK)
        st = pool_open(&p, o->threads, err);
    if (st == ST_OK)
        st = diagnosis_open(&d, m, p, err);
    if (st == ST_OK) {
        *flags = d->flag_count;
        if (o->json)
            st = print_json(m, d, err);
        else
            print_words(m, d);
    }
    if (st == ST_OK)
        st = output_flush(stdout, err);
    diagnosis_close(d);
    pool_close(p);
    model_close(m);
    return st;
}

int cli_diagnose(const options *o)
{
    errinfo err;
    size_t flags = 0;
    if (run(o, &flags, &err) != ST_OK)
        return output_failed("diagnose", &err);
    return flags ? EXIT_FAILED : EXIT_DONE;
}
