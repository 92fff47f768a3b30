/* avx512.c - sixteen lanes: AVX-512 F, BW, DQ, VL without further extensions (Skylake-X). */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#define AVX512_VNNI 0
#define AVX512_BF16 0
#include "model/kernels/vector_avx512.h"
#include "model/kernels/vector_level.h"

const kernels *avx512_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avx512", f32_format) };
    return &level;
}

status avx512_runs_here(errinfo *err)
{
    static const char wanted[] = "avx512f, avx512bw, avx512dq, avx512vl";
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return fail(err, ST_INPUT, "kernel level \"avx512\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
