/* utf8.h - checking and walking UTF-8.
 *
 * Owns     nothing.     Borrows  the bytes during a call.
 * Threads  pure functions.
 * Limits   none. Source: Unicode 15, table 3-7 (well-formed byte sequences); surrogates and overlong forms are refused.
 */
#ifndef ROSIM_UTF8_H
#define ROSIM_UTF8_H

#include "weights/base.h"

/* True when all bytes are well-formed UTF-8; else *at is the offset of the first bad byte. NUL is well-formed. */
bool utf8_check(slice bytes, size_t *at);

/* The code point at *at of well-formed text, and *at moved behind it. */
uint32_t utf8_next(slice text, size_t *at);

/* Writes 1 to 4 bytes and returns how many. */
size_t utf8_put(uint32_t code_point, char out[4]);

size_t utf8_length(slice text);                   /* code points in well-formed text */

#endif
