/* safetensors.c - see safetensors.h.
 *
 * A file is 8 bytes of header length, the JSON header (tensor_table.c), and the data. The header is
 * checked in full before the data is read, so a hostile file costs at most its header.
 */
#include "weights/safetensors.h"

#include "weights/shown.h"
#include "weights/stranger.h"
#include "weights/tensor_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8, HEADER_BYTES_MAX = 4 * 1024 * 1024, DATA_ALIGN = 64 };

static const struct { const char *name; size_t bytes;
} dtypes[] = {
    [DTYPE_BOOL] = { "BOOL", 1 },       [DTYPE_U8] = { "U8", 1 },
    [DTYPE_I8] = { "I8", 1 },           [DTYPE_F8_E4M3] = { "F8_E4M3", 1 },
    [DTYPE_F8_E5M2] = { "F8_E5M2", 1 }, [DTYPE_I16] = { "I16", 2 },
    [DTYPE_U16] = { "U16", 2 },         [DTYPE_F16] = { "F16", 2 },
    [DTYPE_BF16] = { "BF16", 2 },       [DTYPE_I32] = { "I32", 4 },
    [DTYPE_U32] = { "U32", 4 },         [DTYPE_F32] = { "F32", 4 },
    [DTYPE_F64] = { "F64", 8 },         [DTYPE_I64] = { "I64", 8 },
    [DTYPE_U64] = { "U64", 8 },
};

struct safetensors {
    tensor_table table;
    void *data;      /* NULL when the bytes are borrowed, or not read yet */
    int fd;          /* the file behind its header; -1 once the data are read, or when there is none */
    size_t data_bytes;
    file_stamp stamp;
};

/* A file on its way in. */
typedef struct {
    safetensors *file;
    const char *label;
    int fd;
    size_t file_bytes, header_bytes;
    errinfo *err;
} reader;

const char *dtype_name(dtype type)
{
    return dtypes[type].name;
}

size_t dtype_bytes(dtype type)
{
    return dtypes[type].bytes;
}

static size_t data_bytes(const reader *r)
{
    return r->file_bytes - LENGTH_BYTES - r->header_bytes;
}

/* Checks what can be said of a file by its first 8 bytes and its size. */
static status read_length(reader *r, const unsigned char *bytes)
{
    uint64_t length = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (length > HEADER_BYTES_MAX) {
        const char *stranger = stranger_of_bytes(bytes);
        if (stranger)
            return fail(r->err, ST_FORMAT, "%s: %s", r->label, stranger);
        return fail(r->err, ST_FORMAT,
                    "%s: no safetensors file: a header of %ju bytes, at most %d are allowed",
                    r->label, (uintmax_t)length, HEADER_BYTES_MAX);
    }
    if (length > r->file_bytes - LENGTH_BYTES)
        return fail(r->err, ST_FORMAT, "%s: cut off: a header of %ju bytes in a file of %zu",
                    r->label, (uintmax_t)length, r->file_bytes);
    r->header_bytes = (size_t)length;
    return ST_OK;
}

static status check_size(const reader *r)
{
    if (r->file_bytes < LENGTH_BYTES)
        return fail(r->err, ST_FORMAT, "%s: %zu bytes, a safetensors file has at least %d",
                    r->label, r->file_bytes, LENGTH_BYTES);
    return ST_OK;
}

status safetensors_parse(safetensors **out, const void *bytes, size_t length, const char *label,
                         errinfo *err)
{
    safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ST_NOMEM, "%s: out of memory", label);
    s->fd = -1;
    reader r = { .file = s, .label = shown_path(label), .fd = -1, .file_bytes = length, .err = err };
    const char *header = NULL;
    status st = check_size(&r);
    if (st == ST_OK)
        st = read_length(&r, bytes);
    if (st != ST_OK)
        goto bad;
    header = (const char *)bytes + LENGTH_BYTES;
    st = tensor_table_read(&s->table, header, r.header_bytes, data_bytes(&r), r.label, err);
    if (st != ST_OK)
        goto bad;
    tensor_table_attach(&s->table, header + r.header_bytes);
    *out = s;
    return ST_OK;
bad:
    safetensors_close(s);
    return st;
}

/* A cache of huggingface_hub keeps each file as a link "../../blobs/<hexadecimal name>". */
static bool is_blob_link(int directory_fd, const char *path, char *target, size_t capacity)
{
    static const char prefix[] = "../../blobs/";
    ssize_t length = readlinkat(directory_fd, path, target, capacity - 1);
    if (length <= (ssize_t)strlen(prefix) || (size_t)length >= capacity - 1)
        return false;
    target[length] = '\0';
    const char *name = target + strlen(prefix);
    return strncmp(target, prefix, strlen(prefix)) == 0
        && name[strspn(name, "0123456789abcdef")] == '\0';
}

/* Without a directory the path is the operator's own and may be a link. With one it may come from a
 * hostile index, and the links of a Hugging Face cache are the only ones followed. */
static int open_file(int directory_fd, const char *path)
{
    char target[256];
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;    /* opening a FIFO must not wait */
    if (directory_fd == AT_FDCWD)
        return openat(directory_fd, path, flags);
    int fd = openat(directory_fd, path, flags | O_NOFOLLOW);
    if (fd >= 0 || errno != ELOOP)
        return fd;
    if (is_blob_link(directory_fd, path, target, sizeof target))
        return openat(directory_fd, target, flags | O_NOFOLLOW);
    errno = ELOOP;
    return -1;
}

static status open_regular(reader *r, int directory_fd, const char *path)
{
    struct stat facts;
    r->fd = open_file(directory_fd, path);
    if (r->fd < 0 && errno == ELOOP)
        return fail(r->err, ST_FORMAT, "%s: a symbolic link, which is not followed here", r->label);
    if (r->fd < 0 || fstat(r->fd, &facts) != 0)
        return fail(r->err, ST_IO, "%s: %s", r->label, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return fail(r->err, ST_FORMAT, "%s: not a regular file", r->label);
    if ((uintmax_t)facts.st_size > SIZE_MAX - DATA_ALIGN)
        return fail(r->err, ST_NOMEM, "%s: larger than this machine can address", r->label);
    r->file_bytes = (size_t)facts.st_size;
    r->file->stamp = (file_stamp){
        .bytes = (uint64_t)facts.st_size,
        .modified_ns = (uint64_t)facts.st_mtim.tv_sec * 1000000000u + (uint64_t)facts.st_mtim.tv_nsec,
        .inode = (uint64_t)facts.st_ino,
    };
    return check_size(r);
}

static status read_exactly(const reader *r, void *into, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = read(r->fd, (char *)into + done, bytes - done);
        if (got == 0)
            return fail(r->err, ST_IO, "%s: the file shrank while it was read", r->label);
        if (got < 0 && errno != EINTR)
            return fail(r->err, ST_IO, "%s: %s", r->label, strerror(errno));
        if (got > 0)
            done += (size_t)got;
    }
    return ST_OK;
}

static status read_header(reader *r)
{
    unsigned char start[LENGTH_BYTES];
    status st = read_exactly(r, start, sizeof start);
    if (st == ST_OK)
        st = read_length(r, start);
    if (st != ST_OK)
        return st;
    char *header = malloc(r->header_bytes + 1);
    if (!header)
        return fail(r->err, ST_NOMEM, "%s: no memory for %zu bytes", r->label, r->header_bytes);
    st = read_exactly(r, header, r->header_bytes);
    if (st == ST_OK)
        st = tensor_table_read(&r->file->table, header, r->header_bytes, data_bytes(r), r->label,
                               r->err);
    free(header);
    return st;
}

status safetensors_open_header(safetensors **out, int directory_fd, const char *path, errinfo *err)
{
    safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ST_NOMEM, "%s: out of memory", path);
    s->fd = -1;
    reader r = { .file = s, .label = shown_path(path), .fd = -1, .err = err };
    status st = open_regular(&r, directory_fd, path);
    if (st == ST_OK)
        st = read_header(&r);
    s->fd = r.fd;
    if (st != ST_OK) {
        safetensors_close(s);
        return st;
    }
    s->data_bytes = data_bytes(&r);
    *out = s;
    return ST_OK;
}

static void close_file(safetensors *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

status safetensors_read_data(safetensors *s, const char *label, errinfo *err)
{
    reader r = { .file = s, .label = shown_path(label), .fd = s->fd, .err = err };
    if (s->fd < 0)
        return ST_OK;
    s->data = aligned_alloc(DATA_ALIGN, (s->data_bytes + DATA_ALIGN) & ~(size_t)(DATA_ALIGN - 1));
    if (!s->data)
        return fail(err, ST_NOMEM, "%s: no memory for %zu bytes", r.label, s->data_bytes);
    status st = read_exactly(&r, s->data, s->data_bytes);
    if (st == ST_OK)
        tensor_table_attach(&s->table, s->data);
    close_file(s);
    return st;
}

status safetensors_open(safetensors **out, int directory_fd, const char *path, errinfo *err)
{
    safetensors *s = NULL;
    status st = safetensors_open_header(&s, directory_fd, path, err);
    if (st == ST_OK)
        st = safetensors_read_data(s, path, err);
    if (st != ST_OK) {
        safetensors_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

file_stamp safetensors_stamp(const safetensors *s)
{
    return s->stamp;
}

void safetensors_close(safetensors *s)
{
    if (!s)
        return;
    tensor_table_clear(&s->table);
    close_file(s);
    free(s->data);
    free(s);
}

size_t safetensors_count(const safetensors *s)
{
    return s->table.count;
}

const tensor *safetensors_at(const safetensors *s, size_t index)
{
    return index < s->table.count ? &s->table.entries[index].tensor : NULL;
}

const tensor *safetensors_find(const safetensors *s, slice name)
{
    size_t low = 0, high = s->table.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const tensor *t = &s->table.entries[middle].tensor;
        int order = tensor_name_compare(name, t->name);
        if (order == 0)
            return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
