/* tls.c - see tls.h. */
#include "server/tls.h"

#include "server/log.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PEM_BYTES = 1 << 20, KEY_ID_BYTES = 32 };

typedef struct {
    gnutls_x509_crt_t *chain;             /* [length], leaf first */
    unsigned length;
    gnutls_x509_privkey_t key;
} identity;

struct tls {
    const char *certificate_file, *key_file;
    pthread_mutex_t lock;
    identity current;                     /* guarded by lock */
};

static void identity_clear(identity *i)
{
    for (unsigned n = 0; n < i->length; n++)
        gnutls_x509_crt_deinit(i->chain[n]);
    gnutls_free(i->chain);
    if (i->key)
        gnutls_x509_privkey_deinit(i->key);
    *i = (identity){ .chain = NULL };
}

/* ---- reading ---- */

static status read_pem(gnutls_datum_t *out, const char *path, errinfo *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    out->data = calloc(1, PEM_BYTES);
    out->size = out->data ? (unsigned)fread(out->data, 1, PEM_BYTES, f) : 0;
    (void)fclose(f);
    if (!out->data)
        return fail(err, ST_NOMEM, "%s: out of memory", path);
    if (out->size == 0 || out->size == PEM_BYTES)
        return fail(err, ST_FORMAT, "%s: must hold 1 to %d bytes of PEM", path, PEM_BYTES - 1);
    return ST_OK;
}

static void forget(gnutls_datum_t *pem)
{
    if (pem->data)
        gnutls_memset(pem->data, 0, pem->size);
    free(pem->data);
}

static status read_chain(identity *i, const char *path, errinfo *err)
{
    gnutls_datum_t pem = { NULL, 0 };
    status st = read_pem(&pem, path, err);
    if (!st) {
        int problem = gnutls_x509_crt_list_import2(&i->chain, &i->length, &pem, GNUTLS_X509_FMT_PEM,
                                                   GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
        if (problem < 0)
            st = fail(err, ST_FORMAT, "%s: no certificate chain in PEM, leaf first: %s", path,
                      gnutls_strerror(problem));
    }
    forget(&pem);
    return st;
}

static status read_key(identity *i, const char *path, errinfo *err)
{
    gnutls_datum_t pem = { NULL, 0 };
    status st = read_pem(&pem, path, err);
    if (!st && gnutls_x509_privkey_init(&i->key) != 0)
        st = fail(err, ST_NOMEM, "%s: out of memory", path);
    if (!st) {
        int problem = gnutls_x509_privkey_import2(i->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
        if (problem < 0)
            st = fail(err, ST_FORMAT, "%s: no private key in PEM: %s", path, gnutls_strerror(problem));
    }
    forget(&pem);
    return st;
}

static bool belong_together(const identity *i)
{
    unsigned char of_certificate[KEY_ID_BYTES], of_key[KEY_ID_BYTES];
    size_t a = sizeof of_certificate, b = sizeof of_key;
    return gnutls_x509_crt_get_key_id(i->chain[0], GNUTLS_KEYID_USE_SHA256, of_certificate, &a) == 0
           && gnutls_x509_privkey_get_key_id(i->key, GNUTLS_KEYID_USE_SHA256, of_key, &b) == 0 && a == b
           && memcmp(of_certificate, of_key, a) == 0;
}

static void warn(const tls *t, const identity *i)
{
    struct stat about;
    time_t end = gnutls_x509_crt_get_expiration_time(i->chain[0]), now = time(NULL);
    if (stat(t->key_file, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)))
        log_line(LOG_WARN, "%s: others than its owner have access to this private key (chmod 600)", t->key_file);
    if (end < now)
        log_line(LOG_WARN, "%s: the certificate has expired", t->certificate_file);
    else
        log_line(LOG_INFO, "%s: the certificate is good for %lld days", t->certificate_file,
                 (long long)(end - now) / 86400);
}

static status identity_read(const tls *t, identity *out, errinfo *err)
{
    status st = read_chain(out, t->certificate_file, err);
    if (!st)
        st = read_key(out, t->key_file, err);
    if (!st && !belong_together(out))
        st = fail(err, ST_FORMAT, "%s: is not the key of the certificate in %s", t->key_file, t->certificate_file);
    if (st)
        identity_clear(out);
    else
        warn(t, out);
    return st;
}

/* ---- face ---- */

status tls_reload(tls *t, errinfo *err)
{
    identity fresh = { .chain = NULL };
    status st = identity_read(t, &fresh, err);
    if (st)
        return st;
    (void)pthread_mutex_lock(&t->lock);
    identity old = t->current;
    t->current = fresh;
    (void)pthread_mutex_unlock(&t->lock);
    identity_clear(&old);
    return ST_OK;
}

status tls_open(tls **out, const char *certificate_file, const char *key_file, errinfo *err)
{
    tls *t = calloc(1, sizeof *t);
    if (!t)
        return fail(err, ST_NOMEM, "TLS: out of memory");
    *t = (tls){ .certificate_file = certificate_file, .key_file = key_file };
    (void)pthread_mutex_init(&t->lock, NULL);
    status st = tls_reload(t, err);
    if (st)
        tls_close(t);
    else
        *out = t;
    return st;
}

void tls_close(tls *t)
{
    if (!t)
        return;
    identity_clear(&t->current);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool copy_key(gnutls_privkey_t *out, gnutls_x509_privkey_t key)
{
    if (gnutls_privkey_init(out) != 0)
        return false;
    if (gnutls_privkey_import_x509(*out, key, GNUTLS_PRIVKEY_IMPORT_COPY) == 0)
        return true;
    gnutls_privkey_deinit(*out);
    return false;
}

static bool copy_chain(gnutls_pcert_st **out, const identity *from)
{
    gnutls_pcert_st *chain = gnutls_malloc(from->length * sizeof *chain);
    unsigned done = 0;
    while (chain && done < from->length && gnutls_pcert_import_x509(&chain[done], from->chain[done], 0) == 0)
        done++;
    if (chain && done == from->length) {
        *out = chain;
        return true;
    }
    while (done > 0)
        gnutls_pcert_deinit(&chain[--done]);
    gnutls_free(chain);
    return false;
}

bool tls_present(tls *t, gnutls_pcert_st **chain, unsigned *length, gnutls_privkey_t *key)
{
    (void)pthread_mutex_lock(&t->lock);
    bool good = copy_key(key, t->current.key);
    if (good && !copy_chain(chain, &t->current)) {
        gnutls_privkey_deinit(*key);
        good = false;
    }
    *length = t->current.length;
    (void)pthread_mutex_unlock(&t->lock);
    return good;
}
