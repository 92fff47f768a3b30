/* avxvnni.c - eight lanes and byte products in VEX encoding: processors without AVX-512 that have AVX-VNNI (Alder Lake,
 * N100, Sierra Forest).
 *
 * But for the encoding of one instruction it is avx512vnni256.c, which is what the tests run on machines with AVX-512.
 */
#include "model/kernels/levels.h"

#if defined(__x86_64__)

#include <cpuid.h>

#define VNNI_STEP "%{vex%} vpdpbusd"
#include "model/kernels/vector_avx2.h"
#include "model/kernels/vector_level.h"

const kernels *avxvnni_level(void)
{
    static const kernels level = { VECTOR_LEVEL("avxvnni", f32_format) };
    return &level;
}

/* Not every compiler's __builtin_cpu_supports knows it. Source: Intel, Software Developer's Manual, CPUID. */
bool avxvnni_is_here(void)
{
    enum { LEAF = 7, SUBLEAF = 1, AVX_VNNI = 1 << 4 };
    unsigned a = 0, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(LEAF, SUBLEAF, &a, &b, &c, &d) && (a & AVX_VNNI);
}

status avxvnni_runs_here(errinfo *err)
{
    static const char wanted[] = "avx2, fma, avxvnni";
    if (!avxvnni_is_here() || !__builtin_cpu_supports("fma"))
        return fail(err, ST_INPUT, "kernel level \"avxvnni\": this processor lacks one of %s", wanted);
    return ST_OK;
}

#endif
