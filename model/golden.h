/* golden.h - does this machine compute what the model's author computed? Texts with their ids and vectors, compared.
 *
 * Owns     nothing after the call.    Borrows  model and runner during the call.
 * Threads  as the runner: one.
 * Limits   the file 16 MiB; texts as long as the runner's batches.
 * Source   api.md section 6, "Golden vectors": normalised vectors are off by at most 1e-4 in a component in fp32; in
 *          bf16 and int8 their cosine is at least .999 and .99.
 */
#ifndef ROSIM_GOLDEN_H
#define ROSIM_GOLDEN_H

#include "model/model.h"
#include "weights/base.h"

/* name: a file below the model's folder. ST_FORMAT: ids or a vector differ (the text, the position, by how much), or
 * the file is not what it should be. *checked counts the vectors compared; NULL is fine. */
MUST_USE status golden_check(const model *m, model_runner *r, const char *name, size_t *checked, errinfo *err);

/* How far off the vectors are: the mean of 1 - cosine over all *checked of them. ST_FORMAT: ids differ, or as above. */
MUST_USE status golden_distance(const model *m, model_runner *r, const char *name, double *mean, size_t *checked,
                                errinfo *err);

#endif
