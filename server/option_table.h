/* option_table.h - every option and every command, as data: what parsing, the environment, defaults and --help all
 * walk.
 *
 * Owns     nothing: constant data.    Borrows  nothing.    Threads  any.
 * Limits   none.
 * Source   api.md 2 and 5; TEI's names: peers.md 3.
 */
#ifndef ROSIM_OPTION_TABLE_H
#define ROSIM_OPTION_TABLE_H

#include "weights/base.h"

typedef enum { TAKES_SIZE, TAKES_TEXT, TAKES_CHOICE, TAKES_LIST, IS_SWITCH } option_kind;

typedef struct {
    const char *flag;             /* without dashes; ROSIM_<FLAG> is its environment twin */
    char letter;                  /* short form, or 0 */
    option_kind kind;
    size_t offset;                /* of the field in options: size_t, const char *, const char *[], bool */
    size_t count_offset;          /* of a list's length */
    size_t min, max;              /* of a size; max: items of a list */
    const char *preset;           /* default, as it would be typed; NULL: none (0, NULL, false) */
    unsigned commands;            /* bits of command_row */
    const char *te_flag, *te_env; /* text-embeddings-inference's names, or NULL */
    const char *value;            /* in --help; of a choice: "softmax|linear|auto", which is also what is allowed */
    const char *help;
} option_row;

typedef struct {
    const char *name;
    unsigned bit;
    size_t min_arguments, max_arguments;
    const char *arguments;        /* in --help */
    const char *summary;
    const char *examples;         /* lines, each ending in a newline */
} command_row;

/* Flags of text-embeddings-inference that serve knows without having them: a command line made for it starts here as
 * well, unless the flag would have changed the vectors. */
typedef struct {
    const char *flag;
    bool takes_value;
    bool refused;                 /* why says what to do; else accepted, and why says why it has no effect */
    const char *why;
} foreign_row;

const foreign_row *foreign_find(slice flag);              /* NULL when unknown */
const option_row *option_rows(size_t *count);
const command_row *command_rows(size_t *count);
const command_row *command_find(const char *name);        /* NULL when unknown */

#endif
