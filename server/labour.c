/* labour.c - see labour.h. A ring under a mutex; the thread sleeps on a condition while it is empty. */
#include "server/labour.h"

#include <pthread.h>
#include <stdlib.h>

struct labour {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    labour_task ring[LABOUR_TASKS_MAX];
    size_t first, count;
    bool closing;
};

static void *work(void *context)
{
    labour *l = context;
    (void)pthread_mutex_lock(&l->lock);
    while (l->count > 0 || !l->closing) {
        if (l->count == 0) {
            (void)pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        labour_task task = l->ring[l->first];
        l->first = (l->first + 1) % LABOUR_TASKS_MAX;
        l->count--;
        (void)pthread_mutex_unlock(&l->lock);
        task.run(task.context);
        (void)pthread_mutex_lock(&l->lock);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

status labour_open(labour **out, errinfo *err)
{
    labour *l = calloc(1, sizeof *l);
    if (!l)
        return fail(err, ST_NOMEM, "the labour thread: out of memory");
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->changed, NULL);
    if (pthread_create(&l->thread, NULL, work, l) != 0) {
        (void)pthread_cond_destroy(&l->changed);
        (void)pthread_mutex_destroy(&l->lock);
        free(l);
        return fail(err, ST_IO, "the labour thread could not be started");
    }
    *out = l;
    return ST_OK;
}

bool labour_submit(labour *l, labour_task task)
{
    (void)pthread_mutex_lock(&l->lock);
    bool room = l->count < LABOUR_TASKS_MAX && !l->closing;
    if (room) {
        l->ring[(l->first + l->count) % LABOUR_TASKS_MAX] = task;
        l->count++;
        (void)pthread_cond_signal(&l->changed);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return room;
}

void labour_close(labour *l)
{
    if (!l)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->closing = true;
    (void)pthread_cond_signal(&l->changed);
    (void)pthread_mutex_unlock(&l->lock);
    (void)pthread_join(l->thread, NULL);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}
