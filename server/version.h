/* version.h - the one place of the version.
 *
 * Owns     nothing.    Borrows  nothing.    Threads  pure.    Limits   none.
 */
#ifndef ROSIM_VERSION_H
#define ROSIM_VERSION_H

#define ROSIM_VERSION "0.1.0"
#define ROSIM_DATE "2026-11-25"           /* of the version, in the manual page */

#endif
