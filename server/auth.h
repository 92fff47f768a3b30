/* auth.h - bearer keys: who may call, and which models.
 *
 * Owns     digests of the keys, never the keys; what each name has used.
 * Borrows  nothing after open and reload.
 * Threads  all but open, reload and close from any thread. A client that was found stays good until it is given back.
 * Limits   1024 keys. Every check hashes the offered key and compares it with all entries, without early exit.
 */
#ifndef ROSIM_AUTH_H
#define ROSIM_AUTH_H

#include "weights/base.h"

typedef struct auth auth;
typedef struct auth_client auth_client;

/* keys: plain keys (--api-key); file: NULL or lines `name:sha256-hex[:models=a,b][:rate=tokens-per-second]` (api.md 6).
 * No key at all: *out is NULL and everybody may. Errors name the file and the line. */
MUST_USE status auth_open(auth **out, const char *const *keys, size_t count, const char *file, errinfo *err);
/* The same again: on success later checks see the new keys only; on failure everything stays as it is. */
MUST_USE status auth_reload(auth *a, const char *const *keys, size_t count, const char *file, errinfo *err);
void auth_close(auth *a);                         /* everything was given back; NULL is fine */

/* The value of an Authorization header ("Bearer ..."); NULL when it opens nothing. To be given back. */
const auth_client *auth_check(auth *a, slice authorization);
void auth_give(const auth_client *c);             /* NULL is fine */
const char *auth_client_name(const auth_client *c);
bool auth_may_use(const auth_client *c, const char *model_name);          /* true when the key names no models */
/* Takes tokens from the rate of the key: 0 when it may go on, else nothing is taken and the seconds to wait come back
 * (429). */
double auth_wait_s(const auth_client *c, size_t tokens, int64_t now_ns);

/* Counts an answer; c NULL: nothing. */
void auth_count(const auth_client *c, int http_status);
/* rosim_key_* as Prometheus text, in the arena: data NULL when it is full; empty for a NULL. */
slice auth_metrics(auth *a, arena *memory);

#endif
