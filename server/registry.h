/* registry.h - the models of this process, by name.
 *
 * Owns     every model it opened.    Borrows  nothing after open.
 * Threads  read-only after open and identify.
 * Limits   16 models.
 */
#ifndef ROSIM_REGISTRY_H
#define ROSIM_REGISTRY_H

#include "model/model.h"
#include "weights/base.h"

typedef struct registry registry;

enum { REGISTRY_MODELS_MAX = 16 };

MUST_USE status registry_open(registry **out, const model_options *models, size_t count, errinfo *err);
void registry_close(registry *r);                 /* NULL is fine */
size_t registry_count(const registry *r);
const model *registry_at(const registry *r, size_t index);
const model *const *registry_all(const registry *r);
/* False: a file of one of the folders has changed since it was read. */
bool registry_is_current(const registry *r);
/* What the models' files are, as a hash: of their bytes, which reads them all, or of their marks (fingerprint.h).
 * Before this the identity of every model is "". */
void registry_identify(registry *r, bool by_contents);
const char *registry_identity(const registry *r, const char *name);      /* NULL: there is no such model */
const model *registry_find(const registry *r, slice name);       /* empty name: the first; NULL when unknown */

#endif
