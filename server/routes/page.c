/* page.c - see page.h.
 *
 * The files are in the binary byte by byte (.incbin), so what one edits is what a browser gets; the Makefile knows
 * that this object depends on them. A browser keeps them and asks each time whether they are still good (ETag), so a
 * new binary shows at once. The policy forbids whatever the page does not need: other hosts, inline scripts and
 * styles, forms, frames, and HTML made from strings.
 */
#include "server/routes/page.h"

#include "server/api_error.h"
#include "server/router.h"

#include <stdio.h>
#include <string.h>

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                             "require-trusted-types-for 'script'";

/* page_<name> begins the bytes of a file of server/page, page_<name>_end ends them. */
#define HIDDEN __attribute__((visibility("hidden")))
#define FILE_BYTES(name, file)                                                                                      \
    extern const char page_##name[] HIDDEN, page_##name##_end[] HIDDEN;                                             \
    __asm__(".pushsection .rodata\n.hidden page_" #name "\n.hidden page_" #name "_end\n"                            \
            ".global page_" #name "\n.global page_" #name "_end\npage_" #name ":\n"                                 \
            ".incbin \"server/page/" file "\"\npage_" #name "_end:\n.byte 0\n.popsection")

FILE_BYTES(html, "index.html");
FILE_BYTES(style, "style.css");
FILE_BYTES(icon, "icon.svg");
FILE_BYTES(theme, "theme.js");
FILE_BYTES(app, "app.js");
FILE_BYTES(api, "api.js");
FILE_BYTES(dom, "dom.js");
FILE_BYTES(grid, "grid.js");
FILE_BYTES(compare, "compare.js");
FILE_BYTES(rank, "rank.js");
FILE_BYTES(matrix, "matrix.js");
FILE_BYTES(trust, "trust.js");
FILE_BYTES(live, "live.js");
FILE_BYTES(examples, "examples.js");

static const char javascript[] = "text/javascript; charset=utf-8";

static const page_file files[] = {
    { "index.html", "text/html; charset=utf-8", page_html, page_html_end },
    { "style.css", "text/css; charset=utf-8", page_style, page_style_end },
    { "icon.svg", "image/svg+xml", page_icon, page_icon_end },
    { "theme.js", javascript, page_theme, page_theme_end },
    { "app.js", javascript, page_app, page_app_end },
    { "api.js", javascript, page_api, page_api_end },
    { "dom.js", javascript, page_dom, page_dom_end },
    { "grid.js", javascript, page_grid, page_grid_end },
    { "compare.js", javascript, page_compare, page_compare_end },
    { "rank.js", javascript, page_rank, page_rank_end },
    { "matrix.js", javascript, page_matrix, page_matrix_end },
    { "trust.js", javascript, page_trust, page_trust_end },
    { "live.js", javascript, page_live, page_live_end },
    { "examples.js", javascript, page_examples, page_examples_end },
};

enum { FILES = sizeof files / sizeof *files, TAG_BYTES = 24 };

const page_file *page_files(size_t *count)
{
    *count = FILES;
    return files;
}

static bool holds(slice text, slice part)
{
    for (size_t at = 0; at + part.length <= text.length; at++)
        if (memcmp(text.data + at, part.data, part.length) == 0)
            return true;
    return false;
}

bool page_is_wanted(const exchange *x)
{
    return holds(exchange_header(x, "accept"), slice_of("text/html"));
}

/* FNV-1a: tells versions of a file apart; nobody gains from a collision of their own files. */
static void make_tag(slice bytes, char tag[TAG_BYTES])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
    (void)snprintf(tag, TAG_BYTES, "\"%016llx\"", (unsigned long long)hash);
}

static void send_file(exchange *x, const page_file *f)
{
    static const struct { const char *name, *value; } headers[] = {
        { "Cache-Control", "no-cache" },
        { "Content-Security-Policy", policy },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
    };
    slice bytes = { f->begin, (size_t)(f->end - f->begin) };
    char *tag = arena_take(x->arena, TAG_BYTES, 1);
    if (!tag) {
        api_error_answer(x, API_OUT_OF_MEMORY, NULL, "the page does not fit into the request's memory");
        return;
    }
    make_tag(bytes, tag);
    exchange_add_header(x, "ETag", tag);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        exchange_add_header(x, headers[i].name, headers[i].value);
    slice known = exchange_header(x, "if-none-match");
    bool same = slice_is(known, "*") || holds(known, slice_of(tag));
    /* the HTTP library sends no body with a 304, but the length, which must be that of the 200 (RFC 9110 8.6) */
    exchange_answer(x, same ? 304 : 200, f->type, bytes);
}

void page_index(exchange *x)
{
    send_file(x, &files[0]);
}

/* index.html belongs to the root: its links are relative to it. */
void page_show(struct service *s, exchange *x)
{
    slice name = router_id(x);
    (void)s;
    for (size_t i = 1; i < FILES; i++) {
        if (slice_is(name, files[i].name)) {
            send_file(x, &files[i]);
            return;
        }
    }
    api_error_answer(x, API_NOT_FOUND, NULL, "the page has no such file");
}
