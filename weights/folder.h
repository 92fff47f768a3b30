/* folder.h - a model folder: its small text files and its tensors, in one file or in shards.
 *
 * Owns     the directory handle, the shards, and the text of every file read through it.
 * Borrows  nothing; what it returns lives until folder_close (tensors until folder_drop_tensors).
 * Threads  one thread at a time; reading tensors is safe from many.
 * Limits   config files 1 MiB, vocabularies and tokenizer.json 64 MiB, 128 shards.
 */
#ifndef ROSIM_FOLDER_H
#define ROSIM_FOLDER_H

#include "weights/base.h"
#include "weights/safetensors.h"

typedef struct folder folder;

/* Opens dir and model.safetensors, or every shard that model.safetensors.index.json names (plain basenames only; the
 * weight_map must name each tensor in its true shard). With neither: an error that names what was found instead
 * (pytorch_model.bin, model.onnx, tf_model.h5 ...) and the command that converts it. */
MUST_USE status folder_open(folder **out, const char *dir, errinfo *err);
/* The same in two steps: after open_headers every tensor is known and checked but has no data, until read_tensors. */
MUST_USE status folder_open_headers(folder **out, const char *dir, errinfo *err);
MUST_USE status folder_read_tensors(folder *f, errinfo *err);
/* The same without tensors, for commands that only tokenize. */
MUST_USE status folder_open_text(folder **out, const char *dir, errinfo *err);
void folder_close(folder *f);                     /* NULL is fine */
void folder_drop_tensors(folder *f);              /* frees the files' bytes once they are packed */

const char *folder_path(const folder *f);

/* The bytes of a file below the folder ("config.json", "1_Pooling/config.json"), NUL-terminated. Absent is no error:
 * ST_OK with data == NULL. A file over max_bytes, or one that is not a regular file: ST_FORMAT. */
MUST_USE status folder_file(folder *f, const char *name, size_t max_bytes, slice *out, errinfo *err);

/* What changes when a file of weights does. */
size_t folder_shard_count(const folder *f);
file_stamp folder_shard_stamp(const folder *f, size_t index);

size_t folder_tensor_count(const folder *f);
const tensor *folder_tensor_at(const folder *f, size_t index);
const tensor *folder_tensor(const folder *f, const char *name);         /* NULL when absent */

/* Converts tensor `name` to fp32 into out[product of shape]. F32, F16, BF16; I8 of rank 2 with `name`_scale F32 [rows]
 * (api.md section 6). Every value must be finite. Errors name file, tensor, found and wanted shape and type. */
MUST_USE status folder_read_f32(const folder *f, const char *name, const size_t *shape, size_t rank, float *out,
                                errinfo *err);

#endif
