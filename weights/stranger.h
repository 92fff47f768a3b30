/* stranger.h - weights in other formats, recognised only to say how they become ours.
 *
 * Owns     nothing; the texts are constants.
 * Borrows  its arguments during the call.
 * Threads  all functions are pure, but for the listing that the caller opened.
 * Limits   none.
 */
#ifndef ROSIM_STRANGER_H
#define ROSIM_STRANGER_H

#include "weights/base.h"

#include <dirent.h>

enum { STRANGER_NAME_BYTES = 256 };

/* What a file that begins with these 8 bytes is, and the way out; NULL when unknown. */
const char *stranger_of_bytes(const unsigned char *bytes);

/* The way out for the likeliest weights file of a folder, whose name is copied to found; NULL when there is none. */
const char *stranger_in_folder(DIR *listing, char found[STRANGER_NAME_BYTES]);

#endif
