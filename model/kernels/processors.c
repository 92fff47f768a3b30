/* processors.c - see processors.h.
 *
 * A container may show 64 processors and grant the time of two: threads beyond the quota would be
 * stopped together for most of every period. So the quota counts as much as the mask. Every level
 * up to the root is asked, since any of them may hold a limit; a path that is not visible from
 * inside a container is skipped, and its root asked all the same.
 */
#define _GNU_SOURCE    /* sched_getaffinity, CPU_COUNT */
#include "model/kernels/processors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 4096, PATH_BYTES = 1024 };

static bool read_text(const char *path, char text[TEXT_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, TEXT_BYTES - 1);
    close(fd);
    if (length < 0)
        return false;
    text[length] = '\0';
    return true;
}

/* A positive whole number at *text, which moves behind it; 0 for anything else ("max", "-1"). */
static double positive_number(const char **text)
{
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (end == *text || errno != 0 || value <= 0)
        return 0;
    *text = end;
    return (double)value;
}

double processors_quota_v2(const char *cpu_max)
{
    double quota = positive_number(&cpu_max);
    double period = positive_number(&cpu_max);
    return quota > 0 && period > 0 ? quota / period : 0;
}

double processors_quota_v1(const char *quota_us, const char *period_us)
{
    double quota = positive_number(&quota_us);
    double period = positive_number(&period_us);
    return quota > 0 && period > 0 ? quota / period : 0;
}

/* Is name one of the comma-separated controllers? The empty name is the empty list of the
 * unified hierarchy. */
static bool lists(slice controllers, const char *name)
{
    const char *at = controllers.data, *end = at + controllers.length;
    for (;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (slice_is((slice){ at, (size_t)((comma ? comma : end) - at) }, name))
            return true;
        if (!comma)
            return false;
        at = comma + 1;
    }
}

/* A line is number:controllers:path. */
slice processors_cgroup_path(const char *text, const char *controller)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *first = memchr(text, ':', length);
        const char *second =
            first ? memchr(first + 1, ':', length - (size_t)(first + 1 - text)) : NULL;
        if (second && lists((slice){ first + 1, (size_t)(second - first - 1) }, controller))
            return (slice){ second + 1, length - (size_t)(second + 1 - text) };
        text += length + (text[length] == '\n');
    }
    return (slice){ NULL, 0 };
}

/* The text of root/path/file. */
static bool read_cgroup_file(const char *root, slice path, const char *file, char text[TEXT_BYTES])
{
    char name[PATH_BYTES];
    int length = snprintf(name, sizeof name, "%s%.*s/%s", root, (int)path.length, path.data, file);
    return length > 0 && (size_t)length < sizeof name && read_text(name, text);
}

static double quota_at_v2(const char *root, slice path)
{
    char text[TEXT_BYTES];
    return read_cgroup_file(root, path, "cpu.max", text) ? processors_quota_v2(text) : 0;
}

static double quota_at_v1(const char *root, slice path)
{
    char mount[PATH_BYTES], quota[TEXT_BYTES], period[TEXT_BYTES];
    int length = snprintf(mount, sizeof mount, "%s/cpu", root);
    if (length < 0 || (size_t)length >= sizeof mount)
        return 0;
    if (!read_cgroup_file(mount, path, "cpu.cfs_quota_us", quota) ||
        !read_cgroup_file(mount, path, "cpu.cfs_period_us", period))
        return 0;
    return processors_quota_v1(quota, period);
}

static double lesser_quota(double a, double b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Cuts the last component; false when the root has been cut already. */
static bool parent(slice *path)
{
    if (path->length == 0)
        return false;
    do
        path->length--;
    while (path->length > 0 && path->data[path->length] != '/');
    return true;
}

static double smallest_quota(const char *root, slice path, double (*quota_at)(const char *, slice))
{
    if (!path.data || path.length >= PATH_BYTES)
        return 0;
    double quota = 0;
    do
        quota = lesser_quota(quota, quota_at(root, path));
    while (parent(&path));
    return quota;
}

double processors_cgroup_quota(const char *root, const char *membership)
{
    double v2 = smallest_quota(root, processors_cgroup_path(membership, ""), quota_at_v2);
    double v1 = smallest_quota(root, processors_cgroup_path(membership, "cpu"), quota_at_v1);
    return lesser_quota(v1, v2);
}

size_t processors_allowed(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 0;
}

size_t processors_usable(void)
{
    char membership[TEXT_BYTES];
    size_t allowed = processors_allowed();
    if (allowed == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        allowed = online > 0 ? (size_t)online : 1;
    }
    if (!read_text("/proc/self/cgroup", membership))
        return allowed;
    double quota = processors_cgroup_quota("/sys/fs/cgroup", membership);
    if (quota == 0 || quota >= (double)allowed)
        return allowed;
    return quota < 1 ? 1 : (size_t)lround(quota);
}
