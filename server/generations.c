/* generations.c - see generations.h. A list under one lock; the first of it is current. A generation is closed outside
 * the lock, since that waits for its compute thread. */
#include "server/generations.h"

#include <pthread.h>
#include <stdlib.h>

struct generations {
    pthread_mutex_t lock;
    generation *newest;                   /* current; the older ones behind it */
};

static void close_one(generation *old)
{
    if (!old)
        return;
    batcher_close(old->batcher);
    registry_close(old->registry);
    free(old);
}

/* Under the lock: out of the list when it is neither current nor used; then it is the caller's to close. */
static generation *retire(generations *g, generation *old)
{
    if (!old || old == g->newest || old->users > 0)
        return NULL;
    generation **at = &g->newest;
    while (*at != old)
        at = &(*at)->next;
    *at = old->next;
    return old;
}

status generations_replace(generations *g, registry *models, batcher *b, errinfo *err)
{
    generation *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return fail(err, ST_NOMEM, "models: out of memory");
    *fresh = (generation){ .registry = models, .batcher = b, .owner = g };
    (void)pthread_mutex_lock(&g->lock);
    generation *old = g->newest;
    fresh->next = old;
    g->newest = fresh;
    old = retire(g, old);
    (void)pthread_mutex_unlock(&g->lock);
    close_one(old);
    return ST_OK;
}

status generations_open(generations **out, registry *models, batcher *b, errinfo *err)
{
    generations *g = calloc(1, sizeof *g);
    if (!g)
        return fail(err, ST_NOMEM, "models: out of memory");
    (void)pthread_mutex_init(&g->lock, NULL);
    status st = generations_replace(g, models, b, err);
    if (st)
        generations_close(g);
    else
        *out = g;
    return st;
}

void generations_close(generations *g)
{
    if (!g)
        return;
    while (g->newest) {
        generation *old = g->newest;
        g->newest = old->next;
        close_one(old);
    }
    (void)pthread_mutex_destroy(&g->lock);
    free(g);
}

/* Main alone adds to the list, and only old ones leave it: the requests that a stop ends give their generation back,
 * so each is taken for the time of its stop. */
void generations_stop(generations *g)
{
    if (!g)
        return;
    (void)pthread_mutex_lock(&g->lock);
    for (generation *one = g->newest; one; one = one->next)
        one->users++;
    generation *one = g->newest;
    (void)pthread_mutex_unlock(&g->lock);
    while (one) {
        generation *next = one->next;     /* it is taken, too: nobody unlinks it */
        batcher_stop(one->batcher);
        generations_give(one);
        one = next;
    }
}

generation *generations_take(generations *g)
{
    (void)pthread_mutex_lock(&g->lock);
    generation *taken = g->newest;
    taken->users++;
    (void)pthread_mutex_unlock(&g->lock);
    return taken;
}

void generations_give(generation *taken)
{
    if (!taken)
        return;
    generations *g = taken->owner;
    (void)pthread_mutex_lock(&g->lock);
    taken->users--;
    generation *old = retire(g, taken);
    (void)pthread_mutex_unlock(&g->lock);
    close_one(old);
}

static size_t one_of(const batcher *b)
{
    (void)b;
    return 1;
}

static size_t sum(generations *g, size_t (*of)(const batcher *b))
{
    size_t total = 0;
    (void)pthread_mutex_lock(&g->lock);
    for (const generation *one = g->newest; one; one = one->next)
        total += of(one->batcher);
    (void)pthread_mutex_unlock(&g->lock);
    return total;
}

size_t generations_alive(generations *g)
{
    return sum(g, one_of);
}

size_t generations_queued_tokens(generations *g)
{
    return sum(g, batcher_queued_tokens);
}

size_t generations_queued_texts(generations *g)
{
    return sum(g, batcher_queued_texts);
}
