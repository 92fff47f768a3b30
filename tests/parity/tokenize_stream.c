/* tokenize_stream.c - texts on stdin, tokens on stdout: the other end of tokenizer_parity.py.
 *
 * tokenize_stream DIR: reads texts, each a 32-bit length and as many bytes; for each writes a 32-bit count, then ids,
 * starts and ends in code points, all 32-bit and in the machine's byte order.
 */
#include "model/text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 16 << 20, ARENA_BYTES = 1 << 20 };

static int complain(const errinfo *err)
{
    (void)fprintf(stderr, "tokenize_stream: %s\n", err->text);
    return EXIT_FAILURE;
}

static status answer(const tokenizer *t, slice text, arena *a, errinfo *err)
{
    static const tokenize_options options = { .offsets = true };
    token_list list;
    status st = tokenizer_encode(t, text, &options, a, &list, err);
    if (st)
        return st;
    token_list_to_code_points(&list, text);
    uint32_t count = (uint32_t)list.count;
    bool written = fwrite(&count, sizeof count, 1, stdout) == 1 &&
                   fwrite(list.ids, sizeof *list.ids, count, stdout) == count &&
                   fwrite(list.starts, sizeof *list.starts, count, stdout) == count &&
                   fwrite(list.ends, sizeof *list.ends, count, stdout) == count;
    return written ? ST_OK : fail(err, ST_IO, "cannot write");
}

static status answer_all(const tokenizer *t, char *bytes, arena *a, errinfo *err)
{
    uint32_t length;
    status st = ST_OK;
    while (!st && fread(&length, sizeof length, 1, stdin) == 1) {
        if (length > MAX_BYTES || fread(bytes, 1, length, stdin) != length)
            return fail(err, ST_INPUT, "a text of %u bytes is too long or cut", length);
        st = answer(t, (slice){ bytes, length }, a, err);
        arena_reset(a);
    }
    return st;
}

int main(int count, char **arguments)
{
    errinfo err = { 0 };
    folder *f = NULL;
    tokenizer *t = NULL;
    char *bytes = malloc(MAX_BYTES);
    arena *a = arena_open(ARENA_BYTES, SIZE_MAX);
    status st = ST_INPUT;
    if (count != 2 || !bytes || !a)
        (void)fail(&err, ST_INPUT, "usage: tokenize_stream DIR < texts");
    else
        st = folder_open_text(&f, arguments[1], &err);
    if (!st)
        st = tokenizer_open(&t, f, (size_t)1 << 20, &err);
    if (!st)
        st = answer_all(t, bytes, a, &err);
    tokenizer_close(t);
    folder_close(f);
    arena_close(a);
    free(bytes);
    return st ? complain(&err) : EXIT_SUCCESS;
}
