/* manual.h - what packages install beside the binary, written from the table of options: rosim(1) and a completion.
 *
 * Owns     nothing.
 * Borrows  nothing: the tables are constant.
 * Threads  main.
 * Limits   none. Errors of stdout are the caller's to ask for (ferror).
 */
#ifndef ROSIM_MANUAL_H
#define ROSIM_MANUAL_H

void manual_print_page(void);             /* rosim help --man: roff for man(7) on stdout */
void manual_print_bash(void);             /* rosim help --bash: a completion for bash on stdout */

#endif
