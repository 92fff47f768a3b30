/* pair_stream.c - see pair_stream.h.
 *
 * A window is an encode_job like that of any request, on an exchange of its own: a copy of the real one with another
 * arena, emptied for each window. What that exchange is answered is the window's outcome: an error becomes the error of
 * the line that it names, and the window is tried again without that line; one that names no line is every line's.
 */
#include "server/routes/pair_stream.h"

#include "model/score/similarity.h"
#include "server/routes/encode_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 1 << 20,
    WINDOW_PAIRS = 256,
    WINDOW_BYTES = 32 * 1024,             /* of lines; so many tokens at most, but for one longer line */
    WINDOW_ARENA_BYTES = 16 << 20,
    SPOOL_BYTES = 16 << 20,
    SPOOL_BLOCK = 64 * 1024,
    ERROR_BYTES = 4096,                   /* of one line's error */
    RECORD_BYTES = ERROR_BYTES + 64
};

typedef enum { RECORD_BLANK, RECORD_SCORE, RECORD_ERROR } record_kind;

typedef struct {
    size_t number;                        /* from 1 */
    slice a, b;                           /* data NULL: no pair */
    slice error;                          /* the object {"code" ...}; data NULL: none */
    float score;
} line;

typedef struct block block;
struct block {
    block *next;
    size_t used;
    char bytes[SPOOL_BLOCK];
};

typedef struct {
    service *service;
    exchange *exchange;
    exchange shadow;                      /* of the window in hand */
    arena *texts, *work;                  /* of its lines; of one attempt to score them */

    encode_options options;
    metric metric;
    slice prompt_a, prompt_b;
    bool refused;                         /* the options were wrong: what follows is dropped, and the answer says so */
    json_fault refusal;

    char *carry;                          /* the beginning of a line whose end has not come: [LINE_BYTES] at most */
    size_t carried, carry_capacity;
    bool too_long;                        /* the line in hand: its rest is dropped */

    line lines[WINDOW_PAIRS];
    size_t count, bytes, line_number;
    size_t window_pairs, window_bytes;
    encode_job *flying;                   /* NULL: no window is being scored */
    bool scored;

    block *first, *last;                  /* results */
    size_t spooled, dropped_from;         /* dropped_from: 0, or the first line that has no result */

    block *reading;                       /* while the answer is sent */
    size_t read_at, read_line;
    char record[RECORD_BYTES];            /* what is being sent of it: from record_at to record_length */
    size_t record_at, record_length;
    bool closed;
} stream;

static stream *stream_of(const exchange *x)
{
    return x->state;
}

/* ---- birth and end ---- */

static void stream_ending(exchange *x)
{
    stream *st = stream_of(x);
    arena_close(st->texts);
    arena_close(st->work);
    atomic_fetch_sub(&st->service->streams, 1);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A window must fit into the queue: a text has at most a token a byte, and two special ones. */
static void size_window(stream *st)
{
    size_t queue = st->service->max_queue_tokens, texts = st->service->max_texts;
    st->window_pairs = least(WINDOW_PAIRS, least(texts / 2, queue / 16));
    st->window_bytes = least(WINDOW_BYTES, queue / 2);
    if (st->window_pairs == 0)
        st->window_pairs = 1;
}

/* NULL: the arena is full; then lines are read and dropped, and the end answers out_of_memory. */
static stream *stream_open(service *s, exchange *x)
{
    stream *st = stream_of(x);
    if (st)
        return st->texts && st->work ? st : NULL;
    st = arena_take_zero(x->arena, 1, sizeof *st);
    if (!st)
        return NULL;
    st->service = s;
    st->exchange = x;
    st->metric = METRIC_COSINE;
    st->texts = arena_open(WINDOW_BYTES, WINDOW_ARENA_BYTES);
    st->work = arena_open(WINDOW_BYTES, WINDOW_ARENA_BYTES);
    x->state = st;
    x->ending = stream_ending;
    atomic_fetch_add(&s->streams, 1);
    size_window(st);
    return st->texts && st->work ? st : NULL;
}

/* ---- results ---- */

static bool spool(stream *st, const void *bytes, size_t length)
{
    if (!st->last || st->last->used + length > SPOOL_BLOCK) {
        block *b = st->spooled > SPOOL_BYTES ? NULL : arena_take(st->exchange->arena, 1, sizeof *b);
        if (!b)
            return false;
        b->next = NULL;
        b->used = 0;
        if (st->last)
            st->last->next = b;
        else
            st->first = b;
        st->last = b;
        st->spooled += SPOOL_BLOCK;
    }
    memcpy(st->last->bytes + st->last->used, bytes, length);
    st->last->used += length;
    return true;
}

static bool spool_line(stream *st, const line *l)
{
    char record[3 + ERROR_BYTES];
    if (l->error.data) {
        uint16_t length = (uint16_t)least(l->error.length, ERROR_BYTES);
        record[0] = RECORD_ERROR;
        memcpy(record + 1, &length, sizeof length);
        memcpy(record + 3, l->error.data, length);
        return spool(st, record, 3U + length);
    }
    record[0] = l->a.data ? RECORD_SCORE : RECORD_BLANK;
    memcpy(record + 1, &l->score, sizeof l->score);
    return spool(st, record, l->a.data ? 1 + sizeof l->score : 1);
}

/* The window is done with: its lines become results in order. */
static void flush(stream *st)
{
    for (size_t i = 0; i < st->count && !st->dropped_from; i++)
        if (!spool_line(st, &st->lines[i]))
            st->dropped_from = st->lines[i].number;
    arena_reset(st->texts);
    st->count = st->bytes = 0;
    st->flying = NULL;
}

/* ---- errors ---- */

static void open_shadow(stream *st, arena *a)
{
    st->shadow = *st->exchange;
    st->shadow.arena = a;
    st->shadow.state = NULL;
    st->shadow.header_count = 0;
    st->shadow.status = 0;
    st->shadow.received_ns = st->shadow.body_ns = clock_now_ns();    /* each window has its own deadline */
}

/* The object inside of the answer {"error":{...}} that the shadow was given, copied beside the lines. */
static slice error_of(const stream *st)
{
    static const char out_of_memory[] = "{\"code\":\"out_of_memory\",\"message\":\"out of memory\",\"param\":null}";
    static const char open[] = "{\"error\":";
    slice body = st->shadow.answer;
    slice inner = { body.data + sizeof open - 1, body.length - sizeof open };
    slice copy = body.length > sizeof open && inner.length <= ERROR_BYTES ? arena_copy(st->texts, inner)
                                                                          : (slice){ NULL, 0 };
    return copy.data ? copy : slice_of(out_of_memory);
}

static void refuse_line(stream *st, line *l, const json_fault *fault)
{
    open_shadow(st, st->texts);
    encode_refuse(&st->shadow, fault);
    l->error = error_of(st);
    l->a.data = NULL;
}

static void refuse_all(stream *st)
{
    slice error = error_of(st);
    for (size_t i = 0; i < st->count; i++) {
        if (!st->lines[i].a.data)
            continue;
        st->lines[i].error = error;
        st->lines[i].a.data = NULL;
    }
}

/* The line that the refusal of the window names: "param":"line[17].a". False: none. */
static bool refuse_named(stream *st)
{
    static const char start[] = "\"param\":\"line[";
    const char *named = st->shadow.answer.data ? strstr(st->shadow.answer.data, start) : NULL;
    size_t number = named ? (size_t)strtoull(named + sizeof start - 1, NULL, 10) : 0;
    for (size_t i = 0; i < st->count && named; i++) {
        if (st->lines[i].number != number || !st->lines[i].a.data)
            continue;
        st->lines[i].error = error_of(st);
        st->lines[i].a.data = NULL;
        return true;
    }
    return false;
}

/* ---- scoring a window ---- */

static void score_window(encode_job *e)
{
    stream *st = *(stream **)e->request;
    for (size_t i = 0, pair = 0; i < st->count; i++) {
        line *l = &st->lines[i];
        if (!l->a.data)
            continue;
        l->score = similarity_score(st->metric, encode_vector(e, 2 * pair), encode_vector(e, 2 * pair + 1),
                                    encode_width(e)) + 0.0F;
        pair++;
        if (!isfinite(l->score)) {
            api_error_answer(e->exchange, API_INTERNAL, NULL, "a score is not a finite number");
            return;
        }
    }
    st->scored = true;
    exchange_answer(e->exchange, 200, "application/json", (slice){ "", 0 });
}

/* The inputs of the lines that have pairs; how many. NULL items: out of memory. */
static size_t list_inputs(stream *st, input **items)
{
    size_t count = 0;
    *items = arena_take(st->work, 2 * st->count, sizeof **items);
    for (size_t i = 0; *items && i < st->count; i++) {
        const line *l = &st->lines[i];
        if (!l->a.data)
            continue;
        (*items)[count++] = (input){ .text = l->a, .prompt = st->prompt_a, .field = "line", .index = l->number,
                                     .side = ".a" };
        (*items)[count++] = (input){ .text = l->b, .prompt = st->prompt_b, .field = "line", .index = l->number,
                                     .side = ".b" };
    }
    return count;
}

/* True: suspended, the window flies. False: it was answered at once, or there was nothing to score. */
static bool try_window(stream *st)
{
    input *items;
    arena_reset(st->work);
    open_shadow(st, st->work);
    size_t count = list_inputs(st, &items);
    st->scored = items && count == 0;
    encode_job *e = st->scored ? NULL : encode_open(st->service, &st->shadow, score_window, sizeof(stream *));
    if (!e || !items) {
        if (!st->scored && st->shadow.status == 0)
            api_error_answer(&st->shadow, API_OUT_OF_MEMORY, NULL, "out of memory");
        return false;
    }
    memcpy(e->request, &st, sizeof st);
    e->options = st->options;
    e->inputs = items;
    e->count = count;
    encode_start(e);
    st->flying = e->suspended ? e : NULL;
    return e->suspended;
}

/* True: suspended; land when it is over. */
static bool run_window(stream *st)
{
    while (st->count) {
        if (try_window(st))
            return true;
        if (!st->scored && refuse_named(st))
            continue;
        if (!st->scored)
            refuse_all(st);
        flush(st);
    }
    return false;
}

/* The connection has been resumed: what became of the window that flew? */
static void land(stream *st)
{
    if (!st->flying)
        return;
    if (st->shadow.status == 0)
        encode_finish(st->service, &st->shadow);
    if (!st->scored)
        refuse_all(st);
    flush(st);
}

/* ---- lines ---- */

static bool read_text(stream *st, const cJSON *value, const line *l, const char *side, slice *out, json_fault *fault)
{
    input_list list;
    request_limits one = { .texts = 1 };
    input named = { .field = "line", .index = l->number, .side = side };
    if (!inputs_open(&list, st->texts, 1, &one, "line", fault) || !inputs_add_text(&list, value, named, fault))
        return false;
    *out = list.items[0].text;
    return true;
}

static bool read_pair(stream *st, const cJSON *tree, line *l, json_fault *fault)
{
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(tree, "a"), *b = cJSON_GetObjectItemCaseSensitive(tree, "b");
    bool two = cJSON_IsArray(tree) && cJSON_GetArraySize(tree) == 2;
    if (!cJSON_IsObject(tree) && !two)
        return json_refuse(fault, API_WRONG_TYPE, NULL, "a line must be {\"a\", \"b\"} or an array of two strings");
    return read_text(st, two ? tree->child : a, l, ".a", &l->a, fault)
           && read_text(st, two ? tree->child->next : b, l, ".b", &l->b, fault);
}

static bool read_prompt(stream *st, const cJSON *options, const char *name, slice *out, json_fault *fault)
{
    if (!json_string(options, name, out, fault))
        return false;
    *out = arena_copy(st->exchange->arena, *out);
    return out->data || json_refuse(fault, API_OUT_OF_MEMORY, name, "out of memory");
}

/* Of the first line; they hold for all that follow. */
static bool read_options(stream *st, const cJSON *options, json_fault *fault)
{
    static const char *const others[] = { "calibration", "adapter", "head", "explain", "uncertainty" };
    slice metric_named = { NULL, 0 };
    request_limits limits = request_limits_of(st->service);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_member(options, others[i]))
            return json_refuse(fault, API_INVALID_VALUE, others[i], "%s works with a JSON body only", others[i]);
    if (!read_encode_options(options, &limits, st->exchange->arena, &st->options, fault)
        || !json_string(options, "metric", &metric_named, fault)
        || !read_prompt(st, options, "prompt_a", &st->prompt_a, fault)
        || !read_prompt(st, options, "prompt_b", &st->prompt_b, fault))
        return false;
    return !metric_named.data || metric_parse(metric_named, &st->metric)
           || json_refuse(fault, API_INVALID_VALUE, "metric", "metric must be cosine, dot or euclidean");
}

static bool is_blank(slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r')
            return false;
    return true;
}

static bool read_line(stream *st, slice text, line *l, json_fault *fault)
{
    static const json_limits most = { .strings = 256, .numbers = 256 };
    if (st->too_long)
        return json_refuse(fault, API_PAYLOAD_TOO_LARGE, NULL, "the line is longer than %d bytes", LINE_BYTES);
    cJSON *tree = json_parse_limited(text, &most, fault);
    if (!tree)
        return false;
    const cJSON *options = l->number == 1 ? json_member(tree, "options") : NULL;
    bool good = cJSON_IsObject(options) ? read_options(st, options, fault) : read_pair(st, tree, l, fault);
    if (cJSON_IsObject(options) && !good) {    /* scores by other options than those asked for would mislead */
        st->refused = true;
        st->refusal = *fault;
    }
    json_free(tree);
    return good;
}

/* A line is complete, without its end. */
static void take_line(stream *st, slice text)
{
    json_fault fault;
    line *l = &st->lines[st->count++];
    *l = (line){ .number = ++st->line_number };
    if ((st->too_long || !is_blank(text)) && !read_line(st, text, l, &fault))
        refuse_line(st, l, &fault);
    st->bytes += text.length;
    st->carried = 0;
    st->too_long = false;
}

/* Keeps what there is of a line; one that grows too long is dropped as it comes. */
static void carry(stream *st, slice part)
{
    size_t needed = st->carried + part.length;
    if (needed > LINE_BYTES)
        st->too_long = true;
    if (st->too_long || part.length == 0)
        return;
    if (needed > st->carry_capacity) {
        size_t capacity = st->carry_capacity ? st->carry_capacity : 1024;
        while (capacity < needed)
            capacity *= 2;
        char *grown = arena_take(st->exchange->arena, capacity + 1, 1);
        if (!grown) {
            st->too_long = true;
            return;
        }
        if (st->carried)
            memcpy(grown, st->carry, st->carried);
        st->carry = grown;
        st->carry_capacity = capacity;
    }
    memcpy(st->carry + st->carried, part.data, part.length);
    st->carried = needed;
}

static bool window_is_full(const stream *st)
{
    return st->count == st->window_pairs || st->bytes >= st->window_bytes;
}

/* ---- what the router calls ---- */

static size_t take_part(service *s, exchange *x, slice bytes)
{
    stream *st = stream_open(s, x);
    size_t at = 0;
    if (!st)
        return bytes.length;
    land(st);
    while (at < bytes.length && !st->dropped_from && !st->refused) {
        slice rest = { bytes.data + at, bytes.length - at };
        const char *end = memchr(rest.data, '\n', rest.length);
        rest.length = end ? (size_t)(end - rest.data) : rest.length;
        at += rest.length + (end ? 1 : 0);
        carry(st, rest);
        if (!end)
            break;
        take_line(st, (slice){ st->carry ? st->carry : "", st->carried });
        if (window_is_full(st) && run_window(st))
            return at;
    }
    return st->dropped_from || st->refused ? bytes.length : at;
}

static size_t produce(exchange *x, char *out, size_t room);

static void answer(stream *st)
{
    exchange *x = st->exchange;
    if (st->refused) {
        encode_refuse(x, &st->refusal);
        return;
    }
    if (st->line_number == 0) {
        api_error_answer(x, API_EMPTY_BODY, NULL, "the body is empty; a line holds a pair");
        return;
    }
    st->reading = st->first;
    x->produce = produce;
    exchange_answer(x, 200, "application/x-ndjson", (slice){ "", 0 });
}

/* The last line may lack its end. */
static void take_end(service *s, exchange *x)
{
    stream *st = stream_open(s, x);
    if (!st) {
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "out of memory");
        return;
    }
    land(st);
    if ((st->carried || st->too_long) && !st->dropped_from && !st->refused)
        take_line(st, (slice){ st->carry ? st->carry : "", st->carried });
    if (st->count && !st->refused && run_window(st))
        return;
    answer(st);
}

static void finish(service *s, exchange *x)
{
    (void)s;
    land(stream_of(x));
    answer(stream_of(x));
}

const route_stream pair_stream = { take_part, take_end, finish };

/* ---- the answer ---- */

static const char *take_bytes(stream *st, size_t length)
{
    const char *bytes = st->reading->bytes + st->read_at;
    st->read_at += length;
    return bytes;
}

/* "{"line":7,"score":0.93}" and a line end, from the next result. */
static void write_score(stream *st)
{
    char number[32];
    float score;
    memcpy(&score, take_bytes(st, sizeof score), sizeof score);
    for (int digits = 6; digits <= 9; digits++) {    /* the shortest that reads back equal */
        (void)snprintf(number, sizeof number, "%.*g", digits, (double)score);
        if (strtof(number, NULL) == score)
            break;
    }
    st->record_length = (size_t)snprintf(st->record, sizeof st->record, "{\"line\":%zu,\"score\":%s}\n", st->read_line,
                                         number);
}

static void write_error(stream *st)
{
    uint16_t length;
    memcpy(&length, take_bytes(st, sizeof length), sizeof length);
    st->record_length = (size_t)snprintf(st->record, sizeof st->record, "{\"line\":%zu,\"error\":%.*s}\n",
                                         st->read_line, (int)length, take_bytes(st, length));
}

static void write_dropped(stream *st)
{
    st->record_length = (size_t)snprintf(
        st->record, sizeof st->record,
        "{\"line\":%zu,\"error\":{\"code\":\"payload_too_large\",\"message\":\"the results of one request may take %d "
        "bytes; send the lines from %zu on again\",\"param\":null,\"request_id\":\"%s\"}}\n",
        st->dropped_from, SPOOL_BYTES, st->dropped_from, st->exchange->request_id);
}

/* Fills record with the next line of the answer; false: there is none. */
static bool next_record(stream *st)
{
    st->record_at = st->record_length = 0;
    while (st->reading && st->record_length == 0) {
        if (st->read_at == st->reading->used) {
            st->reading = st->reading->next;
            st->read_at = 0;
            continue;
        }
        record_kind kind = (record_kind)*take_bytes(st, 1);
        st->read_line++;
        if (kind == RECORD_SCORE)
            write_score(st);
        else if (kind == RECORD_ERROR)
            write_error(st);
    }
    if (st->record_length == 0 && st->dropped_from && !st->closed) {
        st->closed = true;
        write_dropped(st);
    }
    return st->record_length > 0;
}

static size_t produce(exchange *x, char *out, size_t room)
{
    stream *st = stream_of(x);
    size_t written = 0;
    while (written < room && (st->record_at < st->record_length || next_record(st))) {
        size_t length = least(room - written, st->record_length - st->record_at);
        memcpy(out + written, st->record + st->record_at, length);
        st->record_at += length;
        written += length;
    }
    return written;
}
