/* session.c - see session.h.
 *
 * Texts are packed one behind the other into forwards of up to max_tokens, in the order they came:
 * there is no padding, so nothing is gained by sorting them by length.
 */
#include "server/cli/session.h"

#include "server/cli/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORWARD_TOKENS_MIN = 2048, FORWARD_TEXTS = 1024, ARENA_FIRST_BYTES = 1 << 20,
       WHERE_BYTES = 32 };

struct session {
    registry *registry;
    const model *model;
    pool *pool;
    model_runner *runner;
    arena *arena;                 /* tokens of the texts since the last clear */
    size_t max_tokens, dimensions, cut;
    truncation truncate;
    size_t count, tokens;
    size_t text_capacity, token_capacity, vector_capacity;
    session_text *texts;          /* [count] */
    uint32_t *ids;                /* [tokens] */
    float *vectors;               /* [count][dimensions] */
};

truncation session_truncation(const char *name)
{
    static const char *const names[] = { [TRUNCATE_RIGHT] = "right", [TRUNCATE_LEFT] = "left",
                                         [TRUNCATE_MIDDLE] = "middle", [TRUNCATE_NONE] = "none" };
    truncation kind = TRUNCATE_RIGHT;
    while (kind < TRUNCATE_NONE && strcmp(names[kind], name) != 0)
        kind++;
    return kind;
}

status session_open(session **out, const options *o, errinfo *err)
{
    session *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ST_NOMEM, "out of memory");
    s->truncate = session_truncation(o->truncate);
    status st = registry_open(&s->registry, o->models, o->model_count, err);
    if (st) goto bad;
    s->model = registry_at(s->registry, 0);
    s->dimensions = model_describe(s->model)->dimensions;
    if (!model_trained_for(s->model, model_default_attention(s->model)))
        (void)fprintf(stderr, "rosim: %s attention, which the model was not trained for\n",
                      attention_name(model_default_attention(s->model)));
    s->max_tokens = model_describe(s->model)->config->max_length;
    if (s->max_tokens < FORWARD_TOKENS_MIN)
        s->max_tokens = FORWARD_TOKENS_MIN;
    st = pool_open(&s->pool, o->threads, err);
    if (st) goto bad;
    st = model_runner_open(&s->runner, &s->model, 1, s->pool, s->max_tokens, FORWARD_TEXTS, err);
    if (st) goto bad;
    s->arena = arena_open(ARENA_FIRST_BYTES, SIZE_MAX / 2);
    if (!s->arena) {
        st = fail(err, ST_NOMEM, "out of memory");
        goto bad;
    }
    *out = s;
    return ST_OK;
bad:
    session_close(s);
    return st;
}

void session_close(session *s)
{
    if (!s)
        return;
    if (s->cut > 0)
        (void)fprintf(stderr, "rosim: %zu texts were longer than %zu tokens and were cut\n", s->cut,
                      model_describe(s->model)->config->max_length);
    model_runner_close(s->runner);
    pool_close(s->pool);
    registry_close(s->registry);
    arena_close(s->arena);
    free(s->texts);
    free(s->ids);
    free(s->vectors);
    free(s);
}

const model *session_model(const session *s)
{
    return s->model;
}

/* The array with room for `needed` items (at least one), NULL when there is no memory: the old one
 * is then as it was. The capacity at least doubles, so that growing costs linear time in all. */
static void *grown(void *array, size_t *capacity, size_t needed, size_t size)
{
    size_t bytes, wanted = *capacity * 2 > needed ? *capacity * 2 : needed;
    if (needed <= *capacity)
        return array;
    void *larger = size_multiply(wanted, size, &bytes) ? realloc(array, bytes) : NULL;
    if (larger)
        *capacity = wanted;
    return larger;
}

static bool make_room(session *s, size_t tokens)
{
    void *texts = grown(s->texts, &s->text_capacity, s->count + 1, sizeof *s->texts);
    if (texts)
        s->texts = texts;
    void *ids = grown(s->ids, &s->token_capacity, s->tokens + tokens, sizeof *s->ids);
    if (ids)
        s->ids = ids;
    return texts && ids;
}

status session_add(session *s, slice text, const char *where, errinfo *err)
{
    errinfo why;
    token_list list;
    size_t limit = model_describe(s->model)->config->max_length;
    status st = lines_check_text(text, where, err);
    if (st)
        return st;
    tokenize_options how = { .max_tokens = limit, .truncate = s->truncate };
    st = tokenizer_encode(model_tokenizer(s->model), text, &how, s->arena, &list, &why);
    if (st)
        return fail(err, st, "%s: %s", where, why.text);
    if (list.count > limit)
        return fail(err, ST_INPUT, "%s: %zu tokens, the model takes %zu (see --truncate)", where,
                    list.total, limit);
    if (!make_room(s, list.count))
        return fail(err, ST_NOMEM, "%s: out of memory", where);
    memcpy(s->ids + s->tokens, list.ids, list.count * sizeof *s->ids);
    s->texts[s->count++] = (session_text){ .start = s->tokens, .total = list.total,
                                           .kept = list.count, .unknown = list.unknown };
    s->tokens += list.count;
    s->cut += list.total > list.count;
    return ST_OK;
}

status session_add_arguments(session *s, const options *o, errinfo *err)
{
    char where[WHERE_BYTES];
    for (size_t i = 0; i < o->argument_count; i++) {
        (void)snprintf(where, sizeof where, "text %zu", i + 1);
        status st = session_add(s, slice_of(o->arguments[i]), where, err);
        if (st)
            return st;
    }
    return ST_OK;
}

size_t session_count(const session *s)
{
    return s->count;
}

const session_text *session_text_at(const session *s, size_t index)
{
    return &s->texts[index];
}

/* One forward: texts from `first` on, as many as fit; returns how many. */
static status encode_some(session *s, size_t first, size_t *done, errinfo *err)
{
    uint32_t starts[FORWARD_TEXTS + 1] = { 0 };
    size_t count = 0, base = s->texts[first].start;
    while (count < FORWARD_TEXTS && first + count < s->count
           && starts[count] + s->texts[first + count].kept <= s->max_tokens) {
        starts[count + 1] = (uint32_t)(starts[count] + s->texts[first + count].kept);
        count++;
    }
    *done = count;
    return model_encode(s->model, s->runner, s->ids + base, starts, count,
                        model_default_attention(s->model), s->vectors + first * s->dimensions, err);
}

status session_encode(session *s, errinfo *err)
{
    size_t needed, count;
    if (s->count == 0)
        return ST_OK;
    void *vectors = size_multiply(s->count, s->dimensions, &needed)
        ? grown(s->vectors, &s->vector_capacity, needed, sizeof *s->vectors) : NULL;
    if (!vectors)
        return fail(err, ST_NOMEM, "out of memory for %zu vectors", s->count);
    s->vectors = vectors;
    for (size_t first = 0; first < s->count; first += count) {
        status st = encode_some(s, first, &count, err);
        if (st)
            return st;
    }
    return ST_OK;
}

const float *session_vector(const session *s, size_t index)
{
    return s->vectors + index * s->dimensions;
}

void session_clear(session *s)
{
    arena_reset(s->arena);
    s->count = s->tokens = 0;
}
