/* head_time.c - see head_time.h. */
#include "model/encoder/head_time.h"

#include "model/encoder/forward.h"

#include <stdlib.h>

enum { ALIGN = 64 };

struct head_time {
    const encoder *e;
    float *rows, *out;            /* [longest][3d]: query, key, value; [longest][d] */
    void *scratch;
};

static void *aligned_bytes(size_t bytes)
{
    return aligned_alloc(ALIGN, (bytes + ALIGN) / ALIGN * ALIGN);
}

status head_time_open(head_time **out, const encoder *e, size_t longest, errinfo *err)
{
    const size_t d = e->config.head_size;
    head_time *t = calloc(1, sizeof *t);
    if (!t)
        return fail(err, ST_NOMEM, "measuring attention: out of memory");
    t->e = e;
    t->rows = aligned_bytes(longest * 3 * d * sizeof *t->rows);
    t->out = aligned_bytes(longest * d * sizeof *t->out);
    t->scratch = aligned_bytes(forward_attention_bytes(e, longest));
    if (!t->rows || !t->out || !t->scratch) {
        head_time_close(t);
        return fail(err, ST_NOMEM, "measuring attention: out of memory for %zu tokens", longest);
    }
    for (size_t i = 0; i < longest * 3 * d; i++)
        t->rows[i] = (float)(i * 7919 % 2003) / 1001.0f - 1.0f;
    *out = t;
    return ST_OK;
}

void head_time_close(head_time *t)
{
    if (!t)
        return;
    free(t->scratch);
    free(t->out);
    free(t->rows);
    free(t);
}

static void run(const head_time *t, attention_kind kind, size_t n)
{
    const size_t d = t->e->config.head_size;
    attention_head head = { .n = n, .d = d, .stride = 3 * d, .out_stride = d, .q = t->rows, .k = t->rows + d,
                            .v = t->rows + 2 * d, .out = t->out, .last_query = n };
    forward_head_tables(t->e, 0, 0, &head);
    if (n > t->e->config.max_length)
        head.rope = head.feature_rope = NULL;
    forward_attend(t->e, kind, &head, t->scratch);
}

double head_time_once(const head_time *t, attention_kind kind, size_t n)
{
    int64_t begin = clock_now_ns();
    run(t, kind, n);
    return (double)(clock_now_ns() - begin);
}
