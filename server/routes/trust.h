/* trust.h - what every route shares that uses what users made: names in a request, copies of what they stand for,
 * vectors through an adapter, and the watch over served vectors.
 *
 * Owns     nothing: copies live in the exchange's arena.
 * Borrows  the service's artifacts during a call.
 * Threads  HTTP threads and the labour thread, each for its own exchange.
 * Limits   those of the artifacts.
 */
#ifndef ROSIM_TRUST_H
#define ROSIM_TRUST_H

#include "server/routes/encode_job.h"

typedef struct { slice calibration, adapter, head; double prior; } trust_names;   /* empty: none; prior 0: its own */

/* calibration, adapter, prior. */
bool trust_read(const cJSON *body, arena *a, trust_names *out, json_fault *fault);
/* One more id of an artifact; absent keeps *out. */
bool trust_read_id(const cJSON *body, arena *a, const char *name, slice *out, json_fault *fault);

typedef struct {
    bool calibrated;
    calibration calibration;
    double prior;
    adapter *adapter;                     /* NULL: none */
    pair_head head;                       /* linear NULL: none */
    char (*head_labels)[ARTIFACT_LABEL_BYTES];
    float *head_scratch;                  /* [3D] */
    const float *vectors;                 /* through the adapter, by row; set by trust_adapt */
} trust;

/* Finds what the names stand for and copies it; e has its options. False: x has been answered (404: no such id; 422:
 * made for another model, attention or adapter). */
bool trust_resolve(encode_job *e, const trust_names *names, trust *out);
/* Runs every row through the adapter, if there is one. False: the arena is full. */
bool trust_adapt(const encode_job *e, trust *t);
const float *trust_vector(const encode_job *e, const trust *t, size_t index);
/* Likewise of a copy made with dropout (encode_copy). */
const float *trust_copy(const encode_job *e, const trust *t, size_t index, size_t copy);
/* The calibration's, for two vectors, at the prior asked for. */
double trust_logit(const encode_job *e, const trust *t, const float *a, const float *b);
double trust_probability(const encode_job *e, const trust *t, size_t a, size_t b);

/* Whether a was made for the very model that this request uses: another of the same name may have come since. */
bool trust_same_model(const encode_job *e, const artifact *a);

/* Shows the vectors of an answered request to the baselines that watch its model and tag. */
void trust_watch(const encode_job *e);

/* Unknown id: 404 naming the field. */
void trust_not_found(exchange *x, const char *field, const char *kind, slice id);

#endif
