/* token_vectors.h - writes the vectors of a text's tokens: TEI's /embed_all, vLLM's token_embed.
 *
 * Owns     nothing.    Borrows  the job, which was started with wants_tokens.
 * Threads  HTTP threads.
 * Limits   the request's memory.
 */
#ifndef ROSIM_TOKEN_VECTORS_H
#define ROSIM_TOKEN_VECTORS_H

#include "server/routes/encode_job.h"

/* [[f32, ...], ...], one row a kept token, special ones included, as the model gives them. */
void token_vectors_write(json_out *w, const encode_job *e, size_t index);

#endif
