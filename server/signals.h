/* signals.h - the process's signals, received in one place: main, by sigwait.
 *
 * Owns     the signal mask of every thread started after signals_block.
 * Borrows  nothing.
 * Threads  both functions: main only, signals_block before any other thread starts (threads inherit the mask).
 * Limits   SIGTERM, SIGINT and SIGHUP; SIGPIPE is ignored, so that a write to a closed socket is an ordinary error.
 */
#ifndef ROSIM_SIGNALS_H
#define ROSIM_SIGNALS_H

typedef enum { SIGNAL_STOP, SIGNAL_RELOAD } signal_event;

void signals_block(void);
/* Sleeps until SIGTERM or SIGINT (STOP), or SIGHUP (RELOAD). After STOP a second SIGTERM or SIGINT ends the process at
 * once with status 1, whatever it is doing. */
signal_event signals_wait(void);

#endif
