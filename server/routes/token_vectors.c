/* token_vectors.c - see token_vectors.h. */
#include "server/routes/token_vectors.h"

void token_vectors_write(json_out *w, const encode_job *e, size_t index)
{
    const size_t width = encode_width(e);
    const float *rows = encode_token_vectors(e, index);
    json_open(w, '[');
    for (size_t i = 0; i < e->encoded[index].kept && !w->failed; i++)
        json_floats(w, rows + i * width, width);
    json_close(w, ']');
}
