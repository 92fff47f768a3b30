/* info.c - `rosim info [MODEL]`: what a model folder holds and how it would run here. */
#include "server/cli/cli.h"
#include "server/cli/output.h"

#include <stdio.h>

enum { KERNEL_BYTES = 640, JSON_BYTES = 4096 };

static void print_attention(const model *m)
{
    const model_info *i = model_describe(m);
    const encoder_config *c = i->config;
    (void)printf("attention   ");
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        if (!model_serves(m, kind))
            continue;
        (void)printf(" %s", attention_name(kind));
        if (kind == ATTENTION_LINEAR)
            (void)printf(" (%s)", linear_map_name(c->map));
        if (i->probed_cosine[kind] > 0)
            (void)printf(" (approximate, cosine %.4f)", i->probed_cosine[kind]);
        if (kind == model_default_attention(m))
            (void)printf(" [default]");
    }
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (i->from_tokens[kind] < SIZE_MAX)
            (void)printf("; %s is faster from %zu tokens on", attention_name(kind), i->from_tokens[kind]);
    (void)putchar('\n');
}

static void print_text(const model *m, const char *kernel)
{
    const model_info *i = model_describe(m);
    const encoder_config *c = i->config;
    (void)printf("name         %s\n", i->name);
    (void)printf("folder       %s\n", i->path);
    (void)printf("family       %s: %s positions, %s norm\n", c->family,
                 c->position == POSITION_ROTARY ? "rotary" : "absolute",
                 c->norm == NORM_RMS ? "RMS" : "layer");
    (void)printf("layers       %zu of width %zu, %zu heads of %zu, feed-forward %zu\n", c->layers,
                 c->hidden_size, c->heads, c->head_size, c->intermediate_size);
    (void)printf("parameters   %zu\n", i->parameters);
    (void)printf("memory       %.1f MiB of weights\n", (double)i->weight_bytes / (1 << 20));
    (void)printf("vocabulary   %zu, %s\n", c->vocab_size, i->tokenizer_kind);
    (void)printf("tokens       at most %zu a text\n", c->max_length);
    (void)printf("vector       %zu numbers, %s\n", i->dimensions, pooling_name(c->pooling));
    print_attention(m);
    (void)printf("languages    %s\n", c->languages[0] ? c->languages : "not stated");
    (void)printf("golden       %s\n", c->golden[0] ? c->golden : "none");
    (void)printf("kernel       %s, %s: %s\n", i->kernel, precision_name(i->precision), kernel);
    if (i->precision_reason[0])
        (void)printf("precision    %s\n", i->precision_reason);
    if (c->warning[0])
        (void)fprintf(stderr, "rosim info: %s\n", c->warning);
}

static void write_text(json_out *w, const char *key, const char *value)
{
    json_key(w, key);
    json_text(w, slice_of(value));
}

static void write_size(json_out *w, const char *key, size_t value)
{
    json_key(w, key);
    json_integer(w, (int64_t)value);
}

static void write_kinds(json_out *w, const char *key, unsigned kinds)
{
    json_key(w, key);
    json_open(w, '[');
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (kinds & 1u << kind)
            json_text(w, slice_of(attention_name(kind)));
    json_close(w, ']');
}

static void write_attention(json_out *w, const model *m)
{
    write_text(w, "attention", attention_name(model_default_attention(m)));
    write_kinds(w, "attention_trained", model_describe(m)->config->attention_trained);
    write_kinds(w, "attention_approx", model_describe(m)->config->attention_approx);
    if (model_trained_for(m, ATTENTION_LINEAR))
        write_text(w, "linear_feature_map", linear_map_name(model_describe(m)->config->map));
}

static status print_json(const model *m, const char *kernel, errinfo *err)
{
    json_out w;
    const model_info *i = model_describe(m);
    const encoder_config *c = i->config;
    arena *a = arena_open(JSON_BYTES, SIZE_MAX / 2);
    if (!a)
        return fail(err, ST_NOMEM, "out of memory");
    json_begin(&w, a, JSON_BYTES);
    json_open(&w, '{');
    write_text(&w, "name", i->name);
    write_text(&w, "folder", i->path);
    write_text(&w, "family", c->family);
    write_size(&w, "layers", c->layers);
    write_size(&w, "hidden_size", c->hidden_size);
    write_size(&w, "heads", c->heads);
    write_size(&w, "intermediate_size", c->intermediate_size);
    write_size(&w, "parameters", i->parameters);
    write_size(&w, "weight_bytes", i->weight_bytes);
    write_size(&w, "vocab_size", c->vocab_size);
    write_text(&w, "tokenizer", i->tokenizer_kind);
    write_size(&w, "max_length", c->max_length);
    write_size(&w, "dimensions", i->dimensions);
    write_text(&w, "pooling", pooling_name(c->pooling));
    write_attention(&w, m);
    write_text(&w, "languages", c->languages);
    write_text(&w, "golden", c->golden);
    write_text(&w, "kernel", i->kernel);
    write_text(&w, "precision", precision_name(i->precision));
    write_text(&w, "precision_reason", i->precision_reason);
    write_text(&w, "kernel_description", kernel);
    json_close(&w, '}');
    status st = output_json(&w, stdout, err);
    arena_close(a);
    return st;
}

int cli_info(const options *o)
{
    errinfo err;
    registry *r = NULL;
    const kernels *k;
    char kernel[KERNEL_BYTES] = "";
    status st = registry_open(&r, o->models, o->model_count, &err);
    if (st == ST_OK)
        st = kernels_choose(&k, o->kernel, &err);
    if (st == ST_OK) {
        kernels_describe(k, kernel, sizeof kernel);
        if (o->json)
            st = print_json(registry_at(r, 0), kernel, &err);
        else
            print_text(registry_at(r, 0), kernel);
    }
    if (st == ST_OK)
        st = output_flush(stdout, &err);
    registry_close(r);
    return st == ST_OK ? EXIT_DONE : output_failed("info", &err);
}
