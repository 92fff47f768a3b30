/* reaper.c - see reaper.h.
 *
 * The thread only calls shutdown on the socket. The library then sees the end of the stream on its own thread and
 * cleans up as for any client that left, so nothing of it is touched from here.
 */
#include "server/reaper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

struct reaper {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started;
    bool stop;                            /* under lock */
    connection *first;                    /* under lock */
    size_t count;                         /* under lock */
};

static void cut_the_late(reaper *r, int64_t now)
{
    for (connection *c = r->first; c; c = c->next)
        if (atomic_load_explicit(&c->deadline_ns, memory_order_relaxed) < now)
            (void)shutdown(c->fd, SHUT_RDWR);
}

static struct timespec next_round(void)
{
    int64_t at = clock_now_ns() + REAPER_PERIOD_NS;
    return (struct timespec){ .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };
}

static void *reap(void *context)
{
    reaper *r = context;
    (void)pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct timespec until = next_round();
        if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT)
            cut_the_late(r, clock_now_ns());
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

status reaper_open(reaper **out, errinfo *err)
{
    reaper *r = calloc(1, sizeof *r);
    if (!r)
        return fail(err, ST_NOMEM, "reaper: out of memory");
    (void)pthread_mutex_init(&r->lock, NULL);
    init_wake(&r->wake);
    int error = pthread_create(&r->thread, NULL, reap, r);
    if (error) {
        reaper_close(r);
        return fail(err, ST_IO, "reaper: no thread: %s", strerror(error));
    }
    r->started = true;
    *out = r;
    return ST_OK;
}

void reaper_close(reaper *r)
{
    if (!r)
        return;
    if (r->started) {
        (void)pthread_mutex_lock(&r->lock);
        r->stop = true;
        (void)pthread_cond_signal(&r->wake);
        (void)pthread_mutex_unlock(&r->lock);
        (void)pthread_join(r->thread, NULL);
    }
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

connection *reaper_add(reaper *r, struct MHD_Connection *library, int fd, int64_t deadline_ns)
{
    connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->library = library;
    c->fd = fd;
    atomic_init(&c->deadline_ns, deadline_ns);
    (void)pthread_mutex_lock(&r->lock);
    c->next = r->first;
    if (c->next)
        c->next->previous = c;
    r->first = c;
    r->count++;
    (void)pthread_mutex_unlock(&r->lock);
    return c;
}

void reaper_remove(reaper *r, connection *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&r->lock);
    if (c->previous)
        c->previous->next = c->next;
    else
        r->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    r->count--;
    (void)pthread_mutex_unlock(&r->lock);
    free(c);
}

size_t reaper_count(reaper *r)
{
    (void)pthread_mutex_lock(&r->lock);
    size_t count = r->count;
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}
