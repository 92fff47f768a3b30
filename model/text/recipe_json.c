/* recipe_json.c - tokenizer.json: a WordPiece model with BERT's normaliser, words and special tokens. Anything else
 * is refused by name, since near enough would be wrong ids. Truncation and padding in the file are the caller's
 * business and are skipped.
 */
#include "model/text/recipe.h"
#include "model/text/wordpiece.h"
#include "weights/shown.h"
#include "weights/strict_json.h"

#include <string.h>

#define FILE_NAME "tokenizer.json"

enum { MAX_DEPTH = 32, MAX_VALUES = 2 * VOCABULARY_MAX };

static const cJSON *find(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return item && !cJSON_IsNull(item) ? item : NULL;
}

static status read_bool(const cJSON *object, const char *where, const char *key, bool *value, errinfo *err)
{
    const cJSON *item = find(object, key);
    if (item && !cJSON_IsBool(item))
        return fail(err, ST_FORMAT, FILE_NAME ": %s.%s must be true or false", where, key);
    if (item)
        *value = cJSON_IsTrue(item);
    return ST_OK;
}

static status read_text(const cJSON *object, const char *where, const char *key, slice *value, arena *a, errinfo *err)
{
    const cJSON *item = find(object, key);
    if (item && !cJSON_IsString(item))
        return fail(err, ST_FORMAT, FILE_NAME ": %s.%s must be a string", where, key);
    if (!item)
        return ST_OK;
    *value = arena_copy(a, slice_of(item->valuestring));
    return value->data ? ST_OK : fail(err, ST_NOMEM, FILE_NAME ": out of memory");
}

static status read_id(const cJSON *item, const char *where, uint32_t *id, errinfo *err)
{
    if (!cJSON_IsNumber(item))
        return fail(err, ST_FORMAT, FILE_NAME ": %s must be an integer", where);
    if (!(item->valuedouble >= 0) || item->valuedouble >= VOCABULARY_MAX ||
        item->valuedouble != (double)(uint32_t)item->valuedouble)
        return fail(err, ST_FORMAT, FILE_NAME ": %s is %g, must be an integer from 0 to %d", where,
                    item->valuedouble, VOCABULARY_MAX - 1);
    *id = (uint32_t)item->valuedouble;
    return ST_OK;
}

/* ST_FORMAT unless part.type is `wanted`. */
static status check_type(const cJSON *part, const char *where, const char *wanted, errinfo *err)
{
    const cJSON *type = find(part, "type");
    slice name = cJSON_IsString(type) ? shown_name(slice_of(type->valuestring)) : slice_of("(none)");
    if (slice_is(name, wanted))
        return ST_OK;
    return fail(err, ST_FORMAT, FILE_NAME ": %s.type: %.*s is not supported; %s is", where, (int)name.length, name.data,
                wanted);
}

/* A Sequence of one part is that part. */
static const cJSON *only_part(const cJSON *part, const char *list_key)
{
    const cJSON *type = find(part, "type"), *list = find(part, list_key);
    if (!cJSON_IsString(type) || strcmp(type->valuestring, "Sequence") != 0 || !cJSON_IsArray(list))
        return part;
    return cJSON_GetArraySize(list) == 1 ? list->child : part;
}

static status read_normalizer(tokenizer_recipe *r, const cJSON *root, errinfo *err)
{
    static const char where[] = "normalizer";
    const cJSON *part = find(root, where);
    if (!part)
        return ST_OK;
    part = only_part(part, "normalizers");
    status st = check_type(part, where, "BertNormalizer", err);
    r->normalizer = (normalizer_options){ true, true, true, true };
    if (!st)
        st = read_bool(part, where, "clean_text", &r->normalizer.clean_text, err);
    if (!st)
        st = read_bool(part, where, "handle_chinese_chars", &r->normalizer.chinese_apart, err);
    if (!st)
        st = read_bool(part, where, "lowercase", &r->normalizer.lowercase, err);
    r->normalizer.strip_accents = r->normalizer.lowercase;
    return st ? st : read_bool(part, where, "strip_accents", &r->normalizer.strip_accents, err);
}

static status read_vocabulary(tokenizer_recipe *r, const cJSON *vocab, size_t vocab_size, arena *a, errinfo *err)
{
    if (!cJSON_IsObject(vocab))
        return fail(err, ST_FORMAT, FILE_NAME ": model.vocab must be an object");
    const cJSON *item;
    size_t count = 0, bytes = 1;
    cJSON_ArrayForEach(item, vocab) {
        count++;
        bytes += strlen(item->string);
    }
    if (count == 0 || count > vocab_size)
        return fail(err, ST_FORMAT, FILE_NAME ": model.vocab has %zu tokens, but the embedding table has %zu rows",
                    count, vocab_size);
    r->entries = arena_take(a, count, sizeof *r->entries);
    char *next = arena_take(a, bytes, 1);
    if (!r->entries || !next)
        return fail(err, ST_NOMEM, FILE_NAME ": out of memory for %zu tokens", count);
    cJSON_ArrayForEach(item, vocab) {
        trie_entry *entry = &r->entries[r->entry_count++];
        entry->key = (slice){ next, strlen(item->string) };
        memcpy(next, item->string, entry->key.length);
        next += entry->key.length;
        status st = read_id(item, "an id in model.vocab", &entry->value, err);
        if (st)
            return st;
    }
    return ST_OK;
}

static status read_model(tokenizer_recipe *r, const cJSON *root, size_t vocab_size, arena *a, errinfo *err)
{
    static const char where[] = "model";
    const cJSON *model = find(root, where);
    const cJSON *limit = find(model, "max_input_chars_per_word");
    status st = check_type(model, where, "WordPiece", err);
    if (!st)
        st = read_text(model, where, "unk_token", &r->unknown, a, err);
    if (!st)
        st = read_text(model, where, "continuing_subword_prefix", &r->continuing_prefix, a, err);
    uint32_t characters = 100;
    if (!st && limit)
        st = read_id(limit, "model.max_input_chars_per_word", &characters, err);
    if (!st && characters > WORD_MAX_CHARACTERS)
        st = fail(err, ST_FORMAT, FILE_NAME ": model.max_input_chars_per_word is %u, at most %d are supported",
                  characters, WORD_MAX_CHARACTERS);
    r->max_word_characters = characters;
    return st ? st : read_vocabulary(r, find(model, "vocab"), vocab_size, a, err);
}

static status read_added_token(added_token *token, const cJSON *item, arena *a, errinfo *err)
{
    static const char where[] = "added_tokens";
    const cJSON *content = find(item, "content");
    if (!cJSON_IsString(content) || content->valuestring[0] == '\0')
        return fail(err, ST_FORMAT, FILE_NAME ": an entry of added_tokens has no content");
    status st = read_text(item, where, "content", &token->content, a, err);
    if (!st)
        st = read_id(find(item, "id"), "an id in added_tokens", &token->id, err);
    token->normalized = true;
    const struct {
        const char *key;
        bool *value;
    } flags[] = {
        { "single_word", &token->single_word }, { "lstrip", &token->lstrip }, { "rstrip", &token->rstrip },
        { "normalized", &token->normalized },   { "special", &token->special },
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && !st; i++)
        st = read_bool(item, where, flags[i].key, flags[i].value, err);
    return st;
}

static status read_added(tokenizer_recipe *r, const cJSON *root, arena *a, errinfo *err)
{
    const cJSON *list = find(root, "added_tokens"), *item;
    if (!list)
        return ST_OK;
    if (!cJSON_IsArray(list))
        return fail(err, ST_FORMAT, FILE_NAME ": added_tokens must be an array");
    r->added = arena_take_zero(a, (size_t)cJSON_GetArraySize(list) + 1, sizeof *r->added);
    if (!r->added)
        return fail(err, ST_NOMEM, FILE_NAME ": out of memory");
    status st = ST_OK;
    cJSON_ArrayForEach(item, list) {
        st = read_added_token(&r->added[r->added_count++], item, a, err);
        if (st)
            break;
    }
    return st;
}

static status add_special(slice *list, size_t *count, const cJSON *text, arena *a, errinfo *err)
{
    if (!cJSON_IsString(text))
        return fail(err, ST_FORMAT, FILE_NAME ": post_processor: a special token must be a string");
    if (*count == SPECIAL_MAX)
        return fail(err, ST_FORMAT, FILE_NAME ": post_processor: more than %d special tokens on a side", SPECIAL_MAX);
    list[*count] = arena_copy(a, slice_of(text->valuestring));
    if (!list[*count].data)
        return fail(err, ST_NOMEM, FILE_NAME ": out of memory");
    *count += 1;
    return ST_OK;
}

/* TemplateProcessing.single: special tokens around one sequence. Their ids are those of the vocabulary. */
static status read_template(tokenizer_recipe *r, const cJSON *single, arena *a, errinfo *err)
{
    const cJSON *item;
    bool behind = false;
    status st = ST_OK;
    cJSON_ArrayForEach(item, single) {
        const cJSON *special = find(item, "SpecialToken");
        if (special && behind)
            st = add_special(r->after, &r->after_count, find(special, "id"), a, err);
        else if (special)
            st = add_special(r->before, &r->before_count, find(special, "id"), a, err);
        else if (find(item, "Sequence") && !behind)
            behind = true;
        else
            st = fail(err, ST_FORMAT, FILE_NAME ": post_processor.single must be special tokens around one sequence");
        if (st)
            return st;
    }
    if (!behind)
        return fail(err, ST_FORMAT, FILE_NAME ": post_processor.single must be special tokens around one sequence");
    return ST_OK;
}

static status read_post_processor(tokenizer_recipe *r, const cJSON *root, arena *a, errinfo *err)
{
    const cJSON *part = find(root, "post_processor");
    if (!part)
        return ST_OK;
    part = only_part(part, "processors");
    const cJSON *type = find(part, "type");
    if (cJSON_IsString(type) && strcmp(type->valuestring, "BertProcessing") == 0) {
        const cJSON *cls = find(part, "cls"), *sep = find(part, "sep");
        status st = add_special(r->before, &r->before_count, cJSON_IsArray(cls) ? cls->child : NULL, a, err);
        return st ? st : add_special(r->after, &r->after_count, cJSON_IsArray(sep) ? sep->child : NULL, a, err);
    }
    status st = check_type(part, "post_processor", "TemplateProcessing", err);
    return st ? st : read_template(r, find(part, "single"), a, err);
}

static status read_root(tokenizer_recipe *r, const cJSON *root, size_t vocab_size, arena *a, errinfo *err)
{
    const cJSON *words = find(root, "pre_tokenizer");
    if (!cJSON_IsObject(root))
        return fail(err, ST_FORMAT, FILE_NAME ": must be an object");
    status st = read_model(r, root, vocab_size, a, err);
    if (!st)
        st = read_normalizer(r, root, err);
    if (!st)
        st = check_type(only_part(words, "pretokenizers"), "pre_tokenizer", "BertPreTokenizer", err);
    if (!st)
        st = read_added(r, root, a, err);
    return st ? st : read_post_processor(r, root, a, err);
}

status recipe_read_json(tokenizer_recipe *r, slice file, size_t vocab_size, arena *a, errinfo *err)
{
    static const strict_json_rules rules = { .max_depth = MAX_DEPTH, .max_values = MAX_VALUES };
    cJSON *root = NULL;
    r->label = FILE_NAME;
    r->unknown = slice_of("[UNK]");
    r->continuing_prefix = slice_of("##");
    status st = strict_json_parse(&root, file.data, file.length, &rules, FILE_NAME, err);
    if (!st)
        st = read_root(r, root, vocab_size, a, err);
    cJSON_Delete(root);
    return st;
}
