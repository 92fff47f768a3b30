/* json_scan.h - one linear pass over a JSON text that decides whether a lenient parser may see it.
 *
 * Owns     a list of the keys' positions during the call.
 * Borrows  the bytes during the call.
 * Threads  pure.
 * Limits   those of json_in.h. No recursion: the nesting stack is 16 entries.
 * Source   RFC 8259 grammar; RFC 3629 (UTF-8) through utf8.h; table in reliability.md 2.1.
 */
#ifndef ROSIM_JSON_SCAN_H
#define ROSIM_JSON_SCAN_H

#include "server/json_in.h"

/* False with the fault filled: what is wrong, and at which byte. */
bool json_scan(slice bytes, const json_limits *limits, json_fault *fault);

#endif
