/* base.h - what every file may use: status, errors, slices, checked sizes, arenas, the clock.
 *
 * Owns     an arena owns its blocks; everything else here is plain data.
 * Borrows  a slice borrows its bytes: the function that returns one says how long they live.
 * Threads  all functions are pure but for the arena's, which belongs to one thread at a time.
 * Limits   an error text holds 383 bytes; a longer one is cut.
 */
#ifndef ROSIM_BASE_H
#define ROSIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, arguments_at) __attribute__((format(printf, format_at, arguments_at)))

typedef enum {
    ST_OK = 0,
    ST_INPUT,      /* the caller's data is wrong: a text, an option, an argument */
    ST_FORMAT,     /* a file is not what it should be */
    ST_IO,         /* the system refused a file, a socket or a thread */
    ST_NOMEM,      /* out of memory, or an arena's maximum is reached */
    ST_BUSY,       /* full now; the same call may succeed later */
    ST_TIMEOUT,    /* the deadline passed */
    ST_INTERNAL    /* a result that cannot be served (not finite), or a bug of ours */
} status;

typedef struct {
    status code;
    char text[384];
} errinfo;    /* written only on failure, never allocated */

/* Fills err (NULL is fine) and returns code, so that a caller can write: return fail(err, ST_IO, ...). */
PRINTF_LIKE(3, 4) status fail(errinfo *err, status code, const char *format, ...);

/* Bytes that somebody else owns; no NUL at the end unless said. */
typedef struct {
    const char *data;
    size_t length;
} slice;

slice slice_of(const char *text);                 /* of a C string, without its NUL; NULL gives the empty slice */
bool slice_equal(slice a, slice b);
bool slice_is(slice a, const char *text);         /* equal to a C string */

/* *product = a * b, *sum = a + b; false (and nothing written) when it does not fit. */
MUST_USE bool size_multiply(size_t a, size_t b, size_t *product);
MUST_USE bool size_add(size_t a, size_t b, size_t *sum);

/* Memory for what is filled once and read for long, such as weights: aligned to 64 bytes, and with huge pages advised
 * where it is large enough for them. End it with free(); NULL when out of memory. */
MUST_USE void *long_lived_alloc(size_t bytes);

int64_t clock_now_ns(void);                       /* monotonic */

/* A heap region of one lifetime: many takes, one close. Blocks are chained up to max_bytes in all. */
typedef struct arena arena;

/* first_bytes is allocated at once (0 is fine). NULL when out of memory. */
MUST_USE arena *arena_open(size_t first_bytes, size_t max_bytes);
void arena_close(arena *a);                       /* NULL is fine */
void arena_reset(arena *a);                       /* all takes end; the first block is kept */
size_t arena_used_bytes(const arena *a);

/* Uninitialised memory, aligned to 64 bytes; NULL when count * size overflows, passes the maximum, or malloc fails. */
MUST_USE void *arena_take(arena *a, size_t count, size_t size);
MUST_USE void *arena_take_zero(arena *a, size_t count, size_t size);
/* A copy with a NUL behind it; data is NULL on failure. */
MUST_USE slice arena_copy(arena *a, slice bytes);

#endif
