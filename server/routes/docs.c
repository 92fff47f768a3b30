/* docs.c - see docs.h.
 *
 * A page without scripts needs no viewer: it reads well offline, in a terminal, and under the strictest policy.
 */
#include "server/routes/docs.h"

#include "server/json_out.h"
#include "server/openapi.h"
#include "server/router.h"
#include "server/schema.h"
#include "server/version.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_BYTES = 128 * 1024, NUMBER_BYTES = 48, DEPTH_MAX = 8 };

static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'";

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>rosim: API</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem}"
    "summary{cursor:pointer;padding:.3rem 0}details{border-bottom:1px solid #8884}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;background:#8882;padding:.6rem}"
    "b{display:inline-block;min-width:4.5rem}table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #8884;padding:.2rem .6rem .2rem 0;vertical-align:top}h2{margin-top:2rem}</style></head>\n"
    "<body><h1>rosim " ROSIM_VERSION "</h1><p>How similar are these texts? Bodies are JSON in UTF-8; the same as a "
    "document for tools: <a href=\"/openapi.json\">/openapi.json</a>. <a href=\"/\">Playground</a>.</p>\n";

static const char *const headings[DIALECTS] = {
    [DIALECT_NATIVE] = "rosim's own", [DIALECT_OPENAI] = "OpenAI, vLLM, llama.cpp",
    [DIALECT_TEI] = "text-embeddings-inference, Hugging Face", [DIALECT_COHERE] = "Cohere, Jina",
    [DIALECT_OLLAMA] = "Ollama",
};

static void put(json_out *w, const char *html)
{
    json_raw(w, slice_of(html));
}

static void put_escaped(json_out *w, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<')
            put(w, "&lt;");
        else if (*c == '&')
            put(w, "&amp;");
        else if (*c == '"')
            put(w, "&quot;");
        else
            json_raw(w, (slice){ c, 1 });
    }
}

/* ---- fields ---- */

static const schema *real(const schema *s)
{
    while (s->kind == SCHEMA_SAME)
        s = s->of;
    return s;
}

static void put_type(json_out *w, const schema *s, int depth);

/* "[a, b]", "a or b" */
static void put_types(json_out *w, const schema *s, const char *between, int depth)
{
    for (const schema *a = s; a->kind; a++) {
        if (a != s)
            put(w, between);
        put_type(w, a, depth);
    }
}

static void put_members_in_line(json_out *w, const schema *s, int depth)
{
    put(w, "{");
    for (const schema *m = s; m && m->kind; m++) {
        if (m != s)
            put(w, ", ");
        put_escaped(w, m->name ? m->name : "…");
        if (m->kind != SCHEMA_ALSO && depth > 1) {
            put(w, ": ");
            put_type(w, m, depth - 1);
        }
    }
    put(w, "}");
}

static void put_type(json_out *w, const schema *s, int depth)
{
    static const char *const names[] = {
        [SCHEMA_ANY] = "anything", [SCHEMA_TEXT] = "text", [SCHEMA_FLAG] = "true or false", [SCHEMA_WHOLE] = "integer",
        [SCHEMA_NUMBER] = "number", [SCHEMA_NULL] = "null",
    };
    s = real(s);
    if (depth == 0) {
        put(w, "…");
    } else if (s->kind < SCHEMA_CHOICE) {
        put(w, names[s->kind]);
    } else if (s->kind == SCHEMA_CHOICE) {
        put_escaped(w, s->words);
    } else if (s->kind == SCHEMA_EITHER) {
        put_types(w, s->of, " or ", depth);
    } else if (s->kind == SCHEMA_OBJECT) {
        put_members_in_line(w, s->of, depth);
    } else if (s->kind == SCHEMA_MAP) {
        put(w, "{name: ");
        put_type(w, s->of, depth - 1);
        put(w, "}");
    } else {
        put(w, "[");
        if (s->kind == SCHEMA_TUPLE)
            put_types(w, s->of, ", ", depth - 1);
        else if (s->of)
            put_type(w, s->of, depth - 1);
        put(w, "]");
    }
}

static void put_member(json_out *w, const schema *m)
{
    put(w, "<tr><td><code>");
    put_escaped(w, m->name);
    put(w, m->must ? "</code><td>" : "</code> <small>optional</small><td>");
    put_type(w, m, DEPTH_MAX);
    if (m->usual) {
        put(w, "; default ");
        put_escaped(w, m->usual);
    }
    if (m->about) {
        put(w, "<br><small>");
        put_escaped(w, m->about);
        put(w, "</small>");
    }
    put(w, "\n");
}

static void put_rows(json_out *w, const schema *members)
{
    for (; members->kind; members++) {
        if (members->kind == SCHEMA_ALSO)
            put_rows(w, members->of);
        else
            put_member(w, members);
    }
}

/* One table an object; the alternatives of a body one after the other. */
static void put_fields(json_out *w, const schema *s)
{
    s = real(s);
    if (s->kind == SCHEMA_EITHER) {
        for (const schema *a = s->of; a->kind; a++) {
            put(w, a == s->of ? "" : "<p>or</p>");
            put_fields(w, a);
        }
    } else if (s->kind == SCHEMA_OBJECT && s->of) {
        put(w, "<table>");
        put_rows(w, s->of);
        put(w, "</table>");
    } else {
        put(w, "<p><code>");
        put_type(w, s, DEPTH_MAX);
        put(w, "</code></p>");
    }
}

/* ---- routes ---- */

static void put_example(json_out *w, const route *r)
{
    put(w, "<pre>curl -s localhost:8080");
    put_escaped(w, r->path);
    put(w, " -H 'Content-Type: application/json' \\\n     -d '");
    put_escaped(w, r->example);
    put(w, "'</pre>");
}

static void put_route(json_out *w, const service *s, const route *r)
{
    put(w, "<details><summary><b>");
    put(w, r->method);
    put(w, "</b><code>");
    put_escaped(w, r->path);
    put(w, "</code> &nbsp; ");
    put_escaped(w, r->summary);
    put(w, s->auth && r->access == ACCESS_KEY ? " <small>(needs a key)</small></summary>" : "</summary>");
    if (r->example)
        put_example(w, r);
    if (r->body) {
        put(w, "<h4>Body</h4>");
        put_fields(w, r->body);
    }
    if (r->answer) {
        put(w, "<h4>Answer</h4>");
        put_fields(w, r->answer);
    }
    put(w, "</details>\n");
}

slice docs_write(const service *s, arena *a)
{
    json_out w;
    size_t count;
    const route *table = router_table(&count);
    json_begin(&w, a, PAGE_BYTES);
    put(&w, head);
    for (dialect d = 0; d < DIALECTS; d++) {
        put(&w, "<h2>");
        put_escaped(&w, headings[d]);
        put(&w, "</h2>\n");
        for (size_t i = 0; i < count; i++)
            if (table[i].dialect == d)
                put_route(&w, s, &table[i]);
    }
    put(&w, "</body></html>\n");
    return json_end(&w);
}

void docs_openapi(struct service *s, exchange *x)
{
    slice text = openapi_write(s, x->generation->registry, x->arena);    /* their limits: a reload may change them */
    if (text.data)
        exchange_answer(x, 200, "application/json", text);
    else
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the document does not fit into the request's memory");
}

void docs_page(struct service *s, exchange *x)
{
    exchange_add_header(x, "Content-Security-Policy", policy);
    exchange_answer(x, 200, "text/html; charset=utf-8", s->docs);
}
