/* peak.c - see peak.h.
 *
 * Every loop is written in assembler, for two reasons: it is exactly what is measured, whatever the compiler, and this
 * file needs no flags of an instruction set. Twelve independent sums hide the latency of two multiply-add units of four
 * or five cycles. The operands are ones, so that no sum becomes subnormal or infinite.
 */
#include "model/kernels/peak.h"

#include "model/kernels/levels.h"

enum { SUMS = 12 };

#define TWELVE(step) \
    step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11) step(12) step(13) step(14) step(15)

#if defined(__x86_64__)

/* Operands in registers 0 and 1, sums in 4 to 15; `pattern` fills each 32-bit lane of the operands. */
#define LOOP(size, clear, step, pattern)                                                                            \
    uint64_t left = steps;                                                                                          \
    __asm__ volatile("vmovd %1, %%xmm0\n\tvpbroadcastd %%xmm0, %%" size "0\n\tvpbroadcastd %%xmm0, %%" size "1\n\t" \
                     TWELVE(clear)                                                                                  \
                     "1:\n\t" TWELVE(step) "decq %0\n\tjnz 1b\n\tvzeroupper"                                        \
                     : "+r"(left) : "r"(pattern)                                                                    \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

#define CLEAR(n) "vpxor %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n\t"    /* clears the whole register */
#define FMA_512(n) "vfmadd231ps %%zmm0, %%zmm1, %%zmm" #n "\n\t"
#define BF16_512(n) "vdpbf16ps %%zmm0, %%zmm1, %%zmm" #n "\n\t"
#define VNNI_512(n) "vpdpbusd %%zmm0, %%zmm1, %%zmm" #n "\n\t"
#define VNNI_256(n) "%{vex%} vpdpbusd %%ymm0, %%ymm1, %%ymm" #n "\n\t"
#define FMA_256(n) "vfmadd231ps %%ymm0, %%ymm1, %%ymm" #n "\n\t"
#define MADD_256(n) "vpmaddwd %%ymm0, %%ymm1, %%ymm2\n\tvpaddd %%ymm2, %%ymm" #n ", %%ymm" #n "\n\t"

static const uint32_t ONE_F32 = 0x3f800000, ONES_BF16 = 0x3f803f80, ONES_INT8 = 0x01010101, ONES_INT16 = 0x00010001;

/* steps: at least 1, in all of these. */
static void fma_512(size_t steps) { LOOP("zmm", CLEAR, FMA_512, ONE_F32); }
static void bf16_512(size_t steps) { LOOP("zmm", CLEAR, BF16_512, ONES_BF16); }
static void vnni_512(size_t steps) { LOOP("zmm", CLEAR, VNNI_512, ONES_INT8); }
static void vnni_256(size_t steps) { LOOP("ymm", CLEAR, VNNI_256, ONES_INT8); }
static void fma_256(size_t steps) { LOOP("ymm", CLEAR, FMA_256, ONE_F32); }
static void madd_256(size_t steps) { LOOP("ymm", CLEAR, MADD_256, ONES_INT16); }

static bool has_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static bool has_bf16(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }
static bool has_vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

#endif

typedef float lanes __attribute__((vector_size(16)));

static void portable(size_t steps)
{
    volatile float one = 1.0f;
    lanes x = { one, one, one, one }, sums[SUMS] = { { 0 } };
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12    /* keeps the sums in registers */
        for (size_t s = 0; s < SUMS; s++)
            sums[s] = sums[s] * x + x;
    }
    for (size_t s = 0; s < SUMS; s++)
        one = sums[s][0];
}

static bool everywhere(void) { return true; }

const peak_loop *peak_at(size_t index)
{
    static const peak_loop loops[] = {
#if defined(__x86_64__)
        { "avx512 fma", PRECISION_F32, 16 * 2 * SUMS, has_avx512, fma_512 },
        { "avx512 bf16 dot", PRECISION_BF16, 16 * 4 * SUMS, has_bf16, bf16_512 },
        { "avx512 vnni", PRECISION_INT8, 16 * 8 * SUMS, has_vnni, vnni_512 },
        { "avx vnni", PRECISION_INT8, 8 * 8 * SUMS, avxvnni_is_here, vnni_256 },
        { "avx2 fma", PRECISION_F32, 8 * 2 * SUMS, has_avx2, fma_256 },
        { "avx2 int16 madd", PRECISION_INT8, 8 * 4 * SUMS, has_avx2, madd_256 },
#endif
        { "portable multiply, add", PRECISION_F32, 4 * 2 * SUMS, everywhere, portable },
    };
    return index < sizeof loops / sizeof *loops ? &loops[index] : NULL;
}

uint64_t peak_read(const void *memory, size_t bytes)
{
    enum { STREAMS = 4, LINE = 8 };    /* words of a cache line */
    const uint64_t *words = memory;
    size_t stream = bytes / sizeof *words / STREAMS;
    uint64_t sum[STREAMS] = { 0 };
    for (size_t i = 0; i < stream; i += LINE)
        for (size_t s = 0; s < STREAMS; s++) {
            const uint64_t *line = words + s * stream + i;
            __builtin_prefetch(line + LINE * LINE);
            sum[s] += line[0] ^ line[1] ^ line[2] ^ line[3] ^ line[4] ^ line[5] ^ line[6] ^ line[7];
        }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}
