/* avx2.c - eight lanes with fused multiply-add: most x86-64 processors since 2013. */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#include "model/kernels/vector_avx2.h"
#include "model/kernels/vector_level.h"

const kernels *avx2_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avx2", f32_format) };
    return &level;
}

status avx2_runs_here(errinfo *err)
{
    static const char wanted[] = "avx2, fma";
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return fail(err, ST_INPUT, "kernel level \"avx2\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
