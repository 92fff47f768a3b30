/* api_error.c - see api_error.h.
 *
 * The idea: a handler names one of our codes; status, kind and shape in each dialect are looked up here and nowhere
 * else. Where TEI has no such error we keep our status and choose the kind that its clients treat alike.
 */
#include "server/api_error.h"

#include "model/text/utf8.h"
#include "server/json_out.h"
#include "server/router.h"
#include "server/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 400 };

typedef struct {
    const char *code;
    int native, openai, tei;
    const char *tei_kind;
    bool close;           /* the connection cannot be trusted, or should go to another server */
} error_row;

static const error_row rows[API_ERRORS] = {
    [API_OK] = { "internal", 500, 500, 424, "Backend", false },
    [API_AMBIGUOUS_FRAMING] = { "ambiguous_framing", 400, 400, 400, "Validation", true },
    [API_BAD_HEADER] = { "bad_header", 400, 400, 400, "Validation", true },
    [API_BAD_REQUEST] = { "bad_request", 400, 400, 400, "Validation", true },
    [API_BAD_URI] = { "bad_uri", 400, 400, 400, "Validation", true },
    [API_PAYLOAD_TOO_LARGE] = { "payload_too_large", 413, 413, 413, "Validation", true },
    [API_NOT_FOUND] = { "not_found", 404, 404, 404, "Validation", false },
    [API_METHOD_NOT_ALLOWED] = { "method_not_allowed", 405, 405, 405, "Validation", false },
    [API_UNSUPPORTED_MEDIA_TYPE] = { "unsupported_media_type", 415, 415, 415, "Validation", false },
    [API_UNSUPPORTED_ENCODING] = { "unsupported_encoding", 415, 415, 415, "Validation", false },
    [API_UNAUTHORIZED] = { "unauthorized", 401, 401, 401, "Validation", false },
    [API_FORBIDDEN] = { "forbidden", 403, 403, 403, "Validation", false },
    [API_EMPTY_BODY] = { "empty_body", 400, 400, 400, "Validation", false },
    [API_INVALID_JSON] = { "invalid_json", 400, 400, 400, "Validation", false },
    [API_INVALID_UTF8] = { "invalid_utf8", 400, 400, 400, "Validation", false },
    [API_JSON_TOO_DEEP] = { "json_too_deep", 400, 400, 400, "Validation", false },
    [API_DUPLICATE_KEY] = { "duplicate_key", 400, 400, 400, "Validation", false },
    [API_WRONG_TYPE] = { "wrong_type", 422, 400, 422, "Validation", false },
    [API_MISSING_FIELD] = { "missing_field", 422, 400, 422, "Validation", false },
    [API_EMPTY_INPUT] = { "empty_input", 422, 400, 400, "Empty", false },
    [API_TOO_MANY_INPUTS] = { "too_many_inputs", 422, 400, 422, "Validation", false },
    [API_TOO_MANY_FIELDS] = { "too_many_fields", 422, 400, 422, "Validation", false },
    [API_INVALID_CHARACTER] = { "invalid_character", 422, 400, 422, "Tokenizer", false },
    [API_INPUT_TOO_LONG] = { "input_too_long", 422, 400, 422, "Validation", false },
    [API_OUT_OF_RANGE] = { "out_of_range", 422, 400, 422, "Validation", false },
    [API_INVALID_VALUE] = { "invalid_value", 422, 400, 422, "Validation", false },
    [API_AMBIGUOUS_INPUT] = { "ambiguous_input", 422, 400, 422, "Validation", false },
    [API_TOO_MANY_TOKENS] = { "too_many_tokens", 422, 400, 422, "Validation", false },
    [API_ATTENTION_NOT_TRAINED] = { "attention_not_trained", 422, 400, 422, "Validation", false },
    [API_EXPLAIN_NOT_AVAILABLE] = { "explain_not_available", 422, 400, 422, "Validation", false },
    [API_MODEL_LACKS_HEAD] = { "model_lacks_head", 422, 400, 424, "Backend", false },
    [API_MODEL_NOT_FOUND] = { "model_not_found", 404, 404, 404, "Validation", false },
    [API_RATE_LIMITED] = { "rate_limited", 429, 429, 429, "Overloaded", false },
    [API_OVERLOADED] = { "overloaded", 503, 503, 429, "Overloaded", false },
    [API_DRAINING] = { "draining", 503, 503, 503, "Unhealthy", true },
    [API_NOT_READY] = { "not_ready", 503, 503, 503, "Unhealthy", false },
    [API_OUT_OF_MEMORY] = { "out_of_memory", 503, 503, 429, "Overloaded", false },
    [API_DEADLINE_EXCEEDED] = { "deadline_exceeded", 504, 504, 504, "Backend", false },
    [API_INTERNAL] = { "internal", 500, 500, 424, "Backend", false },
};

/* When the arena has no room for a body, indexed by dialect. */
static const char *const no_memory[DIALECTS] = {
    "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of memory\",\"param\":null,\"request_id\":null}}",
    "{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"param\":null,\"code\":\"out_of_memory\"}}",
    "{\"error\":\"out of memory\",\"error_type\":\"Overloaded\"}",
    "{\"message\":\"out of memory\"}",
    "{\"error\":\"out of memory\"}",
};

static const error_row *row_of(api_error e)
{
    return (unsigned)e < API_ERRORS ? &rows[e] : &rows[API_INTERNAL];
}

const char *api_error_code(api_error e)
{
    return row_of(e)->code;
}

int api_error_status(api_error e, dialect d)
{
    const error_row *row = row_of(e);
    return d == DIALECT_TEI ? row->tei : d == DIALECT_NATIVE ? row->native : row->openai;
}

static const char *openai_type(int http_status)
{
    if (http_status == 401)
        return "authentication_error";
    if (http_status == 429)
        return "rate_limit_error";
    return http_status >= 500 ? "server_error" : "invalid_request_error";
}

static void write_param(json_out *w, const char *param)
{
    json_key(w, "param");
    if (param)
        json_text(w, slice_of(param));
    else
        json_literal(w, "null");
}

typedef struct {
    const exchange *exchange;
    api_error code;
    const char *param;
    slice message;
} refusal;

static void write_native(json_out *w, const refusal *r)
{
    json_open(w, '{');
    json_key(w, "error");
    json_open(w, '{');
    json_field_text(w, "code", api_error_code(r->code));
    json_key(w, "message");
    json_text(w, r->message);
    write_param(w, r->param);
    json_field_text(w, "request_id", r->exchange->request_id);
    json_close(w, '}');
    json_close(w, '}');
}

static void write_openai(json_out *w, const refusal *r)
{
    json_open(w, '{');
    json_key(w, "error");
    json_open(w, '{');
    json_key(w, "message");
    json_text(w, r->message);
    json_field_text(w, "type", openai_type(api_error_status(r->code, DIALECT_OPENAI)));
    write_param(w, r->param);
    json_field_text(w, "code", api_error_code(r->code));
    json_close(w, '}');
    json_close(w, '}');
}

static void write_tei(json_out *w, const refusal *r)
{
    json_open(w, '{');
    json_key(w, "error");
    json_text(w, r->message);
    json_field_text(w, "error_type", row_of(r->code)->tei_kind);
    json_close(w, '}');
}

static void write_cohere(json_out *w, const refusal *r)
{
    json_open(w, '{');
    json_field_text(w, "id", r->exchange->request_id);
    json_key(w, "message");
    json_text(w, r->message);
    json_close(w, '}');
}

static void write_ollama(json_out *w, const refusal *r)
{
    json_open(w, '{');
    json_key(w, "error");
    json_text(w, r->message);
    json_close(w, '}');
}

static void (*const writers[DIALECTS])(json_out *w, const refusal *r) = {
    [DIALECT_NATIVE] = write_native, [DIALECT_OPENAI] = write_openai, [DIALECT_TEI] = write_tei,
    [DIALECT_COHERE] = write_cohere, [DIALECT_OLLAMA] = write_ollama,
};

/* ---- the same shapes, described ---- */

static const schema text_or_null[] = { { .kind = SCHEMA_TEXT }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema native_inner[] = { { "code", SCHEMA_TEXT, .must = true },
                                       { "message", SCHEMA_TEXT, .must = true },
                                       { "param", SCHEMA_EITHER, .of = text_or_null, .must = true },
                                       { "request_id", SCHEMA_EITHER, .of = text_or_null, .must = true },
                                       { 0 } };
static const schema openai_inner[] = { { "message", SCHEMA_TEXT, .must = true },
                                       { "type", SCHEMA_TEXT, .must = true },
                                       { "param", SCHEMA_EITHER, .of = text_or_null, .must = true },
                                       { "code", SCHEMA_TEXT, .must = true },
                                       { 0 } };
static const schema native_members[] = { { "error", SCHEMA_OBJECT, .of = native_inner, .must = true }, { 0 } };
static const schema openai_members[] = { { "error", SCHEMA_OBJECT, .of = openai_inner, .must = true }, { 0 } };
static const schema tei_members[] = { { "error", SCHEMA_TEXT, .must = true },
                                      { "error_type", SCHEMA_CHOICE, .must = true,
                                        .words = "Unhealthy Backend Overloaded Tokenizer Validation Empty" },
                                      { 0 } };
static const schema cohere_members[] = { { "id", SCHEMA_TEXT }, { "message", SCHEMA_TEXT, .must = true }, { 0 } };
static const schema ollama_members[] = { { "error", SCHEMA_TEXT, .must = true }, { 0 } };

const schema *api_error_schema(dialect d)
{
    static const schema shapes[DIALECTS] = {
        [DIALECT_NATIVE] = { .kind = SCHEMA_OBJECT, .of = native_members },
        [DIALECT_OPENAI] = { .kind = SCHEMA_OBJECT, .of = openai_members },
        [DIALECT_TEI] = { .kind = SCHEMA_OBJECT, .of = tei_members },
        [DIALECT_COHERE] = { .kind = SCHEMA_OBJECT, .of = cohere_members },
        [DIALECT_OLLAMA] = { .kind = SCHEMA_OBJECT, .of = ollama_members },
    };
    return &shapes[d];
}

/* ---- answering ---- */

static dialect dialect_of(const exchange *x)
{
    if (x->spoken)
        return (dialect)(x->spoken - 1);
    return x->route ? x->route->dialect : DIALECT_NATIVE;
}

/* A name that the client sent may have been cut inside a character on its way into the message. */
static slice valid_message(char *text)
{
    slice message = slice_of(text);
    for (size_t at; !utf8_check(message, &at);)
        text[at] = '?';
    return message;
}

static bool has_header(const exchange *x, const char *name)
{
    for (size_t i = 0; i < x->header_count; i++)
        if (strcmp(x->headers[i].name, name) == 0)
            return true;
    return false;
}

static void add_headers(exchange *x, api_error e, int http_status)
{
    if ((http_status == 429 || http_status == 503) && !has_header(x, "Retry-After"))
        exchange_add_header(x, "Retry-After", "1");
    if (e == API_UNAUTHORIZED)
        exchange_add_header(x, "WWW-Authenticate", "Bearer");
    if (row_of(e)->close)
        x->close_connection = true;
}

void api_error_answer(exchange *x, api_error e, const char *param, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    slice text = valid_message(message);

    dialect d = dialect_of(x);
    int http_status = api_error_status(e, d);
    json_out w;
    json_begin(&w, x->arena, 0);
    writers[d](&w, &(refusal){ x, e, param, text });
    slice body = json_end(&w);
    if (!body.data) {
        e = API_OUT_OF_MEMORY;
        http_status = api_error_status(e, d);
        body = slice_of(no_memory[d]);
    }
    add_headers(x, e, http_status);
    exchange_answer(x, http_status, "application/json", body);
}
