/* processors.h - how many processors this process may use: affinity mask and cgroup quota.
 *
 * Owns     nothing.    Borrows  operands during a call.    Threads  pure but for the files they read.
 * Limits   private to this folder and its tests; 1024 processors; cgroup files of at most 4 KiB.
 * Source   Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst (cpu.cfs_quota_us).
 */
#ifndef ROSIM_PROCESSORS_H
#define ROSIM_PROCESSORS_H

#include "weights/base.h"

/* Processors that a quota stands for; 0 when there is none or the text is not understood.
 * v2: the text of cpu.max, "150000 100000" or "max 100000". v1: the texts of cpu.cfs_quota_us and cpu.cfs_period_us. */
double processors_quota_v2(const char *cpu_max);
double processors_quota_v1(const char *quota_us, const char *period_us);

/* The path of this process in /proc/self/cgroup's text: controller "cpu", or "" for the unified hierarchy (v2). The
 * slice points into text; its data is NULL when there is no such line. */
slice processors_cgroup_path(const char *text, const char *controller);

/* The smallest quota from the process's cgroup up to the root; 0: none. root is where cgroups are mounted
 * (/sys/fs/cgroup), membership the text of /proc/self/cgroup. */
double processors_cgroup_quota(const char *root, const char *membership);

/* Processors of the affinity mask; 0 when the system does not say. */
size_t processors_allowed(void);

/* The lesser of mask and quota, the quota rounded to the nearest whole number, at least 1. */
size_t processors_usable(void);

#endif
