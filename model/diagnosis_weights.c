/* diagnosis_weights.c - see diagnosis_parts.h: each tensor of the folder by itself. */
#include "model/diagnosis_parts.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static const double INITIAL_DEVIATION = 0.02;    /* BERT's initializer_range, where the config does not say */
static const double LEAST_SQUARE = 1e-24;        /* so that a row of zeros has a logarithm */

static const char *const PART_NAMES[PARTS] = {
    [PART_QUERY] = "attention.self.query.weight", [PART_KEY] = "attention.self.key.weight",
    [PART_VALUE] = "attention.self.value.weight", [PART_ATTENTION_OUTPUT] = "attention.output.dense.weight",
    [PART_INTERMEDIATE] = "intermediate.dense.weight", [PART_OUTPUT] = "output.dense.weight",
    [PART_QUERY_BIAS] = "attention.self.query.bias", [PART_KEY_BIAS] = "attention.self.key.bias",
    [PART_VALUE_BIAS] = "attention.self.value.bias", [PART_ATTENTION_OUTPUT_BIAS] = "attention.output.dense.bias",
    [PART_INTERMEDIATE_BIAS] = "intermediate.dense.bias", [PART_OUTPUT_BIAS] = "output.dense.bias",
    [PART_ATTENTION_GAMMA] = "attention.output.LayerNorm.weight",
    [PART_ATTENTION_BETA] = "attention.output.LayerNorm.bias",
    [PART_OUTPUT_GAMMA] = "output.LayerNorm.weight", [PART_OUTPUT_BETA] = "output.LayerNorm.bias",
};
static const char *const FIRST_NAMES[FIRSTS] = {
    [FIRST_WORDS] = "embeddings.word_embeddings.weight", [FIRST_GAMMA] = "embeddings.LayerNorm.weight",
    [FIRST_BETA] = "embeddings.LayerNorm.bias",
};

const char *part_name(part p)
{
    return PART_NAMES[p];
}

diagnosis_tensor *diagnosis_part(const examination *x, size_t layer, part p)
{
    return &x->d->tensors[layer * PARTS + p];
}

diagnosis_tensor *diagnosis_first(const examination *x, first_part p)
{
    return &x->d->tensors[x->d->layer_count * PARTS + p];
}

typedef struct {
    examination *x;
    const char *prefix;
    double deviation;             /* of the initialisation */
    float *values;                /* room for the largest tensor */
    errinfo *err;
} reader;

static double read_deviation(folder *f)
{
    slice text;
    errinfo unread;
    double deviation = INITIAL_DEVIATION;
    if (folder_file(f, "config.json", CONFIG_BYTES_MAX, &text, &unread) || !text.data)
        return deviation;
    cJSON *tree = cJSON_ParseWithLength(text.data, text.length);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, "initializer_range");
    if (cJSON_IsNumber(item) && item->valuedouble > 0)
        deviation = item->valuedouble;
    cJSON_Delete(tree);
    return deviation;
}

static void measure(diagnosis_tensor *t, const float *values, double deviation)
{
    const size_t count = t->outputs * (t->inputs ? t->inputs : 1);
    double sum = 0, squares = 0;
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        double v = (double)values[i];
        sum += v;
        squares += v * v;
        zeros += !(v > 0) && !(v < 0);
    }
    double mean = sum / (double)count;
    t->rms = sqrt(squares / (double)count);
    t->zeros = (double)zeros / (double)count;
    if (t->inputs == 0)
        return;
    t->scale = sqrt(fmax(squares / (double)count - mean * mean, 0)) * sqrt((double)t->inputs);
    t->initial = deviation * sqrt((double)t->inputs);
}

/* Absent tensors keep an empty name: whether they may be is the loader's business. */
static status read_one(reader *r, diagnosis_tensor *t, const char *name, size_t layer, size_t outputs, size_t inputs)
{
    char full[2 * DIAGNOSIS_NAME_BYTES];
    const size_t shape[2] = { outputs, inputs };
    (void)snprintf(full, sizeof full, "%s%s", r->prefix, name);
    if (!folder_tensor(r->x->folder, full))
        return ST_OK;
    status st = folder_read_f32(r->x->folder, full, shape, inputs ? 2 : 1, r->values, r->err);
    if (st)
        return st;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    t->layer = layer;
    t->outputs = outputs;
    t->inputs = inputs;
    measure(t, r->values, r->deviation);
    return ST_OK;
}

static void add_profiles(const float *values, size_t outputs, size_t inputs, double *row, double *column)
{
    for (size_t i = 0; i < outputs; i++)
        for (size_t j = 0; j < inputs; j++) {
            double square = (double)values[i * inputs + j] * (double)values[i * inputs + j];
            if (row)
                row[i] += square / (double)inputs;
            column[j] += square / (double)outputs;
        }
    for (size_t i = 0; row && i < outputs; i++)
        row[i] = 0.5 * log(row[i] + LEAST_SQUARE);
    for (size_t j = 0; j < inputs; j++)
        column[j] = 0.5 * log(column[j] + LEAST_SQUARE);
}

static status read_part(reader *r, size_t layer, part p)
{
    const encoder_config *c = r->x->config;
    char name[DIAGNOSIS_NAME_BYTES];
    const bool matrix = p < MATRICES, wide = p == PART_INTERMEDIATE || p == PART_INTERMEDIATE_BIAS;
    const size_t outputs = wide ? c->intermediate_size : c->hidden_size;
    const size_t inputs = !matrix ? 0 : p == PART_OUTPUT ? c->intermediate_size : c->hidden_size;
    diagnosis_tensor *t = diagnosis_part(r->x, layer, p);
    layer_profiles *profiles = &r->x->profiles[layer];
    (void)snprintf(name, sizeof name, "encoder.layer.%zu.%s", layer, PART_NAMES[p]);
    status st = read_one(r, t, name, layer + 1, outputs, inputs);
    if (st || !t->name[0])
        return st;
    if (p < SQUARES)
        add_profiles(r->values, outputs, inputs, profiles->row[p], profiles->column[p]);
    if (p == PART_INTERMEDIATE)
        add_profiles(r->values, outputs, inputs, NULL, profiles->intermediate);
    return ST_OK;
}

static status read_firsts(reader *r)
{
    const encoder_config *c = r->x->config;
    status st = ST_OK;
    for (first_part p = 0; p < FIRSTS && !st; p++) {
        bool words = p == FIRST_WORDS;
        st = read_one(r, diagnosis_first(r->x, p), FIRST_NAMES[p], 0, words ? c->vocab_size : c->embedding_size,
                      words ? c->embedding_size : 0);
    }
    diagnosis_first(r->x, FIRST_WORDS)->initial = 0;    /* a table has no fan-in */
    return st;
}

status diagnosis_read_weights(examination *x, errinfo *err)
{
    const encoder_config *c = x->config;
    const char *prefix = config_tensor_prefix(x->folder);
    const size_t wide = c->intermediate_size * c->hidden_size, words = c->vocab_size * c->embedding_size;
    const size_t square = c->hidden_size * c->hidden_size, most = wide > words ? wide : words;
    reader r = { .x = x, .prefix = prefix ? prefix : "", .deviation = read_deviation(x->folder), .err = err };
    r.values = malloc((most > square ? most : square) * sizeof *r.values);
    if (!r.values)
        return fail(err, ST_NOMEM, "diagnosis: out of memory for a tensor");
    status st = read_firsts(&r);
    for (size_t layer = 0; layer < c->layers && !st; layer++)
        for (part p = 0; p < PARTS && !st; p++)
            st = read_part(&r, layer, p);
    free(r.values);
    return st;
}
