/* tls.h - the certificate that new connections get; it can be replaced while the server runs.
 *
 * Owns     certificate chain and private key, as read from their files.
 * Borrows  the files' names until close.
 * Threads  tls_present: HTTP threads, in the middle of a handshake. open, reload, close: main.
 * Limits   PEM of at most 1 MiB; a key without password; TLS 1.2 and 1.3. A handshake gets a copy, so that a reload
 *          frees the old certificate at once; connections that stand keep their keys.
 */
#ifndef ROSIM_TLS_H
#define ROSIM_TLS_H

#include "weights/base.h"

#include <gnutls/abstract.h>

typedef struct tls tls;

/* ST_IO, ST_FORMAT: the message names the file; also when the key does not belong to the certificate. */
MUST_USE status tls_open(tls **out, const char *certificate_file, const char *key_file, errinfo *err);
/* Reads both files again; on failure everything stays as it is. */
MUST_USE status tls_reload(tls *t, errinfo *err);
void tls_close(tls *t);                           /* NULL is fine */

/* The chain, leaf first, and its key, for GnuTLS to free (GNUTLS_CERT_RETR_DEINIT_ALL). False when out of memory. */
bool tls_present(tls *t, gnutls_pcert_st **chain, unsigned *length, gnutls_privkey_t *key);

#endif
