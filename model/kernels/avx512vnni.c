/* avx512vnni.c - sixteen lanes and byte products (Cascade Lake, Ice Lake). */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#define AVX512_VNNI 1
#define AVX512_BF16 0
#include "model/kernels/vector_avx512.h"
#include "model/kernels/vector_level.h"

const kernels *avx512vnni_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avx512vnni", f32_format) };
    return &level;
}

status avx512vnni_runs_here(errinfo *err)
{
    static const char wanted[] = "avx512f, avx512bw, avx512dq, avx512vl, avx512vnni";
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512vnni"))
        return fail(err, ST_INPUT, "kernel level \"avx512vnni\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
