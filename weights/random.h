/* random.h - numbers that look random and are a pure function of (seed, stream, counter): nothing is remembered, so
 * any draw can be repeated, skipped or made on any thread.
 *
 * Owns     nothing.    Borrows  nothing.    Threads  pure.
 * Limits   2^64 blocks of four words for each of 2^32 streams of each of 2^32 seeds.
 * Source   Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3": Philox4x32 of 10 rounds.
 */
#ifndef ROSIM_RANDOM_H
#define ROSIM_RANDOM_H

#include "weights/base.h"

typedef struct { uint32_t words[4]; } random_block;

/* The cipher itself: 128 bits of counter, 64 of key. */
random_block random_philox(const uint32_t counter[4], const uint32_t key[2]);

/* A sequence for those who draw one number after the other: open structs, copied freely. */
typedef struct {
    uint32_t seed, stream;
    uint64_t next;                        /* block */
    random_block block;
    unsigned left;                        /* words of block not yet used */
} random_sequence;

random_sequence random_begin(uint32_t seed, uint32_t stream);
uint32_t random_word(random_sequence *r);
double random_unit(random_sequence *r);               /* in [0, 1), 53 bits */
double random_normal(random_sequence *r);             /* mean 0, deviation 1 (Box-Muller, one of the pair) */
size_t random_below(random_sequence *r, size_t n);    /* 0 to n-1, n > 0; no bias */
void random_shuffle(random_sequence *r, size_t *items, size_t n);

#endif
