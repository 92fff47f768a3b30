/* diagram.h - small diagrams as SVG, readable on light and dark pages: a frame with two scales, dots and lines.
 *
 * Owns     the file, from open to close.    Borrows  the scales until close; texts during a call.
 * Threads  main.    Limits  none.
 */
#ifndef ROSIM_DIAGRAM_H
#define ROSIM_DIAGRAM_H

#include "weights/base.h"

#include <stdio.h>

typedef struct {
    double least, most;
    bool logarithmic;             /* least > 0 */
    const double *ticks;          /* [tick_count] */
    size_t tick_count;
    const char *format;           /* of a tick, for one double */
    const char *label;
} diagram_scale;

typedef struct {
    FILE *f;
    const char *path;
    const diagram_scale *across, *up;
} diagram;

/* name: what a screen reader says. ST_IO: the file could not be written. */
MUST_USE status diagram_open(diagram *d, const char *path, const char *name, const diagram_scale *across,
                             const diagram_scale *up, errinfo *err);
/* colour: 0 to 4; radius in pixels of a frame of 400; title is shown under the pointer. */
PRINTF_LIKE(6, 7) void diagram_dot(diagram *d, double x, double y, double radius, int colour, const char *title, ...);
/* Through n points; colour -1: grey. */
void diagram_line(diagram *d, const double *x, const double *y, size_t n, int colour, bool dashed);
/* A line of text above the frame; a colour and its meaning inside it, row 0 on top. */
PRINTF_LIKE(2, 3) void diagram_title(diagram *d, const char *format, ...);
void diagram_legend(diagram *d, int row, int colour, const char *text);
MUST_USE status diagram_close(diagram *d, errinfo *err);

#endif
