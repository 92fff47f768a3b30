/* cost.h - what encoding one text of n tokens costs: multiply-adds, counted; memory; time, predicted from constants
 * measured here.
 *
 * Owns     plain data.    Borrows  its arguments during a call.
 * Threads  counting and predicting are pure. cost_measure runs on the calling thread and its pool, a few 100 ms.
 * Limits   lengths up to CONFIG_LENGTH_MAX. Memory traffic, norms, activations and exponentials are in the measured
 *          constants only.
 * Source   Su, kexue 8610 (formulas.md A2): per layer n (4 D^2 + 2 D I) in dense layers and, in attention's core,
 *          2 n^2 D (softmax) or 2 n F D + n F h (linear with F features; the
 *          approximations are linear too, and favor projects its rows first).
 */
#ifndef ROSIM_COST_H
#define ROSIM_COST_H

#include "model/encoder/config.h"
#include "model/encoder/encoder.h"
#include "model/kernels/pool.h"

typedef struct {
    uint64_t dense;               /* multiply-adds of dense layers: projections, feed-forward, pooler */
    uint64_t core;                /* of attention between its projections, learned feature maps included */
} cost_macs;

/* Of one forward as encoder_run does it: where only [CLS] is pooled, the last layer ends with one row. */
cost_macs cost_count(const encoder_config *c, attention_kind kind, size_t n);

/* Of activations and scratch while a text of n tokens is encoded on so many threads. */
size_t cost_bytes(const encoder *e, attention_kind kind, size_t n, size_t threads);

/* time = start_ns + dense_ns dense + core_start_ns + core_ns core, the latter two per kind. */
typedef struct {
    size_t threads;               /* of the pool that it was measured on */
    double start_ns, dense_ns;
    double core_start_ns[ATTENTION_KINDS], core_ns[ATTENTION_KINDS];
} cost_rates;

double cost_predict_ns(const cost_rates *r, attention_kind kind, cost_macs macs);

/* Attention heads are timed alone, forwards of the default kind as a whole. The rates of an
 * approximation are measured only where the model lists it (attention_approx), else 0. ST_NOMEM. */
MUST_USE status cost_measure(const encoder *e, pool *p, cost_rates *out, errinfo *err);

#define COST_NEVER SIZE_MAX

/* The shortest text for which a kind is cheaper than softmax: by multiply-adds, and by predicted time; COST_NEVER up to
 * CONFIG_LENGTH_MAX tokens. */
size_t cost_crossing_macs(const encoder_config *c, attention_kind kind);
size_t cost_crossing_time(const encoder_config *c, const cost_rates *r, attention_kind kind);

#endif
