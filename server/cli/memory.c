/* memory.c - see memory.h. The measured constants are those of reliability.md 1.2 and 2.1. */
#include "server/cli/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTION_BYTES = 33 * 1024,      /* libmicrohttpd with its default 32 KiB pool */
    JSON_TREE_FACTOR = 43,             /* bytes of a cJSON tree for a byte of the worst document */
    FLOAT_TEXT_BYTES = 16,             /* a printed float with its comma, at most */
    SHORTEST_TEXT_TOKENS = 3,          /* [CLS] x [SEP]: how many texts can wait */
    PROCESS_BYTES = 48 * 1024 * 1024,  /* libraries, tokenizer tables, stacks, BLAS buffers */
    PATH_BYTES = 4096
};

static const char CGROUPS[] = "/sys/fs/cgroup";

/* A number of bytes in a file; "max", no file, or the huge number of v1's "unlimited": no limit. */
static size_t read_limit(const char *path)
{
    unsigned long long bytes;
    FILE *f = fopen(path, "re");
    if (!f)
        return SIZE_MAX;
    int read = fscanf(f, "%llu", &bytes);
    (void)fclose(f);
    return read == 1 && bytes < SIZE_MAX / 4 ? (size_t)bytes : SIZE_MAX;
}

/* The process's group in the v2 tree, "" when it is the root (as inside most containers). */
static void group_path(char out[PATH_BYTES])
{
    char line[PATH_BYTES];
    out[0] = '\0';
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(out, PATH_BYTES, "%s", line[4] ? line + 3 : "");
    }
    (void)fclose(f);
}

size_t memory_limit_bytes(void)
{
    char group[PATH_BYTES], path[PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/memory/memory.limit_in_bytes", CGROUPS);
    size_t limit = read_limit(path);
    group_path(group);
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = '\0';    /* the group itself, then every parent */
        (void)snprintf(path, sizeof path, "%s%s/memory.max", CGROUPS, group);
        size_t here = read_limit(path);
        if (here < limit)
            limit = here;
    }
    return limit;
}

void memory_plan_make(memory_plan *plan, const options *o, const batcher_options *batches)
{
    size_t widest = 0;
    *plan = (memory_plan){ .process = PROCESS_BYTES, .limit = memory_limit_bytes() };
    for (size_t i = 0; i < batches->model_count; i++) {
        const model_info *info = model_describe(batches->models[i]);
        plan->weights += info->weight_bytes;
        widest = info->dimensions > widest ? info->dimensions : widest;
    }
    plan->batches = batcher_bytes(batches);
    plan->queue = o->max_queue_tokens * sizeof(uint32_t)
                  + o->max_queue_tokens / SHORTEST_TEXT_TOKENS * widest * sizeof(float);
    plan->connections = o->connections * CONNECTION_BYTES;
    plan->json = HTTP_THREADS * o->body_bytes * JSON_TREE_FACTOR;
    plan->answers = HTTP_THREADS * o->max_texts * widest * FLOAT_TEXT_BYTES;
    plan->total = plan->weights + plan->batches + plan->queue + plan->connections + plan->json
                  + plan->answers + plan->process;
}

static double mebibytes(size_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

void memory_plan_print(const memory_plan *plan, char out[MEMORY_LINE_BYTES])
{
    char limit[48] = "none";
    if (plan->limit < SIZE_MAX)
        (void)snprintf(limit, sizeof limit, "%.0f MiB", mebibytes(plan->limit));
    (void)snprintf(out, MEMORY_LINE_BYTES,
                   "memory: weights %.1f + batches %.1f + queue %.1f + connections %.1f + json %.1f"
                   " + answers %.1f + process %.1f = %.0f MiB at most; limit %s",
                   mebibytes(plan->weights), mebibytes(plan->batches), mebibytes(plan->queue),
                   mebibytes(plan->connections), mebibytes(plan->json), mebibytes(plan->answers),
                   mebibytes(plan->process), mebibytes(plan->total), limit);
}

status memory_plan_check(const memory_plan *plan, errinfo *err)
{
    if (plan->total <= plan->limit - plan->limit / 10)
        return ST_OK;
    return fail(err, ST_NOMEM,
                "%.0f MiB may be needed, the cgroup allows %.0f less a tenth: lower "
                "--max-queue-tokens, --payload-limit or --connections, or raise the limit",
                mebibytes(plan->total), mebibytes(plan->limit));
}
