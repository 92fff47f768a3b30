/* random.c - see random.h. The generator is a cipher: ten rounds of multiply and mix turn a counter into noise. */
#include "weights/random.h"

#include <math.h>

enum { ROUNDS = 10 };

random_block random_philox(const uint32_t counter[4], const uint32_t key[2])
{
    random_block b = { { counter[0], counter[1], counter[2], counter[3] } };
    uint32_t k0 = key[0], k1 = key[1], *w = b.words;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)w[0] * 0xD2511F53u, p1 = (uint64_t)w[2] * 0xCD9E8D57u;
        uint32_t next0 = (uint32_t)(p1 >> 32) ^ w[1] ^ k0, next2 = (uint32_t)(p0 >> 32) ^ w[3] ^ k1;
        w[0] = next0;
        w[1] = (uint32_t)p1;
        w[2] = next2;
        w[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return b;
}

random_sequence random_begin(uint32_t seed, uint32_t stream)
{
    return (random_sequence){ .seed = seed, .stream = stream };
}

uint32_t random_word(random_sequence *r)
{
    if (r->left == 0) {
        const uint32_t counter[4] = { (uint32_t)r->next, (uint32_t)(r->next >> 32), 0, 0 };
        const uint32_t key[2] = { r->seed, r->stream };
        r->block = random_philox(counter, key);
        r->next++;
        r->left = 4;
    }
    return r->block.words[4 - r->left--];
}

double random_unit(random_sequence *r)
{
    uint64_t high = random_word(r) >> 5, low = random_word(r) >> 6;
    return (double)(high << 26 | low) / 9007199254740992.0;
}

double random_normal(random_sequence *r)
{
    double radius = sqrt(-2 * log(1 - random_unit(r)));
    return radius * cos(2 * 3.14159265358979323846 * random_unit(r));
}

size_t random_below(random_sequence *r, size_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, value;
    do {
        value = (uint64_t)random_word(r) << 32;
        value |= random_word(r);
    } while (value >= limit);
    return (size_t)(value % n);
}

void random_shuffle(random_sequence *r, size_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t other = random_below(r, i), kept = items[i - 1];
        items[i - 1] = items[other];
        items[other] = kept;
    }
}
