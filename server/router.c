/* router.c - see router.h.
 *
 * What every route has in common stands here, once: who may call, how a body must be declared, CORS, counting, the
 * log. A path that is not in the table does not exist, and a route without a word about access needs a key: nothing
 * is open by omission.
 */
#include "server/router.h"

#include "server/json_out.h"
#include "server/log.h"
#include "server/routes/calibrations.h"
#include "server/routes/cost.h"
#include "server/routes/dedup.h"
#include "server/routes/diagnostics.h"
#include "server/routes/docs.h"
#include "server/routes/drift_report.h"
#include "server/routes/encode_job.h"
#include "server/routes/errand.h"
#include "server/routes/heads.h"
#include "server/routes/fidelity_report.h"
#include "server/routes/llamacpp.h"
#include "server/routes/native.h"
#include "server/routes/ollama.h"
#include "server/routes/openai.h"
#include "server/routes/pair_stream.h"
#include "server/routes/ops.h"
#include "server/routes/page.h"
#include "server/routes/rerank.h"
#include "server/routes/schemas.h"
#include "server/routes/tei.h"
#include "server/routes/tei_heads.h"
#include "server/routes/tei_tokens.h"
#include "server/routes/vllm.h"
#include "server/routes/trust_rank.h"
#include "server/service.h"

#include <string.h>
#include <strings.h>

/* What users make: created, listed, shown, deleted. */
#define KEPT(path, create, body, what)                                                                              \
    { "POST", path, ACCESS_KEY, DIALECT_NATIVE, create, encode_finish, "Makes a " what, &(body), &artifact_answer },  \
    { "GET", path, ACCESS_KEY, DIALECT_NATIVE, artifacts_list, NULL, "Lists every " what, NULL,                       \
      &artifact_list_answer },                                                                                      \
    { "GET", path "/{id}", ACCESS_KEY, DIALECT_NATIVE, artifacts_show, NULL, "Shows a " what, NULL,                   \
      &artifact_answer },                                                                                           \
    { "DELETE", path "/{id}", ACCESS_KEY, DIALECT_NATIVE, artifacts_delete, NULL, "Deletes a " what }

static const route routes[] = {
    { "POST", "/v1/similarity", ACCESS_KEY, DIALECT_NATIVE, native_similarity, encode_finish,
      "How similar texts are: pairs, one to many, or a matrix", &similarity_body, &similarity_answer,
      "{\"pairs\": [[\"How are you?\", \"How do you do?\"]]}", .stream = &pair_stream },
    { "POST", "/v1/dedup", ACCESS_KEY, DIALECT_NATIVE, dedup_texts, encode_finish, "Near-duplicate groups of texts",
      &dedup_body, &dedup_answer,
      "{\"texts\": [\"How are you?\", \"How are you\", \"Stocks fell.\"], \"threshold\": 0.9}" },
    { "POST", "/v1/rank", ACCESS_KEY, DIALECT_NATIVE, rank_candidates, encode_finish,
      "Candidates, best first, with margins that do not saturate",
      .body = &rank_body, .answer = &rank_answer,
      .example = "{\"query\": \"weather\", \"candidates\": [\"It rains.\", \"Stocks fell.\"]}" },
    { "POST", "/v1/classify", ACCESS_KEY, DIALECT_NATIVE, rank_classify, encode_finish, "Texts into few-shot classes",
      .body = &classify_body, .answer = &classify_answer },
    { "GET", "/v1/drift", ACCESS_KEY, DIALECT_NATIVE, drift_show, NULL, "Served texts against their baselines",
      .answer = &drift_answer },
    KEPT("/v1/calibrations", calibrations_create, calibration_body, "calibration: probabilities from labelled pairs"),
    KEPT("/v1/classifiers", classifiers_create, classifier_body, "few-shot classifier"),
    KEPT("/v1/adapters", adapters_create, adapter_body, "adapter: a linear map trained on pairs"),
    KEPT("/v1/drift/baselines", baselines_create, baseline_body, "drift baseline"),
    KEPT("/v1/heads", heads_create, head_body, "pair head: classes of pairs"),
    { "POST", "/v1/embeddings", ACCESS_KEY, DIALECT_OPENAI, openai_embeddings, encode_finish,
      "Vectors, as OpenAI gives them",
      .body = &openai_embeddings_body, .answer = &openai_embeddings_answer,
      .example = "{\"model\": \"default\", \"input\": [\"a text\"]}" },
    { "POST", "/embeddings", ACCESS_KEY, DIALECT_OPENAI, openai_embeddings, encode_finish,
      "The same as /v1/embeddings",
      .body = &openai_embeddings_body, .answer = &openai_embeddings_answer,
      .example = "{\"model\": \"default\", \"input\": [\"a text\"]}" },
    { "POST", "/v1/models/{id}/fidelity", ACCESS_KEY, DIALECT_NATIVE, fidelity_report, encode_finish,
      "How far approximating attentions are from softmax on given texts",
      .body = &fidelity_body, .answer = &fidelity_answer,
      .example = "{\"texts\": [\"The cat sat on the mat.\", \"Stocks fell sharply.\"]}" },
    { "POST", "/v1/cost", ACCESS_KEY, DIALECT_NATIVE, cost_answer, errand_finish,
      "Multiply-adds, predicted time and memory by length, for each kind of attention",
      .body = &cost_body, .answer = &cost_shape, .example = "{\"lengths\": [32, 512]}" },
    { "GET", "/v1/models", ACCESS_KEY, DIALECT_OPENAI, openai_models, NULL,
      "The models, with their kinds of attention",
      .answer = &openai_models_answer },
    { "GET", "/v1/models/{id}", ACCESS_KEY, DIALECT_OPENAI, openai_model, NULL, "One of them",
      .answer = &openai_model_answer },
    { "GET", "/v1/models/{id}/diagnostics", ACCESS_KEY, DIALECT_NATIVE, diagnostics_show, errand_finish,
      "What a model's layers do to a fixed set of texts, and what looks wrong",
      .answer = &diagnostics_shape },
    { "POST", "/embed", ACCESS_KEY, DIALECT_TEI, tei_embed, encode_finish,
      "Vectors, as text-embeddings-inference gives them",
      .body = &tei_embed_body, .answer = &schema_vectors,
      .example = "{\"inputs\": \"a text\"}" },
    { "POST", "/similarity", ACCESS_KEY, DIALECT_TEI, tei_similarity, encode_finish,
      "A source sentence against sentences",
      .body = &tei_similarity_body, .answer = &schema_vector,
      .example = "{\"inputs\": {\"source_sentence\": \"a\", \"sentences\": [\"b\"]}}" },
    { "POST", "/embed_all", ACCESS_KEY, DIALECT_TEI, tei_embed_all, encode_finish, "A vector of every token",
      .body = &tei_embed_all_body, .answer = &tei_embed_all_answer,
      .example = "{\"inputs\": \"a text\"}" },
    { "POST", "/embed_sparse", ACCESS_KEY, DIALECT_TEI, tei_embed_sparse, NULL, "424: no model has such a head",
      .success = 424 },
    { "POST", "/predict", ACCESS_KEY, DIALECT_TEI, tei_predict, NULL, "424: no model has such a head", .success = 424 },
    { "POST", "/rerank", ACCESS_KEY, DIALECT_TEI, rerank_any, encode_finish,
      "Documents ranked by cosine; 424 for TEI's body",
      .body = &rerank_body, .answer = &rerank_answer, .also = 1 + DIALECT_OPENAI,
      .example = "{\"query\": \"a\", \"documents\": [\"b\", \"c\"]}" },
    { "POST", "/v1/rerank", ACCESS_KEY, DIALECT_COHERE, rerank_v1, encode_finish, "Cohere v1, Jina, vLLM",
      .body = &rerank_body, .answer = &rerank_answer,
      .example = "{\"query\": \"a\", \"documents\": [\"b\", \"c\"]}" },
    { "POST", "/v2/rerank", ACCESS_KEY, DIALECT_COHERE, rerank_v2, encode_finish, "Cohere v2",
      .body = &rerank_body, .answer = &rerank_answer,
      .example = "{\"query\": \"a\", \"documents\": [\"b\", \"c\"]}" },
    { "POST", "/score", ACCESS_KEY, DIALECT_OPENAI, vllm_score, encode_finish, "Scores of pairs, as vLLM gives them",
      .body = &vllm_score_body, .answer = &vllm_score_answer,
      .example = "{\"queries\": \"a\", \"documents\": [\"b\", \"c\"]}" },
    { "POST", "/v1/score", ACCESS_KEY, DIALECT_OPENAI, vllm_score, encode_finish, "The same as /score",
      .body = &vllm_score_body, .answer = &vllm_score_answer,
      .example = "{\"queries\": \"a\", \"documents\": [\"b\", \"c\"]}" },
    { "POST", "/pooling", ACCESS_KEY, DIALECT_OPENAI, vllm_pooling, encode_finish, "Vectors, as vLLM gives them",
      .body = &vllm_pooling_body, .answer = &vllm_pooling_answer,
      .example = "{\"input\": \"a text\"}" },
    { "POST", "/embedding", ACCESS_KEY, DIALECT_OPENAI, llamacpp_embedding, encode_finish,
      "Vectors, as llama.cpp gives them",
      .body = &llamacpp_embedding_body, .answer = &llamacpp_embedding_answer,
      .example = "{\"content\": \"a text\"}" },
    { "POST", "/detokenize", ACCESS_KEY, DIALECT_OPENAI, llamacpp_detokenize, NULL, "Token ids to a text",
      .body = &llamacpp_detokenize_body, .answer = &llamacpp_detokenize_answer,
      .example = "{\"tokens\": [1006, 2190]}" },
    { "POST", "/api/embed", ACCESS_KEY, DIALECT_OLLAMA, ollama_embed, encode_finish, "Vectors, as Ollama gives them",
      .body = &ollama_embed_body, .answer = &ollama_embed_answer,
      .example = "{\"model\": \"default\", \"input\": [\"a text\"]}" },
    { "POST", "/api/embeddings", ACCESS_KEY, DIALECT_OLLAMA, ollama_embeddings, encode_finish,
      "One vector, as older Ollama gives it",
      .body = &ollama_embeddings_body, .answer = &ollama_embeddings_answer,
      .example = "{\"model\": \"default\", \"prompt\": \"a text\"}" },
    { "POST", "/api/show", ACCESS_KEY, DIALECT_OLLAMA, ollama_show, NULL, "A model, as Ollama describes it",
      .body = &ollama_show_body, .answer = &ollama_show_answer,
      .example = "{\"model\": \"default\"}" },
    { "GET", "/api/tags", ACCESS_KEY, DIALECT_OLLAMA, ollama_tags, NULL, "The models, as Ollama lists them",
      .answer = &ollama_tags_answer },
    { "GET", "/api/version", ACCESS_KEY, DIALECT_OLLAMA, ollama_version, NULL, "Our version",
      .answer = &ollama_version_answer },
    { "POST", "/vertex", ACCESS_KEY, DIALECT_TEI, tei_vertex, encode_finish, "/embed in Vertex AI's envelope",
      .body = &tei_vertex_body, .answer = &tei_vertex_answer,
      .example = "{\"instances\": [{\"inputs\": \"a text\"}]}" },
    { "POST", "/invocations", ACCESS_KEY, DIALECT_TEI, tei_root, encode_finish, "The same as POST /",
      .body = &tei_root_body, .answer = &tei_root_answer },
    { "POST", "/tokenize", ACCESS_KEY, DIALECT_TEI, llamacpp_tokenize, NULL,
      "Texts to tokens: TEI's body, or llama.cpp's",
      .body = &tei_tokenize_body, .answer = &tei_tokenize_answer, .also = 1 + DIALECT_OPENAI,
      .example = "{\"inputs\": \"a text\"}" },
    { "POST", "/decode", ACCESS_KEY, DIALECT_TEI, tei_decode, NULL, "Token ids back to texts",
      .body = &tei_decode_body, .answer = &tei_decode_answer,
      .example = "{\"ids\": [1006, 2190]}" },
    { "POST", "/", ACCESS_KEY, DIALECT_TEI, tei_root, encode_finish,
      "/similarity or /embed, by the shape of inputs",
      .body = &tei_root_body, .answer = &tei_root_answer },
    { "GET", "/info", ACCESS_KEY, DIALECT_TEI, tei_info, NULL, "The first model and the limits",
      .answer = &tei_info_answer },
    { "GET", "/health", ACCESS_PUBLIC, DIALECT_TEI, ops_health, NULL, "200 when requests are served" },
    { "GET", "/ping", ACCESS_PUBLIC, DIALECT_TEI, ops_health, NULL, "The same as /health" },
    { "GET", "/livez", ACCESS_PUBLIC, DIALECT_NATIVE, ops_live, NULL, "200 while the process works",
      .answer = &status_answer },
    { "GET", "/readyz", ACCESS_PUBLIC, DIALECT_NATIVE, ops_ready, NULL, "200 while it wants requests",
      .answer = &status_answer },
    { "GET", "/metrics", ACCESS_PUBLIC, DIALECT_NATIVE, ops_metrics, NULL, "Prometheus text",
      .media = "text/plain" },
    { "GET", "/page/{id}", ACCESS_PUBLIC, DIALECT_NATIVE, page_show, NULL, "What the playground is made of" },
    { "GET", "/", ACCESS_PUBLIC, DIALECT_TEI, ops_root, NULL, "The playground for browsers, health for others" },
    { "GET", "/openapi.json", ACCESS_PUBLIC, DIALECT_NATIVE, docs_openapi, NULL, "This table, as OpenAPI 3.1" },
    { "GET", "/docs", ACCESS_PUBLIC, DIALECT_NATIVE, docs_page, NULL, "The same, to be read", .media = "text/html" },
};

enum { ROUTES = sizeof routes / sizeof *routes, METHODS_BYTES = 64 };

const route *router_table(size_t *count)
{
    *count = ROUTES;
    return routes;
}

/* ---- finding the route ---- */

/* HEAD is served by the handler of GET; the HTTP library leaves the body out. */
static bool same_method(const route *r, slice method)
{
    return slice_is(method, r->method) || (slice_is(method, "HEAD") && strcmp(r->method, "GET") == 0);
}

/* "/v1/models/{id}/fidelity": any one segment, not empty, stands in the place of {id}; *id is that segment. */
static bool match_path(const char *pattern, slice path, slice *id)
{
    const char *brace = strchr(pattern, '{');
    *id = (slice){ "", 0 };
    if (!brace)
        return slice_is(path, pattern);
    const char *tail = brace + strlen("{id}");
    size_t before = (size_t)(brace - pattern), after = strlen(tail);
    if (path.length <= before + after || memcmp(path.data, pattern, before) != 0 ||
        memcmp(path.data + path.length - after, tail, after) != 0)
        return false;
    *id = (slice){ path.data + before, path.length - before - after };
    return !memchr(id->data, '/', id->length);
}

slice router_id(const exchange *x)
{
    slice id = { "", 0 };
    return x->route && match_path(x->route->path, x->path, &id) ? id : (slice){ "", 0 };
}

static bool same_path(const route *r, slice path)
{
    slice id;
    return match_path(r->path, path, &id);
}

/* method NULL: the first route of the path, which gives an error its dialect. */
static const route *find_route(slice path, const slice *method)
{
    for (size_t i = 0; i < ROUTES; i++)
        if (same_path(&routes[i], path) && (!method || same_method(&routes[i], *method)))
            return &routes[i];
    return NULL;
}

/* "POST, GET, HEAD, OPTIONS": what the path of x takes; NULL when the arena is full. */
static const char *methods_of(const exchange *x)
{
    char *list = arena_take_zero(x->arena, 1, METHODS_BYTES);
    size_t used = 0;
    for (size_t i = 0; list && i < ROUTES; i++) {
        if (!same_path(&routes[i], x->path))
            continue;
        const char *method = routes[i].method;
        const char *names = strcmp(method, "GET") == 0    ? "GET, HEAD, "
                            : strcmp(method, "POST") == 0 ? "POST, "
                                                          : "DELETE, ";
        memcpy(list + used, names, strlen(names));
        used += strlen(names);
    }
    if (list)
        memcpy(list + used, "OPTIONS", sizeof "OPTIONS");
    return list;
}

static void add_allow(exchange *x)
{
    const char *methods = methods_of(x);
    if (methods)
        exchange_add_header(x, "Allow", methods);
}

/* ---- CORS ---- */

static const char *allowed_origin(const service *s, slice origin, arena *a)
{
    for (size_t i = 0; i < s->cors_count; i++) {
        if (strcmp(s->cors_origins[i], "*") == 0)
            return "*";
        if (slice_is(origin, s->cors_origins[i]))
            return arena_copy(a, origin).data;
    }
    return NULL;
}

/* Credentials are never allowed: a bearer key is given by the page itself. */
static bool add_cors(const service *s, exchange *x)
{
    slice origin = exchange_header(x, "origin");
    if (s->cors_count == 0)
        return false;
    exchange_add_header(x, "Vary", "Origin");
    const char *allowed = origin.data ? allowed_origin(s, origin, x->arena) : NULL;
    if (!allowed)
        return false;
    exchange_add_header(x, "Access-Control-Allow-Origin", allowed);
    exchange_add_header(x, "Access-Control-Expose-Headers", "x-request-id, Retry-After, traceresponse");
    return true;
}

static void answer_options(exchange *x, bool cors)
{
    add_allow(x);
    if (cors) {
        const char *methods = methods_of(x);
        exchange_add_header(x, "Access-Control-Allow-Methods", methods ? methods : "POST, GET");
        exchange_add_header(x, "Access-Control-Allow-Headers", "Authorization, Content-Type");
        exchange_add_header(x, "Access-Control-Max-Age", "600");
    }
    exchange_answer(x, 204, NULL, (slice){ "", 0 });
}

/* ---- the body's declaration ---- */

static slice trimmed(slice s)
{
    while (s.length && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = (slice){ s.data + 1, s.length - 1 };
    while (s.length && (s.data[s.length - 1] == ' ' || s.data[s.length - 1] == '\t'))
        s.length--;
    return s;
}

static bool same_word(slice s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.data, word, s.length) == 0;
}

/* What stands before the separator; *rest moves behind it. */
static slice next_part(slice *rest, char separator)
{
    const char *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    slice part = { rest->data, end ? (size_t)(end - rest->data) : rest->length };
    size_t used = part.length + (end ? 1 : 0);
    *rest = (slice){ rest->data + used, rest->length - used };
    return trimmed(part);
}

static bool is_utf8_parameter(slice parameter)
{
    slice rest = parameter;
    if (!same_word(next_part(&rest, '='), "charset"))
        return true;
    slice value = trimmed(rest);
    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"')
        value = (slice){ value.data + 1, value.length - 2 };
    return same_word(value, "utf-8") || same_word(value, "utf8");
}

static bool is_type(slice content_type, const char *wanted)
{
    slice rest = content_type;
    if (!same_word(next_part(&rest, ';'), wanted))
        return false;
    while (rest.length)
        if (!is_utf8_parameter(next_part(&rest, ';')))
            return false;
    return true;
}

static bool check_declaration(exchange *x)
{
    slice encoding = exchange_header(x, "content-encoding");
    slice type = exchange_header(x, "content-type");
    x->streams = x->route->stream && is_type(type, "application/x-ndjson");
    if (!x->streams && !is_type(type, "application/json")) {
        api_error_answer(x, API_UNSUPPORTED_MEDIA_TYPE, NULL, "Content-Type must be application/json%s, in UTF-8",
                         x->route->stream ? " or application/x-ndjson" : "");
        return false;
    }
    if (encoding.data && !same_word(trimmed(encoding), "identity")) {
        api_error_answer(x, API_UNSUPPORTED_ENCODING, NULL,
                         "Content-Encoding is not supported; send the body as it is");
        return false;
    }
    return true;
}

/* Each holds its results until its end; a few too many may slip in together. */
static bool check_streams(service *s, exchange *x)
{
    if (x->streams && atomic_load(&s->streams) >= PAIR_STREAMS_MAX)
        api_error_answer(x, API_OVERLOADED, NULL, "%d NDJSON bodies are being read; try again later", PAIR_STREAMS_MAX);
    return x->status == 0;
}

/* ---- who, and when ---- */

static bool check_access(service *s, exchange *x)
{
    if (!s->auth || x->route->access == ACCESS_PUBLIC)
        return true;
    slice authorization = exchange_header(x, "authorization");
    x->client = auth_check(s->auth, authorization);
    if (!x->client)
        api_error_answer(x, API_UNAUTHORIZED, NULL,
                         authorization.data ? "the key in Authorization opens nothing"
                                            : "a key is needed: Authorization: Bearer <key>");
    return x->client != NULL;
}

static bool check_state(service *s, exchange *x)
{
    if (atomic_load(&s->draining))
        api_error_answer(x, API_DRAINING, NULL, "the server is shutting down");
    else if (!atomic_load(&s->ready))
        api_error_answer(x, API_NOT_READY, NULL, "the models are being loaded or checked");
    return x->status == 0;
}

/* ---- the handlers that http.c calls ---- */

static const char metrics_path[] = "/metrics";

static void on_headers(void *context, exchange *x)
{
    service *s = context;
    bool cors = add_cors(s, x);
    bool elsewhere = s->metrics_apart && slice_is(x->path, metrics_path);
    x->route = elsewhere ? NULL : find_route(x->path, NULL);
    if (!x->route) {
        api_error_answer(x, API_NOT_FOUND, NULL, "there is no such path");
        return;
    }
    if (slice_is(x->method, "OPTIONS")) {
        answer_options(x, cors);
        return;
    }
    const route *found = find_route(x->path, &x->method);
    if (!found) {
        add_allow(x);
        api_error_answer(x, API_METHOD_NOT_ALLOWED, NULL,
                         "this path does not take that method; the header Allow lists them");
        return;
    }
    x->route = found;
    if (check_access(s, x) && strcmp(found->method, "POST") == 0 && check_state(s, x)
        && check_declaration(x))
        (void)check_streams(s, x);
}

static void on_metrics_headers(void *context, exchange *x)
{
    (void)context;
    x->route = slice_is(x->path, metrics_path) ? find_route(x->path, &x->method) : NULL;
    if (!x->route)
        api_error_answer(x, API_NOT_FOUND, NULL, "this port has GET /metrics and nothing else");
}

/* A body that streams keeps the generation of its first part. */
static size_t on_part(void *context, exchange *x, slice bytes)
{
    service *s = context;
    if (!x->generation)
        x->generation = generations_take(s->generations);
    return x->route->stream->part(s, x, bytes);
}

static void on_request(void *context, exchange *x)
{
    service *s = context;
    if (!x->generation)
        x->generation = generations_take(s->generations);
    (x->streams ? x->route->stream->end : x->route->handle)(s, x);
}

static void on_resumed(void *context, exchange *x)
{
    (x->streams ? x->route->stream->finish : x->route->finish)(context, x);
}

static void on_completed(void *context, exchange *x)
{
    const service *s = context;
    size_t index = x->route ? (size_t)(x->route - routes) : ROUTES;
    if (x->status)
        metrics_request(s->metrics, index, x->status, (double)(clock_now_ns() - x->received_ns) / 1e9);
    auth_count(x->client, x->status);
    log_access(x);
    if (x->ending)
        x->ending(x);
    auth_give(x->client);
    x->client = NULL;
    generations_give(x->generation);
    x->generation = NULL;
}

/* http.c has dropped what was answered so far, headers included. */
static void on_refused(void *context, exchange *x, int code, const char *message)
{
    (void)add_cors(context, x);
    if (!x->route)
        x->route = find_route(x->path, NULL);
    api_error_answer(x, (api_error)code, NULL, "%s", message);
}

http_handlers router_handlers(struct service *s)
{
    return (http_handlers){ .on_headers = on_headers,
                            .on_part = on_part,
                            .on_request = on_request,
                            .on_resumed = on_resumed,
                            .on_completed = on_completed,
                            .on_refused = on_refused,
                            .context = s };
}

http_handlers router_metrics_handlers(struct service *s)
{
    http_handlers handlers = router_handlers(s);
    handlers.on_headers = on_metrics_headers;
    return handlers;
}
