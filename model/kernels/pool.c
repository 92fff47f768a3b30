/* pool.c - see pool.h.
 *
 * A run is one 64-bit ticket: its number above, the tasks left below. Whoever lowers the ticket by
 * compare-and-swap owns that task; a worker that the system has put aside (its processor taken by
 * another process) just takes none, and the run does not wait for it. The ticket holds the run's
 * number, so a worker that wakes in the middle of a later run cannot take a task with what it read
 * of an earlier one.
 *
 * Between runs a worker spins for SPIN_NS, since layers follow each other within microseconds and a sleeping thread
 * takes 50 us to wake; then it sleeps on a condition. With more threads than processors nobody spins: that would only
 * keep the one with work from running. Nobody is pinned: a worker would wait for a busy processor while others idle.
 *
 * Two callers take turns by number, not by whoever gets the mutex: a thread that runs layer after layer would hardly
 * ever leave it to one that has to be woken.
 */
#include "model/kernels/pool.h"

#include "model/kernels/processors.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 256, SPIN_NS = 50000, PAUSES_PER_LOOK = 32, LINE_BYTES = 64 };

#define TASKS_LEFT(ticket) ((uint32_t)(ticket))
#define RUN_NUMBER(ticket) ((uint32_t)((ticket) >> 32))

typedef struct {
    pool *owner;
    size_t index;              /* of its scratch: 1 .. threads-1 */
    pthread_t thread;
    bool started;
} worker;

struct pool {
    size_t threads;
    bool spins;
    worker *workers;           /* [threads], the first unused: it is the caller */

    pthread_mutex_t turns;     /* guards the next five */
    pthread_cond_t turn_over;
    uint64_t next_turn, turn;  /* given to the next caller; of the caller whose run is on, or may begin */
    bool running;              /* false between one turn and the next */
    pthread_t caller;          /* of the run that is on */

    atomic_bool closing;

    /* The run. Written by the caller while no task is left, read before a task is taken; see
     * claim. */
    _Alignas(LINE_BYTES) _Atomic(uint64_t) ticket;
    _Atomic(pool_task *) task;                        /* on the ticket's line: it moves as one to a worker */
    _Atomic(void *) context;
    atomic_size_t count;

    _Alignas(LINE_BYTES) atomic_size_t done;          /* tasks finished in this run */

    _Alignas(LINE_BYTES) pthread_mutex_t lock;        /* only to sleep and to wake */
    pthread_cond_t work_waits, run_done;
    atomic_size_t sleepers;                           /* workers at work_waits */
    atomic_bool caller_sleeps;
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Takes a task of the current run, whatever it is. The fields are read between the look at the
 * ticket and the exchange; when the exchange succeeds with a task left, the run was on all the
 * time, so they are its own. */
static bool claim(pool *p, pool_task **task, void **context, size_t *index)
{
    uint64_t ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
    while (TASKS_LEFT(ticket) > 0) {
        *task = atomic_load_explicit(&p->task, memory_order_relaxed);
        *context = atomic_load_explicit(&p->context, memory_order_relaxed);
        *index = atomic_load_explicit(&p->count, memory_order_relaxed) - TASKS_LEFT(ticket);
        if (atomic_compare_exchange_weak_explicit(&p->ticket, &ticket, ticket - 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return true;
    }
    return false;
}

/* Works until no task is left; returns how many it did. */
static size_t work(pool *p, size_t worker_index)
{
    pool_task *task;
    void *context;
    size_t index, finished = 0;
    while (claim(p, &task, &context, &index)) {
        task(context, index, worker_index);
        finished++;
    }
    return finished;
}

/* Reports a worker's tasks. The last one wakes the caller; whether it sleeps is asked after the
 * count is raised, and the caller announces its sleep before it looks at the count, so one of
 * the two sees the other. */
static void report(pool *p, size_t finished)
{
    size_t count = atomic_load_explicit(&p->count, memory_order_relaxed);
    if (atomic_fetch_add(&p->done, finished) + finished < count || !atomic_load(&p->caller_sleeps))
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->run_done);
    pthread_mutex_unlock(&p->lock);
}

typedef bool condition(pool *p);

static bool work_is_there(pool *p)
{
    return TASKS_LEFT(atomic_load(&p->ticket)) > 0 || atomic_load(&p->closing);
}

static bool run_is_done(pool *p)
{
    return atomic_load(&p->done) == atomic_load_explicit(&p->count, memory_order_relaxed);
}

static bool spin_until(pool *p, condition *met)
{
    if (!p->spins)
        return met(p);
    int64_t end = 0, now = 0;    /* most runs end before the clock is asked at all */
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (met(p))
                return true;
            pause_briefly();
        }
        now = clock_now_ns();
        end = end ? end : now + SPIN_NS;
    } while (now < end);
    return false;
}

static void sleep_until_work(pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (!work_is_there(p))
        pthread_cond_wait(&p->work_waits, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void sleep_until_done(pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!run_is_done(p))
        pthread_cond_wait(&p->run_done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *argument)
{
    const worker *self = argument;
    pool *p = self->owner;
    while (!atomic_load(&p->closing)) {
        size_t finished = work(p, self->index);
        if (finished > 0)
            report(p, finished);
        else if (!spin_until(p, work_is_there))
            sleep_until_work(p);
    }
    return NULL;
}

static void wake_workers(pool *p, size_t wanted)
{
    size_t sleepers = atomic_load(&p->sleepers);
    if (sleepers == 0)
        return;
    pthread_mutex_lock(&p->lock);
    if (wanted >= sleepers)
        pthread_cond_broadcast(&p->work_waits);
    else
        for (size_t i = 0; i < wanted; i++)
            pthread_cond_signal(&p->work_waits);
    pthread_mutex_unlock(&p->lock);
}

/* One thread or one task needs nobody else. */
static void run_alone(size_t count, pool_task *task, void *context)
{
    for (size_t i = 0; i < count; i++)
        task(context, i, 0);
}

/* Under `turns`: this thread is working in the run that is on. */
static bool is_inside(const pool *p, pthread_t self)
{
    if (!p->running)
        return false;
    bool inside = pthread_equal(p->caller, self) != 0;
    for (size_t i = 1; i < p->threads && !inside; i++)
        inside = pthread_equal(p->workers[i].thread, self) != 0;
    return inside;
}

static void begin_turn(pool *p)
{
    pthread_t self = pthread_self();
    pthread_mutex_lock(&p->turns);
    uint64_t mine = p->next_turn++;
    if (p->turn != mine)
        assert(!is_inside(p, self));    /* a nested run would wait for itself */
    while (p->turn != mine)
        pthread_cond_wait(&p->turn_over, &p->turns);
    p->caller = self;
    p->running = true;
    pthread_mutex_unlock(&p->turns);
}

static void end_turn(pool *p)
{
    pthread_mutex_lock(&p->turns);
    p->turn++;
    p->running = false;
    if (p->turn != p->next_turn)
        pthread_cond_broadcast(&p->turn_over);
    pthread_mutex_unlock(&p->turns);
}

void pool_run(pool *p, size_t count, pool_task *task, void *context)
{
    assert(count <= UINT32_MAX);
    begin_turn(p);
    if (p->threads == 1 || count <= 1) {
        run_alone(count, task, context);
    } else {
        atomic_store_explicit(&p->task, task, memory_order_relaxed);
        atomic_store_explicit(&p->context, context, memory_order_relaxed);
        atomic_store_explicit(&p->count, count, memory_order_relaxed);
        atomic_store_explicit(&p->done, 0, memory_order_relaxed);
        uint32_t number = RUN_NUMBER(atomic_load_explicit(&p->ticket, memory_order_relaxed)) + 1;
        atomic_store(&p->ticket, (uint64_t)number << 32 | count);
        wake_workers(p, count - 1);
        atomic_fetch_add(&p->done, work(p, 0));
        if (!run_is_done(p) && !spin_until(p, run_is_done))
            sleep_until_done(p);
    }
    end_turn(p);
}

/* Workers take no signals: they are for the thread that waits for them. */
static status start_workers(pool *p, errinfo *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = 0;
    for (size_t i = 1; i < p->threads && problem == 0; i++) {
        worker *w = &p->workers[i];
        *w = (worker){ .owner = p, .index = i };
        problem = pthread_create(&w->thread, NULL, worker_main, w);
        w->started = problem == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (problem != 0)
        return fail(err, ST_IO, "cannot start %zu threads: %s", p->threads, strerror(problem));
    return ST_OK;
}

status pool_open(pool **out, size_t threads, errinfo *err)
{
    if (threads == 0) {
        threads = pool_usable_processors();
        if (threads > MAX_THREADS)
            threads = MAX_THREADS;
    }
    if (threads > MAX_THREADS)
        return fail(err, ST_INPUT, "threads: %zu, the limit is %d", threads, MAX_THREADS);
    pool *p = aligned_alloc(LINE_BYTES, sizeof *p);
    if (!p)
        return fail(err, ST_NOMEM, "thread pool: out of memory");
    memset(p, 0, sizeof *p);
    p->threads = threads;
    p->spins = threads <= pool_usable_processors();
    pthread_mutex_init(&p->turns, NULL);
    pthread_cond_init(&p->turn_over, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work_waits, NULL);
    pthread_cond_init(&p->run_done, NULL);
    p->workers = calloc(threads, sizeof *p->workers);
    status st =
        p->workers ? start_workers(p, err) : fail(err, ST_NOMEM, "thread pool: out of memory");
    if (st) goto bad;
    *out = p;
    return ST_OK;
bad:
    pool_close(p);
    return st;
}

void pool_close(pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->closing, true);
    pthread_cond_broadcast(&p->work_waits);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 1; p->workers && i < p->threads; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->run_done);
    pthread_cond_destroy(&p->work_waits);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->turn_over);
    pthread_mutex_destroy(&p->turns);
    free(p->workers);
    free(p);
}

size_t pool_threads(const pool *p)
{
    return p->threads;
}

size_t pool_usable_processors(void)
{
    return processors_usable();
}
