/* log.c - see log.h.
 *
 * A line is put together on the stack and written by one write, so lines of two threads never mix. What came from
 * outside is escaped before it gets here into a line: a log can neither be forged by a newline nor move a terminal's
 * cursor.
 */
#include "server/log.h"

#include "server/auth.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A byte of a path may be six in the line; the longest line of log_access has some 1700. */
enum { LINE_MAX_BYTES = 2048, PATH_MAX_BYTES = 128, METHOD_MAX_BYTES = 16, LIBRARY_LINES_PER_S = 10 };

static _Atomic log_level highest = LOG_INFO;
static atomic_bool as_json = false;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

typedef struct { char bytes[LINE_MAX_BYTES]; size_t length; } line;

void log_configure(log_level level, bool json)
{
    highest = level;
    as_json = json;
}

/* Always leaves room for the end of the line. */
static void put(line *l, const char *bytes, size_t length)
{
    size_t room = sizeof l->bytes - 4 - l->length;
    if (length > room)
        return;
    memcpy(l->bytes + l->length, bytes, length);
    l->length += length;
}

static void put_text(line *l, const char *text)
{
    put(l, text, strlen(text));
}

PRINTF_LIKE(2, 3) static void put_format(line *l, const char *format, ...)
{
    char part[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    put_text(l, part);
}

/* Bytes that are not printable ASCII become \u00XX in both formats; UTF-8 passes as it is when the text is ours. */
static void put_escaped(line *l, slice text, bool ascii_only)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f || (ascii_only && c > 0x7e))
            put_format(l, "\\u%04x", c);
        else if (c == '\\' || (as_json && c == '"'))
            put(l, c == '\\' ? "\\\\" : "\\\"", 2);
        else
            put(l, &text.data[i], 1);
    }
}

static void begin(line *l, log_level level)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    put_format(l, as_json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"" : "%s.%03ldZ %-5s", stamp, now.tv_nsec / 1000000,
               level_names[level]);
}

static void end(line *l)
{
    if (as_json)
        l->bytes[l->length++] = '}';
    l->bytes[l->length++] = '\n';
    ssize_t written = write(STDERR_FILENO, l->bytes, l->length);
    (void)written;    /* nowhere to say that the log is gone */
}

static void message_line(log_level level, slice message)
{
    line l = { .length = 0 };
    begin(&l, level);
    put_text(&l, as_json ? ",\"message\":\"" : " ");
    put_escaped(&l, message, false);
    put_text(&l, as_json ? "\"" : "");
    end(&l);
}

static void format_line(log_level level, const char *format, va_list arguments)
{
    char message[LINE_MAX_BYTES - 128];
    (void)vsnprintf(message, sizeof message, format, arguments);
    slice text = slice_of(message);
    while (text.length && (text.data[text.length - 1] == '\n' || text.data[text.length - 1] == ' '))
        text.length--;
    message_line(level, text);
}

void log_line(log_level level, const char *format, ...)
{
    if (level > highest)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_line(level, format, arguments);
    va_end(arguments);
}

/* Strangers choose how often the library complains. The window and its count are approximate under contention: good
 * enough. */
void log_library(const char *format, va_list arguments)
{
    static _Atomic int64_t window_s;
    static atomic_uint in_window;
    if (LOG_DEBUG > highest)
        return;
    int64_t now_s = clock_now_ns() / 1000000000;
    if (atomic_exchange(&window_s, now_s) != now_s) {
        unsigned seen = atomic_exchange(&in_window, 0);
        if (seen > LIBRARY_LINES_PER_S)
            log_line(LOG_DEBUG, "http library: %u messages dropped", seen - LIBRARY_LINES_PER_S);
    }
    if (atomic_fetch_add(&in_window, 1) < LIBRARY_LINES_PER_S)
        format_line(LOG_DEBUG, format, arguments);
}

static slice shortened(slice text, size_t most)
{
    return text.length > most ? (slice){ text.data, most } : text;
}

static double milliseconds(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / 1e6;
}

void log_access(const exchange *x)
{
    if (LOG_INFO > highest)
        return;
    const char *client = x->client ? auth_client_name(x->client) : "-";
    int64_t now = clock_now_ns();
    double read_ms = milliseconds(x->received_ns, x->body_ns ? x->body_ns : now);
    line l = { .length = 0 };
    begin(&l, LOG_INFO);
    put_text(&l, as_json ? ",\"method\":\"" : " ");
    put_escaped(&l, shortened(x->method, METHOD_MAX_BYTES), true);
    put_text(&l, as_json ? "\",\"path\":\"" : " ");
    put_escaped(&l, shortened(x->path, PATH_MAX_BYTES), true);
    put_format(&l,
               as_json
                   ? "\",\"status\":%d,\"in\":%zu,\"out\":%zu,\"read_ms\":%.3f,\"total_ms\":%.3f,\"request_id\":\""
                   : " %d in=%zu out=%zu read_ms=%.3f total_ms=%.3f id=",
               x->status, x->body.length, x->answer.length, read_ms, milliseconds(x->received_ns, now));
    put_text(&l, x->request_id);
    put_text(&l, as_json ? "\",\"client\":\"" : " client=");
    put_escaped(&l, slice_of(client), true);
    put_text(&l, as_json ? "\"" : "");
    if (x->trace.trace_id[0])
        put_format(&l, as_json ? ",\"trace_id\":\"%s\",\"span_id\":\"%s\",\"parent_id\":\"%s\",\"trace_flags\":\"%s\""
                               : " trace=%s span=%s parent=%s flags=%s",
                   x->trace.trace_id, x->trace.span_id, x->trace.parent_id, x->trace.flags);
    end(&l);
}
