/* bench_table.h - the tables of rosim bench: aligned columns as they are measured, or one JSON document at the end.
 *
 * Owns     an arena for the document, from open to close.
 * Borrows  columns until the end of their section; texts during a call.
 * Threads  main.
 * Limits   memory.
 */
#ifndef ROSIM_BENCH_TABLE_H
#define ROSIM_BENCH_TABLE_H

#include "server/json_out.h"
#include "weights/base.h"

typedef struct {
    const char *name;             /* heading, and key in JSON */
    int width;
    int decimals;                 /* -1: a text */
} bench_column;

typedef struct {
    const char *text;
    double number;                /* finite; ignored in a column of texts */
} bench_cell;

typedef struct {
    bool json;
    arena *arena;
    json_out document;
    const bench_column *columns;
    size_t count;
} bench_table;

MUST_USE status bench_table_open(bench_table *t, bool json, errinfo *err);
void bench_table_fact(bench_table *t, const char *name, const char *value);      /* before the first section */
void bench_table_section(bench_table *t, const char *name, const bench_column *columns, size_t count);
void bench_table_row(bench_table *t, const bench_cell *cells);                   /* one for each column */
void bench_table_end(bench_table *t);                                            /* of a section */
/* Prints the document, or nothing more: a table is there already. */
MUST_USE status bench_table_finish(bench_table *t, errinfo *err);
void bench_table_close(bench_table *t);

#endif
