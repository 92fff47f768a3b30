/* raw_http.h - a client that sends exactly the bytes a test names, and reads answers with a time limit.
 *
 * Nothing here repairs or completes a request. All of it is inline, because a unit test links no second file of tests.
 */
#ifndef ROSIM_RAW_HTTP_H
#define ROSIM_RAW_HTTP_H

#include "weights/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RAW_CLOSED = 0, RAW_SILENT = -1, RAW_GARBLED = -2, RAW_PATIENCE_MS = 20000 };

typedef struct {
    int fd;
    char *bytes;                          /* what has been read and not yet taken */
    size_t length, capacity;
} raw_client;

typedef struct {
    int status;                           /* or RAW_CLOSED, RAW_SILENT, RAW_GARBLED */
    bool continued;                       /* 100 Continue came first */
    char *head, *body;                    /* NUL-terminated; NULL without an answer */
    size_t body_length;
} raw_answer;

static inline raw_client raw_open(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    raw_client c = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c.fd >= 0 && connect(c.fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(c.fd);
        c.fd = -1;
    }
    if (c.fd >= 0)
        (void)setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return c;
}

static inline void raw_close(raw_client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    free(c->bytes);
    *c = (raw_client){ .fd = -1 };
}

/* RST instead of FIN, and whatever is unsent is lost */
static inline void raw_abort(raw_client *c)
{
    struct linger now = { .l_onoff = 1 };
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    raw_close(c);
}

/* False when the server has closed, or takes no bytes for RAW_PATIENCE_MS. */
static inline bool raw_send(raw_client *c, const char *bytes, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        ssize_t n = send(c->fd, bytes + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        struct pollfd writable = { .fd = c->fd, .events = POLLOUT };
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        else if (poll(&writable, 1, RAW_PATIENCE_MS) <= 0)
            return false;
    }
    return true;
}

static inline bool raw_say(raw_client *c, const char *text)
{
    return raw_send(c, text, strlen(text));
}

static inline bool raw_has_room(raw_client *c)
{
    if (c->capacity - c->length > 4096)
        return true;
    size_t capacity = c->capacity ? 2 * c->capacity : 16384;
    char *grown = realloc(c->bytes, capacity);
    if (!grown)
        return false;
    c->bytes = grown;
    c->capacity = capacity;
    return true;
}

/* 1: bytes came; 0: the end; -1: nothing until the deadline. A reset counts as the end. */
static inline int raw_read_more(raw_client *c, int64_t deadline_ns)
{
    int64_t left_ms = (deadline_ns - clock_now_ns()) / 1000000;
    struct pollfd readable = { .fd = c->fd, .events = POLLIN };
    if (left_ms <= 0 || !raw_has_room(c) || poll(&readable, 1, (int)left_ms) <= 0)
        return -1;
    ssize_t n = recv(c->fd, c->bytes + c->length, c->capacity - c->length - 1, 0);
    if (n <= 0)
        return 0;
    c->length += (size_t)n;
    c->bytes[c->length] = '\0';
    return 1;
}

static inline char *raw_take(raw_client *c, size_t length)
{
    char *taken = malloc(length + 1);
    if (!taken)
        abort();
    memcpy(taken, c->bytes, length);
    taken[length] = '\0';
    c->length -= length;
    memmove(c->bytes, c->bytes + length, c->length);
    c->bytes[c->length] = '\0';
    return taken;
}

/* The value of a header of the answer, in room of the caller's; false when absent. */
static inline bool raw_header(const raw_answer *a, const char *name, char *value, size_t room)
{
    size_t length = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, length) != 0 || at[length] != ':')
            continue;
        at += length + 1 + strspn(at + length + 1, " ");
        size_t size = strcspn(at, "\r");
        if (size >= room)
            return false;
        memcpy(value, at, size);
        value[size] = '\0';
        return true;
    }
    return false;
}

static inline void raw_answer_clear(raw_answer *a)
{
    free(a->head);
    free(a->body);
    *a = (raw_answer){ .status = RAW_SILENT };
}

static inline int raw_wait_for_head(raw_client *c, int64_t deadline_ns, size_t *length)
{
    for (;;) {
        char *end = c->length ? strstr(c->bytes, "\r\n\r\n") : NULL;
        if (end) {
            *length = (size_t)(end - c->bytes) + 4;
            return 1;
        }
        int more = raw_read_more(c, deadline_ns);
        if (more <= 0)
            return more;
    }
}

/* One answer: its head, then as many bytes as Content-Length says (none for the answer to a HEAD). */
static inline raw_answer raw_read(raw_client *c, bool to_head, int timeout_ms)
{
    raw_answer a = { .status = RAW_SILENT };
    int64_t deadline_ns = clock_now_ns() + (int64_t)timeout_ms * 1000000;
    size_t length = 0;
    bool continued = false;
    char value[32];
    do {
        raw_answer_clear(&a);
        int came = raw_wait_for_head(c, deadline_ns, &length);
        if (came <= 0) {
            a.status = came < 0 ? RAW_SILENT : c->length ? RAW_GARBLED : RAW_CLOSED;
            return a;
        }
        a.head = raw_take(c, length);
        a.status = strncmp(a.head, "HTTP/1.", 7) == 0 ? (int)strtol(a.head + 9, NULL, 10) : RAW_GARBLED;
        continued = continued || a.status == 100;
    } while (a.status == 100);
    a.continued = continued;
    if (!to_head && raw_header(&a, "content-length", value, sizeof value))
        a.body_length = (size_t)strtoull(value, NULL, 10);
    while (c->length < a.body_length) {
        int more = raw_read_more(c, deadline_ns);
        if (more <= 0) {
            a.status = more < 0 ? RAW_SILENT : RAW_GARBLED;
            return a;
        }
    }
    a.body = raw_take(c, a.body_length);
    return a;
}

/* True when the server ends the connection within the time; bytes that come before are dropped. */
static inline bool raw_ends(raw_client *c, int timeout_ms)
{
    int64_t deadline_ns = clock_now_ns() + (int64_t)timeout_ms * 1000000;
    int more = 1;
    while (more > 0) {
        c->length = 0;
        more = raw_read_more(c, deadline_ns);
    }
    return more == 0;
}

#endif
