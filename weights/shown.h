/* shown.h - bytes from a file made fit for an error text: valid UTF-8, no control characters, short.
 *
 * Owns     nothing.
 * Borrows  a returned slice borrows from its argument, or is a constant.
 * Threads  all functions are pure.
 * Limits   none.
 */
#ifndef ROSIM_SHOWN_H
#define ROSIM_SHOWN_H

#include "weights/base.h"

/* The length of the UTF-8 character at the start of bytes[length], 0 when there is none (RFC 3629). */
size_t shown_character_length(const unsigned char *bytes, size_t length);

/* True for valid UTF-8 without control characters (C0, DEL, C1). */
bool shown_is_plain(slice text);

/* What to print for a name from a file: its first characters, or "(not printable)". Use with %.*s. */
slice shown_name(slice text);

/* What to print for a path: its last characters, since the file's name stands at the end. */
const char *shown_path(const char *path);

#endif
