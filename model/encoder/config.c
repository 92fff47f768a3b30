/* config.c - reads what a model is. A family is a row of settings: what sets RoFormer, RoFormerV2
 * and BERT apart is data that the layers consult. A setting that we cannot honour is refused by
 * name; nothing is silently ignored that would change a number. The order of fallbacks for pooling
 * and length stands in api.md, section 6.
 */
#include "model/encoder/config.h"

#include "model/encoder/favor.h"
#include "model/encoder/field.h"
#include "model/encoder/sentence_modules.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { LENGTH_MIN = 3, HEAD_SIZE_MAX = 256 };    /* [CLS], one token, [SEP] */

typedef struct {
    folder *f;
    field_set root, ours;       /* config.json, and its object "rosim" */
    sentence_modules modules;
    encoder_config c;
    errinfo *err;
} reader;

typedef struct {
    const char *name;
    position_kind position;
    norm_kind norm;
    bool bias;
} family;

static const family ROFORMER = { "roformer", POSITION_ROTARY, NORM_LAYER, true };
static const family ROFORMER_V2 = { "roformer_v2", POSITION_ROTARY, NORM_RMS, false };
static const family BERT = { "bert", POSITION_ABSOLUTE, NORM_LAYER, true };

static const char *const POOLING_NAMES[] = {
    [POOLING_CLS] = "cls",
    [POOLING_MEAN] = "mean",
    [POOLING_POOLER_LINEAR] = "pooler_linear",
    [POOLING_POOLER_TANH] = "pooler_tanh",
    [POOLING_MEAN_POOLER_LINEAR] = "mean_pooler_linear",
    [POOLING_FIRST_LAST_MEAN] = "first_last_mean",
};
static const char *const SCALE_NAMES[] = {
    [SCALE_INV_SQRT_D] = "inv_sqrt_d",
    [SCALE_NONE] = "none",
    [SCALE_LOG512] = "log512",
};
static const char *const LINEAR_MAP_NAMES[] = {
    [LINEAR_ELU1] = "elu1",
    [LINEAR_RELU] = "relu",
    [LINEAR_EFFICIENT] = "efficient",
    [LINEAR_COSFORMER] = "cosformer",
    [LINEAR_HEDGEHOG] = "hedgehog",
};
static const char *const ATTENTION_NAMES[] = {
    [ATTENTION_SOFTMAX] = "softmax", [ATTENTION_LINEAR] = "linear", [ATTENTION_FAVOR] = "favor",
    [ATTENTION_TAYLOR2] = "taylor2", [ATTENTION_EXPLIMIT2] = "explimit2",
};

const char *pooling_name(pooling_kind pooling)
{
    return POOLING_NAMES[pooling];
}

const char *attention_name(attention_kind kind)
{
    return ATTENTION_NAMES[kind];
}

const char *linear_map_name(linear_map map)
{
    return LINEAR_MAP_NAMES[map];
}

bool attention_parse(slice name, attention_kind *out)
{
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (slice_is(name, ATTENTION_NAMES[kind]))
            return *out = kind, true;
    return false;
}

bool linear_map_parse(slice name, linear_map *out)
{
    for (linear_map map = 0; map < LINEAR_MAPS; map++)
        if (slice_is(name, LINEAR_MAP_NAMES[map]))
            return *out = map, true;
    return false;
}

const char *config_tensor_prefix(const folder *f)
{
    static const char *const NAMES[][2] = {
        { "embeddings.word_embeddings.weight", "" },
        { "roformer.embeddings.word_embeddings.weight", "roformer." },
        { "bert.embeddings.word_embeddings.weight", "bert." },
        { "0.auto_model.embeddings.word_embeddings.weight", "0.auto_model." },
    };
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (folder_tensor(f, NAMES[i][0]))
            return NAMES[i][1];
    return NULL;
}

/* ---- the family ---- */

static status choose_roformer(reader *r, const family **chosen)
{
    static const char *const NORMS[] = { "layer_norm", "rms_norm" };
    size_t norm = 0;
    bool bias = true;
    status st = field_choice(&r->root, "norm_type", NORMS, COUNT(NORMS), &norm, r->err);
    if (!st) st = field_bool(&r->root, "use_bias", &bias, r->err);
    if (st)
        return st;
    if (bias != (norm == 0))
        return fail(r->err, ST_FORMAT,
                    "config.json: norm_type %s with use_bias %s is not supported; supported: "
                    "layer_norm with true (RoFormer), rms_norm with false (RoFormerV2)",
                    NORMS[norm], bias ? "true" : "false");
    *chosen = norm == 0 ? &ROFORMER : &ROFORMER_V2;
    return field_bool(&r->root, "rotary_value", &r->c.rotary_value, r->err);
}

static status choose_bert(reader *r, const family **chosen)
{
    static const char *const POSITIONS[] = { "absolute" };
    size_t position = 0;
    *chosen = &BERT;
    return field_choice(&r->root, "position_embedding_type", POSITIONS, COUNT(POSITIONS), &position,
                        r->err);
}

static status read_family(reader *r)
{
    static const char *const TYPES[] = { "roformer", "bert" };
    size_t type = COUNT(TYPES);
    const family *chosen = NULL;
    status st = field_choice(&r->root, "model_type", TYPES, COUNT(TYPES), &type, r->err);
    if (st)
        return st;
    if (type == COUNT(TYPES))
        return fail(r->err, ST_FORMAT,
                    "config.json: model_type is missing; supported: roformer, bert");
    st = type == 0 ? choose_roformer(r, &chosen) : choose_bert(r, &chosen);
    if (st)
        return st;
    memcpy(r->c.family, chosen->name, strlen(chosen->name) + 1);
    r->c.position = chosen->position;
    r->c.norm = chosen->norm;
    r->c.bias = chosen->bias;
    return ST_OK;
}

/* ---- sizes and numbers ---- */

static status read_sizes(reader *r)
{
    encoder_config *c = &r->c;
    const struct { const char *key; size_t max, *value; } rows[] = {
        { "vocab_size", 1u << 20, &c->vocab_size },
        { "hidden_size", 8192, &c->hidden_size },
        { "num_hidden_layers", 128, &c->layers },
        { "num_attention_heads", 128, &c->heads },
        { "intermediate_size", 32768, &c->intermediate_size },
        { "max_position_embeddings", CONFIG_LENGTH_MAX, &c->max_positions },
        { "type_vocab_size", 1024, &c->token_types },
        { "embedding_size", 8192, &c->embedding_size },
    };
    c->token_types = 2;
    for (size_t i = 0; i < COUNT(rows); i++) {
        status st = field_size(&r->root, rows[i].key, 1, rows[i].max, rows[i].value, r->err);
        if (st)
            return st;
        if (rows[i].value == &c->embedding_size && c->embedding_size == 0)
            c->embedding_size = c->hidden_size;
        if (*rows[i].value == 0)
            return fail(r->err, ST_FORMAT, "config.json: %s is missing", rows[i].key);
    }
    return ST_OK;
}

static status check_sizes(reader *r)
{
    encoder_config *c = &r->c;
    if (c->hidden_size % c->heads)
        return fail(r->err, ST_FORMAT,
                    "config.json: num_attention_heads %zu does not divide hidden_size %zu",
                    c->heads, c->hidden_size);
    c->head_size = c->hidden_size / c->heads;
    if (c->head_size > HEAD_SIZE_MAX || c->head_size % 2)
        return fail(r->err, ST_FORMAT,
                    "config.json: head size %zu (hidden_size / num_attention_heads) must be even "
                    "and at most %d",
                    c->head_size, HEAD_SIZE_MAX);
    if (c->position == POSITION_ABSOLUTE && c->embedding_size != c->hidden_size)
        return fail(r->err, ST_FORMAT,
                    "config.json: embedding_size %zu differs from hidden_size %zu: supported for "
                    "roformer only",
                    c->embedding_size, c->hidden_size);
    return ST_OK;
}

static status read_activation(reader *r)
{
    static const char *const NAMES[] = { "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "tanh" };
    static const activation KINDS[] = { ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_GELU_TANH,
                                        ACTIVATION_RELU, ACTIVATION_TANH };
    size_t index = 0;
    double eps = 1e-12;
    status st = field_choice(&r->root, "hidden_act", NAMES, COUNT(NAMES), &index, r->err);
    if (!st) st = field_real(&r->root, "layer_norm_eps", 0, 1, &eps, r->err);
    r->c.act = KINDS[index];
    r->c.norm_eps = (float)eps;
    return st;
}

/* ---- keys of ours ---- */

/* A list of kinds as a mask; *first: the first of them. approx: the approximating ones, else the others. */
static status read_kinds(reader *r, const char *key, bool approx, unsigned *mask, attention_kind *first)
{
    const char *supported = approx ? "favor, taylor2, explimit2" : "softmax, linear";
    char shown[32];
    const cJSON *list = field_find(&r->ours, key), *item;
    if (list && (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0))
        return fail(r->err, ST_FORMAT, "config.json: rosim: %s must be a list of %s", key, supported);
    cJSON_ArrayForEach(item, list) {
        attention_kind kind;
        slice name = slice_of(cJSON_IsString(item) ? item->valuestring : NULL);
        if (!attention_parse(name, &kind) || attention_approximates(kind) != approx)
            return fail(r->err, ST_FORMAT, "config.json: rosim: %s lists \"%s\"; supported: %s", key,
                        field_printable(name, shown, sizeof shown), supported);
        if (*mask == 0)
            *first = kind;
        *mask |= 1u << kind;
    }
    return ST_OK;
}

static status read_trained(reader *r)
{
    encoder_config *c = &r->c;
    attention_kind first;
    c->attention = ATTENTION_SOFTMAX;
    status st = read_kinds(r, "attention_trained", false, &c->attention_trained, &c->attention);
    if (!st) st = read_kinds(r, "attention_approx", true, &c->attention_approx, &first);
    if (st)
        return st;
    if (c->attention_trained == 0)
        c->attention_trained = 1u << ATTENTION_SOFTMAX;
    if (c->attention_approx && !(c->attention_trained & 1u << ATTENTION_SOFTMAX))
        return fail(r->err, ST_FORMAT, "config.json: rosim: attention_approx needs softmax in attention_trained");
    return ST_OK;
}

static status read_favor(reader *r)
{
    field_set favor = { 0 };
    size_t seed = FAVOR_SEED;
    r->c.favor_features = FAVOR_FEATURES;
    status st = field_child(&favor, &r->ours, "favor", "config.json: rosim: favor", r->err);
    if (!st) st = field_size(&favor, "seed", 0, UINT32_MAX, &seed, r->err);
    if (!st) st = field_size(&favor, "features", 1, FAVOR_FEATURES_MAX, &r->c.favor_features, r->err);
    r->c.favor_seed = (uint32_t)seed;
    return st;
}

/* A key of ours with a name out of a table. */
static status choose(reader *r, const char *key, const char *const *names, size_t count,
                     size_t *out)
{
    return field_choice(&r->ours, key, names, count, out, r->err);
}

static status read_attention(reader *r)
{
    size_t kind, map = LINEAR_MAPS, scale = SCALE_INV_SQRT_D;
    status st = read_trained(r);
    if (!st) st = read_favor(r);
    kind = r->c.attention;
    if (!st) st = choose(r, "attention", ATTENTION_NAMES, ATTENTION_KINDS, &kind);
    if (!st) st = choose(r, "linear_feature_map", LINEAR_MAP_NAMES, LINEAR_MAPS, &map);
    if (!st) st = choose(r, "attn_scale", SCALE_NAMES, COUNT(SCALE_NAMES), &scale);
    if (st)
        return st;
    r->c.attention = (attention_kind)kind;
    r->c.map_given = map != LINEAR_MAPS;
    r->c.map = r->c.map_given ? (linear_map)map : LINEAR_ELU1;
    r->c.scale = (score_scale)scale;
    if (!(r->c.attention_trained & 1u << kind))
        return fail(r->err, ST_FORMAT,
                    "config.json: rosim: attention %s is not in attention_trained",
                    ATTENTION_NAMES[kind]);
    if ((r->c.attention_trained & 1u << ATTENTION_LINEAR) && !r->c.map_given)
        return fail(r->err, ST_FORMAT,
                    "config.json: rosim: attention_trained lists linear, so linear_feature_map "
                    "is needed (elu1, relu, efficient, cosformer, hedgehog)");
    return ST_OK;
}

/* A name that can only be a file of this folder. */
static status read_golden(reader *r)
{
    static const char ALLOWED[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    slice name = { "", 0 };
    status st = field_text(&r->ours, "golden", &name, r->err);
    if (st)
        return st;
    if (name.length >= sizeof r->c.golden || strspn(name.data, ALLOWED) != name.length ||
        name.data[0] == '.')
        return fail(r->err, ST_FORMAT,
                    "config.json: rosim: golden must be a plain file name of at most %zu bytes",
                    sizeof r->c.golden - 1);
    memcpy(r->c.golden, name.data, name.length);
    return ST_OK;
}

static status append_language(reader *r, const cJSON *item)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    slice name = slice_of(cJSON_IsString(item) ? item->valuestring : NULL);
    size_t used = strlen(r->c.languages), comma = used > 0;
    if (name.length == 0 || strspn(name.data, ALLOWED) != name.length)
        return fail(r->err, ST_FORMAT,
                    "config.json: rosim: languages must be a list of codes such as \"zh\"");
    if (used + comma + name.length >= sizeof r->c.languages)
        return fail(r->err, ST_FORMAT, "config.json: rosim: languages take more than %zu bytes",
                    sizeof r->c.languages - 1);
    if (comma)
        r->c.languages[used] = ',';
    memcpy(r->c.languages + used + comma, name.data, name.length);
    return ST_OK;
}

static status read_languages(reader *r)
{
    const cJSON *list = field_find(&r->ours, "languages"), *item;
    if (list && !cJSON_IsArray(list))
        return fail(r->err, ST_FORMAT,
                    "config.json: rosim: languages must be a list of codes such as \"zh\"");
    cJSON_ArrayForEach(item, list) {
        status st = append_language(r, item);
        if (st)
            return st;
    }
    return ST_OK;
}

static status read_ours(reader *r)
{
    status st = field_child(&r->ours, &r->root, "rosim", "config.json: rosim", r->err);
    if (!st) st = read_attention(r);
    if (!st) st = read_golden(r);
    if (!st) st = read_languages(r);
    return st;
}

/* ---- pooling and length: the fallbacks of api.md, section 6 ---- */

static bool has_pooler(const reader *r)
{
    char name[64];
    const char *prefix = config_tensor_prefix(r->f);
    if (!prefix)
        return false;
    (void)snprintf(name, sizeof name, "%spooler.dense.weight", prefix);
    return folder_tensor(r->f, name) != NULL;
}

static void pool_as_modules_say(reader *r)
{
    const sentence_modules *m = &r->modules;
    r->c.pooling = m->pooling;
    if (!m->dense[0])
        return;
    r->c.pooler_outputs = m->outputs;
    r->c.pooler_bias = m->bias;
    memcpy(r->c.dense_module, m->dense, sizeof m->dense);
}

static status pool_as_config_says(reader *r)
{
    static const char *const ACTIVATIONS[] = { "linear", "tanh" };
    size_t index = COUNT(ACTIVATIONS);
    status st = field_choice(&r->root, "pooler_activation", ACTIVATIONS, COUNT(ACTIVATIONS), &index,
                             r->err);
    if (st)
        return st;
    if (index < COUNT(ACTIVATIONS) && has_pooler(r)) {
        r->c.pooling = index == 0 ? POOLING_POOLER_LINEAR : POOLING_POOLER_TANH;
        return ST_OK;
    }
    r->c.pooling = POOLING_CLS;
    (void)snprintf(r->c.warning, sizeof r->c.warning,
                   "the folder does not say how to pool: cls is used (set rosim.pooling "
                   "in config.json)");
    return ST_OK;
}

static status read_pooling(reader *r)
{
    size_t given = COUNT(POOLING_NAMES);
    status st = sentence_modules_load(&r->modules, r->f, r->err);
    if (!st) st = choose(r, "pooling", POOLING_NAMES, COUNT(POOLING_NAMES), &given);
    if (st)
        return st;
    r->c.normalize = !r->modules.listed || r->modules.normalize;
    st = field_bool(&r->ours, "normalize", &r->c.normalize, r->err);
    if (st)
        return st;
    r->c.pooler_outputs = r->c.hidden_size;
    r->c.pooler_bias = r->c.bias;
    if (given < COUNT(POOLING_NAMES))
        r->c.pooling = (pooling_kind)given;
    else if (r->modules.pooled)
        pool_as_modules_say(r);
    else
        return pool_as_config_says(r);
    if (r->c.dense_module[0] && r->modules.inputs != r->c.hidden_size)
        return fail(r->err, ST_FORMAT,
                    "%s/config.json: in_features %zu differs from hidden_size %zu",
                    r->modules.dense, r->modules.inputs, r->c.hidden_size);
    return ST_OK;
}

/* A length that the model's own files give: tokenizers write 1e30 for "unlimited", so an insane
 * number is no answer. */
static status length_elsewhere(reader *r, const char *file, const char *key)
{
    field_set o;
    status st = field_open(&o, r->f, file, false, r->err);
    if (st)
        return st;
    const cJSON *item = field_find(&o, key);
    double x = cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (x >= LENGTH_MIN && x <= CONFIG_LENGTH_MAX)
        r->c.max_length = (size_t)x;
    field_close(&o);
    return ST_OK;
}

static status read_length(reader *r)
{
    encoder_config *c = &r->c;
    bool absolute = c->position == POSITION_ABSOLUTE;
    size_t max = absolute ? c->max_positions : CONFIG_LENGTH_MAX;
    if (max < LENGTH_MIN)
        return fail(r->err, ST_FORMAT,
                    "config.json: max_position_embeddings %zu: at least %d are needed", max,
                    LENGTH_MIN);
    status st = field_size(&r->ours, "max_length", LENGTH_MIN, max, &c->max_length, r->err);
    if (!st && !c->max_length)
        st = length_elsewhere(r, "sentence_bert_config.json", "max_seq_length");
    if (!st && !c->max_length)
        st = length_elsewhere(r, "tokenizer_config.json", "model_max_length");
    if (!c->max_length)
        c->max_length = c->max_positions < LENGTH_MIN ? LENGTH_MIN : c->max_positions;
    if (c->max_length > max)
        c->max_length = max;
    return st;
}

status config_load(encoder_config *out, folder *f, errinfo *err)
{
    static status (*const STEPS[])(reader *) = {
        read_family, read_sizes, check_sizes, read_activation, read_ours, read_pooling, read_length,
    };
    reader r = { .f = f, .err = err };
    status st = field_open(&r.root, f, "config.json", false, err);
    if (!st && !r.root.node)
        st = fail(err, ST_FORMAT, "config.json: not found in %s", folder_path(f));
    for (size_t i = 0; i < COUNT(STEPS) && !st; i++)
        st = STEPS[i](&r);
    field_close(&r.root);
    if (!st)
        *out = r.c;
    return st;
}
