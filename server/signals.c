/* signals.c - see signals.h.
 *
 * The signals stay blocked everywhere, so no system call of ours is ever interrupted and no handler runs beside our
 * code. Only after the first request to stop is a handler set, whose one act is to leave: a drain that hangs can be
 * ended by hand.
 */
#include "server/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static void fill(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
}

void signals_block(void)
{
    sigset_t set;
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    fill(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static void leave_at_once(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

/* As process 1 of a container the default action of a signal is to do nothing, hence a handler of our own. */
static void let_the_next_stop_kill(void)
{
    struct sigaction leave = { .sa_handler = leave_at_once };
    sigset_t stops;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaction(SIGTERM, &leave, NULL);
    (void)sigaction(SIGINT, &leave, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &stops, NULL);
}

signal_event signals_wait(void)
{
    sigset_t set;
    int signal_number = 0;
    fill(&set);
    while (sigwait(&set, &signal_number) != 0)
        ;
    if (signal_number == SIGHUP)
        return SIGNAL_RELOAD;
    let_the_next_stop_kill();
    return SIGNAL_STOP;
}
