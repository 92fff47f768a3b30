/* calibrate_diagram.h - a reliability diagram as SVG, readable on light and dark pages.
 *
 * Owns     nothing.    Borrows  its arguments during the call.    Threads  main.    Limits  none.
 */
#ifndef ROSIM_CALIBRATE_DIAGRAM_H
#define ROSIM_CALIBRATE_DIAGRAM_H

#include "model/score/calibration.h"

/* n: pairs judged. ST_IO: the file could not be written. */
MUST_USE status calibrate_diagram(const char *path, const calibration_quality *q, size_t n, errinfo *err);

#endif
