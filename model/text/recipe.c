/* recipe.c - see recipe.h. */
#include "model/text/recipe.h"

#include "weights/strict_json.h"

#define CONFIG "tokenizer_config.json"

enum { JSON_MAX_BYTES = 16 << 20, VOCAB_MAX_BYTES = 64 << 20, CONFIG_MAX_BYTES = 1 << 20, CONFIG_DEPTH = 32,
       CONFIG_VALUES = 1 << 16 };

static const char *const word_tokenizers[] = { "RoFormerTokenizer", "RoFormerTokenizerFast" };

/* True in *words when the file's tokenizer_class segments with jieba; *named when it has one at all. */
static status read_class(slice file, const char *label, bool *words, bool *named, errinfo *err)
{
    static const strict_json_rules rules = { .max_depth = CONFIG_DEPTH, .max_values = CONFIG_VALUES };
    cJSON *tree;
    status st = strict_json_parse(&tree, file.data, file.length, &rules, label, err);
    if (st)
        return st;
    const cJSON *class = cJSON_GetObjectItemCaseSensitive(tree, "tokenizer_class");
    if (class && !cJSON_IsNull(class) && !cJSON_IsString(class))
        st = fail(err, ST_FORMAT, "%s: tokenizer_class must be a string", label);
    *named = cJSON_IsString(class);
    for (size_t i = 0; *named && i < sizeof word_tokenizers / sizeof word_tokenizers[0]; i++)
        *words |= slice_is(slice_of(class->valuestring), word_tokenizers[i]);
    cJSON_Delete(tree);
    return st;
}

/* tokenizer_config.json names the class; where it does not, config.json may. */
static status choose_words(tokenizer_recipe *r, folder *f, slice config, errinfo *err)
{
    bool named = false;
    slice model = { NULL, 0 };
    status st = config.data ? read_class(config, CONFIG, &r->words, &named, err) : ST_OK;
    if (!st && !named)
        st = folder_file(f, "config.json", CONFIG_MAX_BYTES, &model, err);
    if (!st && model.data)
        st = read_class(model, "config.json", &r->words, &named, err);
    return st;
}

status recipe_read(tokenizer_recipe *out, folder *f, size_t vocab_size, arena *a, errinfo *err)
{
    slice json, vocab = { NULL, 0 }, config;
    tokenizer_recipe r = { 0 };
    status st = folder_file(f, "tokenizer.json", JSON_MAX_BYTES, &json, err);
    if (!st && !json.data)
        st = folder_file(f, "vocab.txt", VOCAB_MAX_BYTES, &vocab, err);
    if (!st)
        st = folder_file(f, CONFIG, CONFIG_MAX_BYTES, &config, err);
    if (st)
        return st;
    if (!json.data && !vocab.data)
        return fail(err, ST_FORMAT, "%s: has neither tokenizer.json nor vocab.txt", folder_path(f));
    st = json.data ? recipe_read_json(&r, json, vocab_size, a, err)
                   : recipe_read_vocab(&r, vocab, config, vocab_size, a, err);
    if (!st)
        st = choose_words(&r, f, config, err);
    if (st)
        return st;
    if (r.words)
        r.normalizer.chinese_apart = false;       /* jieba needs Chinese characters side by side */
    *out = r;
    return ST_OK;
}
