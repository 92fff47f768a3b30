/* output.c - see output.h. */
#include "server/cli/output.h"

#include <errno.h>
#include <string.h>

int output_failed(const char *command, const errinfo *err)
{
    (void)fflush(stdout);
    if (err->text[0])
        (void)fprintf(stderr, "rosim %s: %s\n", command, err->text);
    return EXIT_FAILED;
}

status output_flush(FILE *out, errinfo *err)
{
    errno = 0;
    if (fflush(out) == 0 && !ferror(out))
        return ST_OK;
    if (errno == EPIPE)
        return fail(err, ST_IO, "%s", "");
    return fail(err, ST_IO, "cannot write the output: %s", strerror(errno));
}

status output_json(json_out *w, FILE *out, errinfo *err)
{
    slice text = json_end(w);
    if (!text.data)
        return fail(err, ST_NOMEM, "out of memory for the output");
    (void)fwrite(text.data, 1, text.length, out);
    (void)fputc('\n', out);
    return ST_OK;
}
