/* crossover.c - see crossover.h. Lengths are doubled until the other kind wins, it and softmax timed in turns and by
 * their best runs; between the last two lengths the crossing of the two straight lines is taken.
 */
#include "model/encoder/crossover.h"

#include "model/encoder/head_time.h"

enum { SHORTEST = 32, LONGEST = 8192, ROUNDS = 3 };

/* By how much `kind` is slower than softmax at that length: the best of each. */
static double measure_slower(const head_time *t, attention_kind kind, size_t n)
{
    double softmax = 0, other = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double s = head_time_once(t, ATTENTION_SOFTMAX, n), o = head_time_once(t, kind, n);
        softmax = round == 0 || s < softmax ? s : softmax;
        other = round == 0 || o < other ? o : other;
    }
    return other - softmax;
}

static size_t search(const head_time *t, attention_kind kind, size_t longest)
{
    double before = 0;            /* by how much it was slower at half the length */
    for (size_t n = longest < SHORTEST ? longest : SHORTEST; n <= longest; n *= 2) {
        double slower = measure_slower(t, kind, n);
        if (slower < 0)
            return before > 0 ? n / 2 + (size_t)((double)(n / 2) * before / (before - slower)) : n;
        before = slower;
    }
    return CROSSOVER_NEVER;
}

status crossover_measure(const encoder *e, attention_kind kind, size_t *tokens, errinfo *err)
{
    const size_t max = encoder_settings(e)->max_length, longest = max < LONGEST ? max : LONGEST;
    head_time *t;
    status st = head_time_open(&t, e, longest, err);
    if (st)
        return st;
    *tokens = search(t, kind, longest);
    head_time_close(t);
    return ST_OK;
}
