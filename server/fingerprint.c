/* fingerprint.c - see fingerprint.h. */
#define _GNU_SOURCE    /* asprintf keeps path arithmetic out of here */
#include "server/fingerprint.h"

#include <dirent.h>
#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DIGEST_BYTES = 32, READ_BYTES = 1 << 16 };

typedef void hash_entry(gnutls_hash_hd_t hash, const char *folder, const char *name);

/* Every entry that the filter takes, in the order of their names. */
static bool hash_folder(gnutls_hash_hd_t hash, const char *folder, int (*filter)(const struct dirent *entry),
                        hash_entry *entry)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, filter, alphasort);
    if (count < 0)
        return false;
    for (int i = 0; i < count; i++) {
        entry(hash, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return true;
}

static void fingerprint(const char *folder, int (*filter)(const struct dirent *entry), hash_entry *entry,
                        char out[FINGERPRINT_BYTES])
{
    unsigned char digest[DIGEST_BYTES];
    gnutls_hash_hd_t hash;
    out[0] = '\0';
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) != 0)
        return;
    bool good = hash_folder(hash, folder, filter, entry);
    gnutls_hash_deinit(hash, digest);
    for (size_t i = 0; good && i < DIGEST_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* ---- contents ---- */

static int decides_vectors(const struct dirent *entry)
{
    static const char *const names[] = { "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json" };
    size_t length = strlen(entry->d_name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(entry->d_name, names[i]) == 0)
            return 1;
    return length > 12 && strcmp(entry->d_name + length - 12, ".safetensors") == 0;
}

static void hash_bytes(gnutls_hash_hd_t hash, const char *folder, const char *name)
{
    char *path = NULL, *bytes = malloc(READ_BYTES);
    FILE *f = asprintf(&path, "%s/%s", folder, name) > 0 ? fopen(path, "re") : NULL;
    size_t n = 1;
    (void)gnutls_hash(hash, name, strlen(name) + 1);
    while (f && bytes && n > 0) {
        n = fread(bytes, 1, READ_BYTES, f);
        (void)gnutls_hash(hash, bytes, n);
    }
    if (f)
        (void)fclose(f);
    free(bytes);
    free(path);
}

void fingerprint_of_contents(const char *folder, char out[FINGERPRINT_BYTES])
{
    fingerprint(folder, decides_vectors, hash_bytes, out);
}

/* ---- marks ---- */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool hash_mark(gnutls_hash_hd_t hash, const char *path, const char *name)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return false;
    const long long mark[] = { (long long)about.st_ino, (long long)about.st_size, (long long)about.st_mtim.tv_sec,
                               (long long)about.st_mtim.tv_nsec };
    (void)gnutls_hash(hash, name, strlen(name) + 1);
    (void)gnutls_hash(hash, mark, sizeof mark);
    return S_ISDIR(about.st_mode);
}

static void hash_file_mark(gnutls_hash_hd_t hash, const char *folder, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return;
    (void)hash_mark(hash, path, name);
    free(path);
}

static void hash_marks(gnutls_hash_hd_t hash, const char *folder, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return;
    if (hash_mark(hash, path, name))
        (void)hash_folder(hash, path, is_visible, hash_file_mark);
    free(path);
}

void fingerprint_of_marks(const char *folder, char out[FINGERPRINT_BYTES])
{
    fingerprint(folder, is_visible, hash_marks, out);
}
