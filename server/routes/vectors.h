/* vectors.h - the vectors of a finished job as clients want them: fewer dimensions, unit length.
 *
 * Owns     nothing: the vectors lie in the exchange's arena.    Borrows  the job.
 * Threads  HTTP threads.
 * Limits   the model's dimensions, which encode_start has checked.
 */
#ifndef ROSIM_VECTORS_H
#define ROSIM_VECTORS_H

#include "server/routes/encode_job.h"

typedef struct {
    const encode_job *job;
    size_t width;                 /* of what is served */
    bool normalize;
    float *row;                   /* [width] scratch of vectors_row */
} vectors;

/* As wide as e->dimensions says. Cutting first and normalising then is what Matryoshka models want. False: answered. */
bool vectors_open(vectors *v, const encode_job *e, bool normalize);
const float *vectors_row(vectors *v, size_t index);       /* until the next call */

#endif
