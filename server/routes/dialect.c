/* dialect.c - see dialect.h. A dialect is a reader, a writer and a row in the router's table; the rest is here. */
#include "server/routes/dialect.h"

#include "model/score/similarity.h"
#include "model/text/utf8.h"

#include <stdio.h>
#include <time.h>

enum { HEADER_BYTES = 24 };

static const int64_t NS_PER_MS = 1000000;

encode_job *dialect_read(service *s, exchange *x, dialect_reader *read, void (*answer)(encode_job *e),
                         size_t request_bytes)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    encode_job *e = encode_open(s, x, answer, request_bytes);
    cJSON *tree = e ? request_parse(x->body, &limits, &fault) : NULL;
    bool good = tree && read(tree, &limits, x->arena, e->request, &fault);
    json_free(tree);
    if (e && !good)
        encode_refuse(x, &fault);
    return good ? e : NULL;
}

void dialect_encode(encode_job *e)
{
    const text_request *r = e->request;
    e->options = r->options;
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->dimensions = r->dimensions;
    encode_start(e);
}

void dialect_start(service *s, exchange *x, dialect_reader *read, void (*answer)(encode_job *e),
                   size_t request_bytes)
{
    encode_job *e = dialect_read(s, x, read, answer, request_bytes);
    if (e)
        dialect_encode(e);
}

float dialect_cosine(const encode_job *e, size_t a, size_t b)
{
    return similarity_score(METRIC_COSINE, encode_vector(e, a), encode_vector(e, b), encode_width(e)) + 0.0F;
}

void dialect_usage(const encode_job *e, json_out *w)
{
    json_key(w, "usage");
    json_open(w, '{');
    json_field_integer(w, "prompt_tokens", (int64_t)e->tokens);
    json_field_integer(w, "total_tokens", (int64_t)e->tokens);
    json_close(w, '}');
}

int64_t dialect_created(void)
{
    return (int64_t)time(NULL);
}

/* ---- headers ---- */

static void add_number(exchange *x, const char *name, int64_t value)
{
    char *text = arena_take(x->arena, 1, HEADER_BYTES);
    if (!text)
        return;    /* the answer is worth more than a header */
    (void)snprintf(text, HEADER_BYTES, "%lld", (long long)(value > 0 ? value : 0));
    exchange_add_header(x, name, text);
}

static int64_t characters(const encode_job *e)
{
    size_t sum = 0;
    for (size_t i = 0; i < e->count; i++)
        sum += utf8_length(e->inputs[i].text);
    return (int64_t)sum;
}

void dialect_timings(const encode_job *e)
{
    exchange *x = e->exchange;
    const job *j = &e->job;
    exchange_add_header(x, "x-compute-type", "cpu");
    add_number(x, "x-compute-time", (clock_now_ns() - e->started_ns) / NS_PER_MS);
    add_number(x, "x-compute-characters", characters(e));
    add_number(x, "x-compute-tokens", (int64_t)e->tokens);
    add_number(x, "x-total-time", (clock_now_ns() - x->received_ns) / NS_PER_MS);
    add_number(x, "x-tokenization-time", (e->tokenized_ns - e->started_ns) / NS_PER_MS);
    add_number(x, "x-queue-time", (j->started_ns - j->queued_ns) / NS_PER_MS);
    add_number(x, "x-inference-time", (j->finished_ns - j->started_ns) / NS_PER_MS);
}
