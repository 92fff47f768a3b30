/* packed_file.h - a block of bytes that can be made again, kept on disk beside the key that it was made from.
 *
 * Owns     nothing after a call.
 * Borrows  path, key and bytes during a call.
 * Threads  any; two writers of one path do not disturb each other or a reader.
 * Limits   keys of 1 to 1023 bytes without NUL; the file is this machine's: nothing in it is portable.
 *
 * Read, not mapped: a file cut off under a mapping is a SIGBUS. Whoever may write the file may choose the numbers in
 * it, as with the weights themselves, but not their count.
 */
#ifndef ROSIM_PACKED_FILE_H
#define ROSIM_PACKED_FILE_H

#include "weights/base.h"

/* What became of such a file: none was asked for, it was read, it was written, or it could not be written. */
typedef enum { PACKED_NONE, PACKED_READ, PACKED_WRITTEN, PACKED_NOT_WRITTEN } packed_state;

/* Fills bytes[length] and returns true only if the file is whole (its checksum), of this length and of this key. Any
 * other file is as good as none: the caller makes the bytes anew. */
MUST_USE bool packed_file_read(const char *path, const char *key, void *bytes, size_t length);

/* Replaces the file at once and whole; makes its folder if that is missing, but none above. ST_IO names the file and
 * the reason. */
MUST_USE status packed_file_write(const char *path, const char *key, const void *bytes, size_t length, errinfo *err);

/* A 64-bit checksum for short keys and large blocks alike; it finds damage, not intent. */
uint64_t packed_file_checksum(const void *bytes, size_t length);

#endif
