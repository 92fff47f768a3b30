/* packed_file.c - see packed_file.h. The file is a header of HEADER_BYTES (magic, checksum, length, key), then the
 * bytes: a header of one page keeps them aligned in the page cache, so that reading them is one copy.
 */
#include "weights/packed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "rosim packed 1\n"

enum { HEADER_BYTES = 4096, KEY_BYTES = 1024, PATH_BYTES = 4096, LANES = 4 };

typedef struct {
    char magic[16];
    uint64_t checksum, length;
    char key[KEY_BYTES];
    char rest[HEADER_BYTES - 16 - 2 * sizeof(uint64_t) - KEY_BYTES];
} header;

/* Four independent chains of multiply and rotate keep up with memory; odd multipliers lose nothing. */
uint64_t packed_file_checksum(const void *bytes, size_t length)
{
    static const uint64_t MULTIPLIER = 0x9e3779b97f4a7c15u;
    const char *at = bytes;
    uint64_t lane[LANES] = { 1, 2, 3, 4 }, word[LANES], sum = length;
    for (; length > 0; at += sizeof word) {
        size_t part = length < sizeof word ? length : sizeof word;
        memset(word, 0, sizeof word);
        memcpy(word, at, part);
        length -= part;
        for (size_t i = 0; i < LANES; i++) {
            lane[i] = (lane[i] ^ word[i]) * MULTIPLIER;
            lane[i] = lane[i] << 31 | lane[i] >> 33;
        }
    }
    for (size_t i = 0; i < LANES; i++)
        sum = (sum ^ lane[i]) * MULTIPLIER, sum ^= sum >> 29;
    return sum;
}

static bool fill(header *h, const char *key, uint64_t checksum, size_t length)
{
    *h = (header){ .magic = MAGIC, .checksum = checksum, .length = length };
    size_t bytes = strlen(key);
    if (bytes == 0 || bytes >= sizeof h->key)
        return false;
    memcpy(h->key, key, bytes);
    return true;
}

static bool read_exactly(int fd, void *into, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(fd, (char *)into + done, length - done);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0)
            done += (size_t)got;
    }
    return true;
}

static bool write_exactly(int fd, const void *from, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t put = write(fd, (const char *)from + done, length - done);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            done += (size_t)put;
    }
    return true;
}

bool packed_file_read(const char *path, const char *key, void *bytes, size_t length)
{
    header found, wanted;
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
                (uint64_t)facts.st_size == HEADER_BYTES + (uint64_t)length && read_exactly(fd, &found, sizeof found) &&
                fill(&wanted, key, found.checksum, length) && memcmp(&found, &wanted, sizeof found) == 0 &&
                read_exactly(fd, bytes, length) && packed_file_checksum(bytes, length) == found.checksum;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static void make_folder_of(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder)
        return;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    (void)mkdir(folder, 0777);    /* less the umask; the file's own error says what is wrong */
}

/* Beside the file and renamed onto it, so that a reader sees the old one or the new one. The checksum stands in for
 * fsync: a file that a power cut left half-written is not taken for a whole one. */
status packed_file_write(const char *path, const char *key, const void *bytes, size_t length, errinfo *err)
{
    char temporary[PATH_BYTES];
    header h;
    int text = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (text < 0 || (size_t)text >= sizeof temporary)
        return fail(err, ST_IO, "%s: path too long", path);
    if (!fill(&h, key, packed_file_checksum(bytes, length), length))
        return fail(err, ST_INTERNAL, "%s: key too long", path);
    make_folder_of(path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        return fail(err, ST_IO, "%s: %s", path, strerror(errno));
    bool good = write_exactly(fd, &h, sizeof h) && write_exactly(fd, bytes, length);
    good = close(fd) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (good)
        return ST_OK;
    status st = fail(err, ST_IO, "%s: %s", path, strerror(errno));
    (void)unlink(temporary);
    return st;
}
