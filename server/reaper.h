/* reaper.h - ends connections that are slower than their deadline: the library's own timeout only sees silence, so
 * one byte every few seconds would hold a connection for ever.
 *
 * Owns     one thread and the list of connections.
 * Borrows  nothing.
 * Threads  open, close: main. add, remove: the HTTP thread of the connection. A deadline may be set from any thread.
 * Limits   a connection lives up to REAPER_PERIOD_NS past its deadline.
 */
#ifndef ROSIM_REAPER_H
#define ROSIM_REAPER_H

#include "weights/base.h"

#include <stdatomic.h>

struct MHD_Connection;

#define REAPER_PERIOD_NS INT64_C(200000000)
#define REAPER_NEVER INT64_MAX

/* One TCP connection, from accept to close; exchange.h and http.c keep their own about it here, too. */
typedef struct connection connection;
struct connection {
    struct MHD_Connection *library;
    int fd;
    struct tls *tls;                      /* of its listener, or NULL */
    bool suspended;                       /* the request in hand waits for exchange_resume; the HTTP thread's */
    _Atomic int64_t deadline_ns;          /* clock_now_ns, or REAPER_NEVER while the work is ours */
    connection *previous, *next;          /* under the reaper's lock */
};

typedef struct reaper reaper;

MUST_USE status reaper_open(reaper **out, errinfo *err);
void reaper_close(reaper *r);                     /* the list must be empty; NULL is fine */

/* The connection lives until removed. NULL when out of memory. */
MUST_USE connection *reaper_add(reaper *r, struct MHD_Connection *library, int fd, int64_t deadline_ns);
/* Before fd is closed, so that the reaper never cuts a stranger who got the same number. NULL is fine. */
void reaper_remove(reaper *r, connection *c);
size_t reaper_count(reaper *r);

#endif
