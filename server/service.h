/* service.h - what the routes share: models, batcher, limits, metrics, the state of the server.
 *
 * Owns     nothing: main assembles it from parts and takes it apart.
 * Borrows  all parts until http_close.
 * Threads  read-only after start but for the atomics.
 * Limits   those of its fields.
 */
#ifndef ROSIM_SERVICE_H
#define ROSIM_SERVICE_H

#include "server/artifacts.h"
#include "server/auth.h"
#include "server/cost_book.h"
#include "server/generations.h"
#include "server/labour.h"
#include "server/metrics.h"

#include <stdatomic.h>

typedef struct service {
    generations *generations;             /* a request's models and batcher: exchange.generation */
    metrics *metrics;
    auth *auth;                           /* NULL: no keys, everybody may */
    artifacts *artifacts;                 /* what users made */
    labour *labour;                       /* NULL: fits run on the compute thread */
    cost_book *costs;
    const char *const *cors_origins;      /* allowed origins; "*" allows any without credentials */
    size_t cors_count;

    size_t max_texts;                     /* per request, 1024 */
    int64_t timeout_ns; /* default deadline of a request, 30 s; also the longest that timeout_ms may ask */
    bool auto_truncate;                   /* TEI's default of truncate */
    bool metrics_apart;                   /* /metrics has a port of its own, and is not on this one */
    size_t tei_max_concurrent;            /* shown in /info */
    size_t max_batch_tokens, max_queue_tokens;
    slice docs;                           /* /docs, written at start */

    atomic_size_t streams;                /* NDJSON bodies in hand */
    atomic_bool ready;                    /* models loaded and self-test passed */
    atomic_bool leaving;                  /* SIGTERM seen: not ready any more, and still serving (--drain-delay) */
    atomic_bool draining;                 /* after that: only what is in flight is finished */
    int64_t started_ns;
} service;

#endif
