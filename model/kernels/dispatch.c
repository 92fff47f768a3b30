/* dispatch.c - picks a level by what the machine can do, never by the machine that built it.
 *
 * The table below is in the order of preference: "auto" takes the first level that runs here. A
 * level that is asked for by name and cannot run is refused with the reason, never replaced in
 * silence.
 */
#include "model/kernels/kernels.h"

#include "model/kernels/levels.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const kernels *(*table)(void);
    status (*runs_here)(errinfo *err);              /* ST_INPUT with the reason when it cannot */
    void (*describe)(char *out, size_t size);       /* adds to the line on the machine; or NULL */
} level;

static const level levels[] = {
#if defined(__x86_64__)
    { avx512bf16_level, avx512bf16_runs_here, NULL },
    { avx512vnni_level, avx512vnni_runs_here, NULL },
    { avx512vnni256_level, avx512vnni256_runs_here, NULL },
    { avx512_level, avx512_runs_here, NULL },
    { avxvnni_level, avxvnni_runs_here, NULL },
    { avx2_level, avx2_runs_here, NULL },
#elif defined(__aarch64__)
    { neon_level, neon_runs_here, NULL },
#endif
    { openblas_level, openblas_runs_here, openblas_describe },
    { generic_level, generic_runs_here, NULL },
};

enum { LEVELS = sizeof levels / sizeof *levels };

const char *precision_name(precision_kind p)
{
    static const char *const names[PRECISIONS] = { "f32", "bf16", "int8" };
    return names[p];
}

const kernels *kernels_at(size_t index)
{
    return index < LEVELS ? levels[index].table() : NULL;
}

static status choose_best(const kernels **out, errinfo *err)
{
    status st = ST_OK;
    for (size_t i = 0; i < LEVELS; i++) {
        st = levels[i].runs_here(err);
        if (st == ST_OK) {
            *out = levels[i].table();
            return ST_OK;
        }
    }
    return st;
}

static status refuse_unknown(const char *name, errinfo *err)
{
    char names[128] = "auto";
    for (size_t i = 0; i < LEVELS; i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, ", %s", levels[i].table()->name);
    }
    return fail(err, ST_INPUT, "kernel level \"%.40s\": unknown, there are %s", name, names);
}

status kernels_choose(const kernels **out, const char *name, errinfo *err)
{
    if (!name || strcmp(name, "auto") == 0)
        return choose_best(out, err);
    for (size_t i = 0; i < LEVELS; i++) {
        if (strcmp(levels[i].table()->name, name) != 0)
            continue;
        status st = levels[i].runs_here(err);
        if (st == ST_OK)
            *out = levels[i].table();
        return st;
    }
    return refuse_unknown(name, err);
}

/* The names of the instruction sets that this processor has, of those that levels ask for. */
static void describe_processor(char *out, size_t size)
{
    const struct {
        const char *name;
        int present;
    } features[] = {
#if defined(__x86_64__)
        { "avx2", __builtin_cpu_supports("avx2") },
        { "fma", __builtin_cpu_supports("fma") },
        { "avx512f", __builtin_cpu_supports("avx512f") },
        { "avx512bw", __builtin_cpu_supports("avx512bw") },
        { "avx512vnni", __builtin_cpu_supports("avx512vnni") },
        { "avx512bf16", __builtin_cpu_supports("avx512bf16") },
        { "avxvnni", avxvnni_is_here() },
#elif defined(__aarch64__)
        { "neon", 1 },
#endif
        { "", 0 },
    };
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof features / sizeof *features && used < size; i++)
        if (features[i].present)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "",
                                     features[i].name);
    if (used == 0)
        (void)snprintf(out, size, "baseline");
}

/* Why "auto" passed over a better level, so that a slow machine explains itself. */
static void describe_refusals(const kernels *k, char *out, size_t size)
{
    for (size_t i = 0; i < LEVELS && levels[i].table() != k; i++) {
        errinfo err;
        size_t used = strlen(out);
        if (levels[i].runs_here(&err) != ST_OK)
            (void)snprintf(out + used, size - used, "; %s", err.text);
    }
}

void kernels_describe(const kernels *k, char *out, size_t size)
{
    char processor[128], library[256] = "";
    if (size == 0)
        return;
    describe_processor(processor, sizeof processor);
    for (size_t i = 0; i < LEVELS; i++)
        if (levels[i].table() == k && levels[i].describe)
            levels[i].describe(library, sizeof library);
    (void)snprintf(out, size, "%s; processor: %s%s%s", k->name, processor, library[0] ? "; " : "",
                   library);
    describe_refusals(k, out, size);
}
