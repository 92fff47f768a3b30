/* fuzz_safetensors.c - any bytes are refused with a text, or every tensor can be read in full. */
#include "weights/safetensors.h"
#include "weights/widen.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise)
{
    if (!promise)
        abort();
}

/* The sum keeps the compiler from dropping the reads, which the sanitizer watches. */
static unsigned read_bytes(const tensor *t)
{
    unsigned sum = 0;
    for (size_t i = 0; i < t->bytes; i++)
        sum += ((const unsigned char *)t->data)[i];
    return sum;
}

static void read_floats(const tensor *t)
{
    size_t count = t->bytes / dtype_bytes(t->type);
    float *out = malloc(count * sizeof *out);
    require(out != NULL);
    if (widen_floats(t, out))
        require(widen_find_not_finite(out, count) <= count);
    free(out);
}

static size_t product(const tensor *t)
{
    size_t elements = 1;
    for (size_t i = 0; i < t->rank; i++)
        elements *= t->shape[i];
    return elements;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    safetensors *s = NULL;
    errinfo err = { 0 };
    volatile unsigned sum = 0;
    size_t total = 0;
    status st = safetensors_parse(&s, data, size, "fuzz", &err);
    if (st != ST_OK) {
        require(s == NULL && err.code == st && strncmp(err.text, "fuzz: ", 6) == 0);
        return 0;
    }
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const tensor *t = safetensors_at(s, i);
        require(safetensors_find(s, t->name) == t);
        require(t->rank <= TENSOR_RANK_MAX && product(t) * dtype_bytes(t->type) == t->bytes);
        sum += read_bytes(t);
        read_floats(t);
        total += t->bytes;
    }
    (void)sum;                    /* that the bytes could be read is the test */
    require(total <= size);
    safetensors_close(s);
    return 0;
}
