/* artifacts.h - the store of what users made: in memory under one lock, and in --state-dir as one file each.
 *
 * Owns     the artifacts put into it.
 * Borrows  nothing between calls: of the models it keeps names and identities.
 * Threads  every function but open and close from any thread; what is handed out are copies.
 * Limits   ARTIFACTS_MAX of a kind; ARTIFACTS_BYTES_MAX of memory in all; a file of at most ARTIFACT_FILE_BYTES.
 *
 * A file is written beside its place, synchronised, then renamed, and the folder synchronised: whenever the process is
 * killed, the old or the new file stands there whole. Loading skips what it cannot use and says so: a stranger's file,
 * a broken one, one made for a model that is not served, or for another model of the same name.
 */
#ifndef ROSIM_ARTIFACTS_H
#define ROSIM_ARTIFACTS_H

#include "server/artifact.h"
#include "server/registry.h"

enum { ARTIFACTS_MAX = 64, ARTIFACTS_BYTES_MAX = 256 << 20, ARTIFACT_FILE_BYTES = 64 << 20 };

typedef struct artifacts artifacts;

/* directory NULL: nothing outlives the process. A directory that cannot be made or read: ST_IO. */
MUST_USE status artifacts_open(artifacts **out, const char *directory, registry *models, errinfo *err);
void artifacts_close(artifacts *s);               /* NULL is fine */
/* Identifies models that artifacts_reload will be given, as this store needs them (open does it itself): before they
 * are shared. */
void artifacts_identify(const artifacts *s, registry *models);
/* For the models that are served now: what was made for others goes. Reads the directory again: what has gone there
 * goes here, what is new comes. ST_IO: it cannot be read. */
MUST_USE status artifacts_reload(artifacts *s, const registry *models, errinfo *err);

/* Takes a (also on failure, when it is closed): names it when it has no id, stores it, and replaces one of the same
 * kind and id. models: those that made its vectors. id gets its name. ST_BUSY: the kind or the memory is full.
 * ST_FORMAT: these models have been replaced. ST_IO: the file could not be written. */
MUST_USE status artifacts_put(artifacts *s, artifact *a, const registry *models, char id[ARTIFACT_NAME_BYTES],
                              errinfo *err);
/* False: there is none. */
bool artifacts_remove(artifacts *s, artifact_kind kind, slice id);

/* Calls visit for the artifact, or for all of the kind (id.data NULL), under the lock: be quick, and call nothing of
 * this store. Returns how many there were. */
size_t artifacts_visit(artifacts *s, artifact_kind kind, slice id, void (*visit)(void *context, artifact *a),
                       void *context);

#endif
