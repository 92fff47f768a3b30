/* uncertain.h - the field `uncertainty`: K: each text K times more with dropout, and what the copies disagree about.
 *
 * Owns     nothing.
 * Borrows  the encode_job and the trust during a call.
 * Threads  HTTP threads, each for its own exchange.
 * Limits   K from UNCERTAINTY_COPIES_MIN to UNCERTAINTY_COPIES_MAX; K times the texts at most UNCERTAIN_ENCODINGS_MAX;
 *          dropout 0 to 0.9. The queue counts every copy's tokens.
 */
#ifndef ROSIM_UNCERTAIN_H
#define ROSIM_UNCERTAIN_H

#include "model/score/similarity.h"
#include "server/routes/trust.h"
#include "server/schema.h"

enum { UNCERTAIN_ENCODINGS_MAX = 4096 };

extern const schema uncertain_members[];          /* for SCHEMA_ALSO: what uncertain_read reads */
extern const schema uncertain_score;              /* what uncertain_write_score writes */
extern const schema uncertain_answer_members[];   /* of the field `uncertainty`; a ranking has no scores in it */

/* uncertainty, dropout (0.1), seed (0): into e, which has its inputs' count. */
bool uncertain_read(const cJSON *body, size_t texts, encode_copies *out, json_fault *fault);

/* {"mean", "deviation"} of the score of inputs a and b, with a calibration also "probability" (its mean) and
 * "divergence" (symmetric KL). */
void uncertain_write_score(json_out *w, const encode_job *e, const trust *t, metric m, size_t a, size_t b);

/* "copies", "dropout", "seed", "texts": [{"input", "spread", "shift"}]: members of an object that is open. */
void uncertain_write_texts(json_out *w, const encode_job *e, const trust *t);

#endif
