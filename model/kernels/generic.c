/* generic.c - the level that runs everywhere: four lanes in portable C. */
#include "model/kernels/levels.h"

#include "model/kernels/vector_portable.h"
#include "model/kernels/vector_level.h"

const kernels *generic_level(void)
{
    static const kernels level = { VECTOR_LEVEL("generic", f32_format) };
    return &level;
}

status generic_runs_here(errinfo *err)
{
    (void)err;
    return ST_OK;
}
