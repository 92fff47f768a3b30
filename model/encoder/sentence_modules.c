/* sentence_modules.c - see sentence_modules.h. A Dense module folds into the pooling: mean followed
 * by an identity dense layer is mean_pooler_linear, [CLS] followed by tanh is BERT's pooler. What
 * has no such name is refused, not guessed. */
#include "model/encoder/sentence_modules.h"

#include "model/encoder/field.h"

#include <stdio.h>
#include <string.h>

typedef enum {
    MODULE_TRANSFORMER, MODULE_POOLING, MODULE_DENSE, MODULE_NORMALIZE, MODULES
} module_kind;

static const char *const MODULE_NAMES[MODULES] = { "Transformer", "Pooling", "Dense", "Normalize" };

enum { DENSE_WIDTH_MAX = 8192, FILE_NAME_BYTES = SENTENCE_MODULE_BYTES + 16 };

/* "sentence_transformers.models.Pooling" is known by its last word: the package has moved between
 * versions. */
static slice last_word(slice name)
{
    size_t start = name.length;
    while (start > 0 && name.data[start - 1] != '.')
        start--;
    return (slice){ name.data + start, name.length - start };
}

static status parse_kind(slice type, module_kind *kind, errinfo *err)
{
    char shown[64];
    for (module_kind i = 0; i < MODULES; i++) {
        if (slice_is(last_word(type), MODULE_NAMES[i])) {
            *kind = i;
            return ST_OK;
        }
    }
    return fail(err, ST_FORMAT,
                "modules.json: type \"%s\" is not supported; supported: Transformer, Pooling, "
                "Dense, Normalize",
                field_printable(type, shown, sizeof shown));
}

static bool plain_name(slice path)
{
    static const char ALLOWED[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return path.length > 0 && path.length < SENTENCE_MODULE_BYTES &&
           strspn(path.data, ALLOWED) == path.length;
}

static status read_module(sentence_modules *m, const cJSON *item, char *pooling_path,
                          int *last_kind, errinfo *err)
{
    field_set module = { "modules.json", (cJSON *)item };
    slice type = { "", 0 }, path = { "", 0 };
    module_kind kind = MODULES;
    status st = field_text(&module, "type", &type, err);
    if (!st) st = field_text(&module, "path", &path, err);
    if (!st) st = parse_kind(type, &kind, err);
    if (st)
        return st;
    if ((int)kind <= *last_kind)
        return fail(err, ST_FORMAT,
                    "modules.json: modules must come in the order Transformer, Pooling, Dense, "
                    "Normalize, each at most once");
    *last_kind = (int)kind;
    m->normalize |= kind == MODULE_NORMALIZE;
    if (kind != MODULE_POOLING && kind != MODULE_DENSE)
        return ST_OK;
    if (!plain_name(path))
        return fail(err, ST_FORMAT,
                    "modules.json: path of the %s module must be a plain folder name of at most "
                    "%d bytes",
                    MODULE_NAMES[kind], SENTENCE_MODULE_BYTES - 1);
    memcpy(kind == MODULE_POOLING ? pooling_path : m->dense, path.data, path.length + 1);
    return ST_OK;
}

static status read_modules(sentence_modules *m, folder *f, char *pooling_path, errinfo *err)
{
    field_set list;
    int last_kind = -1;
    status st = field_open(&list, f, "modules.json", true, err);
    if (st || !list.node)
        return st;
    m->listed = true;
    pooling_path[0] = '\0';
    const cJSON *item;
    cJSON_ArrayForEach(item, list.node) {
        st = read_module(m, item, pooling_path, &last_kind, err);
        if (st)
            break;
    }
    field_close(&list);
    return st;
}

/* One flag per kind in older files, one name in newer ones. Two flags mean vectors side by side:
 * refused. */
static status read_pooling_config(sentence_modules *m, const field_set *o, errinfo *err)
{
    static const char *const NAMES[] = { "cls", "mean" };
    static const char *const FLAGS[] = {
        "pooling_mode_cls_token", "pooling_mode_mean_tokens", "pooling_mode_max_tokens",
        "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens",
        "pooling_mode_lasttoken",
    };
    size_t given = 0, chosen = sizeof FLAGS / sizeof *FLAGS, name = sizeof NAMES / sizeof *NAMES;
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        bool flag = false;
        status st = field_bool(o, FLAGS[i], &flag, err);
        if (st)
            return st;
        given += flag;
        chosen = flag ? i : chosen;
    }
    status st = field_choice(o, "pooling_mode", NAMES, 2, &name, err);
    if (st)
        return st;
    if (given == 0 && name < 2)
        given = 1, chosen = name;
    if (given != 1 || chosen > 1)
        return fail(err, ST_FORMAT,
                    "%s: pooling must be exactly one of pooling_mode_cls_token, "
                    "pooling_mode_mean_tokens",
                    o->label);
    m->pooled = true;
    m->pooling = chosen == 0 ? POOLING_CLS : POOLING_MEAN;
    return ST_OK;
}

static status read_pooling(sentence_modules *m, folder *f, const char *path, errinfo *err)
{
    char file[FILE_NAME_BYTES];
    field_set o;
    (void)snprintf(file, sizeof file, "%s/config.json", path);
    status st = field_open(&o, f, file, false, err);
    if (st)
        return st;
    if (o.node)
        st = read_pooling_config(m, &o, err);
    else if (m->listed)
        st = fail(err, ST_FORMAT, "%s: not found, but modules.json names it", file);
    field_close(&o);
    return st;
}

static status fold_dense(sentence_modules *m, bool tanh_after, errinfo *err)
{
    if (!m->pooled)
        return fail(err, ST_FORMAT,
                    "modules.json: a Dense module needs a Pooling module before it");
    if (m->pooling == POOLING_MEAN && tanh_after)
        return fail(err, ST_FORMAT,
                    "%s/config.json: activation Tanh after mean pooling is not supported; "
                    "supported: Identity after mean or cls, Tanh after cls",
                    m->dense);
    if (m->pooling == POOLING_MEAN)
        m->pooling = POOLING_MEAN_POOLER_LINEAR;
    else
        m->pooling = tanh_after ? POOLING_POOLER_TANH : POOLING_POOLER_LINEAR;
    return ST_OK;
}

static status read_dense_config(sentence_modules *m, const field_set *o, errinfo *err)
{
    static const char *const ACTIVATIONS[] = { "torch.nn.modules.linear.Identity",
                                               "torch.nn.modules.activation.Tanh" };
    static const char *const INPUTS[] = { "sentence_embedding" };
    size_t input = 0, after = 1;    /* tanh is the module's own default */
    status st = field_choice(o, "activation_function", ACTIVATIONS, 2, &after, err);
    if (!st) st = field_size(o, "in_features", 1, DENSE_WIDTH_MAX, &m->inputs, err);
    if (!st) st = field_size(o, "out_features", 1, DENSE_WIDTH_MAX, &m->outputs, err);
    if (!st) st = field_bool(o, "bias", &m->bias, err);
    if (!st) st = field_choice(o, "module_input_name", INPUTS, 1, &input, err);
    if (st)
        return st;
    if (!m->inputs || !m->outputs)
        return fail(err, ST_FORMAT, "%s: in_features and out_features are needed", o->label);
    return fold_dense(m, after == 1, err);
}

static status read_dense(sentence_modules *m, folder *f, errinfo *err)
{
    char file[FILE_NAME_BYTES];
    field_set o;
    (void)snprintf(file, sizeof file, "%s/config.json", m->dense);
    status st = field_open(&o, f, file, false, err);
    if (st)
        return st;
    if (!o.node)
        return fail(err, ST_FORMAT, "%s: not found, but modules.json names it", file);
    st = read_dense_config(m, &o, err);
    field_close(&o);
    return st;
}

status sentence_modules_load(sentence_modules *out, folder *f, errinfo *err)
{
    sentence_modules m = { .bias = true };
    char pooling_path[SENTENCE_MODULE_BYTES] = "1_Pooling";
    status st = read_modules(&m, f, pooling_path, err);
    if (!st && pooling_path[0]) st = read_pooling(&m, f, pooling_path, err);
    if (!st && m.dense[0]) st = read_dense(&m, f, err);
    if (!st) *out = m;
    return st;
}
