/* listener.h - a listening TCP socket.
 *
 * Owns     nothing: the socket is the caller's.    Borrows  its arguments during a call.    Threads  any.
 * Limits   a backlog of 1024; the first address that a host name gives.
 */
#ifndef ROSIM_LISTENER_H
#define ROSIM_LISTENER_H

#include "weights/base.h"

/* host: an IPv4 or IPv6 address, or a name. port 0: any free one; *actual_port is the one taken. The error says
 * host, port and reason ("127.0.0.1:8080 is in use"). */
MUST_USE status listener_open(int *fd, uint16_t *actual_port, const char *host, uint16_t port, errinfo *err);

#endif
