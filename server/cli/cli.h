/* cli.h - the sub-commands. Each returns the exit status: 0 done, 1 failed, 2 wrong usage.
 *
 * Owns     what a command opens; all of it is closed when it returns. Results go to stdout, the rest to stderr.
 * Borrows  the options during the call.
 * Threads  called from main alone; a command starts its own threads and joins them.
 * Limits   one command a process.
 */
#ifndef ROSIM_CLI_H
#define ROSIM_CLI_H

#include "server/options.h"

int cli_serve(const options *o);
int cli_score(const options *o);
int cli_embed(const options *o);
int cli_rank(const options *o);
int cli_tokenize(const options *o);
int cli_info(const options *o);
int cli_check(const options *o);
int cli_bench(const options *o);
int cli_calibrate(const options *o);
int cli_head(const options *o);
int cli_diagnose(const options *o);

#endif
