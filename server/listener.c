/* listener.c - see listener.h. The socket is made here and not by the library, whose only word about a failure is
 * NULL. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static const char *reason(int error)
{
    switch (error) {
    case EADDRINUSE:    return "is in use";
    case EACCES:        return "needs rights that this process lacks";
    case EADDRNOTAVAIL: return "is no address of this machine";
    default:            return strerror(error);
    }
}

/* "127.0.0.1:8080", "[::1]:8080" */
static status refuse(const char *host, uint16_t port, const char *why, errinfo *err)
{
    bool v6 = strchr(host, ':') != NULL;
    return fail(err, ST_IO, "%s%s%s:%u %s", v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)port, why);
}

static bool listen_at(int fd, const struct addrinfo *address)
{
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return false;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool port_of(int fd, uint16_t *port)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return false;
    if (name.ss_family == AF_INET6)
        *port = ntohs(((const struct sockaddr_in6 *)&name)->sin6_port);
    else
        *port = ntohs(((const struct sockaddr_in *)&name)->sin_port);
    return true;
}

status listener_open(int *fd, uint16_t *actual_port, const char *host, uint16_t port, errinfo *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *address = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    int error = getaddrinfo(host, service, &hints, &address);
    if (error)
        return refuse(host, port, gai_strerror(error), err);
    status st = ST_OK;
    int made = socket(address->ai_family, SOCK_STREAM, 0);
    if (made < 0 || !listen_at(made, address) || !port_of(made, actual_port)) {
        st = refuse(host, port, reason(errno), err);
        if (made >= 0)
            (void)close(made);
    } else {
        *fd = made;
    }
    freeaddrinfo(address);
    return st;
}
