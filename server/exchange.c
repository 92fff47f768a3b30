/* exchange.c - see exchange.h.
 *
 * Headers are read from the library's own list, which lives until the answer is sent. The rules of suspending
 * (suspend first, then hand the job over; resume once; touch nothing afterwards) are the callers' to keep:
 * reliability.md 1.4.
 */
#include "server/exchange.h"

#include "server/reaper.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

typedef struct {
    arena *arena;
    const char *name;
    slice value;
    bool full;
} search;

/* RFC 9110 5.3: lines of one name mean their values joined by commas. Two Authorization lines thus never match a key.
 */
static void join(search *s, slice more)
{
    size_t length = s->value.length + 2 + more.length;
    char *joined = arena_take(s->arena, length + 1, 1);
    if (!joined) {
        s->full = true;
        return;
    }
    memcpy(joined, s->value.data, s->value.length);
    memcpy(joined + s->value.length, ", ", 2);
    memcpy(joined + s->value.length + 2, more.data, more.length);
    joined[length] = '\0';
    s->value = (slice){ joined, length };
}

static enum MHD_Result match(void *context, enum MHD_ValueKind kind, const char *key, size_t key_length,
                             const char *value, size_t value_length)
{
    search *s = context;
    (void)kind;
    if (key_length != strlen(s->name) || strncasecmp(key, s->name, key_length) != 0)
        return MHD_YES;
    slice found = { value ? value : "", value ? value_length : 0 };
    if (s->value.data)
        join(s, found);
    else
        s->value = found;
    return s->full ? MHD_NO : MHD_YES;
}

slice exchange_header(const exchange *x, const char *name)
{
    search s = { .arena = x->arena, .name = name };
    (void)MHD_get_connection_values_n(x->connection->library, MHD_HEADER_KIND, match, &s);
    return s.full ? (slice){ NULL, 0 } : s.value;
}

void exchange_answer(exchange *x, int code, const char *content_type, slice body)
{
    assert(code >= 200 && code <= 599);
    x->status = code;
    x->content_type = content_type;
    x->answer = body;
}

void exchange_add_header(exchange *x, const char *name, const char *value)
{
    assert(x->header_count < ANSWER_HEADERS_MAX);
    x->headers[x->header_count].name = name;
    x->headers[x->header_count].value = value;
    x->header_count++;
}

void exchange_suspend(exchange *x)
{
    assert(!x->connection->suspended);
    x->connection->suspended = true;
    MHD_suspend_connection(x->connection->library);
}

/* `suspended` stays as it is: it belongs to the HTTP thread, which may still be inside the handler that suspended. */
void exchange_resume(exchange *x)
{
    if (x->patience_ns)
        atomic_store_explicit(&x->connection->deadline_ns, clock_now_ns() + x->patience_ns, memory_order_relaxed);
    MHD_resume_connection(x->connection->library);
}

/* A client that closed and one that only shut its sending side down look the same from here: both leave a FIN. The
 * second is legal, but the library reads before it writes when a request is resumed, sees the FIN and drops the
 * connection without an answer (measured with 0.9.75), so computing for it would be for nobody. Bytes that wait (a
 * pipelined request, TLS) mean that somebody is there. */
bool exchange_client_gone(const exchange *x)
{
    char byte;
    ssize_t got = recv(x->connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got >= 0)
        return got == 0;
    return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
}
