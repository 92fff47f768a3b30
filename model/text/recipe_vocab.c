/* recipe_vocab.c - vocab.txt, one piece a line, with the switches and special tokens of tokenizer_config.json.
 *
 * The idea: what transformers' BertTokenizer makes of the two files. Lines end with LF or CRLF; nothing else is
 * trimmed.
 */
#include "model/text/recipe.h"
#include "model/text/utf8.h"
#include "weights/shown.h"
#include "weights/strict_json.h"

#include <string.h>

#define VOCAB "vocab.txt"
#define CONFIG "tokenizer_config.json"

enum { NAMED_TOKENS = 5, CONFIG_DEPTH = 32, CONFIG_VALUES = 1 << 16 };

/* In the order in which transformers adds them; the piece used when the configuration is silent. */
static const struct {
    const char *key, *fallback;
} named_tokens[NAMED_TOKENS] = {
    { "unk_token", "[UNK]" }, { "sep_token", "[SEP]" }, { "pad_token", "[PAD]" }, { "cls_token", "[CLS]" },
    { "mask_token", "[MASK]" },
};

static slice next_line(slice file, size_t *at)
{
    const char *start = file.data + *at;
    const char *end = memchr(start, '\n', file.length - *at);
    size_t length = end ? (size_t)(end - start) : file.length - *at;
    *at += length + (end != NULL);
    if (length > 0 && start[length - 1] == '\r')
        length--;
    return (slice){ start, length };
}

static size_t count_lines(slice file)
{
    size_t lines = 0;
    for (size_t at = 0; at < file.length; lines++)
        (void)next_line(file, &at);
    return lines;
}

static status read_lines(tokenizer_recipe *r, slice file, size_t vocab_size, arena *a, errinfo *err)
{
    size_t bad, lines = count_lines(file);
    if (!utf8_check(file, &bad))
        return fail(err, ST_FORMAT, VOCAB ": byte %zu is not UTF-8", bad);
    if (memchr(file.data, '\0', file.length))
        return fail(err, ST_FORMAT, VOCAB ": has a NUL byte");
    if (lines == 0)
        return fail(err, ST_FORMAT, VOCAB ": is empty");
    if (lines > VOCABULARY_MAX || lines > vocab_size)
        return fail(err, ST_FORMAT, VOCAB ": has %zu lines, but the embedding table has %zu rows (at most %d)", lines,
                    vocab_size, VOCABULARY_MAX);
    r->entries = arena_take(a, lines, sizeof *r->entries);
    if (!r->entries)
        return fail(err, ST_NOMEM, VOCAB ": out of memory for %zu lines", lines);
    size_t at = 0;
    for (size_t i = 0; i < lines; i++) {
        slice line = next_line(file, &at);
        if (memchr(line.data, '\r', line.length))
            return fail(err, ST_FORMAT, VOCAB ": line %zu has a carriage return inside", i + 1);
        r->entries[i] = (trie_entry){ line, (uint32_t)i };
    }
    r->entry_count = lines;
    return ST_OK;
}

static status read_bool(const cJSON *config, const char *key, bool *value, errinfo *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
    if (!item || cJSON_IsNull(item))
        return ST_OK;
    if (!cJSON_IsBool(item))
        return fail(err, ST_FORMAT, CONFIG ": %s must be true or false", key);
    *value = cJSON_IsTrue(item);
    return ST_OK;
}

/* A token is a string, or an object with its content and flags. Absent and null leave it as it is. */
static status read_token(const cJSON *item, const char *key, added_token *token, arena *a, errinfo *err)
{
    const cJSON *content = cJSON_IsObject(item) ? cJSON_GetObjectItemCaseSensitive(item, "content") : item;
    if (!item || cJSON_IsNull(item))
        return ST_OK;
    if (!cJSON_IsString(content))
        return fail(err, ST_FORMAT, CONFIG ": %s must be a string or an object with content", key);
    token->content = arena_copy(a, slice_of(content->valuestring));
    if (!token->content.data)
        return fail(err, ST_NOMEM, CONFIG ": out of memory");
    if (!cJSON_IsObject(item))
        return ST_OK;
    status st = read_bool(item, "single_word", &token->single_word, err);
    if (!st)
        st = read_bool(item, "lstrip", &token->lstrip, err);
    if (!st)
        st = read_bool(item, "rstrip", &token->rstrip, err);
    if (!st)
        st = read_bool(item, "normalized", &token->normalized, err);
    return st;
}

static const trie_entry *find_line(const tokenizer_recipe *r, slice piece)
{
    for (size_t i = 0; i < r->entry_count; i++)
        if (slice_equal(r->entries[i].key, piece))
            return &r->entries[i];
    return NULL;
}

static status read_named(tokenizer_recipe *r, const cJSON *config, arena *a, errinfo *err)
{
    for (size_t i = 0; i < NAMED_TOKENS; i++) {
        const char *key = named_tokens[i].key;
        added_token token = { .content = slice_of(named_tokens[i].fallback), .special = true };
        status st = read_token(cJSON_GetObjectItemCaseSensitive(config, key), key, &token, a, err);
        if (st)
            return st;
        if (strcmp(key, "unk_token") == 0)
            r->unknown = token.content;
        if (strcmp(key, "cls_token") == 0)
            r->before[0] = token.content;
        if (strcmp(key, "sep_token") == 0)
            r->after[0] = token.content;
        const trie_entry *line = find_line(r, token.content);
        if (!line)
            continue;                 /* [MASK] may be missing; what must be there is checked later */
        token.id = line->value;
        r->added[r->added_count++] = token;
    }
    return ST_OK;
}

static status read_config(tokenizer_recipe *r, const cJSON *config, arena *a, errinfo *err)
{
    normalizer_options *n = &r->normalizer;
    status st = read_bool(config, "do_lower_case", &n->lowercase, err);
    if (!st)
        st = read_bool(config, "tokenize_chinese_chars", &n->chinese_apart, err);
    n->strip_accents = n->lowercase;
    if (!st)
        st = read_bool(config, "strip_accents", &n->strip_accents, err);
    return st ? st : read_named(r, config, a, err);
}

status recipe_read_vocab(tokenizer_recipe *r, slice file, slice config, size_t vocab_size, arena *a, errinfo *err)
{
    static const strict_json_rules rules = { .max_depth = CONFIG_DEPTH, .max_values = CONFIG_VALUES };
    cJSON *tree = NULL;
    r->label = VOCAB;
    r->normalizer = (normalizer_options){ true, true, true, true };
    r->continuing_prefix = slice_of("##");
    r->max_word_characters = 100;
    r->before_count = r->after_count = 1;
    r->added = arena_take_zero(a, NAMED_TOKENS, sizeof *r->added);
    if (!r->added)
        return fail(err, ST_NOMEM, VOCAB ": out of memory");
    status st = read_lines(r, file, vocab_size, a, err);
    if (!st && config.data)
        st = strict_json_parse(&tree, config.data, config.length, &rules, CONFIG, err);
    if (!st)
        st = read_config(r, tree, a, err);
    cJSON_Delete(tree);
    return st;
}
