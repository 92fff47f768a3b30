/* pair_stream.h - POST /v1/similarity in NDJSON: a pair a line in, a score a line out, in order, in constant memory.
 *
 * Lines are read, scored and forgotten window by window. While a window is scored the connection is suspended, so the
 * client is read no faster than scores come. The HTTP library can send nothing before it has read the whole body
 * (microhttpd.h, MHD_AccessHandlerCallback), so results wait until then: five bytes a score, not the text of a line.
 *
 * Owns     its arenas, until the exchange ends.
 * Borrows  the service and the exchange until then.
 * Threads  the exchange's HTTP thread.
 * Limits   PAIR_STREAMS_MAX at a time; a line LINE_BYTES; a window WINDOW_PAIRS and WINDOW_BYTES; results SPOOL_BYTES:
 *          from there on lines are read and dropped, and the last line of the answer says from which on.
 */
#ifndef ROSIM_PAIR_STREAM_H
#define ROSIM_PAIR_STREAM_H

#include "server/router.h"

enum { PAIR_STREAMS_MAX = 32 };           /* of one server: one more gets 503 */

extern const route_stream pair_stream;

#endif
