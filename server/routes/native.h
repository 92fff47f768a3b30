/* native.h - our own dialect: POST /v1/similarity, in pairs, one to many, or as a matrix.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; the decoder is pure.
 * Limits   those of request_limits.
 * Source   api.md sections 3 and 6.
 */
#ifndef ROSIM_NATIVE_H
#define ROSIM_NATIVE_H

#include "model/score/similarity.h"
#include "server/exchange.h"
#include "server/routes/trust.h"
#include "server/schema.h"

typedef enum { FORM_PAIRS, FORM_ONE_TO_MANY, FORM_MATRIX } similarity_form;

typedef struct {
    encode_options options;
    metric metric;
    similarity_form form;
    input_list list;              /* pairs: a, b, a, b ...; one to many: source, sentences; matrix: left, right */
    size_t rows, columns;         /* of scores: [1][pairs], [1][sentences], [left][right] */
    bool ranked;                  /* matrix with top_k or threshold */
    size_t top_k;                 /* 0: all */
    float threshold;              /* -FLT_MAX: none */
    bool explain;                 /* what each pair of tokens adds; explain.h */
    trust_names names;            /* calibration, adapter, prior */
    trust trust;                  /* what they stand for */
    encode_copies copies;         /* uncertainty; pairs and one to many only */
} similarity_request;

extern const schema similarity_body, similarity_answer;

/* The body, checked; all it keeps lies in the arena. */
bool similarity_decode(slice body, const request_limits *limits, arena *a, similarity_request *out, json_fault *fault);

void native_similarity(struct service *s, exchange *x);

#endif
