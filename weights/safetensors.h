/* safetensors.h - a strict reader of one .safetensors file.
 *
 * Owns     the file's bytes, read into 64-byte aligned memory (never mapped: a truncated mapping is a SIGBUS); the open
 *          file until they are read.
 * Borrows  nothing after open; a tensor borrows from its file until close.
 * Threads  open and close: one thread. Everything else reads only, from any thread.
 * Limits   header 4 MiB, 65 536 tensors, rank 8, names of 1 to 511 bytes without control characters.
 * Source   github.com/huggingface/safetensors, format section; the reference validator's rules and stricter ones.
 */
#ifndef ROSIM_SAFETENSORS_H
#define ROSIM_SAFETENSORS_H

#include "weights/base.h"

enum { TENSOR_RANK_MAX = 8 };

typedef enum {
    DTYPE_BOOL, DTYPE_U8, DTYPE_I8, DTYPE_F8_E4M3, DTYPE_F8_E5M2, DTYPE_I16, DTYPE_U16, DTYPE_F16, DTYPE_BF16,
    DTYPE_I32, DTYPE_U32, DTYPE_F32, DTYPE_F64, DTYPE_I64, DTYPE_U64
} dtype;

typedef struct {
    slice name;
    dtype type;
    size_t rank;
    size_t shape[TENSOR_RANK_MAX];
    const void *data;
    size_t bytes;
} tensor;

typedef struct safetensors safetensors;

/* What changes when somebody else's file takes a file's place: as make and ccache tell it. */
typedef struct {
    uint64_t bytes, modified_ns, inode;
} file_stamp;

const char *dtype_name(dtype type);               /* "F32" */
size_t dtype_bytes(dtype type);

/* Reads and validates the whole file. ST_IO, ST_NOMEM, or ST_FORMAT naming the file, the tensor and the rule;
 * pickle, zip, HDF5, ONNX and GGUF are recognised and refused with the way out. directory_fd: AT_FDCWD or an open
 * folder; the last path component must be a regular file and no symbolic link leads away from a given directory_fd, but
 * for those of a Hugging Face cache, "../../blobs/<hexadecimal name>". With AT_FDCWD links are followed. */
MUST_USE status safetensors_open(safetensors **out, int directory_fd, const char *path, errinfo *err);
void safetensors_close(safetensors *s);           /* NULL is fine */

/* The same in two steps: open_header leaves every tensor's data NULL until read_data (label names the file in errors).
 * A caller that finds what it needs elsewhere saves the reading. */
MUST_USE status safetensors_open_header(safetensors **out, int directory_fd, const char *path, errinfo *err);
MUST_USE status safetensors_read_data(safetensors *s, const char *label, errinfo *err);
file_stamp safetensors_stamp(const safetensors *s);    /* zeros for bytes in memory */

/* Validates bytes in memory (borrowed until close); what the fuzzer calls. label names them in errors. The data are
 * where they are: unlike those of an opened file they need not be aligned to their type. */
MUST_USE status safetensors_parse(safetensors **out, const void *bytes, size_t length, const char *label, errinfo *err);

size_t safetensors_count(const safetensors *s);
const tensor *safetensors_at(const safetensors *s, size_t index);       /* sorted by name */
const tensor *safetensors_find(const safetensors *s, slice name);       /* NULL when absent */

#endif
