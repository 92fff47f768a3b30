/* folder.c - see folder.h.
 *
 * Links: the names that we ask for (config.json, model.safetensors ...) may be links, as the
 * operator likes. The names that an index asks for may not, except for links into the blob store of
 * a Hugging Face cache (see safetensors_open). Refused: file names that leave the folder, whoever
 * asks, since modules.json and config.json may be hostile too.
 */
#include "weights/folder.h"

#include "weights/shown.h"
#include "weights/stranger.h"
#include "weights/strict_json.h"
#include "weights/tensor_table.h"
#include "weights/widen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"

enum {
    SHARDS_MAX = 128,
    INDEX_BYTES_MAX = 16 * 1024 * 1024,
    INDEX_VALUES_MAX = 1024 * 1024,
    FILE_NAME_MAX = 255
};

/* A file's text, kept until folder_close. */
typedef struct text_file {
    struct text_file *next;
    slice name, bytes;
    /* the bytes, their NUL, then the name and its NUL */
} text_file;

typedef struct {
    char *name;
    safetensors *file;
} shard;

typedef struct {
    const tensor *tensor;
    const char *file;    /* the shard's name */
} place;

struct folder {
    char *path;
    const char *shown;   /* the path's end, for errors */
    int fd;
    text_file *texts;
    shard shards[SHARDS_MAX];
    size_t shard_count;
    place *places;       /* all tensors, sorted by name */
    size_t place_count;
};

/* Relative, without empty, "." or ".." components. */
static bool stays_inside(const char *name)
{
    if (strlen(name) > FILE_NAME_MAX || !shown_is_plain(slice_of(name)))
        return false;
    for (const char *part = name; part; ) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.')
            || (length == 2 && memcmp(part, "..", 2) == 0))
            return false;
        part = part[length] == '/' ? part + length + 1 : NULL;
    }
    return true;
}

/* A dangling link exists, so that opening it says what is wrong. */
static bool exists(const folder *f, const char *name)
{
    struct stat facts;
    return fstatat(f->fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

static status open_directory(folder **out, const char *dir, errinfo *err)
{
    folder *f = calloc(1, sizeof *f);
    if (!f)
        return fail(err, ST_NOMEM, "%s: out of memory", dir);
    f->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->path = strdup(dir);
    if (f->fd < 0 || !f->path) {
        status st = f->fd < 0 ? fail(err, ST_IO, "model folder %s: %s", dir, strerror(errno))
                              : fail(err, ST_NOMEM, "%s: out of memory", dir);
        folder_close(f);
        return st;
    }
    f->shown = shown_path(f->path);
    *out = f;
    return ST_OK;
}

static status add_shard(folder *f, const char *name, errinfo *err)
{
    shard *s = &f->shards[f->shard_count];
    s->name = strdup(name);
    if (!s->name)
        return fail(err, ST_NOMEM, "%s: out of memory", f->shown);
    f->shard_count++;
    errinfo inner = { 0 };
    status st = safetensors_open_header(&s->file, f->fd, name, &inner);
    return st == ST_OK ? ST_OK : fail(err, st, "%s/%s", f->shown, inner.text);
}

/* The one file may be a link to anywhere, so it is opened by its path and not below the handle. */
static status add_single(folder *f, errinfo *err)
{
    size_t bytes = strlen(f->path) + sizeof "/" SINGLE_NAME;
    char *path = malloc(bytes);
    shard *s = &f->shards[0];
    s->name = strdup(SINGLE_NAME);
    f->shard_count = 1;
    if (!path || !s->name) {
        free(path);
        return fail(err, ST_NOMEM, "%s: out of memory", f->shown);
    }
    (void)snprintf(path, bytes, "%s/%s", f->path, SINGLE_NAME);
    status st = safetensors_open_header(&s->file, AT_FDCWD, path, err);
    free(path);
    return st;
}

static const shard *find_shard(const folder *f, const char *name)
{
    for (size_t i = 0; i < f->shard_count; i++)
        if (strcmp(f->shards[i].name, name) == 0)
            return &f->shards[i];
    return NULL;
}

static status check_shard_name(const folder *f, const char *name, errinfo *err)
{
    slice shown = shown_name(slice_of(name));
    if (!stays_inside(name) || strchr(name, '/') || strchr(name, '\\'))
        return fail(err, ST_FORMAT, "%s/" INDEX_NAME ": the shard %.*s is no plain file name",
                    f->shown, (int)shown.length, shown.data);
    if (f->shard_count == SHARDS_MAX)
        return fail(err, ST_FORMAT, "%s/" INDEX_NAME ": more than %d shards", f->shown, SHARDS_MAX);
    return ST_OK;
}

static status open_shards(folder *f, const cJSON *map, errinfo *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        if (!cJSON_IsString(item))
            return fail(err, ST_FORMAT,
                        "%s/" INDEX_NAME ": weight_map holds a value that is no string", f->shown);
        if (find_shard(f, item->valuestring))
            continue;
        status st = check_shard_name(f, item->valuestring, err);
        if (st == ST_OK)
            st = add_shard(f, item->valuestring, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Map and shards must agree: each mapped tensor is in its shard, and there are no others. */
static status check_map(const folder *f, const cJSON *map, errinfo *err)
{
    size_t mapped = 0, present = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        const shard *s = find_shard(f, item->valuestring);
        if (!safetensors_find(s->file, slice_of(item->string))) {
            slice shown = shown_name(slice_of(item->string));
            return fail(err, ST_FORMAT, "%s/" INDEX_NAME ": tensor %.*s is not in its shard %s",
                        f->shown, (int)shown.length, shown.data, s->name);
        }
        mapped++;
    }
    for (size_t i = 0; i < f->shard_count; i++)
        present += safetensors_count(f->shards[i].file);
    if (mapped != present)
        return fail(err, ST_FORMAT, "%s/" INDEX_NAME ": names %zu tensors, the shards hold %zu",
                    f->shown, mapped, present);
    return ST_OK;
}

static status read_map(folder *f, const cJSON *tree, const char *label, errinfo *err)
{
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(tree, "weight_map");
    if (!cJSON_IsObject(tree) || !cJSON_IsObject(map) || !map->child)
        return fail(err, ST_FORMAT, "%s: no weight_map with tensors", label);
    status st = strict_json_unique_keys(tree, label, err);
    if (st == ST_OK)
        st = strict_json_unique_keys(map, label, err);
    if (st == ST_OK)
        st = open_shards(f, map, err);
    if (st == ST_OK)
        st = check_map(f, map, err);
    return st;
}

static status add_indexed(folder *f, errinfo *err)
{
    static const strict_json_rules rules = { .max_depth = 4, .max_values = INDEX_VALUES_MAX };
    char label[256];
    cJSON *tree = NULL;
    slice index;
    status st = folder_file(f, INDEX_NAME, INDEX_BYTES_MAX, &index, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(label, sizeof label, "%s/" INDEX_NAME, f->shown);
    st = strict_json_parse(&tree, index.data, index.length, &rules, label, err);
    if (st == ST_OK)
        st = read_map(f, tree, label, err);
    cJSON_Delete(tree);
    return st;
}

static status no_weights(const folder *f, errinfo *err)
{
    char found[STRANGER_NAME_BYTES];
    const char *way_out = NULL;
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing) {
        way_out = stranger_in_folder(listing, found);
        (void)closedir(listing);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (!way_out)
        return fail(err, ST_IO, "%s: no " SINGLE_NAME " and no " INDEX_NAME, f->shown);
    slice shown = shown_name(slice_of(found));
    return fail(err, ST_FORMAT, "%s: no " SINGLE_NAME ", but %.*s: %s", f->shown, (int)shown.length,
                shown.data, way_out);
}

static int compare_places(const void *a, const void *b)
{
    return tensor_name_compare(((const place *)a)->tensor->name, ((const place *)b)->tensor->name);
}

static status list_tensors(folder *f, errinfo *err)
{
    size_t total = 0;
    for (size_t i = 0; i < f->shard_count; i++)
        total += safetensors_count(f->shards[i].file);
    f->places = calloc(total + 1, sizeof *f->places);
    if (!f->places)
        return fail(err, ST_NOMEM, "%s: no memory for %zu tensors", f->shown, total);
    for (size_t i = 0; i < f->shard_count; i++) {
        const shard *s = &f->shards[i];
        for (size_t k = 0; k < safetensors_count(s->file); k++)
            f->places[f->place_count++] = (place){ safetensors_at(s->file, k), s->name };
    }
    qsort(f->places, f->place_count, sizeof *f->places, compare_places);
    return ST_OK;
}

status folder_open_text(folder **out, const char *dir, errinfo *err)
{
    return open_directory(out, dir, err);
}

status folder_open_headers(folder **out, const char *dir, errinfo *err)
{
    folder *f = NULL;
    status st = open_directory(&f, dir, err);
    if (st != ST_OK)
        return st;
    if (exists(f, SINGLE_NAME))
        st = add_single(f, err);
    else if (exists(f, INDEX_NAME))
        st = add_indexed(f, err);
    else
        st = no_weights(f, err);
    if (st == ST_OK)
        st = list_tensors(f, err);
    if (st != ST_OK) {
        folder_close(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

status folder_read_tensors(folder *f, errinfo *err)
{
    for (size_t i = 0; i < f->shard_count; i++) {
        errinfo inner = { 0 };
        status st = safetensors_read_data(f->shards[i].file, f->shards[i].name, &inner);
        if (st != ST_OK)
            return fail(err, st, "%s/%s", f->shown, inner.text);
    }
    return ST_OK;
}

status folder_open(folder **out, const char *dir, errinfo *err)
{
    folder *f = NULL;
    status st = folder_open_headers(&f, dir, err);
    if (st == ST_OK)
        st = folder_read_tensors(f, err);
    if (st != ST_OK) {
        folder_close(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

size_t folder_shard_count(const folder *f)
{
    return f->shard_count;
}

file_stamp folder_shard_stamp(const folder *f, size_t index)
{
    return safetensors_stamp(f->shards[index].file);
}

void folder_drop_tensors(folder *f)
{
    for (size_t i = 0; i < f->shard_count; i++) {
        safetensors_close(f->shards[i].file);
        free(f->shards[i].name);
        f->shards[i] = (shard){ 0 };
    }
    free(f->places);
    f->places = NULL;
    f->shard_count = f->place_count = 0;
}

void folder_close(folder *f)
{
    if (!f)
        return;
    folder_drop_tensors(f);
    while (f->texts) {
        text_file *next = f->texts->next;
        free(f->texts);
        f->texts = next;
    }
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->path);
    free(f);
}

const char *folder_path(const folder *f)
{
    return f->path;
}

static const text_file *find_text(const folder *f, const char *name)
{
    for (const text_file *t = f->texts; t; t = t->next)
        if (slice_is(t->name, name))
            return t;
    return NULL;
}

static status read_bytes(const folder *f, int fd, const char *name, char *into, size_t bytes,
                         errinfo *err)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = read(fd, into + done, bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail(err, ST_IO, "%s/%s: %s", f->shown, name,
                        got < 0 ? strerror(errno) : "shrank while read");
        done += (size_t)got;
    }
    return ST_OK;
}

/* Reads the open file into a new text_file of this folder. */
static status load_text(folder *f, int fd, const char *name, size_t max_bytes, errinfo *err)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return fail(err, ST_IO, "%s/%s: %s", f->shown, name, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return fail(err, ST_FORMAT, "%s/%s: not a regular file", f->shown, name);
    if ((uintmax_t)facts.st_size > max_bytes)
        return fail(err, ST_FORMAT, "%s/%s: %jd bytes, at most %zu are allowed", f->shown, name,
                    (intmax_t)facts.st_size, max_bytes);
    size_t bytes = (size_t)facts.st_size, name_bytes = strlen(name) + 1;
    text_file *t = malloc(sizeof *t + bytes + 1 + name_bytes);
    if (!t)
        return fail(err, ST_NOMEM, "%s/%s: no memory for %zu bytes", f->shown, name, bytes);
    char *text = (char *)(t + 1);
    status st = read_bytes(f, fd, name, text, bytes, err);
    if (st != ST_OK) {
        free(t);
        return st;
    }
    text[bytes] = '\0';
    memcpy(text + bytes + 1, name, name_bytes);
    t->name = slice_of(text + bytes + 1);
    t->bytes = (slice){ text, bytes };
    t->next = f->texts;
    f->texts = t;
    return ST_OK;
}

status folder_file(folder *f, const char *name, size_t max_bytes, slice *out, errinfo *err)
{
    if (!stays_inside(name))
        return fail(err, ST_FORMAT, "%s: a file name that leaves the folder or is not plain",
                    f->shown);
    const text_file *known = find_text(f, name);
    if (!known) {
        int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
            *out = (slice){ NULL, 0 };
            return ST_OK;
        }
        if (fd < 0)
            return fail(err, ST_IO, "%s/%s: %s", f->shown, name, strerror(errno));
        status st = load_text(f, fd, name, max_bytes, err);
        (void)close(fd);
        if (st != ST_OK)
            return st;
        known = f->texts;
    }
    if (known->bytes.length > max_bytes)
        return fail(err, ST_FORMAT, "%s/%s: %zu bytes, at most %zu are allowed", f->shown, name,
                    known->bytes.length, max_bytes);
    *out = known->bytes;
    return ST_OK;
}

size_t folder_tensor_count(const folder *f)
{
    return f->place_count;
}

const tensor *folder_tensor_at(const folder *f, size_t index)
{
    return index < f->place_count ? f->places[index].tensor : NULL;
}

static const place *find_place(const folder *f, const char *name)
{
    tensor wanted = { .name = slice_of(name) };
    place key = { .tensor = &wanted };
    if (f->place_count == 0)
        return NULL;
    return bsearch(&key, f->places, f->place_count, sizeof *f->places, compare_places);
}

const tensor *folder_tensor(const folder *f, const char *name)
{
    const place *p = find_place(f, name);
    return p ? p->tensor : NULL;
}

/* "[2,3]" into text, cut when there is no room. */
static const char *shape_text(const size_t *shape, size_t rank, char *text, size_t capacity)
{
    size_t used = 0;
    for (size_t i = 0; i < rank && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%c%zu", i ? ',' : '[', shape[i]);
    if (used < capacity)
        (void)snprintf(text + used, capacity - used, rank ? "]" : "[]");
    return text;
}

static bool same_shape(const tensor *t, const size_t *shape, size_t rank)
{
    return t->rank == rank && (rank == 0 || memcmp(t->shape, shape, rank * sizeof *shape) == 0);
}

/* Stored int8: the tensor name_scale holds one F32 a row. */
static status read_int8(const folder *f, const place *p, const char *name, float *out, errinfo *err)
{
    char scale_name[512 + sizeof "_scale"];
    const tensor *t = p->tensor;
    if (t->rank != 2)
        return fail(err, ST_FORMAT, "%s/%s: tensor %s: I8 of rank %zu, want rank 2", f->shown,
                    p->file, name, t->rank);
    (void)snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    const tensor *scales = folder_tensor(f, scale_name);
    if (!scales || scales->type != DTYPE_F32 || !same_shape(scales, t->shape, 1))
        return fail(err, ST_FORMAT, "%s/%s: tensor %s: I8 without %s of F32 [%zu]", f->shown,
                    p->file, name, scale_name, t->shape[0]);
    widen_int8(t, scales, out);
    return ST_OK;
}

status folder_read_f32(const folder *f, const char *name, const size_t *shape, size_t rank,
                       float *out, errinfo *err)
{
    char found[96], wanted[96];
    const place *p = find_place(f, name);
    if (!p)
        return fail(err, ST_FORMAT, "%s: no tensor %s, want shape %s, among the %zu of the model",
                    f->shown, name, shape_text(shape, rank, wanted, sizeof wanted), f->place_count);
    const tensor *t = p->tensor;
    if (!same_shape(t, shape, rank))
        return fail(err, ST_FORMAT, "%s/%s: tensor %s: %s shape %s, want %s", f->shown, p->file,
                    name, dtype_name(t->type), shape_text(t->shape, t->rank, found, sizeof found),
                    shape_text(shape, rank, wanted, sizeof wanted));
    if (t->type == DTYPE_I8) {
        status st = read_int8(f, p, name, out, err);
        if (st != ST_OK)
            return st;
    } else if (!widen_floats(t, out)) {
        return fail(err, ST_FORMAT, "%s/%s: tensor %s: type %s, want F32, F16, BF16 or I8",
                    f->shown, p->file, name, dtype_name(t->type));
    }
    size_t count = t->bytes / dtype_bytes(t->type), bad = widen_find_not_finite(out, count);
    if (bad < count)
        return fail(err, ST_FORMAT, "%s/%s: tensor %s: value %zu is not finite", f->shown, p->file,
                    name, bad);
    return ST_OK;
}
