/* layers.c - see layers.h. One walk over the model serves three times: first it adds up what the memory and the
 * staging buffer must hold, and what the numbers are made from; then it reads and packs; or, when a packed file had
 * the numbers, it only finds its pointers. An error sticks, so that the walk reads as a list of the tensors of the
 * paper. Tensors that are not asked for (an MLM head, a position table that rotary models once stored) are left
 * alone.
 */
#include "model/encoder/layers.h"

#include "model/encoder/pooling.h"
#include "weights/packed_file.h"
#include "weights/widen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 128, KEY_BYTES = 64, PATH_BYTES = 4096, ALIGN = 64 };

typedef enum { WALK_MEASURE, WALK_PACK, WALK_FIND } walk_purpose;

typedef struct {
    const encoder_config *config;
    const kernels *k;
    precision_kind precision;
    folder *f;
    const char *prefix;
    const tensor_editor *editor;  /* NULL: none */
    walk_purpose purpose;
    char *memory;                 /* NULL while measuring */
    size_t bytes, staging_floats;
    float *staging;               /* one matrix as fp32 */
    uint64_t origin;              /* a checksum over all that the numbers are made from */
    layer_weight *layers;         /* [layers] */
    status st;
    errinfo *err;
} loader;

static void *take(loader *l, size_t bytes)
{
    void *taken = l->memory ? l->memory + l->bytes : NULL;
    l->bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return taken;
}

static void mix(loader *l, const void *bytes, size_t length)
{
    const uint64_t both[2] = { l->origin, packed_file_checksum(bytes, length) };
    l->origin = packed_file_checksum(both, sizeof both);
}

static void mix_files(loader *l)
{
    for (size_t i = 0; i < folder_shard_count(l->f); i++) {
        file_stamp stamp = folder_shard_stamp(l->f, i);
        mix(l, &stamp, sizeof stamp);
    }
}

static bool fits(const tensor *t, const size_t *shape, size_t rank)
{
    return t && t->rank == rank && memcmp(t->shape, shape, rank * sizeof *shape) == 0;
}

/* The measuring walk holds every shape against the file, so that a config alone cannot ask for memory: a tensor that
 * does not fit is "read" to no memory, which can only end in the error that names it. */
static void read_tensor(loader *l, const char *stem, const char *tail, const size_t *shape, size_t rank, float *out)
{
    char name[NAME_BYTES];
    if (l->st || l->purpose == WALK_FIND)
        return;
    (void)snprintf(name, sizeof name, "%s%s%s", l->prefix, stem, tail);
    const tensor *t = folder_tensor(l->f, name);
    if (l->purpose == WALK_PACK || !fits(t, shape, rank)) {
        l->st = folder_read_f32(l->f, name, shape, rank, out, l->err);
        if (!l->st && l->editor)
            l->editor->change(l->editor->context, name + strlen(l->prefix), shape, rank, out);
        return;
    }
    mix(l, name, strlen(name));
    mix(l, &t->type, sizeof t->type);
    mix(l, shape, rank * sizeof *shape);
}

/* The measuring walk has no memory to point into. */
static float *at(float *base, size_t offset)
{
    return base ? base + offset : NULL;
}

static void need_staging(loader *l, size_t floats)
{
    if (floats > l->staging_floats)
        l->staging_floats = floats;
}

/* A tensor that stays fp32: a table, a vector, a map. */
static const float *load_plain(loader *l, const char *stem, const char *tail, const size_t *shape,
                               size_t rank)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= shape[i];
    float *out = take(l, count * sizeof *out);
    read_tensor(l, stem, tail, shape, rank, out);
    return out;
}

static norm_weight load_norm(loader *l, const char *stem, size_t width)
{
    norm_weight norm = { NULL, NULL };
    if (l->config->norm == NORM_RMS)
        return norm;
    norm.gamma = load_plain(l, stem, ".weight", &width, 1);
    norm.beta = load_plain(l, stem, ".bias", &width, 1);
    return norm;
}

/* A matrix that the wanted precision cannot hold (an odd K in pairs) stays fp32. */
static const dense_format *format_for(const loader *l, size_t inputs)
{
    const dense_format *format = l->k->formats[l->precision];
    if (!format || (format->inputs_multiple && inputs % format->inputs_multiple))
        return l->k->formats[PRECISION_F32];
    return format;
}

/* `count` matrices [outputs][inputs] below each other, as one. */
static dense_weight load_dense(loader *l, const char *const *stems, size_t count, size_t outputs,
                               size_t inputs, bool has_bias)
{
    const size_t rows = count * outputs, shape[2] = { outputs, inputs };
    const dense_format *format = format_for(l, inputs);
    void *packed = take(l, format->packed_bytes(rows, inputs));
    float *bias = has_bias ? take(l, rows * sizeof *bias) : NULL;
    need_staging(l, rows * inputs);
    for (size_t i = 0; i < count; i++) {
        read_tensor(l, stems[i], ".weight", shape, 2, at(l->staging, i * outputs * inputs));
        if (has_bias)
            read_tensor(l, stems[i], ".bias", shape, 1, at(bias, i * outputs));
    }
    if (l->purpose == WALK_PACK && !l->st)
        format->pack(l->staging, rows, inputs, packed);
    return (dense_weight){ format, rows, inputs, bias, packed };
}

typedef struct {
    char text[NAME_BYTES];
} stem;

static stem layer_stem(size_t layer, const char *rest)
{
    stem s;
    (void)snprintf(s.text, sizeof s.text, "encoder.layer.%zu.%s", layer, rest);
    return s;
}

static dense_weight load_layer_dense(loader *l, size_t layer, const char *rest, size_t outputs,
                                     size_t inputs)
{
    stem s = layer_stem(layer, rest);
    const char *one[1] = { s.text };
    return load_dense(l, one, 1, outputs, inputs, l->config->bias);
}

static dense_weight load_qkv(loader *l, size_t layer)
{
    const size_t width = l->config->hidden_size;
    stem q = layer_stem(layer, "attention.self.query"), k = layer_stem(layer, "attention.self.key"),
         v = layer_stem(layer, "attention.self.value");
    const char *three[3] = { q.text, k.text, v.text };
    return load_dense(l, three, 3, width, width, l->config->bias);
}

static layer_weight load_layer(loader *l, size_t i)
{
    const encoder_config *c = l->config;
    const size_t map_shape[3] = { c->heads, c->head_size, c->head_size };
    layer_weight w = { .qkv = load_qkv(l, i) };
    w.attention_output = load_layer_dense(l, i, "attention.output.dense", c->hidden_size,
                                          c->hidden_size);
    w.attention_norm = load_norm(l, layer_stem(i, "attention.output.LayerNorm").text,
                                 c->hidden_size);
    w.intermediate = load_layer_dense(l, i, "intermediate.dense", c->intermediate_size,
                                      c->hidden_size);
    w.output = load_layer_dense(l, i, "output.dense", c->hidden_size, c->intermediate_size);
    w.output_norm = load_norm(l, layer_stem(i, "output.LayerNorm").text, c->hidden_size);
    if (c->map_given && c->map == LINEAR_HEDGEHOG) {
        stem query = layer_stem(i, "attention.self.linear_query_map");
        stem key = layer_stem(i, "attention.self.linear_key_map");
        w.query_map = load_plain(l, query.text, "", map_shape, 3);
        w.key_map = load_plain(l, key.text, "", map_shape, 3);
    }
    return w;
}

static word_table load_words(loader *l)
{
    const size_t shape[2] = { l->config->vocab_size, l->config->embedding_size }, count = shape[0] * shape[1];
    const char *name = "embeddings.word_embeddings";
    if (l->precision == PRECISION_F32)
        return (word_table){ .f32 = load_plain(l, name, ".weight", shape, 2) };
    uint16_t *words = take(l, count * sizeof *words);
    need_staging(l, count);
    read_tensor(l, name, ".weight", shape, 2, l->staging);
    if (l->purpose == WALK_PACK && !l->st)
        for (size_t i = 0; i < count; i++)
            words[i] = narrow_bf16(l->staging[i]);
    return (word_table){ .bf16 = words };
}

static void load_embeddings(loader *l, layers *out)
{
    static const char *const PROJECTION[1] = { "embeddings_project" };
    const encoder_config *c = l->config;
    const size_t types[2] = { c->token_types, c->embedding_size };
    const size_t positions[2] = { c->max_positions, c->embedding_size };
    out->words = load_words(l);
    out->types = load_plain(l, "embeddings.token_type_embeddings", ".weight", types, 2);
    if (c->position == POSITION_ABSOLUTE)
        out->positions = load_plain(l, "embeddings.position_embeddings", ".weight", positions, 2);
    out->embedding_norm = load_norm(l, "embeddings.LayerNorm", c->embedding_size);
    if (c->embedding_size != c->hidden_size)
        out->projection = load_dense(l, PROJECTION, 1, c->hidden_size, c->embedding_size, c->bias);
}

/* A Dense module's folder reads like a small model. */
static dense_weight load_dense_module(loader *l)
{
    static const char *const STEM[1] = { "linear" };
    const encoder_config *c = l->config;
    folder *own = l->f, *module = NULL;
    const char *prefix = l->prefix;
    dense_weight pooler = { 0 };
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder_path(own), c->dense_module);
    if (length < 0 || (size_t)length >= sizeof path)
        l->st = fail(l->err, ST_INPUT, "%s: path too long", folder_path(own));
    if (!l->st)
        l->st = folder_open(&module, path, l->err);
    if (l->st)
        return pooler;
    l->f = module;
    l->prefix = "";
    if (l->purpose == WALK_MEASURE)
        mix_files(l);
    pooler = load_dense(l, STEM, 1, c->pooler_outputs, c->hidden_size, c->pooler_bias);
    l->f = own;
    l->prefix = prefix;
    folder_close(module);
    return pooler;
}

static dense_weight load_pooler(loader *l)
{
    static const char *const STEM[1] = { "pooler.dense" };
    const encoder_config *c = l->config;
    if (!pooling_has_dense(c->pooling))
        return (dense_weight){ 0 };
    if (c->dense_module[0])
        return load_dense_module(l);
    return load_dense(l, STEM, 1, c->pooler_outputs, c->hidden_size, c->pooler_bias);
}

static layers walk(loader *l, walk_purpose purpose)
{
    layers out = { .layers = l->layers };
    l->purpose = purpose;
    l->bytes = 0;
    load_embeddings(l, &out);
    for (size_t i = 0; i < l->config->layers && !l->st; i++)
        l->layers[i] = load_layer(l, i);
    out.pooler = load_pooler(l);
    return out;
}

/* A change of a format's layout changes what it makes of this, whether or not somebody thought of old files. */
static void mix_layout(loader *l, const dense_format *format)
{
    enum { OUTPUTS = 16, INPUTS = 64 };
    float sample[OUTPUTS * INPUTS];
    _Alignas(ALIGN) char packed[64 * 1024];
    size_t bytes = format->packed_bytes(OUTPUTS, INPUTS);
    assert(bytes <= sizeof packed);
    for (size_t i = 0; i < OUTPUTS * INPUTS; i++)
        sample[i] = (float)(i * i % 509) / 509.0f - 0.5f;
    memset(packed, 0, bytes);
    format->pack(sample, OUTPUTS, INPUTS, packed);
    mix(l, packed, bytes);
}

static void packed_key(loader *l, char key[KEY_BYTES])
{
    mix_files(l);
    mix_layout(l, l->k->formats[PRECISION_F32]);
    if (l->k->formats[l->precision])
        mix_layout(l, l->k->formats[l->precision]);
    (void)snprintf(key, KEY_BYTES, "weights %016llx", (unsigned long long)l->origin);
}

static status packed_path(const loader *l, const char *packed, char path[PATH_BYTES])
{
    int length = snprintf(path, PATH_BYTES, "%s-%s-%s.packed", packed, l->k->name, precision_name(l->precision));
    if (length < 0 || length >= PATH_BYTES)
        return fail(l->err, ST_INPUT, "%s: path too long", packed);
    return ST_OK;
}

/* Fills the memory from the folder. What cannot be kept is made again at the next start: no reason to fail. */
static layers pack(loader *l, const char *path, const char *key)
{
    layers made = { 0 };
    errinfo why_not_kept;
    l->st = folder_read_tensors(l->f, l->err);
    if (l->st)
        return made;
    l->staging = malloc(l->staging_floats * sizeof *l->staging);
    if (!l->staging) {
        l->st = fail(l->err, ST_NOMEM, "%s: out of memory for a matrix of %zu numbers", folder_path(l->f),
                     l->staging_floats);
        return made;
    }
    memset(l->memory, 0, l->bytes);    /* the gaps between the parts, too, are the same each time */
    made = walk(l, WALK_PACK);
    free(l->staging);
    l->staging = NULL;
    if (path && !l->st)
        made.packed = packed_file_write(path, key, l->memory, l->bytes, &why_not_kept) == ST_OK ? PACKED_WRITTEN
                                                                                                  : PACKED_NOT_WRITTEN;
    return made;
}

status layers_load(layers *out, folder *f, const encoder_config *config, const kernels *k, precision_kind precision,
                   const char *packed, const tensor_editor *editor, errinfo *err)
{
    char key[KEY_BYTES], path[PATH_BYTES];
    layers loaded = { 0 };
    loader l = { .config = config, .k = k, .precision = precision, .f = f,
                 .prefix = config_tensor_prefix(f), .editor = editor, .err = err };
    if (!l.prefix)
        l.prefix = "";    /* so that the first tensor is reported as missing */
    l.layers = calloc(config->layers, sizeof *l.layers);
    if (!l.layers)
        return fail(err, ST_NOMEM, "%s: out of memory", folder_path(f));
    (void)walk(&l, WALK_MEASURE);
    if (l.st) goto bad;
    packed_key(&l, key);
    l.st = packed ? packed_path(&l, packed, path) : ST_OK;
    if (l.st) goto bad;
    size_t bytes = l.bytes;
    l.memory = long_lived_alloc(bytes);
    if (!l.memory) {
        l.st = fail(err, ST_NOMEM, "%s: out of memory for %zu bytes of weights", folder_path(f), bytes);
        goto bad;
    }
    if (packed && packed_file_read(path, key, l.memory, bytes)) {
        loaded = walk(&l, WALK_FIND);
        loaded.packed = PACKED_READ;
    } else {
        loaded = pack(&l, packed ? path : NULL, key);
    }
    if (l.st) goto bad;
    loaded.memory = l.memory;
    loaded.bytes = bytes;
    *out = loaded;
    return ST_OK;
bad:
    free(l.memory);
    free(l.layers);
    return l.st;
}

void layers_clear(layers *l)
{
    free(l->layers);
    free(l->memory);
    *l = (layers){ 0 };
}
