/* attention_scores.h - the scores of softmax attention written down, for diagnostics: kernels never hold them all.
 *
 * Owns     nothing.    Borrows  the view and the rooms during a call.
 * Threads  pure on disjoint rooms.
 * Limits   n * n floats a head.
 */
#ifndef ROSIM_ATTENTION_SCORES_H
#define ROSIM_ATTENTION_SCORES_H

#include "model/encoder/observer.h"

/* scores[n][n] of one head of one sequence of a VIEW_ATTENTION: turned by position, scaled, before the softmax.
 * turned[2 n d] is scratch. */
void attention_scores(const encoder_view *v, size_t sequence, size_t head, float *turned, float *scores);

#endif
