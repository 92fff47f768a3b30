/* head_file.h - a pair head that was trained elsewhere, from a .safetensors file to an artifact.
 *
 * Owns     nothing: the artifact is the caller's.
 * Borrows  its arguments during a call.
 * Threads  any.
 * Limits   those of safetensors.h and pair_head.h; F32, F16 or BF16.
 *
 * The file holds `weight` [classes][3D], or one tensor whose name ends in .weight, and `bias` [classes] beside it or
 * none. Its metadata may have `labels` and `groups`, JSON lists, and `unit_vectors`, true or false. Five outputs
 * without labels are the article's (pair_head.h).
 */
#ifndef ROSIM_HEAD_FILE_H
#define ROSIM_HEAD_FILE_H

#include "server/artifact.h"

/* What the file does not say, or says otherwise. */
typedef struct {
    const char *labels, *groups;          /* "a,b,c" and "2,3"; NULL: the file's */
    bool unit_vectors;                    /* asked for; false: the file's */
} head_file_options;

/* Id, model and attention are left empty. ST_FORMAT or ST_INPUT names file and tensor, or what is missing. */
MUST_USE status head_file_read(artifact **out, const char *path, const head_file_options *o, errinfo *err);

#endif
