/* levels.h - what each level gives to dispatch.c: its table, and whether it can run on this machine.
 *
 * Owns     nothing: tables are constant data.    Borrows  nothing.
 * Threads  tables: any thread. The runs_here functions: one thread at a time, since a library may keep settings.
 * Limits   private to this folder. A new level adds its file, two lines here and one row in dispatch.c.
 */
#ifndef ROSIM_LEVELS_H
#define ROSIM_LEVELS_H

#include "model/kernels/kernels.h"

const kernels *generic_level(void);
MUST_USE status generic_runs_here(errinfo *err);

#if defined(__x86_64__)
const kernels *avx2_level(void);
MUST_USE status avx2_runs_here(errinfo *err);
const kernels *avxvnni_level(void);
bool avxvnni_is_here(void);                            /* the instructions, whatever else the level wants */
MUST_USE status avxvnni_runs_here(errinfo *err);
const kernels *avx512vnni256_level(void);
MUST_USE status avx512vnni256_runs_here(errinfo *err);
const kernels *avx512_level(void);
MUST_USE status avx512_runs_here(errinfo *err);
const kernels *avx512vnni_level(void);
MUST_USE status avx512vnni_runs_here(errinfo *err);
const kernels *avx512bf16_level(void);
MUST_USE status avx512bf16_runs_here(errinfo *err);
#endif

#if defined(__aarch64__)
const kernels *neon_level(void);
MUST_USE status neon_runs_here(errinfo *err);
#endif

const kernels *openblas_level(void);
/* ST_INPUT with the reason when the loaded library must not be called from several threads, or breaks the bit rule. */
MUST_USE status openblas_runs_here(errinfo *err);
void openblas_describe(char *out, size_t size);        /* build and core of the library, on one line */

#endif
