/* head_time.h - how long one head of attention takes, timed alone on numbers of the size that layers make.
 *
 * Owns     head_time its rows and scratch, until close.    Borrows  the encoder.
 * Threads  one: the calling thread does the work.
 * Limits   texts up to the length that it was opened for; beyond the encoder's max_length nothing is turned, for want
 *          of a table (turning costs n, what is timed there costs more).
 */
#ifndef ROSIM_HEAD_TIME_H
#define ROSIM_HEAD_TIME_H

#include "model/encoder/encoder.h"

typedef struct head_time head_time;

MUST_USE status head_time_open(head_time **out, const encoder *e, size_t longest, errinfo *err);
/* One head over n tokens, once, in ns. */
double head_time_once(const head_time *t, attention_kind kind, size_t n);
void head_time_close(head_time *t);               /* NULL is fine */

#endif
