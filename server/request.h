/* request.h - the life of one request between the callbacks of libmicrohttpd: guard, body, handler, suspension, answer.
 *
 * Owns     every request, from its first line until the library reports it completed.
 * Borrows  the desk, which outlives the daemon; connections, which outlive their requests.
 * Threads  the library's; one request is on one of them at a time.
 * Limits   those of http_options.
 */
#ifndef ROSIM_REQUEST_H
#define ROSIM_REQUEST_H

#include "server/http.h"

#include <microhttpd.h>
#include <stdatomic.h>

/* What all requests of a server share. */
typedef struct {
    http_options options;
    http_handlers handlers;
    uint64_t id_seed;
    atomic_uint_fast64_t ids;
    atomic_size_t in_flight;
    atomic_bool close_after_answer;
} request_desk;

/* For MHD_OPTION_URI_LOG_CALLBACK, the access handler, MHD_OPTION_NOTIFY_COMPLETED; context is the desk. */
void *request_on_uri(void *context, const char *uri, struct MHD_Connection *library);
enum MHD_Result request_on_access(void *context, struct MHD_Connection *library, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_length, void **state);
void request_on_completed(void *context, struct MHD_Connection *library, void **state,
                          enum MHD_RequestTerminationCode why);

#endif
