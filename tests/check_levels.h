/* check_levels.h - the kernel levels as the index of a loop test: all that are compiled in, NULL for one that cannot
 * run here.
 */
#ifndef ROSIM_CHECK_LEVELS_H
#define ROSIM_CHECK_LEVELS_H

#include "tests/check_support.h"

#include "model/kernels/kernels.h"

#include <string.h>

static inline int levels_compiled_in(void)
{
    int count = 0;
    while (kernels_at((size_t)count))
        count++;
    return count;
}

/* The i-th level, NULL when it cannot run here, or when CHECK_LEVEL names another: an emulator takes long. */
static inline const kernels *level_at(int i)
{
    const kernels *k = NULL;
    const char *only = getenv("CHECK_LEVEL");
    errinfo err;
    if (only && strcmp(only, kernels_at((size_t)i)->name) != 0)
        return NULL;
    return kernels_choose(&k, kernels_at((size_t)i)->name, &err) == ST_OK ? k : NULL;
}

#endif
