/* llamacpp.c - see llamacpp.h. */
#include "server/routes/llamacpp.h"

#include "server/routes/dialect.h"
#include "server/routes/tei_tokens.h"
#include "server/routes/vectors.h"

enum { BYTES_PER_FLOAT = 14, BYTES_PER_ROW = 48, NORM_EUCLIDEAN = 2 };

/* ---- POST /embedding ---- */

typedef struct {
    text_request base;
    bool normalize;
} embedding_request;

static bool read_norm(const cJSON *body, bool *normalize, json_fault *fault)
{
    double norm = NORM_EUCLIDEAN;
    if (!json_double(body, "embd_normalize", -1, 1000, &norm, fault))
        return false;
    *normalize = norm > 0;
    if (norm < 0 || (norm > 1.5 && norm < 2.5))
        return true;
    return json_refuse(fault, API_INVALID_VALUE, "embd_normalize",
                       "embd_normalize is %g; -1 (none) and 2 (euclidean) are served", norm);
}

static bool read_embedding(const cJSON *body, const request_limits *limits, arena *a, void *request,
                           json_fault *fault)
{
    embedding_request *r = request;
    const char *name = json_member(body, "content") || !json_member(body, "input") ? "content" : "input";
    return read_encode_options(body, limits, a, &r->base.options, fault) && read_norm(body, &r->normalize, fault)
           && inputs_read_any(&r->base.list, body, name, limits, a, fault);
}

/* A list of vectors each, as llama.cpp has one a token when it does not pool. */
static void answer_embedding(encode_job *e)
{
    const embedding_request *r = e->request;
    vectors v;
    json_out w;
    if (!vectors_open(&v, e, r->normalize))
        return;
    json_begin(&w, e->exchange->arena, e->count * (v.width * BYTES_PER_FLOAT + BYTES_PER_ROW));
    json_open(&w, '[');
    for (size_t i = 0; i < e->count && !w.failed; i++) {
        json_open(&w, '{');
        json_field_integer(&w, "index", (int64_t)i);
        json_key(&w, "embedding");
        json_open(&w, '[');
        json_floats(&w, vectors_row(&v, i), v.width);
        json_close(&w, ']');
        json_close(&w, '}');
    }
    json_close(&w, ']');
    dialect_timings(e);
    encode_send(e->exchange, &w);
}

void llamacpp_embedding(struct service *s, exchange *x)
{
    dialect_start(s, x, read_embedding, answer_embedding, sizeof(embedding_request));
}

/* ---- POST /tokenize ---- */

typedef struct {
    slice content;                /* in the arena */
    bool special, pieces;
} tokenize_request;

static bool read_tokenize(const cJSON *body, arena *a, tokenize_request *r, json_fault *fault)
{
    slice content = { NULL, 0 };
    *r = (tokenize_request){ 0 };
    if (!json_string(body, "content", &content, fault) || !json_bool(body, "add_special", &r->special, fault)
        || !json_bool(body, "with_pieces", &r->pieces, fault))
        return false;
    r->content = arena_copy(a, content);
    return r->content.data || json_refuse(fault, API_OUT_OF_MEMORY, NULL, "out of memory");
}

static void write_tokens(json_out *w, const tokenizer *t, const token_list *tokens, bool pieces)
{
    json_open(w, '{');
    json_key(w, "tokens");
    json_open(w, '[');
    for (size_t i = 0; i < tokens->count && !w->failed; i++) {
        if (!pieces) {
            json_integer(w, (int64_t)tokens->ids[i]);
            continue;
        }
        json_open(w, '{');
        json_field_integer(w, "id", (int64_t)tokens->ids[i]);
        json_key(w, "piece");
        json_text(w, tokenizer_piece(t, tokens->ids[i]));
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
}

static void answer_tokenize(exchange *x, const tokenize_request *r)
{
    errinfo err;
    token_list tokens;
    json_out w;
    const tokenizer *t = model_tokenizer(registry_at(x->generation->registry, 0));
    tokenize_options how = { .truncate = TRUNCATE_NONE, .without_special = !r->special };
    status st = r->content.length ? tokenizer_encode(t, r->content, &how, x->arena, &tokens, &err) : ST_OK;
    if (st) {
        api_error_answer(x, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INVALID_VALUE, "content", "content: %s",
                         err.text);
        return;
    }
    if (r->content.length == 0)
        tokens = (token_list){ 0 };
    json_begin(&w, x->arena, 0);
    write_tokens(&w, t, &tokens, r->pieces);
    encode_send(x, &w);
}

void llamacpp_tokenize(struct service *s, exchange *x)
{
    json_fault fault;
    tokenize_request r;
    request_limits limits = request_limits_of(s);
    cJSON *tree = request_parse(x->body, &limits, &fault);
    bool ours = tree && json_member(tree, "content") && !json_member(tree, "inputs");
    bool good = ours && read_tokenize(tree, x->arena, &r, &fault);
    json_free(tree);
    if (!ours) {
        tei_tokenize(s, x);
        return;
    }
    x->spoken = 1 + DIALECT_OPENAI;
    if (!good)
        encode_refuse(x, &fault);
    else if (encode_may_use(x, registry_at(x->generation->registry, 0)))
        answer_tokenize(x, &r);
}

/* ---- POST /detokenize ---- */

static bool read_tokens(const cJSON *body, const request_limits *limits, arena *a, input_list *list,
                        json_fault *fault)
{
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(body, "tokens");
    if (cJSON_IsArray(tokens) && tokens->child && !cJSON_IsNumber(tokens->child))
        return json_refuse(fault, API_WRONG_TYPE, "tokens", "tokens must be a list of token ids");
    return inputs_read_any(list, body, "tokens", limits, a, fault)
           && (list->items[0].ids
               || json_refuse(fault, API_WRONG_TYPE, "tokens", "tokens must be a list of token ids, not a string"));
}

static void answer_detokenize(exchange *x, const input *in)
{
    errinfo err;
    slice text;
    json_out w;
    const tokenizer *t = model_tokenizer(registry_at(x->generation->registry, 0));
    for (size_t i = 0; i < in->id_count; i++) {
        if (in->ids[i] < tokenizer_size(t))
            continue;
        api_error_answer(x, API_OUT_OF_RANGE, "tokens", "tokens[%zu] is %u; the vocabulary has %zu entries", i,
                         (unsigned)in->ids[i], tokenizer_size(t));
        return;
    }
    status st = tokenizer_decode(t, in->ids, in->id_count, true, x->arena, &text, &err);
    if (st) {
        api_error_answer(x, st == ST_NOMEM ? API_OUT_OF_MEMORY : API_INVALID_VALUE, "tokens", "%s", err.text);
        return;
    }
    json_begin(&w, x->arena, 0);
    json_open(&w, '{');
    json_key(&w, "content");
    json_text(&w, text);
    json_close(&w, '}');
    encode_send(x, &w);
}

void llamacpp_detokenize(struct service *s, exchange *x)
{
    json_fault fault;
    input_list list;
    request_limits limits = request_limits_of(s);
    cJSON *tree = request_parse(x->body, &limits, &fault);
    bool good = tree && read_tokens(tree, &limits, x->arena, &list, &fault);
    json_free(tree);
    if (!good)
        encode_refuse(x, &fault);
    else if (encode_may_use(x, registry_at(x->generation->registry, 0)))
        answer_detokenize(x, &list.items[0]);
}
