/* output.h - how sub-commands end: results on stdout, one line of complaint on stderr.
 *
 * Owns     nothing.    Borrows  its arguments during a call.    Threads  main.    Limits  none.
 */
#ifndef ROSIM_OUTPUT_H
#define ROSIM_OUTPUT_H

#include "server/json_out.h"
#include "weights/base.h"

#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Prints "rosim COMMAND: text"; gives EXIT_FAILED. */
int output_failed(const char *command, const errinfo *err);
/* Flushes out: ST_IO when something could not be written. A reader that left early (head) is no error worth a line: the
 * text is then empty, and output_failed prints nothing. */
MUST_USE status output_flush(FILE *out, errinfo *err);
/* Ends the document and prints it with a newline. */
MUST_USE status output_json(json_out *w, FILE *out, errinfo *err);

#endif
