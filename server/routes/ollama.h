/* ollama.h - Ollama's dialect: POST /api/embed, /api/embeddings, /api/show; GET /api/tags, /api/version.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads.
 * Limits   those of request_limits.
 * Source   peers.md 2.6. A model may be named "name" or "name:latest"; empty input gives no vector, as there.
 */
#ifndef ROSIM_OLLAMA_H
#define ROSIM_OLLAMA_H

#include "server/exchange.h"
#include "server/service.h"

void ollama_embed(struct service *s, exchange *x);        /* input: a string or several; unit vectors */
void ollama_embeddings(struct service *s, exchange *x);   /* prompt: one string; the old route */
void ollama_show(struct service *s, exchange *x);         /* one model's sizes, with GGUF's names */
void ollama_tags(struct service *s, exchange *x);
void ollama_version(struct service *s, exchange *x);

#endif
