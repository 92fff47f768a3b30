/* metrics.h - counters, gauges and histograms of this process, as Prometheus text.
 *
 * Owns     the numbers.    Borrows  nothing.
 * Threads  every update is a relaxed atomic; the text may be one update apart between series.
 * Limits   a fixed set of series, all present from the start at 0.
 * Who adds the batcher: BATCHES, CANCELLED, DEADLINE, OVERLOADED, the QUEUE, COMPUTE and BATCH histograms. The routes:
 *          TEXTS, TOKENS, TRUNCATED, UNKNOWN_TOKENS, TOKENIZE, INPUT_TOKENS (once a text), metrics_request (once an
 *          answer, any route), metrics_inference. Main: the gauges, reloads.
 * Source   Prometheus text format 0.0.4; te_* names and buckets: peers.md 2.9.
 */
#ifndef ROSIM_METRICS_H
#define ROSIM_METRICS_H

#include "weights/base.h"

typedef struct metrics metrics;

typedef enum {
    COUNT_TEXTS, COUNT_TOKENS, COUNT_TRUNCATED, COUNT_UNKNOWN_TOKENS, COUNT_CANCELLED, COUNT_DEADLINE, COUNT_OVERLOADED,
    COUNT_BATCHES, COUNT_PADDED_TOKENS, COUNTERS
} metrics_counter;

typedef enum { HISTOGRAM_REQUEST, HISTOGRAM_TOKENIZE, HISTOGRAM_QUEUE, HISTOGRAM_COMPUTE, HISTOGRAM_INPUT_TOKENS,
               HISTOGRAM_BATCH_TOKENS, HISTOGRAM_BATCH_TEXTS, HISTOGRAM_BATCH_SECONDS, HISTOGRAMS } metrics_histogram;

typedef enum { GAUGE_QUEUE_TOKENS, GAUGE_QUEUE_TEXTS, GAUGE_CONNECTIONS, GAUGE_IN_FLIGHT, GAUGE_GENERATIONS,
               GAUGES } metrics_gauge;

/* What SIGHUP reads again, and what came of it. */
typedef enum { PART_KEYS, PART_CERTIFICATE, PART_MODELS, PART_STATE, PARTS } metrics_part;
typedef enum { RELOAD_OK, RELOAD_UNCHANGED, RELOAD_FAILED, RELOADS } metrics_reload_result;

metrics *metrics_open(const char *const *route_paths, size_t routes);     /* NULL when out of memory */
void metrics_close(metrics *m);                                           /* NULL is fine */

void metrics_add(metrics *m, metrics_counter counter, uint64_t by);       /* m NULL: nothing, here and below */
void metrics_observe(metrics *m, metrics_histogram histogram, double value);      /* seconds, tokens or texts */
void metrics_set(metrics *m, metrics_gauge gauge, double value);
void metrics_request(metrics *m, size_t route, int status, double seconds); /* route == routes: no route matched */

/* One inference request (embeddings or similarity) has been answered or refused after its texts were read: texts is
 * how many it held (1 is TEI's method="single"), status the answer's. Feeds rosim_request_seconds, te_request_* and
 * te_embed_*. */
void metrics_inference(metrics *m, size_t texts, int status, double seconds);

/* A request for a head that no model here has: te_request_failure{err="model_type"}. */
void metrics_model_type(metrics *m);

/* One part of a reload is over. */
void metrics_reload(metrics *m, metrics_part part, metrics_reload_result result);

/* A gauge that is read when somebody asks for the text, instead of being set; start-up only. */
void metrics_watch(metrics *m, metrics_gauge gauge, double (*read)(void *context), void *context);

/* The exposition text, in the arena; data NULL when it is full. */
slice metrics_text(const metrics *m, arena *a);

#endif
