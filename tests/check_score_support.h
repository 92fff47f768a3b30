/* check_score_support.h - the numbers of tests/golden/score/golden.txt by name: lines `name count value...`. */
#ifndef ROSIM_CHECK_SCORE_SUPPORT_H
#define ROSIM_CHECK_SCORE_SUPPORT_H

#include "tests/check_support.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { GOLDEN_MAX = 512 };

typedef struct { size_t count; double values[GOLDEN_MAX]; float floats[GOLDEN_MAX]; bool flags[GOLDEN_MAX]; } golden;

/* Fails the test when the name is absent. floats and flags are the same values as such. */
static inline golden golden_read(const char *name)
{
    golden g = { 0 };
    char word[64];
    FILE *f = fopen("tests/golden/score/golden.txt", "r");
    ck_assert_ptr_nonnull(f);
    while (fscanf(f, "%63s %zu", word, &g.count) == 2) {
        ck_assert_uint_le(g.count, GOLDEN_MAX);
        for (size_t i = 0; i < g.count; i++) {
            ck_assert_int_eq(fscanf(f, "%lf", &g.values[i]), 1);
            g.floats[i] = (float)g.values[i];
            g.flags[i] = g.values[i] > 0.5;
        }
        if (strcmp(word, name) == 0) {
            (void)fclose(f);
            return g;
        }
    }
    ck_abort_msg("no %s in golden.txt", name);
    return g;
}

/* |found[i] - wanted| <= tolerance * max(1, |wanted|) for each. */
static inline void golden_compare(const char *name, const double *found, double tolerance)
{
    golden g = golden_read(name);
    for (size_t i = 0; i < g.count; i++) {
        double size = g.values[i] < 0 ? -g.values[i] : g.values[i];
        double off = found[i] - g.values[i];
        ck_assert_msg((off < 0 ? -off : off) <= tolerance * (size > 1 ? size : 1), "%s[%zu]: %.17g, want %.17g", name,
                      i, found[i], g.values[i]);
    }
}

#endif
