/* explain.h - "explain": true of /v1/similarity: what each pair of tokens adds to the score of a pair of texts.
 *
 * Owns     nothing.    Borrows  the job, started with wants_tokens.
 * Threads  HTTP threads.
 * Limits   EXPLAIN_PAIRS_MAX pairs of a request; poolings that are a mean; cosine, without an adapter.
 */
#ifndef ROSIM_EXPLAIN_H
#define ROSIM_EXPLAIN_H

#include "server/routes/native.h"

enum { EXPLAIN_PAIRS_MAX = 16 };

extern const schema explain_answer;       /* of one pair */

/* After decoding: what explain does not go with. */
bool explain_check_request(const similarity_request *r, json_fault *fault);
/* Answers 422 explain_not_available when the model's pooling cannot be taken apart; needs e->model. */
bool explain_check_model(const encode_job *e);
/* The key "explanations" and its list, one a pair. False: answered (out of memory). */
bool explain_write(json_out *w, const encode_job *e, const float *scores);

#endif
