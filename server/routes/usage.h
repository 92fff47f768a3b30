/* usage.h - what the native routes report about their texts: how many, tokens, which were cut, what was unknown.
 *
 * Owns     nothing.    Borrows  the job.
 * Threads  HTTP threads.
 * Limits   the request's memory.
 */
#ifndef ROSIM_USAGE_H
#define ROSIM_USAGE_H

#include "server/routes/encode_job.h"
#include "server/schema.h"

extern const schema usage_members[];

/* The key "usage" and its object. */
void usage_write(json_out *w, const encode_job *e);

#endif
