/* vector_level.h - a whole level from the templates: a .c file includes its vector_<set>.h, then this, and fills its
 * table with VECTOR_LEVEL. Everything is static: files with different instruction-set flags share no code that a
 * linker could merge.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure.
 * Limits   included once by a level's .c file.
 */
#ifndef ROSIM_VECTOR_LEVEL_H
#define ROSIM_VECTOR_LEVEL_H

#include "model/kernels/vector_math.h"
#include "model/kernels/vector_tile.h"
#include "model/kernels/vector_dense.h"
#include "model/kernels/vector_attention.h"

/* int8 multiplies weights only; its attention is the best there is in floats. */
#if BF16_DOT
#define LEVEL_ATTENTION { &f32_attention, &bf16_attention, &bf16_attention }
#else
#define LEVEL_ATTENTION { &f32_attention }
#endif

/* The whole table; f32 is its fp32 format: f32_format, or a library's. */
#define VECTOR_LEVEL(level_name, f32) \
    .name = level_name, .formats = { &f32, &bf16_format, &int8_format }, .attention = LEVEL_ATTENTION, \
    .matmul_nn = level_matmul_nn, .matmul_tn = level_matmul_tn, .exp = level_exp, .activate = level_activate, \
    .softmax = level_softmax, .layer_norm = level_layer_norm, .rms_norm = level_rms_norm, .dot = level_dot

#endif
