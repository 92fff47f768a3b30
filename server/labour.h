/* labour.h - one thread for what takes a second: fits and null tables, so that HTTP threads go on serving.
 *
 * Owns     its thread and queue.
 * Borrows  each task from submit until its run has returned.
 * Threads  submit: any. open, close: main. run: on the labour thread.
 * Limits   LABOUR_TASKS_MAX wait; one more is refused.
 */
#ifndef ROSIM_LABOUR_H
#define ROSIM_LABOUR_H

#include "weights/base.h"

enum { LABOUR_TASKS_MAX = 16 };

typedef struct labour labour;

typedef struct { void (*run)(void *context); void *context; } labour_task;

MUST_USE status labour_open(labour **out, errinfo *err);
/* False: full or closing; run will not be called. */
MUST_USE bool labour_submit(labour *l, labour_task task);
void labour_close(labour *l);             /* runs what is queued, joins; NULL is fine */

#endif
