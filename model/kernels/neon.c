/* neon.c - four lanes with byte products: 64-bit ARM from about 2018 on (Neoverse, Apple M, Cortex-A55 and A75). */
#include "model/kernels/levels.h"

#if defined(__aarch64__)

#include "model/kernels/vector_neon.h"
#include "model/kernels/vector_level.h"

#include <sys/auxv.h>

enum { CAPABILITY_DOT_PRODUCT = 1 << 20 };    /* HWCAP_ASIMDDP of Linux */

const kernels *neon_level(void)
{
    static const kernels level = { VECTOR_LEVEL("neon", f32_format) };
    return &level;
}

status neon_runs_here(errinfo *err)
{
    if (!(getauxval(AT_HWCAP) & CAPABILITY_DOT_PRODUCT))
        return fail(err, ST_INPUT, "kernel level \"neon\": this processor lacks asimddp");
    return ST_OK;
}

#endif
