/* dropout.c - see dropout.h. */
#include "model/encoder/dropout.h"

#include "weights/random.h"

uint64_t dropout_key(uint32_t seed, uint32_t copy, const uint32_t *ids, size_t n)
{
    random_block state = { { 0, 0, 0, 0 } };
    const uint32_t cipher_key[2] = { seed, copy };
    for (size_t i = 0; i < n; i++) {
        state.words[0] ^= ids[i];
        state = random_philox(state.words, cipher_key);
    }
    uint64_t key = (uint64_t)state.words[0] << 32 | state.words[1];
    return key == DROPOUT_PLAIN ? 1 : key;
}

void dropout_apply(uint64_t key, double p, size_t layer, dropout_site site, float *x, size_t n)
{
    const uint32_t cipher_key[2] = { (uint32_t)(key >> 32), (uint32_t)key };
    const uint32_t limit = (uint32_t)(p * 4294967296.0);
    const float kept = (float)(1 / (1 - p));
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = { (uint32_t)(i / 4), 0, (uint32_t)layer, site };
        const random_block b = random_philox(counter, cipher_key);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            x[i + j] = b.words[j] < limit ? 0 : x[i + j] * kept;
    }
}
