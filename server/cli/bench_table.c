/* bench_table.c - see bench_table.h. */
#include "server/cli/bench_table.h"

#include "server/cli/output.h"

#include <stdio.h>

enum { DOCUMENT_BYTES = 1 << 16 };

status bench_table_open(bench_table *t, bool json, errinfo *err)
{
    *t = (bench_table){ .json = json, .arena = arena_open(DOCUMENT_BYTES, SIZE_MAX / 2) };
    if (!t->arena)
        return fail(err, ST_NOMEM, "out of memory");
    json_begin(&t->document, t->arena, DOCUMENT_BYTES);
    json_open(&t->document, '{');
    return ST_OK;
}

void bench_table_close(bench_table *t)
{
    arena_close(t->arena);
}

void bench_table_fact(bench_table *t, const char *name, const char *value)
{
    json_key(&t->document, name);
    json_text(&t->document, slice_of(value));
    if (!t->json)
        (void)printf("%-10s %s\n", name, value);
}

void bench_table_section(bench_table *t, const char *name, const bench_column *columns,
                         size_t count)
{
    t->columns = columns;
    t->count = count;
    json_key(&t->document, name);
    json_open(&t->document, '[');
    if (t->json)
        return;
    (void)printf("\n%s\n", name);
    for (size_t i = 0; i < count; i++)
        (void)printf(columns[i].decimals < 0 ? "%-*s " : "%*s ", columns[i].width, columns[i].name);
    (void)putchar('\n');
}

static void print_row(const bench_table *t, const bench_cell *cells)
{
    for (size_t i = 0; i < t->count; i++) {
        const bench_column *c = &t->columns[i];
        if (c->decimals < 0)
            (void)printf("%-*s ", c->width, cells[i].text);
        else
            (void)printf("%*.*f ", c->width, c->decimals, cells[i].number);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

void bench_table_row(bench_table *t, const bench_cell *cells)
{
    json_open(&t->document, '{');
    for (size_t i = 0; i < t->count; i++) {
        json_key(&t->document, t->columns[i].name);
        if (t->columns[i].decimals < 0)
            json_text(&t->document, slice_of(cells[i].text));
        else
            json_float(&t->document, (float)cells[i].number);
    }
    json_close(&t->document, '}');
    if (!t->json)
        print_row(t, cells);
}

void bench_table_end(bench_table *t)
{
    json_close(&t->document, ']');
}

status bench_table_finish(bench_table *t, errinfo *err)
{
    json_close(&t->document, '}');
    return t->json ? output_json(&t->document, stdout, err) : output_flush(stdout, err);
}
