/* check_server_auth.c - keys of the command line and of a file, scopes, rates, and every way a key file can be wrong.
 */
#define _GNU_SOURCE    /* memmem */
#include "tests/check_support.h"

#include "server/auth.h"
#include "server/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHA-256 of "secret" and of "other", as sha256sum prints them */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

static char path[] = "/tmp/rosim-keys-XXXXXX";

static void write_keys(const char *text)
{
    (void)snprintf(path, sizeof path, "/tmp/rosim-keys-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static auth *open_file(const char *text)
{
    errinfo err = { 0 };
    auth *a = NULL;
    write_keys(text);
    status st = auth_open(&a, NULL, 0, path, &err);
    (void)unlink(path);
    ck_assert_msg(st == ST_OK, "%s", err.text);
    return a;
}

START_TEST(without_keys_everybody_may)
{
    auth *a = (auth *)&path;
    ck_assert_int_eq(auth_open(&a, NULL, 0, NULL, NULL), ST_OK);
    ck_assert_ptr_null(a);
    auth_close(a);
}
END_TEST

START_TEST(only_a_bearer_with_the_exact_key_opens)
{
    static const char *const keys[] = { "first", "secret" };
    static const char *const bad[] = { "",
                                       "secret",
                                       "Basic secret",
                                       "Bearer",
                                       "Bearer ",
                                       "Bearer  ",
                                       "Bearersecret",
                                       "Bearer secre",
                                       "Bearer secrets",
                                       "Bearer Secret",
                                       "Bearer secret, Bearer secret",
                                       "Bearer first secret" };
    auth *a = NULL;
    ck_assert_int_eq(auth_open(&a, keys, 2, NULL, NULL), ST_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!auth_check(a, slice_of(bad[i])), "%s opened", bad[i]);
    ck_assert_ptr_null(auth_check(a, (slice){ NULL, 0 }));
    ck_assert_ptr_null(auth_check(a, (slice){ "Bearer secret\0x", 15 }));
    const auth_client *c = auth_check(a, slice_of("Bearer secret"));
    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(auth_client_name(c), "key-2");
    ck_assert(auth_may_use(c, "any") && auth_wait_s(c, 1000000, 0) == 0);
    ck_assert_ptr_nonnull(auth_check(a, slice_of("bearer   first \t")));
    auth_close(a);
}
END_TEST

START_TEST(a_key_file_gives_names_and_scopes)
{
    auth *a = open_file("# comment\n\nalice:" SECRET "\r\n  bob:" OTHER ":models=small,big:rate=100\n");
    const auth_client *alice = auth_check(a, slice_of("Bearer secret"));
    const auth_client *bob = auth_check(a, slice_of("Bearer other"));
    ck_assert_str_eq(auth_client_name(alice), "alice");
    ck_assert_str_eq(auth_client_name(bob), "bob");
    ck_assert(auth_may_use(alice, "small"));
    ck_assert(auth_may_use(bob, "small") && auth_may_use(bob, "big"));
    ck_assert(!auth_may_use(bob, "smal") && !auth_may_use(bob, "small,big") && !auth_may_use(bob, ""));
    auth_close(a);
}
END_TEST

START_TEST(a_rate_lets_through_what_was_earned)
{
    auth *a = open_file("bob:" OTHER ":rate=100\n");
    const auth_client *bob = auth_check(a, slice_of("Bearer other"));
    const int64_t second = 1000000000, start = 5 * second;
    ck_assert(auth_wait_s(bob, 300, start) == 0);          /* three seconds' worth, one of them ahead is free */
    ck_assert_double_eq_tol(auth_wait_s(bob, 1, start), 2.0, 1e-6);
    ck_assert_double_eq_tol(auth_wait_s(bob, 1, start + second), 1.0, 1e-6);
    ck_assert(auth_wait_s(bob, 1, start + 2 * second) == 0);
    ck_assert(auth_wait_s(bob, 100, start + 100 * second) == 0);    /* unused time is not saved up */
    ck_assert(auth_wait_s(bob, 1, start + 100 * second) == 0);
    ck_assert(auth_wait_s(bob, 1, start + 100 * second) > 0);
    auth_close(a);
}
END_TEST

/* ---- reloads ---- */

static status reload_from(auth *a, const char *text, errinfo *err)
{
    write_keys(text);
    status st = auth_reload(a, NULL, 0, path, err);
    (void)unlink(path);
    return st;
}

static bool shows(auth *a, const char *series)
{
    arena *memory = arena_open(0, 1 << 20);
    slice text = auth_metrics(a, memory);
    ck_assert_ptr_nonnull(text.data);
    const char *at = memmem(text.data, text.length, series, strlen(series));
    bool there = at && (at == text.data || at[-1] == '\n');
    arena_close(memory);
    return there;
}

START_TEST(a_client_that_was_found_stays_good_through_reloads)
{
    errinfo err = { 0 };
    auth *a = open_file("alice:" SECRET ":models=small\n");
    const auth_client *alice = auth_check(a, slice_of("Bearer secret"));
    ck_assert_int_eq(reload_from(a, "bob:" OTHER "\n", &err), ST_OK);
    ck_assert_int_eq(reload_from(a, "carol:" OTHER "\n", &err), ST_OK);
    ck_assert_ptr_null(auth_check(a, slice_of("Bearer secret")));
    ck_assert_str_eq(auth_client_name(alice), "alice");
    ck_assert(auth_may_use(alice, "small") && !auth_may_use(alice, "big"));
    auth_count(alice, 200);
    ck_assert(shows(a, "rosim_key_requests_total{key=\"alice\",status=\"2xx\"} 1\n"));
    auth_give(alice);
    ck_assert(!shows(a, "rosim_key_requests_total{key=\"alice\""));
    ck_assert(shows(a, "rosim_key_requests_total{key=\"carol\",status=\"2xx\"} 0\n"));
    auth_give(NULL);
    auth_close(a);
}
END_TEST

START_TEST(counters_and_rates_go_on_by_name)
{
    errinfo err = { 0 };
    auth *a = open_file("alice:" SECRET ":rate=10\n");
    const auth_client *first = auth_check(a, slice_of("Bearer secret"));
    ck_assert(auth_wait_s(first, 1000, 1000000000) == 0);
    auth_count(first, 200);
    auth_give(first);
    ck_assert_int_eq(reload_from(a, "alice:" SECRET ":rate=10\nalice:" OTHER ":rate=10\n", &err), ST_OK);
    const auth_client *second = auth_check(a, slice_of("Bearer other"));
    ck_assert(auth_wait_s(second, 1, 1000000000) > 90);
    auth_count(second, 429);
    ck_assert(shows(a, "rosim_key_requests_total{key=\"alice\",status=\"2xx\"} 1\n"));
    ck_assert(shows(a, "rosim_key_requests_total{key=\"alice\",status=\"4xx\"} 1\n"));
    ck_assert(shows(a, "rosim_key_tokens_total{key=\"alice\"} 1000\n"));
    ck_assert(shows(a, "rosim_key_limited_total{key=\"alice\"} 1\n"));
    auth_give(second);
    auth_close(a);
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing)
{
    errinfo err = { 0 };
    auth *a = open_file("alice:" SECRET "\n");
    ck_assert_int_eq(reload_from(a, "alice:" OTHER "\nbob:12\n", &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, ":2: "));
    const auth_client *alice = auth_check(a, slice_of("Bearer secret"));
    ck_assert_ptr_nonnull(alice);
    ck_assert_ptr_null(auth_check(a, slice_of("Bearer other")));
    auth_give(alice);
    auth_close(a);
}
END_TEST

START_TEST(a_name_is_escaped_in_the_metrics)
{
    auth *a = open_file("al\"i\\ce:" SECRET "\n");
    ck_assert(shows(a, "rosim_key_tokens_total{key=\"al\\\"i\\\\ce\"} 0\n"));
    ck_assert_uint_eq(auth_metrics(NULL, NULL).length, 0);
    auth_close(a);
}
END_TEST

static const struct { const char *text, *says; } broken[] = {
    { "", "no key" },
    { "# only a comment\n", "no key" },
    { "alice\n", ":1: the name is followed" },
    { "alice:" SECRET "\nbob:1234\n", ":2: the name is followed" },
    { "alice:zz" SECRET "\n", ":1: the name is followed" },
    { "alice:g" SECRET "\n", ":1: the name is followed" },
    { ":" SECRET "\n", ":1: the name has" },
    { "\xe4\xbb\x8a:" SECRET "\n", ":1: the name has" },
    { "12345678901234567890123456789012345678901234567890123456789012345:" SECRET "\n", ":1: the name has" },
    { "alice:" SECRET ":rate=0\n", "rate=" },
    { "alice:" SECRET ":rate=\n", "rate=" },
    { "alice:" SECRET ":rate=-1\n", "rate=" },
    { "alice:" SECRET ":rate=99999999999999999999\n", "rate=" },
    { "alice:" SECRET ":rate=1:rate=2\n", "rate=" },
    { "alice:" SECRET ":models=\n", "models=" },
    { "alice:" SECRET ":models=a:models=b\n", "models=" },
    { "alice:" SECRET ":admin\n", "only models= and rate=" },
};

START_TEST(a_broken_key_file_is_refused_with_its_line)
{
    errinfo err = { 0 };
    auth *a = NULL;
    write_keys(broken[_i].text);
    status st = auth_open(&a, NULL, 0, path, &err);
    (void)unlink(path);
    ck_assert_int_eq(st, ST_FORMAT);
    ck_assert_ptr_null(a);
    ck_assert_msg(strstr(err.text, path) == err.text, "the file is not named: %s", err.text);
    ck_assert_msg(strstr(err.text, broken[_i].says) != NULL, "%s: %s", broken[_i].text, err.text);
    ck_assert_msg(!strstr(err.text, SECRET), "a digest in the error: %s", err.text);
}
END_TEST

START_TEST(a_missing_file_and_an_empty_key_are_refused)
{
    static const char *const empty[] = { "good", "" };
    errinfo err = { 0 };
    auth *a = NULL;
    ck_assert_int_eq(auth_open(&a, NULL, 0, "/nonexistent/keys", &err), ST_IO);
    ck_assert(strstr(err.text, "/nonexistent/keys") != NULL);
    ck_assert_int_eq(auth_open(&a, empty, 2, NULL, &err), ST_INPUT);
    ck_assert_str_eq(err.text, "API key 2 is empty");
    ck_assert_ptr_null(a);
}
END_TEST

START_TEST(more_keys_than_the_limit_are_refused)
{
    static const char *keys[1025];
    errinfo err = { 0 };
    auth *a = NULL;
    for (size_t i = 0; i < 1025; i++)
        keys[i] = "same";
    ck_assert_int_eq(auth_open(&a, keys, 1025, NULL, &err), ST_INPUT);
    ck_assert_int_eq(auth_open(&a, keys, 1024, NULL, &err), ST_OK);
    auth_close(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *t = tcase_create("auth");
    log_configure(LOG_ERROR, false);
    tcase_add_test(t, without_keys_everybody_may);
    tcase_add_test(t, only_a_bearer_with_the_exact_key_opens);
    tcase_add_test(t, a_key_file_gives_names_and_scopes);
    tcase_add_test(t, a_rate_lets_through_what_was_earned);
    tcase_add_test(t, a_client_that_was_found_stays_good_through_reloads);
    tcase_add_test(t, counters_and_rates_go_on_by_name);
    tcase_add_test(t, a_reload_that_fails_changes_nothing);
    tcase_add_test(t, a_name_is_escaped_in_the_metrics);
    tcase_add_loop_test(t, a_broken_key_file_is_refused_with_its_line, 0, sizeof broken / sizeof broken[0]);
    tcase_add_test(t, a_missing_file_and_an_empty_key_are_refused);
    tcase_add_test(t, more_keys_than_the_limit_are_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
