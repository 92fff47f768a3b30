/* lines.c - see lines.h.
 *
 * Progress is drawn only when stderr is a terminal, stdin is not, and half a second has passed. For
 * a regular file it knows the share that is read, and so the time left; for a pipe count and rate.
 */
#include "server/cli/lines.h"

#include "model/text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

static const int64_t FIRST_DRAW_NS = 500000000, REDRAW_NS = 100000000;

typedef struct {
    bool shown, drawn;
    size_t total_bytes;           /* 0: unknown */
    size_t bytes, lines;
    int64_t started_ns, drawn_ns;
} progress;

static void progress_begin(progress *p, FILE *in)
{
    struct stat s;
    *p = (progress){ .shown = isatty(STDERR_FILENO) && !isatty(fileno(in)),
                     .started_ns = clock_now_ns() };
    if (fstat(fileno(in), &s) == 0 && S_ISREG(s.st_mode))
        p->total_bytes = (size_t)s.st_size;
}

static void draw(progress *p, int64_t now)
{
    double seconds = (double)(now - p->started_ns) / 1e9, rate = (double)p->lines / seconds;
    (void)fprintf(stderr, "\r\033[K");
    if (p->total_bytes >= p->bytes && p->bytes > 0) {
        double share = (double)p->bytes / (double)p->total_bytes;
        int full = (int)(share * BAR_WIDTH);
        (void)fprintf(stderr, "[%.*s%*s] %3.0f %%  ", full, "##############################",
                      BAR_WIDTH - full, "", share * 100);
        (void)fprintf(stderr, "%.0f s left  ", seconds / share - seconds);
    }
    (void)fprintf(stderr, "%zu lines, %.0f a second", p->lines, rate);
    (void)fflush(stderr);
    p->drawn = true;
    p->drawn_ns = now;
}

static void progress_step(progress *p)
{
    if (!p->shown)
        return;
    int64_t now = clock_now_ns();
    if (now - p->started_ns >= FIRST_DRAW_NS && now - p->drawn_ns >= REDRAW_NS)
        draw(p, now);
}

static void progress_end(const progress *p)
{
    if (p->drawn)
        (void)fprintf(stderr, "\r\033[K");
}

status lines_check_text(slice text, const char *where, errinfo *err)
{
    size_t at;
    if (!utf8_check(text, &at))
        return fail(err, ST_INPUT, "%s: invalid UTF-8 at byte %zu", where, at);
    if (text.length > 0 && memchr(text.data, '\0', text.length))
        return fail(err, ST_INPUT, "%s: a NUL byte", where);
    return text.length ? ST_OK : fail(err, ST_INPUT, "%s: empty text", where);
}

static slice without_newline(const char *data, size_t length)
{
    if (length > 0 && data[length - 1] == '\n')
        length--;
    if (length > 0 && data[length - 1] == '\r')
        length--;
    return (slice){ data, length };
}

static status read_all(FILE *in, const lines_sink *sink, progress *p, char **buffer, errinfo *err)
{
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(buffer, &capacity, in)) >= 0) {
        slice line = without_newline(*buffer, (size_t)length);
        p->bytes += (size_t)length;
        status st = sink->add(sink->context, line, ++p->lines, err);
        if (st) {
            (void)sink->flush(sink->context, NULL);    /* the lines before the bad one */
            return st;
        }
        if (p->lines % sink->chunk)
            continue;
        st = sink->flush(sink->context, err);
        if (st)
            return st;
        progress_step(p);
    }
    return ferror(in) ? fail(err, ST_IO, "cannot read the input") : sink->flush(sink->context, err);
}

status lines_read(FILE *in, const lines_sink *sink, errinfo *err)
{
    progress p;
    char *buffer = NULL;
    progress_begin(&p, in);
    status st = read_all(in, sink, &p, &buffer, err);
    progress_end(&p);
    free(buffer);
    return st;
}
