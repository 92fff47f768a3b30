/* creation.h - POST routes that make an artifact from texts: read, encode, fit on the labour thread, store, answer.
 *
 * Owns     nothing: a creation lives in its exchange's arena; the artifact goes to the store.
 * Borrows  the service until the answer.
 * Threads  reading and answering: HTTP threads; fit: the labour thread.
 * Limits   CREATION_TEXTS_MAX texts of a request (not --max-client-batch-size), the body, the queue.
 */
#ifndef ROSIM_CREATION_H
#define ROSIM_CREATION_H

#include "server/routes/trust.h"

enum { CREATION_TEXTS_MAX = 8192 };

typedef struct creation creation;

typedef struct {
    artifact_kind kind;
    /* The route's own fields of the body, texts into list. */
    bool (*read)(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault);
    /* Fills the artifact from the vectors. ST_INPUT becomes 422 with its message. */
    status (*fit)(const encode_job *e, creation *c, artifact *made, errinfo *err);
} creation_route;

struct creation {
    const creation_route *route;
    slice id;                             /* wanted, or NULL */
    trust_names names;                    /* adapter only */
    trust trust;
    input_list list;                      /* texts; of pairs: a, b, a, b ... */
    signed char *labels;                  /* [pairs] 1, 0, or -1: not labelled */
    size_t pairs;
    size_t *classes;                      /* [texts], or of a head [pairs] */
    char (*class_names)[ARTIFACT_LABEL_BYTES];
    size_t class_count;
    calibration_kind features;
    double prior, precision, shrink;
    size_t rank, batch, steps, seed;
    bool full;

    status st;                            /* of the fit and of storing */
    errinfo err;
    char made[ARTIFACT_NAME_BYTES];
};

void creation_start(struct service *s, exchange *x, const creation_route *route);
/* The index of a class label (of 1 to ARTIFACT_LABEL_BYTES - 1 bytes), new or seen before; `most` when there are too
 * many. class_names has room for all. */
size_t creation_class(creation *c, slice label, size_t most);
/* ST_INPUT: a class has one sample only of classes[n]. */
MUST_USE status creation_check_classes(const creation *c, size_t n, errinfo *err);
/* The same field for a head, whose labels are texts or whole numbers, into classes. */
bool creation_read_class_pairs(creation *c, const cJSON *body, const request_limits *limits, arena *a,
                               json_fault *fault);
/* The field `pairs`: {"a", "b", "label"} or [a, b, label], label 0, 1, false, true, or null (or absent): unknown. */
bool creation_read_pairs(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault);

#endif
