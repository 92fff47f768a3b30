/* base.c - see base.h. */
#define _DEFAULT_SOURCE    /* madvise */
#include "weights/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { ARENA_ALIGN = 64, ARENA_GROWTH_BYTES = 16 * 1024, HUGE_PAGE_BYTES = 2 * 1024 * 1024 };

typedef struct block {
    struct block *next;
    size_t capacity, used;    /* bytes behind the header */
    /* the header is padded to ARENA_ALIGN, so that the first take is aligned */
} block;

struct arena {
    block *first, *last;
    size_t max_bytes, used_bytes, held_bytes;
};

status fail(errinfo *err, status code, const char *format, ...)
{
    if (!err)
        return code;
    va_list arguments;
    va_start(arguments, format);
    err->code = code;
    (void)vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    return code;
}

slice slice_of(const char *text)
{
    return (slice){ text, text ? strlen(text) : 0 };
}

bool slice_equal(slice a, slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool slice_is(slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

bool size_multiply(size_t a, size_t b, size_t *product)
{
    size_t result;
    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *product = result;
    return true;
}

bool size_add(size_t a, size_t b, size_t *sum)
{
    size_t result;
    if (__builtin_add_overflow(a, b, &result))
        return false;
    *sum = result;
    return true;
}

int64_t clock_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void *long_lived_alloc(size_t bytes)
{
    size_t align = bytes >= 2 * HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : ARENA_ALIGN, rounded;
    if (!size_add(bytes, align - 1, &rounded))
        return NULL;
    rounded &= ~(align - 1);
    void *memory = aligned_alloc(align, rounded ? rounded : align);
#ifdef MADV_HUGEPAGE
    if (memory && align == HUGE_PAGE_BYTES)
        (void)madvise(memory, rounded, MADV_HUGEPAGE);    /* a refusal costs speed only */
#endif
    return memory;
}

static bool round_up(size_t bytes, size_t *rounded)
{
    if (!size_add(bytes, ARENA_ALIGN - 1, rounded))
        return false;
    *rounded &= ~(size_t)(ARENA_ALIGN - 1);
    return true;
}

static char *block_bytes(block *b)
{
    return (char *)b + ARENA_ALIGN;
}

static block *block_add(arena *a, size_t capacity)
{
    size_t total;
    if (capacity > a->max_bytes - a->held_bytes || !size_add(capacity, ARENA_ALIGN, &total))
        return NULL;
    block *b = aligned_alloc(ARENA_ALIGN, total);
    if (!b)
        return NULL;
    *b = (block){ .capacity = capacity };
    if (a->last)
        a->last->next = b;
    else
        a->first = b;
    a->last = b;
    a->held_bytes += capacity;
    return b;
}

arena *arena_open(size_t first_bytes, size_t max_bytes)
{
    size_t capacity;
    arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->max_bytes = max_bytes & ~(size_t)(ARENA_ALIGN - 1);
    if (first_bytes == 0)
        return a;
    if (!round_up(first_bytes, &capacity) || !block_add(a, capacity)) {
        arena_close(a);
        return NULL;
    }
    return a;
}

static void free_blocks(block *b)
{
    while (b) {
        block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_close(arena *a)
{
    if (!a)
        return;
    free_blocks(a->first);
    free(a);
}

void arena_reset(arena *a)
{
    a->used_bytes = 0;
    if (!a->first)
        return;
    free_blocks(a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->last = a->first;
    a->held_bytes = a->first->capacity;
}

size_t arena_used_bytes(const arena *a)
{
    return a->used_bytes;
}

/* Each new block doubles what is held, so that a large request costs few mallocs. */
static size_t next_capacity(const arena *a, size_t needed)
{
    size_t capacity = a->held_bytes > ARENA_GROWTH_BYTES ? a->held_bytes : ARENA_GROWTH_BYTES;
    size_t left = a->max_bytes - a->held_bytes;
    if (capacity > left)
        capacity = left;
    return capacity > needed ? capacity : needed;
}

void *arena_take(arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (!size_multiply(count, size, &bytes) || !round_up(bytes ? bytes : 1, &bytes))
        return NULL;
    block *b = a->last;
    if (!b || b->capacity - b->used < bytes) {
        b = block_add(a, next_capacity(a, bytes));
        if (!b)
            return NULL;
    }
    void *taken = block_bytes(b) + b->used;
    b->used += bytes;
    a->used_bytes += bytes;
    return taken;
}

void *arena_take_zero(arena *a, size_t count, size_t size)
{
    void *taken = arena_take(a, count, size);
    if (taken)
        memset(taken, 0, count * size);
    return taken;
}

slice arena_copy(arena *a, slice bytes)
{
    size_t total;
    char *copy = size_add(bytes.length, 1, &total) ? arena_take(a, total, 1) : NULL;
    if (!copy)
        return (slice){ NULL, 0 };
    if (bytes.length)
        memcpy(copy, bytes.data, bytes.length);
    copy[bytes.length] = '\0';
    return (slice){ copy, bytes.length };
}
