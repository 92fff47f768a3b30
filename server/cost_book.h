/* cost_book.h - the cost constants of every model, measured when they are first asked for.
 *
 * Owns     its list.    Borrows  a model during a call: it may be closed afterwards.
 * Threads  any: one asker measures, the others wait for it.
 * Limits   the last REGISTRY_MODELS_MAX models that were measured. Measuring takes a few 100 ms on a pool of its own,
 *          beside what is being served: asked for first under load, the constants stay as slow as that moment was.
 */
#ifndef ROSIM_COST_BOOK_H
#define ROSIM_COST_BOOK_H

#include "model/model.h"
#include "weights/base.h"

typedef struct cost_book cost_book;

/* threads: of the pools that it measures with. NULL: out of memory. */
MUST_USE cost_book *cost_book_open(size_t threads);
MUST_USE status cost_book_find(cost_book *b, const model *m, cost_rates *out, errinfo *err);
void cost_book_close(cost_book *b);               /* NULL is fine */

#endif
