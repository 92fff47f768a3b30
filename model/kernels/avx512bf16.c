/* avx512bf16.c - sixteen lanes, byte products and bf16 products (Cooper Lake, Sapphire Rapids, Zen 4). */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#define AVX512_VNNI 1
#define AVX512_BF16 1
#include "model/kernels/vector_avx512.h"
#include "model/kernels/vector_level.h"

const kernels *avx512bf16_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avx512bf16", f32_format) };
    return &level;
}

status avx512bf16_runs_here(errinfo *err)
{
    static const char wanted[] = "avx512f, avx512bw, avx512dq, avx512vl, avx512vnni, avx512bf16";
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bf16"))
        return fail(err, ST_INPUT, "kernel level \"avx512bf16\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
