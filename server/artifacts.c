/* artifacts.c - see artifacts.h. */
#define _GNU_SOURCE    /* asprintf keeps path arithmetic out of here */
#include "server/artifacts.h"

#include "server/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_FIRST_BYTES = 1 << 16 };

struct artifacts {
    pthread_mutex_t lock;
    pthread_mutex_t files;                /* one writer of the directory at a time; taken before lock */
    char *directory;                      /* NULL: none */
    size_t model_count;
    struct { char name[ARTIFACT_MODEL_BYTES], fingerprint[ARTIFACT_NAME_BYTES]; } models[REGISTRY_MODELS_MAX];
    artifact *items[ARTIFACT_KINDS][ARTIFACTS_MAX];       /* NULL: free */
};

/* ---- the models that it is for; under both locks to write, under one to read ---- */

static void learn_models(artifacts *s, const registry *models)
{
    s->model_count = registry_count(models);
    for (size_t i = 0; i < s->model_count; i++) {
        const char *name = model_describe(registry_at(models, i))->name;
        (void)snprintf(s->models[i].name, sizeof s->models[i].name, "%s", name);
        (void)snprintf(s->models[i].fingerprint, sizeof s->models[i].fingerprint, "%s",
                       registry_identity(models, name));
    }
}

static const char *fingerprint_of(const artifacts *s, const char *name)
{
    for (size_t i = 0; i < s->model_count; i++)
        if (strcmp(s->models[i].name, name) == 0)
            return s->models[i].fingerprint;
    return NULL;
}

/* ---- slots; all under the lock ---- */

static artifact **find_slot(artifacts *s, artifact_kind kind, slice id)
{
    for (size_t i = 0; i < ARTIFACTS_MAX; i++)
        if (s->items[kind][i] && slice_is(id, s->items[kind][i]->id))
            return &s->items[kind][i];
    return NULL;
}

static artifact **free_slot(artifacts *s, artifact_kind kind)
{
    for (size_t i = 0; i < ARTIFACTS_MAX; i++)
        if (!s->items[kind][i])
            return &s->items[kind][i];
    return NULL;
}

/* Of all that stays when one that takes `slot` (NULL: a free one) has come. */
static size_t bytes_beside(const artifacts *s, artifact *const *slot)
{
    size_t sum = 0;
    for (size_t i = 0; i < (size_t)ARTIFACT_KINDS * ARTIFACTS_MAX; i++) {
        artifact *const *other = &s->items[i / ARTIFACTS_MAX][i % ARTIFACTS_MAX];
        if (*other && other != slot)
            sum += artifact_bytes(*other);
    }
    return sum;
}

/* Where a may go, in the place of one of its kind and id or in a free one. NULL: no room; err says of what. */
static artifact **slot_for(artifacts *s, const artifact *a, errinfo *err)
{
    artifact **slot = find_slot(s, a->kind, slice_of(a->id));
    size_t beside = bytes_beside(s, slot), own = artifact_bytes(a);
    if (own > ARTIFACTS_BYTES_MAX || beside > ARTIFACTS_BYTES_MAX - own) {
        (void)fail(err, ST_BUSY, "%zu bytes are kept already and this takes %zu; at most %d are; delete something",
                   beside, own, ARTIFACTS_BYTES_MAX);
        return NULL;
    }
    if (!slot)
        slot = free_slot(s, a->kind);
    if (!slot)
        (void)fail(err, ST_BUSY, "%d %ss are kept already; delete one", ARTIFACTS_MAX, artifact_kind_name(a->kind));
    return slot;
}

/* ---- files ---- */

static char *path_of(const artifacts *s, artifact_kind kind, const char *id, const char *ending)
{
    char *path;
    return asprintf(&path, "%s/%s.%s.json%s", s->directory, artifact_kind_name(kind), id, ending) > 0 ? path : NULL;
}

static void sync_directory(const artifacts *s)
{
    int fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static bool write_whole(int fd, slice bytes)
{
    while (bytes.length) {
        ssize_t n = write(fd, bytes.data, bytes.length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = (slice){ bytes.data + n, bytes.length - (size_t)n };
    }
    return fsync(fd) == 0;
}

static status replace_file(const artifacts *s, const char *path, const char *beside, slice bytes, errinfo *err)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write_whole(fd, bytes);
    int why = errno;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (good && rename(beside, path) == 0) {
        sync_directory(s);
        return ST_OK;
    }
    why = good ? errno : why;
    (void)unlink(beside);
    return fail(err, ST_IO, "the state directory: %s", strerror(why));
}

static status write_file(const artifacts *s, const artifact *a, errinfo *err)
{
    json_out w;
    char *path = path_of(s, a->kind, a->id, ""), *beside = path_of(s, a->kind, a->id, ".new");
    arena *memory = arena_open(ARENA_FIRST_BYTES, 4 * (size_t)ARTIFACT_FILE_BYTES);
    status st = fail(NULL, ST_NOMEM, "out of memory");
    if (path && beside && memory) {
        json_begin(&w, memory, ARENA_FIRST_BYTES / 2);
        artifact_write(&w, a, true);
        slice bytes = json_end(&w);
        st = bytes.data ? replace_file(s, path, beside, bytes, err) : st;
    }
    arena_close(memory);
    free(beside);
    free(path);
    return st == ST_NOMEM ? fail(err, ST_NOMEM, "storing %s: out of memory", a->id) : st;
}

static status read_bytes(const char *path, char **out, size_t *length, errinfo *err)
{
    struct stat about;
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(err, ST_IO, "%s", strerror(errno));
    status st = ST_OK;
    if (fstat(fileno(f), &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > ARTIFACT_FILE_BYTES)
        st = fail(err, ST_FORMAT, "no regular file of at most %d bytes", ARTIFACT_FILE_BYTES);
    *length = st ? 0 : (size_t)about.st_size;
    *out = st ? NULL : malloc(*length + 1);
    if (!st && (!*out || fread(*out, 1, *length, f) != *length))
        st = fail(err, ST_IO, "could not be read");
    (void)fclose(f);
    return st;
}

static status read_file(artifact **out, const char *path, errinfo *err)
{
    json_fault fault;
    char *bytes = NULL;
    size_t length = 0;
    status st = read_bytes(path, &bytes, &length, err);
    cJSON *tree = st ? NULL : json_parse((slice){ bytes, length }, &fault);
    if (!st && !tree)
        st = fail(err, ST_FORMAT, "%s", fault.message);
    if (tree)
        st = artifact_read(out, tree, err);
    json_free(tree);
    free(bytes);
    return st;
}

/* Why a loaded artifact cannot be used here. */
static status check_model(const artifacts *s, const artifact *a, errinfo *err)
{
    const char *print = fingerprint_of(s, a->model);
    if (!print)
        return fail(err, ST_FORMAT, "was made for the model %s, which is not served", a->model);
    if (strcmp(print, a->fingerprint) != 0)
        return fail(err, ST_FORMAT, "was made for another model of the name %s (hash %.12s, here %.12s)", a->model,
                    a->fingerprint, print);
    return ST_OK;
}

static status check_belongs(const artifacts *s, const artifact *a, const char *file, errinfo *err)
{
    char *wanted = path_of(s, a->kind, a->id, "");
    bool named = wanted && strcmp(strrchr(wanted, '/') + 1, file) == 0;
    free(wanted);
    if (!named)
        return fail(err, ST_FORMAT, "holds the %s %s; its name should say so", artifact_kind_name(a->kind), a->id);
    return check_model(s, a, err);
}

static status load_one(artifact **out, const artifacts *s, const char *file, errinfo *err)
{
    char *path;
    artifact *a = NULL;
    if (asprintf(&path, "%s/%s", s->directory, file) < 0)
        return fail(err, ST_NOMEM, "out of memory");
    status st = read_file(&a, path, err);
    free(path);
    if (st == ST_OK)
        st = check_belongs(s, a, file, err);
    if (st)
        artifact_close(a);
    else
        *out = a;
    return st;
}

static int is_artifact_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* ---- loading ---- */

/* The window of a baseline lives on when its file has not changed. */
static void adopt(artifacts *s, artifact *fresh)
{
    errinfo why;
    artifact **slot = find_slot(s, fresh->kind, slice_of(fresh->id));
    if (slot && fresh->kind == ARTIFACT_BASELINE && (*slot)->created_s == fresh->created_s) {
        artifact_close(fresh);
        return;
    }
    slot = slot_for(s, fresh, &why);
    if (!slot) {
        log_line(LOG_WARN, "state: the %s %s: %s", artifact_kind_name(fresh->kind), fresh->id, why.text);
        artifact_close(fresh);
        return;
    }
    artifact_close(*slot);
    *slot = fresh;
}

static bool is_on_disk(const artifacts *s, const artifact *a)
{
    char *path = path_of(s, a->kind, a->id, "");
    bool there = path && access(path, R_OK) == 0;
    free(path);
    return there;
}

/* What was made for models that are served no more goes; without a directory that is all there is to reload. */
static void drop_strangers(artifacts *s)
{
    for (size_t i = 0; i < (size_t)ARTIFACT_KINDS * ARTIFACTS_MAX; i++) {
        artifact **slot = &s->items[i / ARTIFACTS_MAX][i % ARTIFACTS_MAX];
        errinfo why;
        if (!*slot || check_model(s, *slot, &why) == ST_OK)
            continue;
        log_line(LOG_WARN, "state: the %s %s %s", artifact_kind_name((*slot)->kind), (*slot)->id, why.text);
        artifact_close(*slot);
        *slot = NULL;
    }
}

static void drop_missing(artifacts *s)
{
    for (size_t i = 0; i < (size_t)ARTIFACT_KINDS * ARTIFACTS_MAX; i++) {
        artifact **slot = &s->items[i / ARTIFACTS_MAX][i % ARTIFACTS_MAX];
        if (*slot && !is_on_disk(s, *slot)) {
            artifact_close(*slot);
            *slot = NULL;
        }
    }
}

static status load_all(artifacts *s, errinfo *err)
{
    struct dirent **entries;
    size_t loaded = 0;
    int count = scandir(s->directory, &entries, is_artifact_file, alphasort);
    if (count < 0)
        return fail(err, ST_IO, "%s: %s", s->directory, strerror(errno));
    (void)pthread_mutex_lock(&s->lock);
    drop_missing(s);
    for (int i = 0; i < count; i++) {
        errinfo why;
        artifact *a = NULL;
        if (load_one(&a, s, entries[i]->d_name, &why) == ST_OK) {
            adopt(s, a);
            loaded++;
        } else {
            log_line(LOG_WARN, "state: %s: %s", entries[i]->d_name, why.text);
        }
        free(entries[i]);
    }
    (void)pthread_mutex_unlock(&s->lock);
    free(entries);
    log_line(LOG_INFO, "state: %s: %zu of %d files loaded", s->directory, loaded, count);
    return ST_OK;
}

/* ---- the store ---- */

status artifacts_open(artifacts **out, const char *directory, registry *models, errinfo *err)
{
    artifacts *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ST_NOMEM, "the state: out of memory");
    registry_identify(models, directory != NULL);
    learn_models(s, models);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->files, NULL);
    if (!directory) {
        *out = s;
        return ST_OK;
    }
    status st = ST_OK;
    s->directory = strdup(directory);
    if (!s->directory)
        st = fail(err, ST_NOMEM, "the state: out of memory");
    else if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        st = fail(err, ST_IO, "%s: %s", directory, strerror(errno));
    if (st == ST_OK)
        st = load_all(s, err);
    if (st)
        artifacts_close(s);
    else
        *out = s;
    return st;
}

void artifacts_close(artifacts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < (size_t)ARTIFACT_KINDS * ARTIFACTS_MAX; i++)
        artifact_close(s->items[i / ARTIFACTS_MAX][i % ARTIFACTS_MAX]);
    (void)pthread_mutex_destroy(&s->files);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->directory);
    free(s);
}

void artifacts_identify(const artifacts *s, registry *models)
{
    registry_identify(models, s->directory != NULL);
}

status artifacts_reload(artifacts *s, const registry *models, errinfo *err)
{
    status st = ST_OK;
    (void)pthread_mutex_lock(&s->files);
    (void)pthread_mutex_lock(&s->lock);
    learn_models(s, models);
    drop_strangers(s);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->directory)
        st = load_all(s, err);
    (void)pthread_mutex_unlock(&s->files);
    return st;
}

static void name_it(artifact *a)
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint32_t)clock_now_ns();
    (void)snprintf(a->id, sizeof a->id, "%.3s-%08x", artifact_kind_name(a->kind), (unsigned)bits);
}

static status has_room(artifacts *s, const artifact *a, errinfo *err)
{
    (void)pthread_mutex_lock(&s->lock);
    bool room = slot_for(s, a, err) != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    return room ? ST_OK : ST_BUSY;
}

/* Its room has been seen to, and only who holds `files` takes any. */
static void place(artifacts *s, artifact *a)
{
    (void)pthread_mutex_lock(&s->lock);
    artifact **slot = slot_for(s, a, NULL);
    artifact_close(*slot);
    *slot = a;
    (void)pthread_mutex_unlock(&s->lock);
}

status artifacts_put(artifacts *s, artifact *a, const registry *models, char id[ARTIFACT_NAME_BYTES], errinfo *err)
{
    errinfo why;
    status st = ST_OK;
    if (!a->id[0])
        name_it(a);
    a->created_s = (int64_t)time(NULL);
    const char *print = registry_identity(models, a->model);
    (void)snprintf(a->fingerprint, sizeof a->fingerprint, "%s", print ? print : "");
    memcpy(id, a->id, sizeof a->id);
    (void)pthread_mutex_lock(&s->files);
    if (check_model(s, a, &why))
        st = fail(err, ST_FORMAT, "the model %s was replaced in the meantime; make it again", a->model);
    else
        st = has_room(s, a, err);
    if (st == ST_OK && s->directory)
        st = write_file(s, a, err);
    if (st)
        artifact_close(a);
    else
        place(s, a);
    (void)pthread_mutex_unlock(&s->files);
    return st;
}

bool artifacts_remove(artifacts *s, artifact_kind kind, slice id)
{
    (void)pthread_mutex_lock(&s->files);
    (void)pthread_mutex_lock(&s->lock);
    artifact **slot = find_slot(s, kind, id), *gone = slot ? *slot : NULL;
    if (slot)
        *slot = NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (gone && s->directory) {
        char *path = path_of(s, kind, gone->id, "");
        if (path && unlink(path) != 0)
            log_line(LOG_WARN, "state: %s: %s", path, strerror(errno));
        sync_directory(s);
        free(path);
    }
    (void)pthread_mutex_unlock(&s->files);
    artifact_close(gone);
    return gone != NULL;
}

size_t artifacts_visit(artifacts *s, artifact_kind kind, slice id, void (*visit)(void *context, artifact *a),
                       void *context)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < ARTIFACTS_MAX; i++) {
        artifact *a = s->items[kind][i];
        if (!a || (id.data && !slice_is(id, a->id)))
            continue;
        visit(context, a);
        count++;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return count;
}
