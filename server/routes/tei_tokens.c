/* tei_tokens.c - see tei_tokens.h. */
#include "server/routes/tei_tokens.h"

#include "server/routes/encode_job.h"
#include "server/routes/tei.h"

enum { BYTES_PER_TOKEN = 72, SCRATCH_FIRST_BYTES = 32 * 1024, SCRATCH_MAX_BYTES = 256 * 1024 * 1024 };

/* ---- reading ---- */

static bool all_of_kind(const input_list *list, bool texts, const char *wanted, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    for (size_t i = 0; i < list->count; i++) {
        if ((list->items[i].text.data != NULL) == texts)
            continue;
        input_name(&list->items[i], name);
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be %s", name, wanted);
    }
    return true;
}

static bool read_tokenize(const cJSON *tree, const request_limits *limits, arena *a, tokens_request *r,
                          json_fault *fault)
{
    return json_bool(tree, "add_special_tokens", &r->special, fault) && tei_read_prompt_name(tree, fault) &&
           inputs_read_any(&r->list, tree, "inputs", limits, a, fault) &&
           all_of_kind(&r->list, true, "a string", fault);
}

static bool read_decode(const cJSON *tree, const request_limits *limits, arena *a, tokens_request *r, json_fault *fault)
{
    return json_bool(tree, "skip_special_tokens", &r->special, fault)
           && inputs_read_any(&r->list, tree, "ids", limits, a, fault)
           && all_of_kind(&r->list, false, "a list of token ids", fault);
}

typedef bool tokens_reader(const cJSON *tree, const request_limits *limits, arena *a, tokens_request *r,
                           json_fault *fault);

static bool decode(tokens_reader *reader, slice body, const request_limits *limits, arena *a, tokens_request *r,
                   json_fault *fault)
{
    *r = (tokens_request){ .special = true };
    cJSON *tree = request_parse(body, limits, fault);
    if (!tree)
        return false;
    bool good = reader(tree, limits, a, r, fault);
    json_free(tree);
    return good;
}

bool tei_tokenize_decode(slice body, const request_limits *limits, arena *a, tokens_request *r, json_fault *fault)
{
    return decode(read_tokenize, body, limits, a, r, fault);
}

bool tei_decode_decode(slice body, const request_limits *limits, arena *a, tokens_request *r, json_fault *fault)
{
    return decode(read_decode, body, limits, a, r, fault);
}

/* ---- POST /tokenize ---- */

/* Special tokens that the tokenizer added stand for no byte of the text. */
static void write_token(json_out *w, const tokenizer *t, slice text, const token_list *tokens, size_t i)
{
    size_t start = tokens->starts[i], end = tokens->ends[i];
    bool special = start == end;
    json_open(w, '{');
    json_key(w, "id");
    json_integer(w, (int64_t)tokens->ids[i]);
    json_key(w, "text");
    json_text(w, special ? tokenizer_piece(t, tokens->ids[i]) : (slice){ text.data + start, end - start });
    json_key(w, "special");
    json_literal(w, special ? "true" : "false");
    json_key(w, "start");
    if (special)
        json_literal(w, "null");
    else
        json_integer(w, (int64_t)start);
    json_key(w, "stop");
    if (special)
        json_literal(w, "null");
    else
        json_integer(w, (int64_t)end);
    json_close(w, '}');
}

static bool tokenize_one(exchange *x, const tokenizer *t, const input *in, bool special, arena *scratch, json_out *w)
{
    char name[INPUT_NAME_BYTES];
    errinfo err;
    token_list tokens;
    tokenize_options how = { .truncate = TRUNCATE_NONE, .without_special = !special, .offsets = true };
    input_name(in, name);
    arena_reset(scratch);
    status st = tokenizer_encode(t, in->text, &how, scratch, &tokens, &err);
    if (st) {
        api_error_answer(x, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INVALID_VALUE, name, "%s: %s", name, err.text);
        return false;
    }
    json_open(w, '[');
    for (size_t i = 0; i < tokens.count && !w->failed; i++)
        write_token(w, t, in->text, &tokens, i);
    json_close(w, ']');
    return true;
}

/* The scratch of one call: emptied between texts, so that memory follows the longest one. */
static arena *open_scratch(exchange *x)
{
    arena *scratch = arena_open(SCRATCH_FIRST_BYTES, SCRATCH_MAX_BYTES);
    if (!scratch)
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "out of memory");
    return scratch;
}

static void answer_tokenize(exchange *x, const tokenizer *t, const tokens_request *r)
{
    json_out w;
    bool good = true;
    size_t bytes = 0;
    arena *scratch = open_scratch(x);
    if (!scratch)
        return;
    for (size_t i = 0; i < r->list.count; i++)
        bytes += r->list.items[i].text.length;
    json_begin(&w, x->arena, bytes / 4 * BYTES_PER_TOKEN);
    json_open(&w, '[');
    for (size_t i = 0; good && i < r->list.count; i++)
        good = tokenize_one(x, t, &r->list.items[i], r->special, scratch, &w);
    json_close(&w, ']');
    arena_close(scratch);
    if (good)
        encode_send(x, &w);
}

void tei_tokenize(struct service *s, exchange *x)
{
    json_fault fault;
    tokens_request r;
    request_limits limits = request_limits_of(s);
    const model *m = registry_at(x->generation->registry, 0);
    if (!encode_may_use(x, m))
        return;
    if (tei_tokenize_decode(x->body, &limits, x->arena, &r, &fault))
        answer_tokenize(x, model_tokenizer(m), &r);
    else
        encode_refuse(x, &fault);
}

/* ---- POST /decode ---- */

static bool decode_one(exchange *x, const tokenizer *t, const input *in, bool skip_special, arena *scratch, json_out *w)
{
    char name[INPUT_NAME_BYTES];
    errinfo err;
    slice text;
    input_name(in, name);
    for (size_t i = 0; i < in->id_count; i++) {
        if (in->ids[i] < tokenizer_size(t))
            continue;
        api_error_answer(x, API_OUT_OF_RANGE, name, "%s[%zu] is %u; the vocabulary has %zu entries", name, i,
                         (unsigned)in->ids[i], tokenizer_size(t));
        return false;
    }
    arena_reset(scratch);
    status st = tokenizer_decode(t, in->ids, in->id_count, skip_special, scratch, &text, &err);
    if (st) {
        api_error_answer(x, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INVALID_VALUE, name, "%s: %s", name, err.text);
        return false;
    }
    json_text(w, text);
    return true;
}

static void answer_decode(exchange *x, const tokenizer *t, const tokens_request *r)
{
    json_out w;
    bool good = true;
    arena *scratch = open_scratch(x);
    if (!scratch)
        return;
    json_begin(&w, x->arena, 0);
    json_open(&w, '[');
    for (size_t i = 0; good && i < r->list.count; i++)
        good = decode_one(x, t, &r->list.items[i], r->special, scratch, &w);
    json_close(&w, ']');
    arena_close(scratch);
    if (good)
        encode_send(x, &w);
}

void tei_decode(struct service *s, exchange *x)
{
    json_fault fault;
    tokens_request r;
    request_limits limits = request_limits_of(s);
    const model *m = registry_at(x->generation->registry, 0);
    if (!encode_may_use(x, m))
        return;
    if (tei_decode_decode(x->body, &limits, x->arena, &r, &fault))
        answer_decode(x, model_tokenizer(m), &r);
    else
        encode_refuse(x, &fault);
}
