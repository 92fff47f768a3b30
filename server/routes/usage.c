/* usage.c - see usage.h. */
#include "server/routes/usage.h"

static const schema truncated_members[] = {
    { "input", SCHEMA_TEXT, .must = true },
    { "tokens", SCHEMA_WHOLE, .must = true, .about = "before it was cut" },
    { "kept", SCHEMA_WHOLE, .must = true },
    { 0 }
};
static const schema unknown_members[] = {
    { "input", SCHEMA_TEXT, .must = true },
    { "unknown", SCHEMA_WHOLE, .must = true, .about = "tokens outside the vocabulary" },
    { "tokens", SCHEMA_WHOLE, .must = true },
    { 0 }
};
static const schema truncated_input = { .kind = SCHEMA_OBJECT, .of = truncated_members };
static const schema unknown_input = { .kind = SCHEMA_OBJECT, .of = unknown_members };
const schema usage_members[] = {
    { "texts", SCHEMA_WHOLE, .must = true },
    { "tokens", SCHEMA_WHOLE, .must = true, .about = "special ones included" },
    { "truncated", SCHEMA_LIST, .of = &truncated_input, .must = true },
    { "unknown", SCHEMA_LIST, .of = &unknown_input, .must = true },
    { 0 }
};

typedef struct { const char *list, *first, *second; } report;

/* A list of the inputs that `first` and `second` say something about. */
static void write_report(json_out *w, const encode_job *e, const report *what, bool cut)
{
    char name[INPUT_NAME_BYTES];
    json_key(w, what->list);
    json_open(w, '[');
    for (size_t i = 0; i < e->count; i++) {
        const encoded_input *in = &e->encoded[i];
        if (cut ? in->total == in->kept : in->unknown == 0)
            continue;
        input_name(&e->inputs[i], name);
        json_open(w, '{');
        json_key(w, "input");
        json_text(w, slice_of(name));
        json_key(w, what->first);
        json_integer(w, (int64_t)(cut ? in->total : in->unknown));
        json_key(w, what->second);
        json_integer(w, (int64_t)in->kept);
        json_close(w, '}');
    }
    json_close(w, ']');
}

void usage_write(json_out *w, const encode_job *e)
{
    static const report truncated = { "truncated", "tokens", "kept" }, unknown = { "unknown", "unknown", "tokens" };
    json_key(w, "usage");
    json_open(w, '{');
    json_key(w, "texts");
    json_integer(w, (int64_t)e->count);
    json_key(w, "tokens");
    json_integer(w, (int64_t)e->tokens);
    write_report(w, e, &truncated, true);
    write_report(w, e, &unknown, false);
    json_close(w, '}');
}
