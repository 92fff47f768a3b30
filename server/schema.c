/* schema.c - see schema.h. One writer a kind; a member that is not `must` may be null in a request. */
#include "server/schema.h"

#include <math.h>
#include <string.h>

/* ---- what is shared ---- */

static const schema id = { .kind = SCHEMA_WHOLE, .limit = LIMIT_VOCABULARY };
static const schema number = { .kind = SCHEMA_NUMBER };
const schema schema_text = { .kind = SCHEMA_TEXT, .least = 1 };
const schema schema_texts = { .kind = SCHEMA_LIST, .of = &schema_text, .least = 1, .limit = LIMIT_TEXTS };
const schema schema_ids = { .kind = SCHEMA_LIST, .of = &id, .least = 1 };
const schema schema_id = { .kind = SCHEMA_TEXT, .words = "^[A-Za-z0-9._-]{1,64}$" };
const schema schema_score = { .kind = SCHEMA_NUMBER, .least = -1.0001, .most = 1.0001 };
const schema schema_vector = { .kind = SCHEMA_LIST, .of = &number };
const schema schema_vectors = { .kind = SCHEMA_LIST, .of = &schema_vector };

static const schema one_or_many[] = { { .kind = SCHEMA_SAME, .of = &schema_text },
                                      { .kind = SCHEMA_SAME, .of = &schema_texts },
                                      { 0 } };
const schema schema_one_or_many = { .kind = SCHEMA_EITHER, .of = one_or_many };

static const schema text_or_ids[] = { { .kind = SCHEMA_SAME, .of = &schema_text },
                                      { .kind = SCHEMA_SAME, .of = &schema_ids },
                                      { 0 } };
static const schema text_or_id_list = { .kind = SCHEMA_EITHER, .of = text_or_ids };
static const schema inputs[] = { { .kind = SCHEMA_SAME, .of = &schema_text },
                                 { .kind = SCHEMA_SAME, .of = &schema_ids },
                                 { .kind = SCHEMA_LIST, .of = &text_or_id_list, .least = 1, .limit = LIMIT_TEXTS },
                                 { 0 } };
const schema schema_inputs = { .kind = SCHEMA_EITHER, .of = inputs };

static const schema common_options[] = {
    { "model", SCHEMA_TEXT, .about = "a name from GET /v1/models; the first one when left out" },
    { "attention", SCHEMA_CHOICE, .words = "softmax linear favor taylor2 explimit2 auto", .limit = LIMIT_ATTENTIONS,
      .about = "the model's own when left out" },
    { "allow_untrained", SCHEMA_FLAG, .usual = "false", .about = "serve an attention that it was not trained for" },
    { "truncate", SCHEMA_CHOICE, .words = "none right left middle", .usual = "\"right\"" },
    { "timeout_ms", SCHEMA_WHOLE, .least = 1, .limit = LIMIT_TIMEOUT, .about = "the deadline of this request" },
    { "tag", SCHEMA_TEXT, .words = "^[A-Za-z0-9._-]{0,64}$", .about = "whose texts these are, for drift" },
    { 0 }
};
const schema schema_encode_options[] = {
    { "max_length", SCHEMA_WHOLE, .least = 3, .limit = LIMIT_LENGTH, .about = "tokens a text" },
    { .kind = SCHEMA_ALSO, .of = common_options },
    { 0 }
};
const schema schema_clamped_options[] = {
    { "max_length", SCHEMA_WHOLE, .least = 3, .most = 65536, .about = "tokens a text; above the model's: the model's" },
    { .kind = SCHEMA_ALSO, .of = common_options },
    { 0 }
};

/* ---- writing ---- */

typedef struct { json_out *w; const schema_limits *limits; bool request; } writer;

static void put(const writer *p, const schema *s, bool nullable);

static void put_type(json_out *w, const char *type, bool nullable)
{
    json_key(w, "type");
    if (!nullable) {
        json_text(w, slice_of(type));
        return;
    }
    json_open(w, '[');
    json_text(w, slice_of(type));
    json_text(w, slice_of("null"));
    json_close(w, ']');
}

static double most_of(const writer *p, const schema *s)
{
    return s->limit == LIMIT_OWN ? s->most : p->limits->most[s->limit];
}

static void put_bound(const writer *p, const char *key, double value)
{
    json_key(p->w, key);
    if (fabs(value) < 1e15 && floor(value) >= value)
        json_integer(p->w, (int64_t)value);
    else
        json_number(p->w, value);
}

/* A count's least of 0 says nothing; a number's least stands when it has a most. */
static void put_bounds(const writer *p, const schema *s, const char *least, const char *most, bool count)
{
    double top = most_of(p, s);
    if (s->least > 0 || (!count && (top > 0 || s->least < 0)))
        put_bound(p, least, s->least);
    if (top > 0)
        put_bound(p, most, top);
}

static void put_words(const writer *p, const char *words, bool nullable)
{
    json_key(p->w, "enum");
    json_open(p->w, '[');
    while (*words) {
        size_t length = strcspn(words, " ");
        json_text(p->w, (slice){ words, length });
        words += length + (words[length] == ' ');
    }
    if (nullable)
        json_literal(p->w, "null");
    json_close(p->w, ']');
}

static void put_members(const writer *p, const schema *s)
{
    for (; s->kind; s++) {
        if (s->kind == SCHEMA_ALSO) {
            put_members(p, s->of);
            continue;
        }
        json_key(p->w, s->name);
        put(p, s, p->request && !s->must);
    }
}

static void put_required(const writer *p, const schema *s)
{
    bool any = false;
    for (const schema *m = s; m->kind; m++)
        any = any || m->must;
    if (!any)
        return;
    json_key(p->w, "required");
    json_open(p->w, '[');
    for (; s->kind; s++)
        if (s->must)
            json_text(p->w, slice_of(s->name));
    json_close(p->w, ']');
}

static void put_list(const writer *p, const char *key, const schema *s)
{
    json_key(p->w, key);
    json_open(p->w, '[');
    for (; s->kind; s++)
        put(p, s, false);
    json_close(p->w, ']');
}

static void put_text(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "string", nullable);
    put_bounds(p, s, "minLength", "maxLength", true);
    if (s->words || p->request)
        json_field_text(p->w, "pattern", s->words ? s->words : "^[^\\u0000]*$");
}

static void put_flag(const writer *p, const schema *s, bool nullable)
{
    (void)s;
    put_type(p->w, "boolean", nullable);
}

static void put_whole(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "integer", nullable);
    put_bounds(p, s, "minimum", "maximum", false);
}

static void put_number(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "number", nullable);
    put_bounds(p, s, "minimum", "maximum", false);
}

static void put_null(const writer *p, const schema *s, bool nullable)
{
    (void)s, (void)nullable;
    put_type(p->w, "null", false);
}

static void put_choice(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "string", nullable);
    put_words(p, s->limit == LIMIT_ATTENTIONS ? p->limits->attentions : s->words, nullable);
}

static void put_object(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "object", nullable);
    if (!s->of)
        return;
    json_key(p->w, "properties");
    json_open(p->w, '{');
    put_members(p, s->of);
    json_close(p->w, '}');
    put_required(p, s->of);
}

static void put_map(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "object", nullable);
    json_key(p->w, "additionalProperties");
    put(p, s->of, false);
}

static void put_array(const writer *p, const schema *s, bool nullable)
{
    put_type(p->w, "array", nullable);
    put_bounds(p, s, "minItems", "maxItems", true);
    if (!s->of)
        return;
    json_key(p->w, "items");
    put(p, s->of, false);
}

static void put_tuple(const writer *p, const schema *s, bool nullable)
{
    int64_t count = 0;
    while (s->of[count].kind)
        count++;
    put_type(p->w, "array", nullable);
    put_list(p, "prefixItems", s->of);
    json_field_literal(p->w, "items", "false");
    json_field_integer(p->w, "minItems", count);
}

static void put_either(const writer *p, const schema *s, bool nullable)
{
    json_key(p->w, "anyOf");
    json_open(p->w, '[');
    for (const schema *a = s->of; a->kind; a++)
        put(p, a, nullable && a == s->of);
    json_close(p->w, ']');
}

static void put_any(const writer *p, const schema *s, bool nullable)
{
    (void)p, (void)s, (void)nullable;
}

/* about and default are those of the outermost name. */
static void put(const writer *p, const schema *s, bool nullable)
{
    static void (*const writers[])(const writer *, const schema *, bool) = {
        [SCHEMA_ANY] = put_any, [SCHEMA_TEXT] = put_text, [SCHEMA_FLAG] = put_flag, [SCHEMA_WHOLE] = put_whole,
        [SCHEMA_NUMBER] = put_number, [SCHEMA_NULL] = put_null, [SCHEMA_CHOICE] = put_choice,
        [SCHEMA_OBJECT] = put_object, [SCHEMA_MAP] = put_map, [SCHEMA_LIST] = put_array, [SCHEMA_TUPLE] = put_tuple,
        [SCHEMA_EITHER] = put_either,
    };
    const schema *real = s;
    while (real->kind == SCHEMA_SAME)
        real = real->of;
    json_open(p->w, '{');
    writers[real->kind](p, real, nullable);
    if (s->about)
        json_field_text(p->w, "description", s->about);
    if (s->usual) {
        json_key(p->w, "default");
        json_literal(p->w, s->usual);
    }
    json_close(p->w, '}');
}

void schema_write(json_out *w, const schema *s, const schema_limits *limits, bool request)
{
    put(&(writer){ w, limits, request }, s, false);
}
