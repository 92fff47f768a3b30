/* request.c - see request.h.
 *
 * The library calls back with the raw URI (the request is made here), with the headers, with each part of the body,
 * with the end of it, after a resume, and when the request is over (the request dies there and nowhere else).
 * request.stage says which of these comes next. The guard runs on every request before anything else.
 */
#include "server/request.h"

#include "server/api_error.h"
#include "server/guard.h"
#include "server/reaper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    FIRST_ARENA_BYTES = 8 * 1024,
    FIRST_BODY_BYTES = 4 * 1024,          /* of a chunked body */
    PRODUCE_BYTES = 16 * 1024,            /* of an answer in parts */
    WRITE_BYTES_PER_S = 64 * 1024         /* slower readers are cut off */
};

static const int64_t NS_PER_S = 1000000000;

/* The last resort when there is no memory even for an error: the only JSON in this file. */
static const char no_memory_body[] = "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"the server is out of "
                                     "memory\",\"param\":null,\"request_id\":null}}";

typedef enum { STAGE_HEADERS, STAGE_BODY, STAGE_WORK } request_stage;

typedef struct {
    exchange x;                           /* first: handlers get its address */
    slice uri;                            /* raw, in the arena */
    request_stage stage;
    bool announced;                       /* on_completed is owed */
    bool has_body, expects_continue;
    bool lines;                           /* NDJSON: no room is made for the whole body */
    bool discard;                         /* answered or refused already: read the body and forget it */
    bool too_large;
    int64_t write_ns;                     /* for each part of an answer in parts */
    char *body;
    size_t body_capacity, body_seen;      /* seen: discarded bytes count, too */
} request;

typedef struct { header *headers; size_t count, capacity; } header_list;

static void set_deadline(request *r, int64_t at)
{
    atomic_store_explicit(&r->x.connection->deadline_ns, at, memory_order_relaxed);
}

/* ---- one request: birth and death ---- */

static request *request_open(const request_desk *desk, connection *c, const char *uri)
{
    request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    size_t first = desk->options.arena_bytes < FIRST_ARENA_BYTES ? 0 : FIRST_ARENA_BYTES;
    r->x.connection = c;
    r->x.received_ns = clock_now_ns();
    r->x.arena = arena_open(first, desk->options.arena_bytes);
    if (!r->x.arena) {
        free(r);
        return NULL;
    }
    r->uri = arena_copy(r->x.arena, slice_of(uri));
    return r;
}

static void request_close(request *r)
{
    if (!r)
        return;
    arena_close(r->x.arena);
    free(r);
}

static connection *connection_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The request line is complete and still as it was sent; afterwards the library decodes it in place. */
void *request_on_uri(void *context, const char *uri, struct MHD_Connection *library)
{
    request_desk *desk = context;
    connection *c = connection_of(library);
    if (!c)
        return NULL;
    int64_t until = clock_now_ns() + desk->options.header_ns;
    if (until < atomic_load_explicit(&c->deadline_ns, memory_order_relaxed))
        atomic_store_explicit(&c->deadline_ns, until, memory_order_relaxed);
    c->suspended = false;
    return request_open(desk, c, uri);
}

void request_on_completed(void *context, struct MHD_Connection *library, void **state,
                         enum MHD_RequestTerminationCode why)
{
    request_desk *desk = context;
    request *r = *state;
    (void)library, (void)why;
    if (!r)
        return;
    set_deadline(r, clock_now_ns() + desk->options.idle_ns);
    if (r->announced) {
        desk->handlers.on_completed(desk->handlers.context, &r->x);
        atomic_fetch_sub_explicit(&desk->in_flight, 1, memory_order_relaxed);
    }
    request_close(r);
    *state = NULL;
}

/* ---- the answer ---- */

static bool says_how_to_keep(const exchange *x)
{
    for (size_t i = 0; i < x->header_count; i++)
        if (strcmp(x->headers[i].name, MHD_HTTP_HEADER_CACHE_CONTROL) == 0)
            return true;
    return false;
}

/* An answer is nobody's to keep unless its route says otherwise. */
static bool add_headers(struct MHD_Response *response, const exchange *x, bool close_connection)
{
    bool ok = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES
           && MHD_add_response_header(response, "x-request-id", x->request_id) == MHD_YES;
    if (ok && !says_how_to_keep(x))
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES;
    if (ok && x->trace.trace_id[0]) {
        char trace_header[TRACE_HEADER_BYTES];
        trace_write(&x->trace, trace_header);
        ok = MHD_add_response_header(response, "traceresponse", trace_header) == MHD_YES;
    }
    if (ok && x->content_type)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, x->content_type) == MHD_YES;
    for (size_t i = 0; ok && i < x->header_count; i++)
        ok = MHD_add_response_header(response, x->headers[i].name, x->headers[i].value) == MHD_YES;
    if (ok && close_connection)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    return ok;
}

/* The library asks for the next part of an answer; each has its own deadline. */
static ssize_t produce(void *context, uint64_t position, char *out, size_t room)
{
    request *r = context;
    (void)position;
    size_t written = r->x.produce(&r->x, out, room);
    set_deadline(r, clock_now_ns() + r->write_ns);
    return written ? (ssize_t)written : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *response_of(request *r)
{
    void *bytes = (void *)(uintptr_t)(r->x.answer.length ? r->x.answer.data : "");
    if (r->x.produce)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PRODUCE_BYTES, produce, r, NULL);
    return MHD_create_response_from_buffer(r->x.answer.length, bytes, MHD_RESPMEM_PERSISTENT);
}

/* The body stays where it is: the arena outlives the response, which the library drops before on_completed returns. */
static enum MHD_Result answer(request_desk *desk, request *r)
{
    exchange *x = &r->x;
    r->write_ns = desk->options.write_ns;
    struct MHD_Response *response = response_of(r);
    if (!response)
        return MHD_NO;
    if (atomic_load_explicit(&desk->close_after_answer, memory_order_relaxed))
        x->close_connection = true;
    enum MHD_Result queued = MHD_NO;
    if (add_headers(response, x, x->close_connection))
        queued = MHD_queue_response(x->connection->library, (unsigned)x->status, response);
    MHD_destroy_response(response);
    int64_t patience = desk->options.write_ns + (int64_t)(x->answer.length / WRITE_BYTES_PER_S) * NS_PER_S;
    set_deadline(r, clock_now_ns() + patience);
    return queued;
}

static void refuse(request_desk *desk, request *r, api_error code, const char *message)
{
    r->x.status = 0;
    r->x.header_count = 0;
    r->x.produce = NULL;
    desk->handlers.on_refused(desk->handlers.context, &r->x, (int)code, message);
    if (r->x.status == 0)
        exchange_answer(&r->x, 503, "application/json", slice_of(no_memory_body));
    r->x.close_connection = true;
}

/* There is not even a request. */
static enum MHD_Result answer_without_memory(struct MHD_Connection *library)
{
    void *body = (void *)(uintptr_t)no_memory_body;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof no_memory_body - 1, body, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result queued = MHD_queue_response(library, 503, response);
    MHD_destroy_response(response);
    return queued;
}

/* ---- headers complete ---- */

static bool well_formed_id(slice id)
{
    if (id.length == 0 || id.length > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.length; i++) {
        char c = id.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!fine && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* Spreads a counter over all bits (the finaliser of SplitMix64), so that ids of two processes hardly meet. */
static uint64_t next_id(request_desk *desk)
{
    uint64_t z = desk->id_seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)atomic_fetch_add(&desk->ids, 1);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void choose_ids(request_desk *desk, exchange *x)
{
    slice parent = exchange_header(x, "traceparent");
    if (parent.data)
        (void)trace_read(&x->trace, parent, next_id(desk));
    slice offered = exchange_header(x, "x-request-id");
    if (well_formed_id(offered))
        memcpy(x->request_id, offered.data, offered.length);
    else
        (void)snprintf(x->request_id, sizeof x->request_id, "%016llx", (unsigned long long)next_id(desk));
}

/* "http://host/path?query" and "/path?query" both give "/path" (RFC 9112 3.2.2 wants the absolute form accepted). */
static slice path_of(slice uri)
{
    static const char *const schemes[] = { "http://", "https://" };
    slice path = uri;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (uri.length < length || memcmp(uri.data, schemes[i], length) != 0)
            continue;
        const char *slash = memchr(uri.data + length, '/', uri.length - length);
        path = slash ? (slice){ slash, (size_t)(uri.data + uri.length - slash) } : slice_of("/");
    }
    const char *query = path.length ? memchr(path.data, '?', path.length) : NULL;
    if (query)
        path.length = (size_t)(query - path.data);
    return path;
}

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *key, size_t key_length,
                               const char *value, size_t value_length)
{
    header_list *list = context;
    (void)kind;
    if (list->count == list->capacity)
        return MHD_NO;
    list->headers[list->count].name = (slice){ key, key_length };
    list->headers[list->count].value = (slice){ value ? value : "", value ? value_length : 0 };
    list->count++;
    return MHD_YES;
}

static bool says_lines(const exchange *x)
{
    static const char type[] = "application/x-ndjson";
    slice said = exchange_header(x, "content-type");
    return said.length >= sizeof type - 1 && strncasecmp(said.data, type, sizeof type - 1) == 0;
}

static size_t body_limit(const request_desk *desk, const request *r)
{
    return r->lines ? desk->options.stream_bytes : desk->options.body_bytes;
}

/* False: the arena is full. */
static bool judge(const request_desk *desk, request *r, const char *method, const char *version, guard_verdict *verdict)
{
    struct MHD_Connection *library = r->x.connection->library;
    int known = MHD_get_connection_values_n(library, MHD_HEADER_KIND, NULL, NULL);
    header_list list = { .capacity = known > 0 ? (size_t)known : 0 };
    list.headers = arena_take(r->x.arena, list.capacity, sizeof *list.headers);
    r->x.method = arena_copy(r->x.arena, slice_of(method));
    if (!list.headers || !r->x.method.data || !r->uri.data)
        return false;
    (void)MHD_get_connection_values_n(library, MHD_HEADER_KIND, collect, &list);
    r->lines = says_lines(&r->x) && desk->options.stream_bytes > 0;
    *verdict = guard_check(r->x.method, r->uri, slice_of(version), list.headers, list.count, body_limit(desk, r));
    return true;
}

/* Whole at once when the length is known; it has passed the guard, so it is within the limit. */
static bool reserve_body(const request_desk *desk, request *r)
{
    slice length = exchange_header(&r->x, "content-length");
    bool chunked = exchange_header(&r->x, "transfer-encoding").data != NULL;
    size_t bytes = length.data ? (size_t)strtoull(length.data, NULL, 10) : 0;
    r->has_body = chunked || bytes > 0;
    r->expects_continue = exchange_header(&r->x, "expect").data != NULL;
    if (chunked)
        bytes = desk->options.body_bytes < FIRST_BODY_BYTES ? desk->options.body_bytes : FIRST_BODY_BYTES;
    if (!r->has_body || r->lines)
        return true;
    r->body = arena_take(r->x.arena, bytes + 1, 1);
    r->body_capacity = bytes;
    return r->body != NULL;
}

/* An answer before the body can go out at once, which costs the connection (the body would be read as the next
 * request), or after the body has been read and forgotten, which keeps it. The second is kinder to clients, but
 * strangers (401) and clients that wait for 100 Continue get the first. */
static bool answers_at_once(const request *r)
{
    return r->has_body && (r->x.close_connection || r->x.status == 401 || r->expects_continue);
}

static enum MHD_Result headers_complete(request_desk *desk, request *r, const char *method, const char *version)
{
    exchange *x = &r->x;
    guard_verdict verdict = { 0 };
    r->stage = STAGE_BODY;
    r->announced = true;
    atomic_fetch_add_explicit(&desk->in_flight, 1, memory_order_relaxed);
    choose_ids(desk, x);
    bool enough = judge(desk, r, method, version, &verdict);
    x->path = path_of(r->uri);
    if (!enough || (verdict.api_error == API_OK && !reserve_body(desk, r))) {
        refuse(desk, r, API_OUT_OF_MEMORY, "the request does not fit into the memory that one request may use");
        return answer(desk, r);
    }
    if (verdict.api_error != API_OK) {
        refuse(desk, r, (api_error)verdict.api_error, verdict.message);
        return answer(desk, r);
    }
    desk->handlers.on_headers(desk->handlers.context, x);
    if (x->status && answers_at_once(r)) {
        x->close_connection = true;
        return answer(desk, r);
    }
    r->discard = x->status != 0;
    if (r->lines && !x->streams)
        r->discard = true;    /* the router has refused it */
    x->patience_ns = x->streams ? desk->options.body_ns : 0;
    set_deadline(r, clock_now_ns() + desk->options.body_ns);
    return MHD_YES;
}

/* ---- the body ---- */

static bool grow_body(const request_desk *desk, request *r, size_t needed)
{
    size_t capacity = r->body_capacity ? r->body_capacity : 1;
    while (capacity < needed)
        capacity = capacity > desk->options.body_bytes / 2 ? desk->options.body_bytes : capacity * 2;
    char *grown = arena_take(r->x.arena, capacity + 1, 1);
    if (!grown)
        return false;
    if (r->body_seen)
        memcpy(grown, r->body, r->body_seen);
    r->body = grown;
    r->body_capacity = capacity;
    return true;
}

/* No answer can be queued while a body is coming in, so one that is too large is counted and forgotten up to twice
 * the limit; then the connection is dropped. */
static enum MHD_Result body_part(request_desk *desk, request *r, const char *bytes, size_t length)
{
    size_t limit = desk->options.body_bytes;
    size_t seen = r->body_seen + length;
    if (seen > 2 * limit && seen - limit > limit)
        return MHD_NO;
    if (!r->discard && seen > limit) {
        r->discard = r->too_large = true;
        r->body = NULL;
    }
    if (!r->discard && seen > r->body_capacity && !grow_body(desk, r, seen))
        r->discard = true;
    if (!r->discard)
        memcpy(r->body + r->body_seen, bytes, length);
    r->body_seen = seen;
    return MHD_YES;
}

/* The client has body_ns for every part. The deadline is set before the handler suspends: once it has, the resume sets
 * the next one, perhaps before this returns. */
static enum MHD_Result stream_part(request_desk *desk, request *r, slice bytes, size_t *left)
{
    exchange *x = &r->x;
    x->connection->suspended = false;
    set_deadline(r, REAPER_NEVER);
    size_t used = desk->handlers.on_part(desk->handlers.context, x, bytes);
    *left = bytes.length - used;
    if (!x->connection->suspended)
        set_deadline(r, clock_now_ns() + desk->options.body_ns);
    r->body_seen += used;
    return r->body_seen > desk->options.stream_bytes ? MHD_NO : MHD_YES;
}

static enum MHD_Result after_handler(request_desk *desk, request *r)
{
    /* first of all: once suspended the exchange may be in another thread's hands */
    if (r->x.connection->suspended)
        return MHD_YES;
    if (r->x.status == 0)
        refuse(desk, r, API_INTERNAL, "the request was not answered");
    return answer(desk, r);
}

static enum MHD_Result body_complete(request_desk *desk, request *r)
{
    exchange *x = &r->x;
    r->stage = STAGE_WORK;
    x->connection->suspended = false;
    x->body_ns = clock_now_ns();
    set_deadline(r, REAPER_NEVER);
    if (r->too_large) {
        char message[64];
        (void)snprintf(message, sizeof message, "the body is larger than %zu bytes", desk->options.body_bytes);
        refuse(desk, r, API_PAYLOAD_TOO_LARGE, message);
    } else if (x->status == 0 && r->discard) {
        refuse(desk, r, API_OUT_OF_MEMORY, "the body does not fit into the memory that one request may use");
    }
    if (x->status != 0)
        return answer(desk, r);
    if (r->body)
        r->body[r->body_seen] = '\0';
    x->body = (slice){ r->body ? r->body : "", r->body ? r->body_seen : 0 };
    desk->handlers.on_request(desk->handlers.context, x);
    return after_handler(desk, r);
}

static enum MHD_Result resumed(request_desk *desk, request *r)
{
    r->x.connection->suspended = false;
    if (r->x.status == 0)
        desk->handlers.on_resumed(desk->handlers.context, &r->x);
    return after_handler(desk, r);
}

enum MHD_Result request_on_access(void *context, struct MHD_Connection *library, const char *url, const char *method,
                                 const char *version, const char *upload, size_t *upload_length, void **state)
{
    request_desk *desk = context;
    request *r = *state;
    (void)url;
    if (!r)
        return answer_without_memory(library);
    switch (r->stage) {
    case STAGE_HEADERS:
        return headers_complete(desk, r, method, version);
    case STAGE_BODY:
        if (*upload_length == 0)
            return body_complete(desk, r);
        size_t length = *upload_length;
        if (r->x.streams && !r->discard)
            return stream_part(desk, r, (slice){ upload, length }, upload_length);
        *upload_length = 0;
        return body_part(desk, r, upload, length);
    case STAGE_WORK:
        return resumed(desk, r);
    }
    return MHD_NO;
}
