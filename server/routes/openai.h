/* openai.h - OpenAI's dialect: POST /v1/embeddings, GET /v1/models.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; the decoder is pure.
 * Limits   those of request_limits.
 * Source   peers.md 2.4. Extras of ours: attention, allow_untrained, truncate, max_length, timeout_ms, normalize.
 */
#ifndef ROSIM_OPENAI_H
#define ROSIM_OPENAI_H

#include "server/exchange.h"
#include "server/routes/inputs.h"

typedef struct {
    encode_options options;
    input_list list;
    bool base64;
    bool normalize;
    size_t dimensions;            /* 0: all */
} embeddings_request;

bool embeddings_decode(slice body, const request_limits *limits, arena *a, embeddings_request *out, json_fault *fault);

void openai_embeddings(struct service *s, exchange *x);
void openai_models(struct service *s, exchange *x);
void openai_model(struct service *s, exchange *x);         /* the one named in the path */

#endif
