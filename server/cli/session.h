/* session.h - texts to vectors for the sub-commands: one model, a pool, a runner, and the texts gathered so far.
 *
 * Owns     all of these; a vector lives until the next session_clear.
 * Borrows  the options until close; texts only during session_add.
 * Threads  main.
 * Limits   memory. A forward holds the model's longest text, and at least 2048 tokens.
 */
#ifndef ROSIM_SESSION_H
#define ROSIM_SESSION_H

#include "model/model.h"
#include "server/json_out.h"
#include "server/options.h"
#include "weights/base.h"

typedef struct session session;

typedef struct { size_t start, total, kept, unknown; } session_text;      /* in tokens; start: among all texts */

MUST_USE status session_open(session **out, const options *o, errinfo *err);
void session_close(session *s);                   /* NULL is fine; says on stderr how many texts were cut */
const model *session_model(const session *s);

/* Checks and tokenizes a text; errors begin with `where` ("line 3"). */
MUST_USE status session_add(session *s, slice text, const char *where, errinfo *err);
size_t session_count(const session *s);
const session_text *session_text_at(const session *s, size_t index);
MUST_USE status session_encode(session *s, errinfo *err);         /* all texts added since the last clear */
const float *session_vector(const session *s, size_t index);      /* [dimensions], raw */
void session_clear(session *s);

/* Adds every argument of the command line as a text. */
MUST_USE status session_add_arguments(session *s, const options *o, errinfo *err);
truncation session_truncation(const char *name);

#endif
