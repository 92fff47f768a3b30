/* inputs.c - see inputs.h.
 *
 * The order of checks is the same everywhere: how many, then of which type, then emptiness; so a client learns first
 * what it must change most. Every fault names the input as the client wrote it.
 */
#include "server/routes/inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SPARE_STRINGS = 1024, /* for options and unknown fields: texts over the limit should be named, not only counted */
    SPARE_NUMBERS = 1024,
    MAX_LENGTH_LIMIT = 65536,
    TAG_BYTES = 64,
    NS_PER_MS = 1000000
};

request_limits request_limits_of(const service *s)
{
    return (request_limits){ .texts = s->max_texts,
                             .tokens = s->max_queue_tokens,
                             .timeout_ms = (size_t)(s->timeout_ns / NS_PER_MS) };
}

void input_name(const input *in, char out[INPUT_NAME_BYTES])
{
    if (in->index == INPUT_SINGLE)
        (void)snprintf(out, INPUT_NAME_BYTES, "%s%s", in->field, in->side);
    else
        (void)snprintf(out, INPUT_NAME_BYTES, "%s[%zu]%s", in->field, in->index, in->side);
}

cJSON *request_parse(slice body, const request_limits *limits, json_fault *fault)
{
    json_limits most = { .strings = 16 * limits->texts + SPARE_STRINGS, .numbers = limits->tokens + SPARE_NUMBERS };
    cJSON *tree = json_parse_limited(body, &most, fault);
    if (!tree || cJSON_IsObject(tree))
        return tree;
    (void)json_refuse(fault, API_WRONG_TYPE, NULL, "the body must be a JSON object, not %s", json_kind(tree));
    json_free(tree);
    return NULL;
}

static bool no_memory(json_fault *fault)
{
    return json_refuse(fault, API_OUT_OF_MEMORY, NULL,
                       "the request does not fit into the memory that one request may use");
}

static bool read_attention(const cJSON *body, encode_options *out, json_fault *fault)
{
    slice name = { NULL, 0 };
    if (!json_string(body, "attention", &name, fault))
        return false;
    out->attention_auto = slice_is(name, "auto");
    if (!name.data || out->attention_auto)
        return true;
    out->attention_given = true;
    if (attention_parse(name, &out->attention))
        return true;
    return json_refuse(fault, API_INVALID_VALUE, "attention",
                       "attention is \"%.40s\"; it must be softmax, linear, favor, taylor2, explimit2 or auto",
                       name.data);
}

static bool read_truncate(const cJSON *body, encode_options *out, json_fault *fault)
{
    static const struct { const char *name; truncation value;
    } ways[] = {
        { "none", TRUNCATE_NONE },
        { "right", TRUNCATE_RIGHT },
        { "left", TRUNCATE_LEFT },
        { "middle", TRUNCATE_MIDDLE },
    };
    slice name = { NULL, 0 };
    if (!json_string(body, "truncate", &name, fault))
        return false;
    for (size_t i = 0; name.data && i < sizeof ways / sizeof *ways; i++) {
        if (slice_is(name, ways[i].name)) {
            out->truncate = ways[i].value;
            return true;
        }
    }
    return !name.data || json_refuse(fault, API_INVALID_VALUE, "truncate",
                                     "truncate is \"%.40s\"; it must be none, right, left or middle", name.data);
}

bool read_encode_options(const cJSON *body, const request_limits *limits, arena *a, encode_options *out,
                         json_fault *fault)
{
    if (!json_string(body, "model", &out->model, fault) || !read_attention(body, out, fault)
        || !json_bool(body, "allow_untrained", &out->allow_untrained, fault) || !read_truncate(body, out, fault)
        || !json_size(body, "max_length", 3, MAX_LENGTH_LIMIT, &out->max_length, fault)
        || !json_size(body, "timeout_ms", 1, limits->timeout_ms, &out->timeout_ms, fault))
        return false;
    if (!json_string(body, "tag", &out->tag, fault))
        return false;
    if (out->tag.length > TAG_BYTES)
        return json_refuse(fault, API_OUT_OF_RANGE, "tag", "tag has %zu bytes; at most %d are allowed", out->tag.length,
                           TAG_BYTES);
    if (out->tag.length && !artifact_name_is_good(out->tag))
        return json_refuse(fault, API_INVALID_VALUE, "tag", "tag must be of the characters a-z A-Z 0-9 . _ -");
    out->model = arena_copy(a, out->model);
    out->tag = arena_copy(a, out->tag);
    return out->model.data && out->tag.data ? true : no_memory(fault);
}

bool inputs_open(input_list *list, arena *a, size_t count, const request_limits *limits, const char *param,
                 json_fault *fault)
{
    if (count > limits->texts)
        return json_refuse(fault, API_TOO_MANY_INPUTS, param,
                           "%s: the request has %zu texts; at most %zu are allowed", param, count, limits->texts);
    *list = (input_list){ .arena = a, .capacity = count, .items = arena_take_zero(a, count, sizeof *list->items) };
    return list->items ? true : no_memory(fault);
}

bool inputs_add_text(input_list *list, const cJSON *value, input named, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input_name(&named, name);
    if (!cJSON_IsString(value))
        return json_refuse(fault, value ? API_WRONG_TYPE : API_MISSING_FIELD, name, "%s must be a string; it is %s",
                           name, json_kind(value));
    slice text = slice_of(value->valuestring);
    if (text.length == 0)
        return json_refuse(fault, API_EMPTY_INPUT, name, "%s cannot be empty", name);
    named.text = arena_copy(list->arena, text);
    if (!named.text.data)
        return no_memory(fault);
    list->items[list->count++] = named;
    return true;
}

bool inputs_array(const cJSON *object, const char *key, const char *name, const cJSON **out, json_fault *fault)
{
    *out = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!*out)
        return json_refuse(fault, API_MISSING_FIELD, name, "%s is missing", name);
    if (!cJSON_IsArray(*out))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be an array, not %s", name, json_kind(*out));
    if (!(*out)->child)
        return json_refuse(fault, API_EMPTY_INPUT, name, "%s cannot be empty", name);
    return true;
}

bool inputs_add_texts(input_list *list, const cJSON *array, const char *name, slice prompt, json_fault *fault)
{
    const cJSON *element;
    size_t index = 0;
    cJSON_ArrayForEach(element, array) {
        input named = { .prompt = prompt, .field = name, .index = index++, .side = "" };
        if (!inputs_add_text(list, element, named, fault))
            return false;
    }
    return true;
}

bool inputs_count_texts(const cJSON *value, const char *name, size_t *count, json_fault *fault)
{
    if (!value)
        return json_refuse(fault, API_MISSING_FIELD, name, "%s is missing", name);
    if (!cJSON_IsArray(value) && !cJSON_IsString(value))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be a string or an array of strings, not %s", name,
                           json_kind(value));
    *count = cJSON_IsArray(value) ? (size_t)cJSON_GetArraySize(value) : 1;
    return *count > 0 || json_refuse(fault, API_EMPTY_INPUT, name, "%s cannot be empty", name);
}

bool inputs_add_one_or_many(input_list *list, const cJSON *value, const char *name, slice prompt, json_fault *fault)
{
    input single = { .prompt = prompt, .field = name, .index = INPUT_SINGLE, .side = "" };
    if (cJSON_IsArray(value))
        return inputs_add_texts(list, value, name, prompt, fault);
    return inputs_add_text(list, value, single, fault);
}

/* One id of a list of ids; at: which, for the message. */
static bool read_id(const cJSON *value, const char *name, size_t at, uint32_t *id, json_fault *fault)
{
    if (!cJSON_IsNumber(value))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s[%zu] must be a token id, not %s", name, at,
                           json_kind(value));
    double number = value->valuedouble;
    if (!(number >= 0 && number <= UINT32_MAX) || floor(number) < number)
        return json_refuse(fault, API_OUT_OF_RANGE, name, "%s[%zu] is %.17g; a token id is a whole number from 0 on",
                           name, at, number);
    *id = (uint32_t)number;
    return true;
}

static bool add_ids(input_list *list, const cJSON *array, input named, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input_name(&named, name);
    if (!array->child)
        return json_refuse(fault, API_EMPTY_INPUT, name, "%s cannot be empty", name);
    size_t count = (size_t)cJSON_GetArraySize(array), at = 0;
    uint32_t *ids = arena_take(list->arena, count, sizeof *ids);
    if (!ids)
        return no_memory(fault);
    const cJSON *element;
    cJSON_ArrayForEach(element, array) {
        if (!read_id(element, name, at, &ids[at], fault))
            return false;
        at++;
    }
    named.ids = ids;
    named.id_count = count;
    list->items[list->count++] = named;
    return true;
}

static bool add_any(input_list *list, const cJSON *value, input named, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input_name(&named, name);
    if (cJSON_IsArray(value))
        return add_ids(list, value, named, fault);
    if (cJSON_IsString(value))
        return inputs_add_text(list, value, named, fault);
    return json_refuse(fault, API_WRONG_TYPE, name, "%s must be a string or a list of token ids, not %s", name,
                       json_kind(value));
}

bool inputs_read_any(input_list *list, const cJSON *object, const char *name, const request_limits *limits, arena *a,
                     json_fault *fault)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    input single = { .field = name, .index = INPUT_SINGLE, .side = "" };
    if (!value)
        return json_refuse(fault, API_MISSING_FIELD, name, "%s is missing", name);
    bool is_list = cJSON_IsArray(value) && value->child && !cJSON_IsNumber(value->child);
    size_t count = is_list ? (size_t)cJSON_GetArraySize(value) : 1;
    if (!inputs_open(list, a, count, limits, name, fault))
        return false;
    if (!is_list)
        return add_any(list, value, single, fault);
    const cJSON *element;
    size_t index = 0;
    cJSON_ArrayForEach(element, value) {
        if (!add_any(list, element, (input){ .field = name, .index = index++, .side = "" }, fault))
            return false;
    }
    return true;
}
