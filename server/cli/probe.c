/* probe.c - see probe.h. One request on one connection. */
#include "server/cli/probe.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 2, REQUEST_BYTES = 256, ANSWER_BYTES = 64 };

static const char *reachable(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

/* The first address that answers; -1 with errno otherwise. The send timeout also bounds connect. */
static int open_socket(const struct addrinfo *address)
{
    const struct timeval timeout = { .tv_sec = TIMEOUT_S };
    for (; address; address = address->ai_next) {
        int fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
        if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
            return fd;
        int reason = errno;
        (void)close(fd);
        errno = reason;
    }
    return -1;
}

/* The start of the answer, which comes in one piece from any server on this machine. */
static status exchange_plain(int fd, const char *request, size_t length, char *answer, errinfo *err)
{
    if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length || recv(fd, answer, ANSWER_BYTES - 1, 0) < 0)
        return fail(err, ST_IO, "%s", strerror(errno));
    return ST_OK;
}

static status exchange_tls(int fd, const char *request, size_t length, char *answer, errinfo *err)
{
    gnutls_session_t session = NULL;
    gnutls_certificate_credentials_t anyone = NULL;
    int code = gnutls_certificate_allocate_credentials(&anyone);
    if (code >= 0)
        code = gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    if (code >= 0)
        code = gnutls_set_default_priority(session);
    if (code >= 0)
        code = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, anyone);
    if (code >= 0) {
        gnutls_transport_set_int(session, fd);
        do
            code = gnutls_handshake(session);
        while (code == GNUTLS_E_INTERRUPTED);
    }
    if (code >= 0)
        code = (int)gnutls_record_send(session, request, length);
    if (code >= 0)
        code = (int)gnutls_record_recv(session, answer, ANSWER_BYTES - 1);
    if (session)
        gnutls_deinit(session);
    if (anyone)
        gnutls_certificate_free_credentials(anyone);
    return code < 0 ? fail(err, ST_IO, "%s", gnutls_strerror(code)) : ST_OK;
}

static status ask(int fd, bool tls, const char *host, const char *path, int *http_status, errinfo *err)
{
    char request[REQUEST_BYTES], answer[ANSWER_BYTES] = { 0 };
    bool v6 = strchr(host, ':') != NULL;
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s%s%s\r\nConnection: close\r\n\r\n", path,
                          v6 ? "[" : "", host, v6 ? "]" : "");
    status st = (tls ? exchange_tls : exchange_plain)(fd, request, (size_t)length, answer, err);
    if (st)
        return st;
    if (sscanf(answer, "HTTP/1.%*1[01] %3d", http_status) != 1)
        return fail(err, ST_IO, "%s: the answer is not HTTP", host);
    return ST_OK;
}

status probe_get(const char *host, uint16_t port, bool tls, const char *path, int *http_status, errinfo *err)
{
    char service[8];
    struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    host = reachable(host);
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    int problem = getaddrinfo(host, service, &hints, &found);
    if (problem)
        return fail(err, ST_IO, "%.128s: %s", host, gai_strerror(problem));
    int fd = open_socket(found);
    freeaddrinfo(found);
    if (fd < 0)
        return fail(err, ST_IO, "%.128s port %u: %s", host, (unsigned)port, strerror(errno));
    status st = ask(fd, tls, host, path, http_status, err);
    (void)close(fd);
    return st;
}
