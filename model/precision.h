/* precision.h - which arithmetic serves a model best on this machine: the fastest whose vectors stay close to fp32's.
 *
 * Owns     nothing after a call.    Borrows  everything during a call.
 * Threads  one; it measures on the calling thread alone.
 * Limits   a trial holds the weights of every precision of the level at once, and takes some tenths of a second for a
 *          small model; with a packed file it is made once for a folder, a level and a machine.
 */
#ifndef ROSIM_PRECISION_H
#define ROSIM_PRECISION_H

#include "model/encoder/encoder.h"
#include "model/text/tokenizer.h"

/* What a precision must keep, over the probe texts: cosines to the fp32 vectors of the same texts. */
#define PRECISION_LEAST_MEAN_COSINE 0.998f
#define PRECISION_LEAST_COSINE 0.99f

typedef struct {
    folder *folder;
    const encoder_config *config;
    const kernels *kernels;
    const tokenizer *tokenizer;
    const char *packed;           /* as encoder_open_packed's; the verdict is kept beside it. NULL: nothing is kept */
} precision_subject;

typedef struct {
    bool there;                   /* the level has it */
    float mean_cosine, least_cosine;
    float ns_per_token;           /* the best of some short runs, one thread */
} precision_trial;

typedef struct {
    precision_kind chosen;
    precision_trial of[PRECISIONS];
} precision_report;

MUST_USE status precision_choose(precision_report *out, const precision_subject *subject, errinfo *err);

/* One line, cut to size: "int8: cosine to f32 0.9989 on average, 0.9971 at least; 3.4 times as fast". */
void precision_explain(const precision_report *report, char *out, size_t size);

#endif
