/* probe.h - asks a running server how it is, for HEALTHCHECK in an image without curl.
 *
 * Owns     nothing.    Borrows  its arguments during a call.    Threads  any.
 * Limits   2 seconds for each of connect, handshake, send and the first line of the answer. The certificate is not
 *          verified: it names the public host, and the question is only whether this server is well.
 */
#ifndef ROSIM_PROBE_H
#define ROSIM_PROBE_H

#include "weights/base.h"

#include <stdint.h>

/* GET path, over https when tls; *http_status is the answer's. Every-network hosts (0.0.0.0, ::) are asked over
 * loopback. */
MUST_USE status probe_get(const char *host, uint16_t port, bool tls, const char *path, int *http_status, errinfo *err);

#endif
