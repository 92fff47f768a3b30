/* tei.h - the dialect of text-embeddings-inference, and Hugging Face's sentence-similarity at the root.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; the decoders are pure.
 * Limits   those of request_limits. Served by the first model, whatever `model` says.
 * Source   peers.md 2.1, 2.2, 2.3, 2.5.
 */
#ifndef ROSIM_TEI_H
#define ROSIM_TEI_H

#include "server/exchange.h"
#include "server/routes/inputs.h"

typedef struct {
    encode_options options;
    input_list list;              /* similarity: the source sentence, then the sentences */
    bool normalize;
    size_t dimensions;            /* 0: all */
    bool similarity;              /* at the root: which of the two it was */
} tei_request;

/* options.truncate comes in as the server's default. */
bool tei_embed_decode(slice body, const request_limits *limits, arena *a, tei_request *r, json_fault *fault);
bool tei_similarity_decode(slice body, const request_limits *limits, arena *a, tei_request *r, json_fault *fault);
/* truncate and truncation_direction; options->truncate comes in as the default. */
bool tei_read_truncation(const cJSON *object, encode_options *options, json_fault *fault);
/* prompt_name: only null, as no prompts are configured. */
bool tei_read_prompt_name(const cJSON *object, json_fault *fault);

void tei_embed(struct service *s, exchange *x);
void tei_embed_all(struct service *s, exchange *x);       /* a vector of every token */
void tei_similarity(struct service *s, exchange *x);
void tei_root(struct service *s, exchange *x);            /* similarity when `inputs` is an object, else embed */
void tei_info(struct service *s, exchange *x);

#endif
