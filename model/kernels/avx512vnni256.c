/* avx512vnni256.c - eight lanes and byte products of AVX-512: for processors that slow down under 512-bit instructions,
 * by name only, and to test what avxvnni.c shares with it.
 */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#define VNNI_STEP "vpdpbusd"
#include "model/kernels/vector_avx2.h"
#include "model/kernels/vector_level.h"

const kernels *avx512vnni256_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avx512vnni256", f32_format) };
    return &level;
}

status avx512vnni256_runs_here(errinfo *err)
{
    static const char wanted[] = "avx2, fma, avx512f, avx512vl, avx512vnni";
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx512f") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512vnni"))
        return fail(err, ST_INPUT, "kernel level \"avx512vnni256\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
