/* tei_tokens.h - TEI's POST /tokenize and POST /decode: the tokenizer alone, no model run.
 *
 * Owns     nothing.    Borrows  the service and the exchange.
 * Threads  HTTP threads; both answer at once.
 * Limits   those of request_limits; /tokenize never truncates.
 * Source   peers.md 2.1 and 2.2: start and stop are byte offsets, text is the slice of the original.
 */
#ifndef ROSIM_TEI_TOKENS_H
#define ROSIM_TEI_TOKENS_H

#include "server/exchange.h"
#include "server/routes/inputs.h"

typedef struct {
    input_list list;
    bool special;                 /* tokenize: add_special_tokens; decode: skip_special_tokens */
} tokens_request;

bool tei_tokenize_decode(slice body, const request_limits *limits, arena *a, tokens_request *r, json_fault *fault);
bool tei_decode_decode(slice body, const request_limits *limits, arena *a, tokens_request *r, json_fault *fault);

void tei_tokenize(struct service *s, exchange *x);
void tei_decode(struct service *s, exchange *x);

#endif
