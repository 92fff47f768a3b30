/* openapi.c - see openapi.h.
 *
 * Which statuses a route may answer is not listed by hand: it follows from the table of errors (a code has a status in
 * each dialect) and from what a route is: does it read a body, does it need a key, does its path hold an id.
 */
#include "server/openapi.h"

#include "server/router.h"
#include "server/schema.h"
#include "server/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DOCUMENT_BYTES = 256 * 1024, NAME_BYTES = 96, CODES_BYTES = 512, STATUS_FIRST = 400, STATUS_LAST = 599 };

/* When an error can happen; a route with one of the traits meets it. */
enum { ALWAYS = 1, WITH_BODY = 2, WITH_KEY = 4, WITH_ID = 8, WITH_NATIVE_BODY = 16, WITH_HEAD = 32 };

static const unsigned causes[API_ERRORS] = {
    [API_AMBIGUOUS_FRAMING] = ALWAYS, [API_BAD_HEADER] = ALWAYS, [API_BAD_REQUEST] = ALWAYS, [API_BAD_URI] = ALWAYS,
    [API_PAYLOAD_TOO_LARGE] = ALWAYS, [API_NOT_FOUND] = WITH_ID | WITH_NATIVE_BODY,
    [API_UNSUPPORTED_MEDIA_TYPE] = WITH_BODY, [API_UNSUPPORTED_ENCODING] = WITH_BODY,
    [API_UNAUTHORIZED] = WITH_KEY, [API_FORBIDDEN] = WITH_KEY,
    [API_EMPTY_BODY] = WITH_BODY, [API_INVALID_JSON] = WITH_BODY, [API_INVALID_UTF8] = WITH_BODY,
    [API_JSON_TOO_DEEP] = WITH_BODY, [API_DUPLICATE_KEY] = WITH_BODY, [API_WRONG_TYPE] = WITH_BODY,
    [API_MISSING_FIELD] = WITH_BODY, [API_EMPTY_INPUT] = WITH_BODY, [API_TOO_MANY_INPUTS] = WITH_BODY,
    [API_TOO_MANY_FIELDS] = WITH_BODY, [API_INVALID_CHARACTER] = WITH_BODY, [API_INPUT_TOO_LONG] = WITH_BODY,
    [API_OUT_OF_RANGE] = WITH_BODY, [API_INVALID_VALUE] = WITH_BODY, [API_AMBIGUOUS_INPUT] = WITH_NATIVE_BODY,
    [API_EXPLAIN_NOT_AVAILABLE] = WITH_NATIVE_BODY, [API_TOO_MANY_TOKENS] = WITH_BODY,
    [API_ATTENTION_NOT_TRAINED] = WITH_BODY, [API_MODEL_LACKS_HEAD] = WITH_HEAD,
    [API_MODEL_NOT_FOUND] = WITH_BODY, [API_RATE_LIMITED] = WITH_BODY, [API_OVERLOADED] = ALWAYS,
    [API_DRAINING] = ALWAYS, [API_NOT_READY] = ALWAYS, [API_OUT_OF_MEMORY] = ALWAYS,
    [API_DEADLINE_EXCEEDED] = WITH_BODY, [API_INTERNAL] = ALWAYS,
};

static const char *const dialect_names[DIALECTS] = {
    [DIALECT_NATIVE] = "native", [DIALECT_OPENAI] = "openai", [DIALECT_TEI] = "tei", [DIALECT_COHERE] = "cohere",
    [DIALECT_OLLAMA] = "ollama",
};

typedef struct { json_out w; const service *service; schema_limits limits; } document;

static bool has_body(const route *r)
{
    return strcmp(r->method, "POST") == 0;
}

static unsigned traits_of(const document *d, const route *r)
{
    unsigned traits = ALWAYS;
    if (has_body(r))
        traits |= WITH_BODY | (r->dialect == DIALECT_NATIVE ? WITH_NATIVE_BODY : 0);
    if (d->service->auth && r->access == ACCESS_KEY)
        traits |= WITH_KEY;
    if (strchr(r->path, '{'))
        traits |= WITH_ID;
    if (r->dialect == DIALECT_TEI || r->dialect == DIALECT_OPENAI)
        traits |= WITH_HEAD;
    return traits;
}

/* Does a route with these traits answer this status in this dialect? codes: which of our codes mean it. */
static bool may_answer(unsigned traits, dialect spoken, int status_code, char codes[CODES_BYTES])
{
    size_t used = 0;
    codes[0] = '\0';
    for (unsigned e = API_OK + 1; e < API_ERRORS; e++) {
        if (!(causes[e] & traits) || api_error_status((api_error)e, spoken) != status_code || used >= CODES_BYTES)
            continue;
        used += (size_t)snprintf(codes + used, CODES_BYTES - used, "%s%s", used ? ", " : "",
                                 api_error_code((api_error)e));
    }
    return used > 0;
}

/* ---- answers ---- */

static void put_media(document *d, const char *media, const schema *s, bool request)
{
    json_key(&d->w, "content");
    json_open(&d->w, '{');
    json_key(&d->w, media);
    json_open(&d->w, '{');
    if (s) {
        json_key(&d->w, "schema");
        schema_write(&d->w, s, &d->limits, request);
    }
    json_close(&d->w, '}');
    json_close(&d->w, '}');
}

static void put_error_schema(json_out *w, dialect spoken)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "#/components/schemas/%s_error", dialect_names[spoken]);
    json_open(w, '{');
    json_field_text(w, "$ref", name);
    json_close(w, '}');
}

/* TEI's health answers errors only; a body in two dialects is either. */
static void put_error(document *d, const route *r, int status_code, const char *codes)
{
    char key[12];
    json_out *w = &d->w;
    (void)snprintf(key, sizeof key, "%d", status_code);
    json_key(w, key);
    json_open(w, '{');
    json_field_text(w, "description", codes);
    json_key(w, "content");
    json_open(w, '{');
    json_key(w, "application/json");
    json_open(w, '{');
    json_key(w, "schema");
    if (r->also) {
        json_open(w, '{');
        json_key(w, "anyOf");
        json_open(w, '[');
        put_error_schema(w, r->dialect);
        put_error_schema(w, (dialect)(r->also - 1));
        json_close(w, ']');
        json_close(w, '}');
    } else {
        put_error_schema(w, r->dialect);
    }
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
}

static void put_errors(document *d, const route *r)
{
    char codes[CODES_BYTES];
    unsigned traits = traits_of(d, r);
    for (int code = STATUS_FIRST; code <= STATUS_LAST; code++)
        if (may_answer(traits, r->dialect, code, codes)
            || (r->also && may_answer(traits, (dialect)(r->also - 1), code, codes)))
            put_error(d, r, code, codes);
}

static int success_of(const route *r)
{
    return r->success ? r->success : strcmp(r->method, "DELETE") == 0 ? 204 : 200;
}

static void put_success(document *d, const route *r)
{
    char key[12];
    int code = success_of(r);
    if (code >= STATUS_FIRST)
        return;
    (void)snprintf(key, sizeof key, "%d", code);
    json_key(&d->w, key);
    json_open(&d->w, '{');
    json_field_text(&d->w, "description", r->summary);
    if (code != 204 && (r->answer || r->media))
        put_media(d, r->media ? r->media : "application/json", r->answer, false);
    json_close(&d->w, '}');
}

/* ---- one route ---- */

static void put_request(document *d, const route *r)
{
    static const schema any = { .kind = SCHEMA_OBJECT };
    json_out *w = &d->w;
    json_key(w, "requestBody");
    json_open(w, '{');
    json_field_literal(w, "required", "true");
    if (r->stream)
        json_field_text(w, "description", "Or application/x-ndjson: a line of the body is an element of the list, a "
                                          "line of the answer its {\"line\", \"score\"} or {\"line\", \"error\"}.");
    json_key(w, "content");
    json_open(w, '{');
    json_key(w, "application/json");
    json_open(w, '{');
    json_key(w, "schema");
    schema_write(w, r->body ? r->body : &any, &d->limits, true);
    if (r->example) {
        json_key(w, "example");
        json_literal(w, r->example);
    }
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
}

static void put_id_parameter(document *d)
{
    json_out *w = &d->w;
    json_key(w, "parameters");
    json_open(w, '[');
    json_open(w, '{');
    json_field_text(w, "name", "id");
    json_field_text(w, "in", "path");
    json_field_literal(w, "required", "true");
    json_key(w, "schema");
    schema_write(w, &schema_id, &d->limits, false);
    json_close(w, '}');
    json_close(w, ']');
}

/* "post_v1_drift_baselines_id" */
static void put_operation_id(json_out *w, const route *r)
{
    char name[NAME_BYTES];
    size_t used = 0;
    (void)snprintf(name, sizeof name, "%s%s", r->method, r->path);
    for (const char *c = name; *c; c++) {
        if (isalnum((unsigned char)*c))
            name[used++] = (char)tolower((unsigned char)*c);
        else if (used && name[used - 1] != '_' && c[1])
            name[used++] = '_';
    }
    while (used && name[used - 1] == '_')
        used--;
    name[used] = '\0';
    json_field_text(w, "operationId", name);
}

static void put_security(document *d, const route *r)
{
    if (!d->service->auth || r->access != ACCESS_KEY)
        return;
    json_key(&d->w, "security");
    json_literal(&d->w, "[{\"key\":[]}]");
}

static void put_operation(document *d, const route *r)
{
    char method[8] = "";
    json_out *w = &d->w;
    for (size_t i = 0; i + 1 < sizeof method && r->method[i]; i++)
        method[i] = (char)tolower((unsigned char)r->method[i]);
    json_key(w, method);
    json_open(w, '{');
    json_field_text(w, "summary", r->summary);
    put_operation_id(w, r);
    json_key(w, "tags");
    json_open(w, '[');
    json_text(w, slice_of(dialect_names[r->dialect]));
    json_close(w, ']');
    put_security(d, r);
    if (strchr(r->path, '{'))
        put_id_parameter(d);
    if (has_body(r))
        put_request(d, r);
    json_key(w, "responses");
    json_open(w, '{');
    put_success(d, r);
    put_errors(d, r);
    json_close(w, '}');
    json_close(w, '}');
}

/* ---- the document ---- */

static bool same_path_before(const route *table, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(table[i].path, table[at].path) == 0)
            return true;
    return false;
}

static void put_paths(document *d)
{
    size_t count;
    const route *table = router_table(&count);
    json_key(&d->w, "paths");
    json_open(&d->w, '{');
    for (size_t i = 0; i < count; i++) {
        if (same_path_before(table, i))
            continue;
        json_key(&d->w, table[i].path);
        json_open(&d->w, '{');
        for (size_t j = i; j < count; j++)
            if (strcmp(table[j].path, table[i].path) == 0)
                put_operation(d, &table[j]);
        json_close(&d->w, '}');
    }
    json_close(&d->w, '}');
}

static void put_components(document *d)
{
    json_out *w = &d->w;
    json_key(w, "components");
    json_open(w, '{');
    json_key(w, "schemas");
    json_open(w, '{');
    for (dialect spoken = 0; spoken < DIALECTS; spoken++) {
        char name[NAME_BYTES];
        (void)snprintf(name, sizeof name, "%s_error", dialect_names[spoken]);
        json_key(w, name);
        schema_write(w, api_error_schema(spoken), &d->limits, false);
    }
    json_close(w, '}');
    if (d->service->auth) {
        json_key(w, "securitySchemes");
        json_literal(w, "{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
    }
    json_close(w, '}');
}

static void put_info(json_out *w)
{
    json_key(w, "info");
    json_open(w, '{');
    json_field_text(w, "title", "rosim");
    json_field_text(w, "summary", "How similar are these texts?");
    json_field_text(w, "version", ROSIM_VERSION);
    json_field_text(w, "description", "Bodies are JSON in UTF-8. Every answer carries x-request-id; 429 and 503 carry "
                                      "Retry-After. Limits are those of the server that wrote this.");
    json_close(w, '}');
}

/* The kinds of attention of all models, and "auto". */
static const char *write_attentions(const registry *models, arena *a)
{
    char *words = arena_take_zero(a, 1, NAME_BYTES);
    size_t used = 0;
    for (attention_kind kind = 0; words && kind < ATTENTION_KINDS; kind++) {
        bool served = false;
        for (size_t i = 0; i < registry_count(models); i++)
            served = served || model_serves(registry_at(models, i), kind);
        if (served)
            used += (size_t)snprintf(words + used, NAME_BYTES - used, "%s ", attention_name(kind));
    }
    if (words)
        (void)snprintf(words + used, NAME_BYTES - used, "auto");
    return words ? words : "auto";
}

static void fill_limits(document *d, const registry *models, arena *a)
{
    const service *s = d->service;
    const model_info *first = model_describe(registry_at(models, 0));
    d->limits.attentions = write_attentions(models, a);
    d->limits.most[LIMIT_TEXTS] = (double)s->max_texts;
    d->limits.most[LIMIT_PAIRS] = (double)(s->max_texts / 2);
    d->limits.most[LIMIT_DOCUMENTS] = (double)(s->max_texts - 1);
    d->limits.most[LIMIT_VOCABULARY] = (double)(first->config->vocab_size - 1);
    d->limits.most[LIMIT_LENGTH] = (double)first->config->max_length;
    d->limits.most[LIMIT_DIMENSIONS] = (double)first->dimensions;
    d->limits.most[LIMIT_TIMEOUT] = (double)(s->timeout_ns / 1000000);
}

slice openapi_write(const service *s, const registry *models, arena *a)
{
    document d = { .service = s };
    fill_limits(&d, models, a);
    json_begin(&d.w, a, DOCUMENT_BYTES);
    json_open(&d.w, '{');
    json_field_text(&d.w, "openapi", "3.1.0");
    put_info(&d.w);
    put_paths(&d);
    put_components(&d);
    json_close(&d.w, '}');
    return json_end(&d.w);
}
