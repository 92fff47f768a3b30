/* collector.c - see collector.h. The tail is a ring behind the head; it is turned into order once, at the end. */
#include "model/text/collector.h"

#include <string.h>

enum { FIRST_ROOM = 4096, SPECIAL_ROOM = 16 };

static uint32_t *grow_one(collector *c, uint32_t *old, size_t used, size_t room)
{
    uint32_t *larger = arena_take(c->memory, room, sizeof *larger);
    if (larger && used > 0)
        memcpy(larger, old, used * sizeof *larger);
    return larger;
}

/* Makes room for the special tokens on both sides, too. */
static void grow(collector *c, size_t used, size_t room, bool offsets)
{
    uint32_t *ids = grow_one(c, c->ids, used, room);
    uint32_t *starts = offsets ? grow_one(c, c->starts, used, room) : NULL;
    uint32_t *ends = offsets ? grow_one(c, c->ends, used, room) : NULL;
    if (!ids || (offsets && (!starts || !ends))) {
        c->failed = true;
        return;
    }
    c->ids = ids;
    c->starts = starts;
    c->ends = ends;
    c->room = room;
}

static void set_bounds(collector *c, const tokenize_options *options, size_t special)
{
    size_t content = options->max_tokens > special ? options->max_tokens - special : 0;
    c->head = SIZE_MAX;
    c->tail = 0;
    if (options->max_tokens == 0 || options->truncate == TRUNCATE_NONE)
        return;
    c->tail = options->truncate == TRUNCATE_LEFT ? content : options->truncate == TRUNCATE_MIDDLE ? content / 2 : 0;
    c->head = content - c->tail;
}

void collector_init(collector *c, arena *memory, const tokenize_options *options, size_t special, size_t expected)
{
    *c = (collector){ .memory = memory };
    set_bounds(c, options, special);
    size_t kept = c->head == SIZE_MAX || expected < c->head + c->tail ? expected : c->head + c->tail;
    grow(c, 0, (kept < FIRST_ROOM ? kept : FIRST_ROOM) + SPECIAL_ROOM, options->offsets);
}

void collector_put(collector *c, uint32_t id, uint32_t start, uint32_t end)
{
    size_t at = c->total++;
    if (at >= c->head) {
        if (c->tail == 0)
            return;
        at = c->head + (at - c->head) % c->tail;
    }
    if (at + SPECIAL_ROOM >= c->room && !c->failed)
        grow(c, at, 2 * c->room, c->starts != NULL);
    if (c->failed)
        return;
    c->ids[at] = id;
    if (c->starts) {
        c->starts[at] = start;
        c->ends[at] = end;
    }
}

static void reverse(uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t value = values[i];
        values[i] = values[count - 1 - i];
        values[count - 1 - i] = value;
    }
}

/* Moves the first `by` values to the end. */
static void rotate(uint32_t *values, size_t count, size_t by)
{
    reverse(values, by);
    reverse(values + by, count - by);
    reverse(values, count);
}

/* The ring's tokens in order, and the special ones around; offsets of special tokens are 0. */
static void arrange(const collector *c, uint32_t *values, size_t kept, const uint32_t *before, size_t before_count,
                    const uint32_t *after, size_t after_count)
{
    if (c->tail > 0 && c->total > c->head + c->tail)
        rotate(values + c->head, c->tail, (c->total - c->head) % c->tail);
    memmove(values + before_count, values, kept * sizeof *values);
    for (size_t i = 0; i < before_count; i++)
        values[i] = before ? before[i] : 0;
    for (size_t i = 0; i < after_count; i++)
        values[before_count + kept + i] = after ? after[i] : 0;
}

status collector_finish(collector *c, const uint32_t *before, size_t before_count, const uint32_t *after,
                        size_t after_count, token_list *out, errinfo *err)
{
    size_t special = before_count + after_count;
    if (c->failed)
        return fail(err, ST_NOMEM, "out of memory for the tokens of a text (%zu)", c->total);
    size_t kept = c->head == SIZE_MAX || c->total < c->head + c->tail ? c->total : c->head + c->tail;
    arrange(c, c->ids, kept, before, before_count, after, after_count);
    if (c->starts) {
        arrange(c, c->starts, kept, NULL, before_count, NULL, after_count);
        arrange(c, c->ends, kept, NULL, before_count, NULL, after_count);
    }
    *out = (token_list){ .ids = c->ids, .starts = c->starts, .ends = c->ends,
                         .count = kept + special, .total = c->total + special };
    return ST_OK;
}
