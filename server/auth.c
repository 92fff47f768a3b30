/* auth.c - see auth.h.
 *
 * Keys are kept and compared as SHA-256 digests: all digests have one length, so the time of a comparison says
 * nothing about a key, and a dump of our memory gives none away. What a request offers is compared with every entry,
 * also after a match. A key file that others may read is a warning, not an error: a container's mounted secret often
 * looks like that.
 *
 * The keys of one reading are a ring; a reload makes a new one, and requests that began with a key of the old ring hold
 * that until they end. What a name has used is kept apart from its keys, so that neither counters nor rates begin anew
 * with a reload, and two keys of one name (while one replaces the other) count as one client.
 */
#include "server/auth.h"

#include "server/log.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { DIGEST_BYTES = 32, NAME_MAX_BYTES = 64, KEYS_MAX = 1024, RATE_MAX = 1000000000, STATUS_CLASSES = 6,
       ROW_BYTES = 256 + 3 * NAME_MAX_BYTES };

static const double NS_PER_S = 1e9;
static const int64_t BURST_NS = 1000000000;    /* one second's worth may be used ahead */

/* What one name has used. */
typedef struct usage usage;
struct usage {
    char name[NAME_MAX_BYTES + 1];
    size_t keys;                          /* of all rings; guarded by the lock */
    _Atomic int64_t paid_until_ns;        /* when the tokens taken so far will have been earned */
    _Atomic uint64_t tokens, limited, answers[STATUS_CLASSES];
    usage *next;
};

typedef struct ring ring;

struct auth_client {
    char name[NAME_MAX_BYTES + 1];
    unsigned char digest[DIGEST_BYTES];
    char *models;                         /* "a,b", or NULL: all */
    size_t tokens_per_second;             /* 0: no limit */
    ring *ring;
    usage *usage;
};

struct ring {
    auth *owner;
    size_t users;                         /* requests that hold one of its keys; guarded by the lock */
    size_t count;
    auth_client *clients;                 /* [KEYS_MAX] */
};

struct auth {
    pthread_mutex_t lock;
    ring *current;
    usage *usages;                        /* the list: guarded by lock; the numbers: atomic */
};

static bool hash(slice bytes, unsigned char digest[DIGEST_BYTES])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.data, bytes.length, digest) == 0;
}

static void clear(auth_client *client)
{
    free(client->models);
}

static status add(ring *a, const auth_client *client, errinfo *err)
{
    if (a->count == KEYS_MAX)
        return fail(err, ST_INPUT, "more than %d API keys", KEYS_MAX);
    a->clients[a->count++] = *client;
    return ST_OK;
}

/* ---- keys of the command line ---- */

static status add_plain(ring *a, const char *key, size_t number, errinfo *err)
{
    auth_client client = { .models = NULL };
    if (key[0] == '\0')
        return fail(err, ST_INPUT, "API key %zu is empty", number);
    (void)snprintf(client.name, sizeof client.name, "key-%zu", number);
    if (!hash(slice_of(key), client.digest))
        return fail(err, ST_INTERNAL, "API key %zu: SHA-256 is not available", number);
    return add(a, &client, err);
}

/* ---- the key file ---- */

typedef struct { const char *file; size_t line; } place;

static status refuse(const place *at, errinfo *err, const char *what)
{
    return fail(err, ST_FORMAT, "%s:%zu: %s", at->file, at->line, what);
}

/* The part before the next ':', and the rest behind it. */
static slice next_field(slice *rest)
{
    const char *colon = rest->length ? memchr(rest->data, ':', rest->length) : NULL;
    slice field = { rest->data, colon ? (size_t)(colon - rest->data) : rest->length };
    size_t used = colon ? field.length + 1 : field.length;
    rest->data += used;
    rest->length -= used;
    return field;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_digest(slice hex, unsigned char digest[DIGEST_BYTES])
{
    if (hex.length != (size_t)2 * DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex_value(hex.data[2 * i]), low = hex_value(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static bool parse_name(slice text, char name[NAME_MAX_BYTES + 1])
{
    if (text.length == 0 || text.length > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    memcpy(name, text.data, text.length);
    name[text.length] = '\0';
    return true;
}

static bool parse_rate(slice text, size_t *rate)
{
    size_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > RATE_MAX)
            return false;
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    *rate = value;
    return value > 0 && value <= RATE_MAX;
}

static bool has_prefix(slice text, const char *prefix, slice *value)
{
    size_t length = strlen(prefix);
    if (text.length < length || memcmp(text.data, prefix, length) != 0)
        return false;
    *value = (slice){ text.data + length, text.length - length };
    return true;
}

static status parse_extra(auth_client *client, slice field, const place *at, errinfo *err)
{
    slice value;
    if (has_prefix(field, "models=", &value)) {
        if (client->models || value.length == 0)
            return refuse(at, err, "models= wants one list of names, as in models=a,b");
        client->models = strndup(value.data, value.length);
        return client->models ? ST_OK : fail(err, ST_NOMEM, "%s: out of memory", at->file);
    }
    if (has_prefix(field, "rate=", &value)) {
        if (client->tokens_per_second || !parse_rate(value, &client->tokens_per_second))
            return refuse(at, err, "rate= wants one number of tokens per second, 1 to 1000000000");
        return ST_OK;
    }
    return refuse(at, err, "after the digest only models= and rate= may follow");
}

static status parse_line(auth_client *client, slice line, const place *at, errinfo *err)
{
    status st = ST_OK;
    slice rest = line;
    if (!parse_name(next_field(&rest), client->name))
        return refuse(at, err, "the name has 1 to 64 printable ASCII characters without blank or colon");
    if (!parse_digest(next_field(&rest), client->digest))
        return refuse(at, err, "the name is followed by `:` and the key's SHA-256, 64 hexadecimal digits");
    while (rest.length && !st)
        st = parse_extra(client, next_field(&rest), at, err);
    return st;
}

static slice trimmed(slice line)
{
    while (line.length && strchr(" \t\r\n", line.data[line.length - 1]))
        line.length--;
    while (line.length && (*line.data == ' ' || *line.data == '\t')) {
        line.data++;
        line.length--;
    }
    return line;
}

static status add_line(ring *a, slice text, const place *at, errinfo *err)
{
    auth_client client = { .models = NULL };
    slice line = trimmed(text);
    if (line.length == 0 || line.data[0] == '#')
        return ST_OK;
    if (memchr(line.data, '\0', line.length))
        return refuse(at, err, "the line holds a NUL byte");
    status st = parse_line(&client, line, at, err);
    if (!st)
        st = add(a, &client, err);
    if (st)
        clear(&client);
    return st;
}

static void warn_when_open(FILE *stream, const char *file)
{
    struct stat about;
    if (fstat(fileno(stream), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)))
        log_line(LOG_WARN, "%s: others than its owner have access to this key file (chmod 600)", file);
}

static status add_file(ring *a, const char *file, errinfo *err)
{
    status st = ST_OK;
    char *text = NULL;
    size_t room = 0;
    ssize_t length = 0;
    place at = { .file = file };
    FILE *stream = fopen(file, "r");
    if (!stream)
        return fail(err, ST_IO, "%s: %s", file, strerror(errno));
    warn_when_open(stream, file);
    size_t before = a->count;
    while (!st && (length = getline(&text, &room, stream)) >= 0) {
        at.line++;
        st = add_line(a, (slice){ text, (size_t)length }, &at, err);
    }
    if (!st && ferror(stream))
        st = fail(err, ST_IO, "%s: reading failed", file);
    if (!st && a->count == before)
        st = fail(err, ST_FORMAT, "%s: no key in it", file);
    free(text);
    (void)fclose(stream);
    return st;
}

/* ---- rings ---- */

static void ring_close(ring *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->clients && i < r->count; i++)
        clear(&r->clients[i]);
    free(r->clients);
    free(r);
}

static status ring_open(ring **out, const char *const *keys, size_t count, const char *file, errinfo *err)
{
    status st = ST_OK;
    ring *r = calloc(1, sizeof *r);
    if (r)
        r->clients = calloc(KEYS_MAX, sizeof *r->clients);
    if (!r || !r->clients)
        st = fail(err, ST_NOMEM, "API keys: out of memory");
    for (size_t i = 0; i < count && !st; i++)
        st = add_plain(r, keys[i], i + 1, err);
    if (!st && file)
        st = add_file(r, file, err);
    if (st)
        ring_close(r);
    else
        *out = r;
    return st;
}

/* Under the lock. NULL when out of memory. */
static usage *usage_of(auth *a, const char *name)
{
    usage *u = a->usages;
    while (u && strcmp(u->name, name) != 0)
        u = u->next;
    if (u)
        return u;
    u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    memcpy(u->name, name, strlen(name) + 1);
    u->next = a->usages;
    a->usages = u;
    return u;
}

/* Under the lock. */
static void drop_unused(auth *a)
{
    for (usage **at = &a->usages; *at;) {
        usage *u = *at;
        if (u->keys) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        free(u);
    }
}

/* Under the lock. */
static bool join(auth *a, ring *r)
{
    bool good = true;
    r->owner = a;
    for (size_t i = 0; i < r->count; i++) {
        auth_client *c = &r->clients[i];
        c->ring = r;
        c->usage = usage_of(a, c->name);
        if (c->usage)
            c->usage->keys++;
        good = good && c->usage;
    }
    return good;
}

/* Under the lock. */
static void leave(auth *a, ring *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->clients[i].usage)
            r->clients[i].usage->keys--;
    drop_unused(a);
}

/* ---- face ---- */

status auth_reload(auth *a, const char *const *keys, size_t count, const char *file, errinfo *err)
{
    ring *fresh, *gone;
    status st = ring_open(&fresh, keys, count, file, err);
    if (st)
        return st;
    (void)pthread_mutex_lock(&a->lock);
    bool joined = join(a, fresh);
    gone = joined ? a->current : fresh;
    if (joined)
        a->current = fresh;
    if (gone && gone->users == 0)
        leave(a, gone);
    else
        gone = NULL;                      /* its last user closes it */
    (void)pthread_mutex_unlock(&a->lock);
    ring_close(gone);
    return joined ? ST_OK : fail(err, ST_NOMEM, "API keys: out of memory");
}

status auth_open(auth **out, const char *const *keys, size_t count, const char *file, errinfo *err)
{
    *out = NULL;
    if (count == 0 && !file)
        return ST_OK;
    auth *a = calloc(1, sizeof *a);
    if (!a)
        return fail(err, ST_NOMEM, "API keys: out of memory");
    (void)pthread_mutex_init(&a->lock, NULL);
    status st = auth_reload(a, keys, count, file, err);
    if (st)
        auth_close(a);
    else
        *out = a;
    return st;
}

void auth_close(auth *a)
{
    if (!a)
        return;
    ring_close(a->current);
    while (a->usages) {
        usage *u = a->usages;
        a->usages = u->next;
        free(u);
    }
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

/* "Bearer", blanks, a key; the scheme in any case (RFC 9110 11.1). */
static bool bearer_key(slice authorization, slice *key)
{
    static const char scheme[] = "bearer ";
    size_t length = sizeof scheme - 1;
    if (authorization.length <= length || strncasecmp(authorization.data, scheme, length) != 0)
        return false;
    *key = trimmed((slice){ authorization.data + length, authorization.length - length });
    return key->length > 0;
}

static bool digests_equal(const unsigned char *a, const unsigned char *b)
{
    unsigned difference = 0;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

static ring *take_ring(auth *a)
{
    (void)pthread_mutex_lock(&a->lock);
    ring *r = a->current;
    r->users++;
    (void)pthread_mutex_unlock(&a->lock);
    return r;
}

static void give_ring(ring *r)
{
    auth *a = r->owner;
    (void)pthread_mutex_lock(&a->lock);
    r->users--;
    bool last = r->users == 0 && r != a->current;
    if (last)
        leave(a, r);
    (void)pthread_mutex_unlock(&a->lock);
    if (last)
        ring_close(r);
}

const auth_client *auth_check(auth *a, slice authorization)
{
    slice key;
    unsigned char digest[DIGEST_BYTES];
    const auth_client *found = NULL;
    if (!bearer_key(authorization, &key) || !hash(key, digest))
        return NULL;
    ring *r = take_ring(a);
    for (size_t i = 0; i < r->count; i++)
        if (digests_equal(digest, r->clients[i].digest))
            found = &r->clients[i];
    if (!found)
        give_ring(r);
    return found;
}

void auth_give(const auth_client *c)
{
    if (c)
        give_ring(c->ring);
}

const char *auth_client_name(const auth_client *c)
{
    return c->name;
}

/* The generic cell rate algorithm with one number: every token moves the time forward until which the key has used up
 * its rate. A request may overdraw, so that one larger than a second's worth passes too; the next ones wait it off.
 */
double auth_wait_s(const auth_client *c, size_t tokens, int64_t now_ns)
{
    usage *u = c->usage;
    double cost = c->tokens_per_second ? (double)tokens * NS_PER_S / (double)c->tokens_per_second : 0;
    int64_t paid_until = atomic_load(&u->paid_until_ns);
    for (;;) {
        if (cost > 0 && paid_until > now_ns + BURST_NS) {
            (void)atomic_fetch_add_explicit(&u->limited, 1, memory_order_relaxed);
            return (double)(paid_until - now_ns - BURST_NS) / NS_PER_S;
        }
        int64_t start = paid_until > now_ns ? paid_until : now_ns;
        if (cost <= 0 || atomic_compare_exchange_weak(&u->paid_until_ns, &paid_until, start + (int64_t)cost))
            break;
    }
    (void)atomic_fetch_add_explicit(&u->tokens, tokens, memory_order_relaxed);
    return 0;
}

void auth_count(const auth_client *c, int http_status)
{
    if (c && http_status >= 100 && http_status < 100 * STATUS_CLASSES)
        (void)atomic_fetch_add_explicit(&c->usage->answers[http_status / 100], 1, memory_order_relaxed);
}

bool auth_may_use(const auth_client *c, const char *model_name)
{
    if (!c->models)
        return true;
    size_t wanted = strlen(model_name);
    for (const char *at = c->models; at;) {
        const char *comma = strchr(at, ',');
        size_t length = comma ? (size_t)(comma - at) : strlen(at);
        if (length == wanted && memcmp(at, model_name, length) == 0)
            return true;
        at = comma ? comma + 1 : NULL;
    }
    return false;
}

/* ---- metrics ---- */

typedef struct { char *bytes; size_t length, room; } page;

PRINTF_LIKE(2, 3) static void put(page *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(p->bytes + p->length, p->room - p->length, format, arguments);
    va_end(arguments);
    if (n > 0 && (size_t)n < p->room - p->length)
        p->length += (size_t)n;
}

/* A name may hold a quotation mark or a backslash, which a label's value must not hold bare. */
static const char *escaped(const char *name, char out[2 * NAME_MAX_BYTES + 1])
{
    size_t n = 0;
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            out[n++] = '\\';
        out[n++] = *name;
    }
    out[n] = '\0';
    return out;
}

static void put_answers(page *p, const usage *u)
{
    char name[2 * NAME_MAX_BYTES + 1];
    for (int class = 2; class < STATUS_CLASSES; class++)
        put(p, "rosim_key_requests_total{key=\"%s\",status=\"%dxx\"} %llu\n", escaped(u->name, name), class,
            (unsigned long long)atomic_load(&u->answers[class]));
}

static void put_each(page *p, const auth *a, const char *series, const char *help, size_t offset)
{
    char name[2 * NAME_MAX_BYTES + 1];
    put(p, "# HELP %s %s\n# TYPE %s counter\n", series, help, series);
    for (const usage *u = a->usages; u; u = u->next)
        put(p, "%s{key=\"%s\"} %llu\n", series, escaped(u->name, name),
            (unsigned long long)atomic_load((const _Atomic uint64_t *)(const void *)((const char *)u + offset)));
}

slice auth_metrics(auth *a, arena *memory)
{
    size_t names = 1;
    if (!a)
        return (slice){ "", 0 };
    (void)pthread_mutex_lock(&a->lock);
    for (const usage *u = a->usages; u; u = u->next)
        names++;
    page p = { .room = names * STATUS_CLASSES * ROW_BYTES };
    p.bytes = arena_take(memory, p.room, 1);
    if (p.bytes) {
        put(&p, "# HELP rosim_key_requests_total Answers, by name of the key.\n"
                "# TYPE rosim_key_requests_total counter\n");
        for (const usage *u = a->usages; u; u = u->next)
            put_answers(&p, u);
        put_each(&p, a, "rosim_key_tokens_total", "Tokens encoded, by name of the key.", offsetof(usage, tokens));
        put_each(&p, a, "rosim_key_limited_total", "Requests over the key's rate (429).", offsetof(usage, limited));
    }
    (void)pthread_mutex_unlock(&a->lock);
    return (slice){ p.bytes, p.length };
}
