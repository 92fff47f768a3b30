/* http.c - see http.h.
 *
 * Here is the daemon: its socket, its options, its end. What happens to one request stands in request.c.
 * libmicrohttpd 0.9.75 is used in poll mode with a pool: its epoll mode forgets connections when exactly 128 of them
 * are ready at once.
 */
#include "server/http.h"

#include "server/listener.h"
#include "server/log.h"
#include "server/reaper.h"
#include "server/request.h"
#include "server/tls.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LIBRARY_MEMORY_BYTES = 32 * 1024,     /* per connection: request line, headers, read window */
    SPARE_DESCRIPTORS = 64
};

static const int64_t NS_PER_S = 1000000000;
static const char tls_versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

struct http {
    request_desk desk;
    struct MHD_Daemon *daemon;
    reaper *reaper;
    int listen_fd;
    bool listen_fd_is_ours; /* until the daemon has it (which closes it also when it fails), and after quiesce */
    uint16_t port;
};

static void on_connection(void *context, struct MHD_Connection *library, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    http *h = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        reaper_remove(h->reaper, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection *c = reaper_add(h->reaper, library, info->connect_fd, clock_now_ns() + h->desk.options.header_ns);
    if (c)
        c->tls = h->desk.options.tls;
    *socket_context = c;
}

static void on_library_message(void *context, const char *format, va_list arguments)
{
    (void)context;
    log_library(format, arguments);
}

/* Every connection is a descriptor; with too few of them the library stops accepting, which looks like a hang. */
static void raise_descriptor_limit(size_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_line(LOG_WARN, "only %llu file descriptors for %zu connections", (unsigned long long)limit.rlim_cur,
                 connections);
}

/* The library sets its connection as the session's pointer (it needs that for pre-shared keys); a version that did not
 * would be seen here, and refused. */
static int on_handshake(gnutls_session_t session, const struct gnutls_cert_retr_st *about, gnutls_pcert_st **chain,
                        unsigned *length, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length, gnutls_privkey_t *key,
                        unsigned *flags)
{
    struct MHD_Connection *library = gnutls_session_get_ptr(session);
    (void)about, (void)ocsp;
    if (!library)
        return GNUTLS_E_INTERNAL_ERROR;
    const union MHD_ConnectionInfo *of = MHD_get_connection_info(library, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!of || of->tls_session != session)
        return GNUTLS_E_INTERNAL_ERROR;
    of = MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const connection *c = of ? of->socket_context : NULL;
    *ocsp_length = 0;
    *flags |= GNUTLS_CERT_RETR_DEINIT_ALL;
    return c && c->tls && tls_present(c->tls, chain, length, key) ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static status start(http *h, errinfo *err)
{
    const http_options *o = &h->desk.options;
    unsigned flags = MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME
                   | MHD_USE_ERROR_LOG | (o->tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls_items[] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)on_handshake },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_versions },
        { MHD_OPTION_END, 0, NULL }
    };
    h->listen_fd_is_ours = false;
    h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_on_access, &h->desk,
                                 MHD_OPTION_EXTERNAL_LOGGER, on_library_message, h,
                                 MHD_OPTION_LISTEN_SOCKET, h->listen_fd,
                                 MHD_OPTION_THREAD_POOL_SIZE, (unsigned)o->threads,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((o->idle_ns + NS_PER_S - 1) / NS_PER_S),
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIBRARY_MEMORY_BYTES,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 0,
                                 MHD_OPTION_URI_LOG_CALLBACK, request_on_uri, &h->desk,
                                 MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, &h->desk,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
                                 MHD_OPTION_ARRAY, o->tls ? tls_items : &tls_items[2],
                                 MHD_OPTION_END);
    if (!h->daemon)
        return fail(err, ST_IO, "the HTTP%s server did not start", o->tls ? "S" : "");
    return ST_OK;
}

status http_open(http **out, const http_options *options, const http_handlers *handlers, errinfo *err)
{
    http *h = calloc(1, sizeof *h);
    if (!h)
        return fail(err, ST_NOMEM, "http: out of memory");
    h->desk.options = *options;
    h->desk.handlers = *handlers;
    if (getrandom(&h->desk.id_seed, sizeof h->desk.id_seed, 0) != (ssize_t)sizeof h->desk.id_seed)
        h->desk.id_seed = (uint64_t)clock_now_ns();
    raise_descriptor_limit(options->connections);
    status st = listener_open(&h->listen_fd, &h->port, options->host, options->port, err);
    if (st) goto bad;
    h->listen_fd_is_ours = true;
    st = reaper_open(&h->reaper, err);
    if (st) goto bad;
    st = start(h, err);
    if (st) goto bad;
    *out = h;
    return ST_OK;
bad:
    http_close(h);
    return st;
}

uint16_t http_port(const http *h)
{
    return h->port;
}

size_t http_in_flight(const http *h)
{
    return atomic_load_explicit(&h->desk.in_flight, memory_order_relaxed);
}

size_t http_connections(const http *h)
{
    return reaper_count(h->reaper);
}

void http_close_after_answer(http *h)
{
    atomic_store_explicit(&h->desk.close_after_answer, true, memory_order_relaxed);
}

/* Quiesce alone leaves the kernel accepting, and those clients would hang; the shutdown makes it refuse them. */
void http_stop_listening(http *h)
{
    if (h->listen_fd_is_ours)
        return;
    int fd = MHD_quiesce_daemon(h->daemon);
    if (fd == MHD_INVALID_SOCKET)
        return;
    h->listen_fd_is_ours = true;
    (void)shutdown(fd, SHUT_RDWR);
}

void http_close(http *h)
{
    if (!h)
        return;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    reaper_close(h->reaper);
    if (h->listen_fd_is_ours)
        (void)close(h->listen_fd);
    free(h);
}
