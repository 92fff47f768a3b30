/* vectors.c - see vectors.h. */
#include "server/routes/vectors.h"

#include "model/score/similarity.h"

bool vectors_open(vectors *v, const encode_job *e, bool normalize)
{
    *v = (vectors){ .job = e, .width = e->dimensions ? e->dimensions : encode_width(e), .normalize = normalize };
    v->row = arena_take(e->exchange->arena, v->width, sizeof *v->row);
    if (!v->row)
        api_error_answer(e->exchange, API_OUT_OF_MEMORY, NULL, "a vector does not fit into the request's memory");
    return v->row != NULL;
}

const float *vectors_row(vectors *v, size_t index)
{
    const float *raw = encode_vector(v->job, index);
    if (!v->normalize)
        return raw;
    similarity_normalize(raw, v->width, v->row);
    return v->row;
}
