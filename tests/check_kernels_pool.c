/* check_kernels_pool.c - the pool under many tiny runs, and the number of processors. Run under
 * the thread sanitizer too: tasks write plain memory that the caller reads after the run, so a
 * missing order shows there. */
#define _GNU_SOURCE    /* sched_setaffinity, CPU_SET */
#include "tests/check_support.h"

#include "model/kernels/pool.h"
#include "model/kernels/processors.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 8, COUNT_MAX = 100000 };

static pool *open_pool(size_t threads)
{
    pool *p = NULL;
    errinfo err = { 0 };
    ck_assert_msg(pool_open(&p, threads, &err) == ST_OK, "%s", err.text);
    ck_assert_uint_eq(pool_threads(p), threads);
    return p;
}

typedef struct {
    size_t threads, count;
    unsigned *times;           /* [count]: how often a task ran */
    atomic_bool busy[THREADS_MAX];
    atomic_bool clash;         /* a worker had two tasks at a time, or an index was out of range */
} tally;

static void count_task(void *context, size_t task, size_t worker)
{
    tally *c = context;
    if (worker >= c->threads || task >= c->count || atomic_exchange(&c->busy[worker], true)) {
        atomic_store(&c->clash, true);
        return;
    }
    c->times[task]++;
    atomic_store(&c->busy[worker], false);
}

static void check_run_of(pool *p, size_t count, unsigned *times)
{
    tally c = { .threads = pool_threads(p), .count = count, .times = times };
    memset(times, 0, count * sizeof *times);
    pool_run(p, count, count_task, &c);
    ck_assert(!atomic_load(&c.clash));
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(times[i], 1);
}

START_TEST(every_task_runs_once_and_workers_are_unique)
{
    static const size_t counts[] = { 0, 1, 2, 3, 8, 9, 1000, COUNT_MAX };
    static unsigned times[COUNT_MAX];
    pool *p = open_pool((size_t)_i);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_run_of(p, counts[i], times);
    pool_close(p);
}
END_TEST

START_TEST(many_tiny_runs_follow_each_other)
{
    unsigned times[6];
    pool *p = open_pool((size_t)_i);
    for (size_t i = 0; i < 3000; i++)
        check_run_of(p, i % 7, times);
    pool_close(p);
}
END_TEST

/* Sleeps between runs are around the time that workers spin, so that runs meet workers spinning,
 * falling asleep, asleep. */
START_TEST(runs_meet_workers_in_every_state)
{
    unsigned times[6];
    pool *p = open_pool((size_t)_i);
    for (long i = 0; i < 200; i++) {
        struct timespec pause = { 0, i * 700 };
        nanosleep(&pause, NULL);
        check_run_of(p, (size_t)(2 + i % 5), times);
    }
    pool_close(p);
}
END_TEST

static void work_for_us(int64_t microseconds)
{
    for (int64_t end = clock_now_ns() + microseconds * 1000; clock_now_ns() < end;)
        continue;
}

static void unequal_task(void *context, size_t task, size_t worker)
{
    unsigned *sums = context;
    (void)worker;
    work_for_us(task % 16 == 0 ? 400 : 1);
    sums[task] = (unsigned)task * 3;
}

START_TEST(unequal_tasks_are_all_done_when_the_run_returns)
{
    unsigned sums[160];
    pool *p = open_pool((size_t)_i);
    for (int run = 0; run < 5; run++) {
        memset(sums, 0, sizeof sums);
        pool_run(p, 160, unequal_task, sums);
        for (unsigned i = 0; i < 160; i++)
            ck_assert_uint_eq(sums[i], i * 3);
    }
    pool_close(p);
}
END_TEST

/* One task sleeps, as a worker does whose processor was taken away: the others must have been
 * done meanwhile. */
typedef struct {
    atomic_size_t done;
    size_t done_after_sleep;
} stuck;

static void stuck_task(void *context, size_t task, size_t worker)
{
    stuck *s = context;
    (void)worker;
    if (task == 0) {
        for (int i = 0; i < 2000 && atomic_load(&s->done) < 99; i++)
            nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        s->done_after_sleep = atomic_load(&s->done);
    } else {
        atomic_fetch_add(&s->done, 1);
    }
}

START_TEST(others_take_the_tasks_of_a_worker_that_is_held_up)
{
    pool *p = open_pool(2);
    for (int run = 0; run < 10; run++) {
        stuck s = { 0 };
        pool_run(p, 100, stuck_task, &s);
        ck_assert_uint_eq(s.done_after_sleep, 99);
    }
    pool_close(p);
}
END_TEST

static int64_t processor_time_ns(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

START_TEST(an_idle_pool_costs_no_processor_time)
{
    unsigned times[6];
    pool *p = open_pool(4);
    check_run_of(p, 6, times);
    /* The 50 us of spinning, with room for a busy machine. */
    nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    int64_t least = INT64_MAX;    /* of some tries: a worker that had no processor yet has still to spin */
    for (int i = 0; i < 10 && least >= 5000000; i++) {
        int64_t before = processor_time_ns();
        nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
        int64_t spent = processor_time_ns() - before;
        least = spent < least ? spent : least;
    }
    ck_assert_int_lt(least, 5000000);
    pool_close(p);
}
END_TEST

START_TEST(a_pool_opens_and_closes_with_and_without_runs)
{
    unsigned times[5];
    for (size_t i = 0; i < 60; i++) {
        pool *p = open_pool(1 + i % THREADS_MAX);
        if (i % 3 == 0)
            check_run_of(p, 5, times);
        pool_close(p);
    }
    pool_close(NULL);
}
END_TEST

START_TEST(the_number_of_threads_has_a_limit_and_a_default)
{
    pool *p = NULL;
    errinfo err;
    ck_assert_int_eq(pool_open(&p, 257, &err), ST_INPUT);
    ck_assert_ptr_null(p);
    ck_assert_ptr_nonnull(strstr(err.text, "257"));
    ck_assert_int_eq(pool_open(&p, 0, &err), ST_OK);
    size_t usable = pool_usable_processors();
    ck_assert_uint_eq(pool_threads(p), usable < 256 ? usable : 256);
    pool_close(p);
}
END_TEST

static void nested_task(void *context, size_t task, size_t worker)
{
    (void)task;
    (void)worker;
    unsigned times[2];
    check_run_of(context, 2, times);
}

/* ---- several callers ---- */

enum { CALLERS = 3, CALLER_RUNS = 400, CALLER_TASKS = 5 };

typedef struct {
    pool *pool;
    int done[CALLER_TASKS];    /* plain memory: the thread sanitizer sees a run that returns too early */
    atomic_bool *busy;         /* shared [THREADS_MAX]: two runs at once would use a worker's scratch twice */
    atomic_bool clash;
} caller;

static void own_task(void *context, size_t task, size_t worker)
{
    caller *c = context;
    if (atomic_exchange(&c->busy[worker], true))
        atomic_store(&c->clash, true);
    c->done[task]++;
    atomic_store(&c->busy[worker], false);
}

static void *call_often(void *context)
{
    caller *c = context;
    for (int i = 0; i < CALLER_RUNS; i++)
        pool_run(c->pool, CALLER_TASKS, own_task, c);
    return NULL;
}

START_TEST(several_callers_take_turns_and_lose_no_task)
{
    caller callers[CALLERS];
    pthread_t threads[CALLERS];
    atomic_bool busy[THREADS_MAX] = { false };
    pool *p = open_pool((size_t)_i);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){ .pool = p, .busy = busy };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_join(threads[i], NULL);
        ck_assert(!atomic_load(&callers[i].clash));
        for (int task = 0; task < CALLER_TASKS; task++)
            ck_assert_int_eq(callers[i].done[task], CALLER_RUNS);
    }
    pool_close(p);
}
END_TEST

START_TEST(a_nested_run_is_our_bug)
{
    pool *p = open_pool(2);
    pool_run(p, 4, nested_task, p);
}
END_TEST

START_TEST(quotas_are_read_from_their_texts)
{
    ck_assert_double_eq(processors_quota_v2("150000 100000\n"), 1.5);
    ck_assert_double_eq(processors_quota_v2("max 100000\n"), 0);
    ck_assert_double_eq(processors_quota_v2(""), 0);
    ck_assert_double_eq(processors_quota_v2("100000"), 0);
    ck_assert_double_eq(processors_quota_v2("100000 0"), 0);
    ck_assert_double_eq(processors_quota_v2("99999999999999999999 1"), 0);
    ck_assert_double_eq(processors_quota_v1("400000\n", "100000\n"), 4);
    ck_assert_double_eq(processors_quota_v1("-1\n", "100000\n"), 0);
    ck_assert_double_eq(processors_quota_v1("x", ""), 0);
}
END_TEST

START_TEST(the_cgroup_path_is_found_by_its_controller)
{
    const char *text =
        "12:cpuset:/a\n11:cpu,cpuacct:/docker/b\n3:memory\nbroken\n0::/system.slice/c.service\n";
    ck_assert(slice_is(processors_cgroup_path(text, "cpu"), "/docker/b"));
    ck_assert(slice_is(processors_cgroup_path(text, "cpuacct"), "/docker/b"));
    ck_assert(slice_is(processors_cgroup_path(text, ""), "/system.slice/c.service"));
    ck_assert_ptr_null(processors_cgroup_path(text, "pids").data);
    ck_assert_ptr_null(processors_cgroup_path("", "cpu").data);
    ck_assert(slice_is(processors_cgroup_path("0::/", ""), "/"));
}
END_TEST

static void write_text(const char *root, const char *file, const char *text)
{
    char path[300];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s%s", root, file), (int)sizeof path);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void make_folder(const char *root, const char *name)
{
    char path[300];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s%s", root, name), (int)sizeof path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_all(const char *root, const char *const *names, size_t count)
{
    char path[300];
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_lt(snprintf(path, sizeof path, "%s%s", root, names[i]), (int)sizeof path);
        ck_assert_int_eq(remove(path), 0);
    }
}

START_TEST(the_smallest_quota_on_the_way_to_the_root_counts)
{
    char root[] = "/tmp/rosim-cgroup-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(root));
    make_folder(root, "/pod");
    make_folder(root, "/pod/box");
    make_folder(root, "/cpu");
    write_text(root, "/pod/cpu.max", "300000 100000\n");
    write_text(root, "/pod/box/cpu.max", "max 100000\n");
    ck_assert_double_eq(processors_cgroup_quota(root, "0::/pod/box\n"), 3);
    write_text(root, "/pod/box/cpu.max", "200000 100000\n");
    ck_assert_double_eq(processors_cgroup_quota(root, "0::/pod/box\n"), 2);
    ck_assert_double_eq(processors_cgroup_quota(root, "0::/elsewhere\n"), 0);
    write_text(root, "/cpu/cpu.cfs_quota_us", "50000\n");
    write_text(root, "/cpu/cpu.cfs_period_us", "100000\n");
    ck_assert_double_eq(processors_cgroup_quota(root, "4:cpu,cpuacct:/not/visible/here\n"), 0.5);
    ck_assert_double_eq(processors_cgroup_quota(root, "4:cpu,cpuacct:/\n0::/pod\n"), 0.5);
    ck_assert_double_eq(processors_cgroup_quota(root, ""), 0);
    static const char *const made[] = {
        "/cpu/cpu.cfs_period_us", "/cpu/cpu.cfs_quota_us", "/cpu",
        "/pod/box/cpu.max", "/pod/box", "/pod/cpu.max", "/pod", "",
    };
    remove_all(root, made, sizeof made / sizeof *made);
}
END_TEST

START_TEST(usable_processors_lie_within_the_mask)
{
    cpu_set_t before, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    ck_assert_uint_eq(processors_allowed(), (size_t)CPU_COUNT(&before));
    ck_assert_uint_ge(processors_usable(), 1);
    ck_assert_uint_le(processors_usable(), processors_allowed());
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(processors_allowed(), 1);
    ck_assert_uint_eq(processors_usable(), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof before, &before), 0);
}
END_TEST

static bool tests_fork(void)
{
    const char *fork_mode = getenv("CK_FORK");
    return !fork_mode || strcmp(fork_mode, "no") != 0;
}

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *t = tcase_create("pool");
    tcase_add_loop_test(t, every_task_runs_once_and_workers_are_unique, 1, THREADS_MAX + 1);
    tcase_add_loop_test(t, many_tiny_runs_follow_each_other, 1, THREADS_MAX + 1);
    tcase_add_loop_test(t, runs_meet_workers_in_every_state, 1, THREADS_MAX + 1);
    tcase_add_loop_test(t, unequal_tasks_are_all_done_when_the_run_returns, 1, THREADS_MAX + 1);
    tcase_add_test(t, others_take_the_tasks_of_a_worker_that_is_held_up);
    tcase_add_test(t, an_idle_pool_costs_no_processor_time);
    tcase_add_test(t, a_pool_opens_and_closes_with_and_without_runs);
    tcase_add_test(t, the_number_of_threads_has_a_limit_and_a_default);
    if (tests_fork())
        tcase_add_test_raise_signal(t, a_nested_run_is_our_bug, SIGABRT);
    tcase_add_loop_test(t, several_callers_take_turns_and_lose_no_task, 1, 5);
    tcase_add_test(t, quotas_are_read_from_their_texts);
    tcase_add_test(t, the_cgroup_path_is_found_by_its_controller);
    tcase_add_test(t, the_smallest_quota_on_the_way_to_the_root_counts);
    tcase_add_test(t, usable_processors_lie_within_the_mask);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
