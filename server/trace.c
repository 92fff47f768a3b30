/* trace.c - see trace.h. */
#include "server/trace.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_CHARS = 2, WHOLE = VERSION_CHARS + 1 + TRACE_ID_CHARS + 1 + SPAN_ID_CHARS + 1 + TRACE_FLAGS_CHARS };

/* count lower-case hexadecimal digits; the standard wants no others. */
static bool take_hex(slice *rest, char *out, size_t count)
{
    if (rest->length < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = rest->data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        out[i] = c;
    }
    out[count] = '\0';
    *rest = (slice){ rest->data + count, rest->length - count };
    return true;
}

static bool take_dash(slice *rest)
{
    if (rest->length == 0 || rest->data[0] != '-')
        return false;
    *rest = (slice){ rest->data + 1, rest->length - 1 };
    return true;
}

static bool is_zero(const char *hex)
{
    return strspn(hex, "0") == strlen(hex);
}

static bool parse(trace *t, slice rest)
{
    char version[VERSION_CHARS + 1];
    if (!take_hex(&rest, version, VERSION_CHARS) || strcmp(version, "ff") == 0 || !take_dash(&rest)
        || !take_hex(&rest, t->trace_id, TRACE_ID_CHARS) || !take_dash(&rest)
        || !take_hex(&rest, t->parent_id, SPAN_ID_CHARS) || !take_dash(&rest)
        || !take_hex(&rest, t->flags, TRACE_FLAGS_CHARS))
        return false;
    bool whole = rest.length == 0 || (strcmp(version, "00") != 0 && rest.data[0] == '-');
    return whole && !is_zero(t->trace_id) && !is_zero(t->parent_id);
}

bool trace_read(trace *out, slice traceparent, uint64_t span)
{
    *out = (trace){ .trace_id = "" };
    trace t = *out;
    if (traceparent.length < WHOLE || !parse(&t, traceparent))
        return false;
    (void)snprintf(t.span_id, sizeof t.span_id, "%016llx", (unsigned long long)(span ? span : 1));
    *out = t;
    return true;
}

void trace_write(const trace *t, char out[TRACE_HEADER_BYTES])
{
    (void)snprintf(out, TRACE_HEADER_BYTES, "00-%s-%s-%s", t->trace_id, t->span_id, t->flags);
}
