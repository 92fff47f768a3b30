/* reload.h - SIGHUP: keys, certificate, models and state from their files again, while requests go on.
 *
 * Each part stands for itself: one that fails stays as it was, says why in the log, and keeps no other from being
 * reloaded. Options are not read again.
 *
 * Owns     nothing.
 * Borrows  its parts during a call.
 * Threads  main.
 * Limits   models whose files have not changed are not loaded again; a load holds old and new weights in memory.
 */
#ifndef ROSIM_RELOAD_H
#define ROSIM_RELOAD_H

#include "server/options.h"
#include "server/service.h"
#include "server/tls.h"

typedef struct {
    const options *options;
    service *service;
    pool *pool;
    tls *tls;                             /* NULL: none */
} reload;

void reload_all(const reload *r);

#endif
