/* tensor_table.h - the JSON header of a safetensors file, validated and turned into a table sorted by name.
 *
 * Owns     its entries and names until clear.
 * Borrows  the header during the call; tensors have no data until tensor_table_attach.
 * Threads  read and attach: one thread. A finished table is only read.
 * Limits   header 4 MiB (the caller's), 65 536 tensors, rank 8, names of 1 to 511 bytes.
 */
#ifndef ROSIM_TENSOR_TABLE_H
#define ROSIM_TENSOR_TABLE_H

#include "weights/safetensors.h"

typedef struct {
    tensor tensor;
    size_t begin;    /* byte of the data */
} tensor_entry;

typedef struct {
    tensor_entry *entries;
    size_t count;
    char *names;     /* all names, one after the other, without separators */
} tensor_table;

/* Fills an empty table. ST_FORMAT or ST_NOMEM, with label, tensor and rule; clear the table then, too. */
MUST_USE status tensor_table_read(tensor_table *t, const char *header, size_t length, size_t data_bytes,
                                  const char *label, errinfo *err);
void tensor_table_attach(tensor_table *t, const void *data);
void tensor_table_clear(tensor_table *t);

/* The order of the table: bytes, then length. */
int tensor_name_compare(slice a, slice b);

#endif
