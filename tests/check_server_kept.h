/* check_server_kept.h - the frame of tests of what users make and the server keeps: a service, with a state directory
 * or without, and calls that must be answered so.
 *
 * A test that includes this defines _GNU_SOURCE first, for mkdtemp.
 */
#ifndef ROSIM_CHECK_SERVER_KEPT_H
#define ROSIM_CHECK_SERVER_KEPT_H

#include "tests/check_server_exchange.h"

#include <dirent.h>
#include <unistd.h>

static fixture f;
static char directory[] = "/tmp/check-kept-XXXXXX";

static void open_fixture(void)
{
    fixture_open(&f, QUEUE_TOKENS);
}

static void close_fixture(void)
{
    fixture_close(&f);
}

static void expect_call(const char *method, const char *path, const char *body, int status_code, const char *says)
{
    call c = { 0 };
    call_make(&c, &f, method, path, json_headers, slice_of(body), CALL_ARENA_BYTES);
    ck_assert_msg(c.x.status == status_code && (!says || call_says(&c, says)), "%s %s %s: %d\n%.*s\nwanted %d %s",
                  method, path, body, c.x.status, (int)c.x.answer.length, c.x.answer.data, status_code,
                  says ? says : "");
    call_end(&c);
}

static void expect_post(const char *path, const char *body, int status_code, const char *says)
{
    expect_call("POST", path, body, status_code, says);
}

/* ---- with a state directory ---- */

static void open_directory(void)
{
    errinfo err;
    open_fixture();
    artifacts_close(f.service.artifacts);
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_msg(artifacts_open(&f.service.artifacts, directory, f.registry, &err) == ST_OK, "%s", err.text);
}

static void close_directory(void)
{
    struct dirent *entry;
    DIR *d = opendir(directory);
    while (d && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    (void)closedir(d);
    (void)rmdir(directory);
    close_fixture();
}

static void restart(void)
{
    errinfo err;
    artifacts_close(f.service.artifacts);
    ck_assert_msg(artifacts_open(&f.service.artifacts, directory, f.registry, &err) == ST_OK, "%s", err.text);
}

#endif
