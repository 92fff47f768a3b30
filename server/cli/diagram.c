/* diagram.c - see diagram.h. Plain SVG without scripts or fonts of its own. */
#include "server/cli/diagram.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { SIDE = 400, MARGIN = 60, LEGEND_LINE = 18 };

static double share(const diagram_scale *s, double value)
{
    if (s->logarithmic)
        return log(value / s->least) / log(s->most / s->least);
    return (value - s->least) / (s->most - s->least);
}

static double across(const diagram *d, double x)
{
    return MARGIN + share(d->across, x) * SIDE;
}

static double down(const diagram *d, double y)
{
    return MARGIN + (1 - share(d->up, y)) * SIDE;
}

static void put_ticks(diagram *d)
{
    char text[32];
    for (size_t i = 0; i < d->across->tick_count; i++) {
        (void)snprintf(text, sizeof text, d->across->format, d->across->ticks[i]);
        (void)fprintf(d->f, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                      across(d, d->across->ticks[i]), MARGIN + SIDE + 20, text);
    }
    for (size_t i = 0; i < d->up->tick_count; i++) {
        (void)snprintf(text, sizeof text, d->up->format, d->up->ticks[i]);
        (void)fprintf(d->f, "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", MARGIN - 8,
                      down(d, d->up->ticks[i]) + 4, text);
    }
}

static void put_frame(diagram *d, const char *name)
{
    (void)fprintf(d->f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                        "font-size=\"13\" role=\"img\" aria-label=\"%s\">\n"
                        "<style>text{fill:#555}.line{stroke:#888;fill:none}.dot{fill-opacity:.75}"
                        ".c0{--c:#2a7de1}.c1{--c:#d1581f}.c2{--c:#2a9d5c}.c3{--c:#8e55c9}.c4{--c:#b0932a}"
                        ".dot{fill:var(--c)}path.c0,path.c1,path.c2,path.c3,path.c4{stroke:var(--c)}"
                        "@media(prefers-color-scheme:dark){text{fill:#bbb}.c0{--c:#7db4f5}.c1{--c:#f0a07a}"
                        ".c2{--c:#7fd6a6}}</style>\n",
                  SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, name);
    (void)fprintf(d->f, "<rect class=\"line\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", MARGIN, MARGIN, SIDE,
                  SIDE);
    put_ticks(d);
    (void)fprintf(d->f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", MARGIN + SIDE / 2,
                  MARGIN + SIDE + 44, d->across->label);
    (void)fprintf(d->f, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
                  MARGIN + SIDE / 2, d->up->label);
}

status diagram_open(diagram *d, const char *path, const char *name, const diagram_scale *x, const diagram_scale *y,
                    errinfo *err)
{
    *d = (diagram){ .f = fopen(path, "we"), .path = path, .across = x, .up = y };
    if (!d->f)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    put_frame(d, name);
    return ST_OK;
}

void diagram_dot(diagram *d, double x, double y, double radius, int colour, const char *title, ...)
{
    va_list arguments;
    (void)fprintf(d->f, "<circle class=\"dot c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", colour, across(d, x),
                  down(d, y), radius);
    va_start(arguments, title);
    (void)vfprintf(d->f, title, arguments);
    va_end(arguments);
    (void)fputs("</title></circle>\n", d->f);
}

void diagram_line(diagram *d, const double *x, const double *y, size_t n, int colour, bool dashed)
{
    (void)fputs("<path class=\"line", d->f);
    if (colour >= 0)
        (void)fprintf(d->f, " c%d", colour);
    (void)fprintf(d->f, "\"%s d=\"", dashed ? " stroke-dasharray=\"4 4\"" : "");
    for (size_t i = 0; i < n; i++)
        (void)fprintf(d->f, "%s%.1f %.1f", i == 0 ? "M" : " L", across(d, x[i]), down(d, y[i]));
    (void)fputs("\"/>\n", d->f);
}

void diagram_title(diagram *d, const char *format, ...)
{
    va_list arguments;
    (void)fprintf(d->f, "<text x=\"%d\" y=\"%d\">", MARGIN, MARGIN - 16);
    va_start(arguments, format);
    (void)vfprintf(d->f, format, arguments);
    va_end(arguments);
    (void)fputs("</text>\n", d->f);
}

void diagram_legend(diagram *d, int row, int colour, const char *text)
{
    int y = MARGIN + LEGEND_LINE * (row + 1);
    (void)fprintf(d->f, "<circle class=\"dot c%d\" cx=\"%d\" cy=\"%d\" r=\"5\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
                  colour, MARGIN + 16, y - 4, MARGIN + 28, y, text);
}

status diagram_close(diagram *d, errinfo *err)
{
    (void)fputs("</svg>\n", d->f);
    bool good = !ferror(d->f);
    good = fclose(d->f) == 0 && good;
    return good ? ST_OK : fail(err, ST_IO, "%s could not be written", d->path);
}
