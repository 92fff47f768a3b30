/* generations.h - the models that serve, replaceable while requests run.
 *
 * A generation is a set of models and the batcher that runs them. A request takes the current generation when its body
 * is complete, and gives it back when it has ended (router.c: on_request, on_completed); nothing that it computes comes
 * from another one. generations_replace makes a new one current at once: later requests take that, earlier ones finish
 * on theirs, and the last of these to give it back closes it: batcher joined, weights freed.
 *
 * Owns     every generation (registry and batcher) from open or replace until its last user has gone.
 * Borrows  the pool of the batchers, which take turns on it (pool.h).
 * Threads  take, give and the sums: any, but never a compute thread (the last give joins one). The rest: main.
 * Limits   as many as there are requests that outlive a reload: normally one, two for some seconds after it.
 */
#ifndef ROSIM_GENERATIONS_H
#define ROSIM_GENERATIONS_H

#include "server/batcher.h"
#include "server/registry.h"

typedef struct generations generations;

typedef struct generation {
    registry *registry;
    batcher *batcher;

    /* generations.c's own, under its lock */
    generations *owner;
    size_t users;
    struct generation *next;              /* of those that are alive */
} generation;

/* Both take the registry and the batcher, and on failure leave them to the caller. */
MUST_USE status generations_open(generations **out, registry *models, batcher *b, errinfo *err);
MUST_USE status generations_replace(generations *g, registry *models, batcher *b, errinfo *err);
/* Everybody has given back what was taken. Also after stop; NULL is fine. */
void generations_close(generations *g);
/* Stops the batcher of every generation (batcher_stop): what is queued is answered with ST_BUSY. */
void generations_stop(generations *g);

/* The current one; it stays as it is until it is given back, once. */
generation *generations_take(generations *g);
void generations_give(generation *taken);         /* NULL is fine */

size_t generations_alive(generations *g);
size_t generations_queued_tokens(generations *g); /* of all that are alive */
size_t generations_queued_texts(generations *g);

#endif
