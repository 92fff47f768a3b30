/* page.h - the playground: the files of server/page, out of the binary.
 *
 * Owns     nothing: the files are constants.    Borrows  the exchange.
 * Threads  HTTP threads; nothing here waits.
 * Limits   60 KB for all files together (a test says so): no framework, nothing from another host, works offline.
 * Source   api.md section 3; issue 6.
 */
#ifndef ROSIM_PAGE_H
#define ROSIM_PAGE_H

#include "server/exchange.h"
#include "server/service.h"

typedef struct { const char *name, *type, *begin, *end; } page_file;

const page_file *page_files(size_t *count);               /* index.html first */
bool page_is_wanted(const exchange *x);                   /* a browser: its Accept names text/html */
void page_index(exchange *x);
void page_show(struct service *s, exchange *x);           /* GET /page/{id} */

#endif
