/* npy.h - a growing float32 matrix as a NumPy file.
 *
 * Owns     nothing: the stream is the caller's, and must be one that can seek.
 * Borrows  the stream during a call.    Threads  one.
 * Limits   the header is always 128 bytes: the number of rows is filled in at the end.
 * Source   NumPy's format description (numpy.lib.format), version 1.0.
 */
#ifndef ROSIM_NPY_H
#define ROSIM_NPY_H

#include "weights/base.h"

#include <stdio.h>

/* Writes the header at the beginning of the file; call it first with 0 rows, and again when their number is known. */
MUST_USE status npy_write_header(FILE *out, size_t rows, size_t columns, errinfo *err);
/* One row, little-endian. */
void npy_write_row(FILE *out, const float *row, size_t columns);

#endif
