/* fingerprint.h - what a model folder is, as a hash: of the bytes that decide its vectors, or of its files' marks.
 *
 * Owns     nothing.    Borrows  its arguments during a call.    Threads  any.
 * Limits   a folder that cannot be read gives "".
 */
#ifndef ROSIM_FINGERPRINT_H
#define ROSIM_FINGERPRINT_H

enum { FINGERPRINT_BYTES = 65 };

/* SHA-256 over the files that decide vectors (weights, configuration, vocabulary): reads all of them. */
void fingerprint_of_contents(const char *folder, char out[FINGERPRINT_BYTES]);
/* Over names, sizes, times and inodes of the folder's files and of those one level below: reads none. Changes whenever
 * a file is replaced or written, also by the same bytes. */
void fingerprint_of_marks(const char *folder, char out[FINGERPRINT_BYTES]);

#endif
