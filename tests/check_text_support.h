/* check_text_support.h - the golden files of the text room: a line is fields parted by tabs, \u{hex} stands for a
 * character that is not printed.
 */
#ifndef ROSIM_CHECK_TEXT_SUPPORT_H
#define ROSIM_CHECK_TEXT_SUPPORT_H

#include "tests/check_support.h"

#include "model/text/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_TEXT "tests/golden/text/"

enum { FIELDS_MAX = 64, LINE_MAX_BYTES = 1 << 16 };

typedef struct {
    FILE *file;
    char line[LINE_MAX_BYTES];
    char *fields[FIELDS_MAX];     /* unescaped; a field may hold NUL-free UTF-8 only */
    size_t count, number;
} golden_lines;

static inline golden_lines *golden_open(const char *path)
{
    golden_lines *g = calloc(1, sizeof *g);
    ck_assert_ptr_nonnull(g);
    g->file = fopen(path, "r");
    ck_assert_msg(g->file != NULL, "%s: cannot be opened", path);
    return g;
}

static inline void golden_close(golden_lines *g)
{
    fclose(g->file);
    free(g);
}

/* In place: what is read is never shorter than what is written. */
static inline void golden_unescape(char *text)
{
    char *out = text;
    while (*text) {
        unsigned code;
        int used = 0;
        if (sscanf(text, "\\u{%x}%n", &code, &used) == 1 && used > 0) {
            out += utf8_put(code, out);
            text += used;
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
}

static inline bool golden_next(golden_lines *g)
{
    if (!fgets(g->line, sizeof g->line, g->file))
        return false;
    g->line[strcspn(g->line, "\n")] = '\0';
    g->number++;
    g->count = 0;
    for (char *field = g->line; field && g->count < FIELDS_MAX;) {
        char *tab = strchr(field, '\t');
        if (tab)
            *tab = '\0';
        golden_unescape(field);
        g->fields[g->count++] = field;
        field = tab ? tab + 1 : NULL;
    }
    return true;
}

/* Numbers parted by blanks (or by +, for start and length); returns how many. */
static inline size_t golden_numbers(const char *field, uint32_t *out, size_t most)
{
    size_t count = 0;
    while (*field && count < most) {
        char *end;
        out[count++] = (uint32_t)strtoul(field, &end, 10);
        ck_assert_ptr_ne(end, field);
        field = end + strspn(end, " +");
    }
    return count;
}

#endif
