/* tensor_editor.h - a model as it would be if some tensors were others: for diagnosis.
 *
 * Owns     nothing.    Borrows  the context while a model is opened.
 * Threads  the one that opens.    Limits  none.
 */
#ifndef ROSIM_TENSOR_EDITOR_H
#define ROSIM_TENSOR_EDITOR_H

#include "weights/base.h"

/* Sees every tensor of the encoder as fp32 after it was read, and may change it. Names are without the folder's prefix:
 * "encoder.layer.0.attention.self.query.weight". */
typedef struct {
    void (*change)(void *context, const char *name, const size_t *shape, size_t rank, float *values);
    void *context;
} tensor_editor;

#endif
