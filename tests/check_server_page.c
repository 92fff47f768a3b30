/* check_server_page.c - the playground out of the binary: who gets it at the root, its headers, its files, its size. */
#include "tests/check_server_exchange.h"
#include "server/routes/page.h"

#include <stdlib.h>

enum { PAGE_BYTES_MAX = 60 * 1024, PATH_BYTES = 64 };

static const call_header browser[] = { { "accept", "text/html,application/xhtml+xml,*/*;q=0.8" }, { NULL, NULL } };
static const call_header client[] = { { "accept", "*/*" }, { NULL, NULL } };
static const call_header silent[] = { { NULL, NULL } };

static void get(call *c, fixture *f, const char *path, const call_header *headers)
{
    call_make(c, f, "GET", path, headers, (slice){ "", 0 }, CALL_ARENA_BYTES);
}

static slice bytes_of(const page_file *file)
{
    return (slice){ file->begin, (size_t)(file->end - file->begin) };
}

static bool same_bytes(slice a, slice b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static void check_headers(const call *c)
{
    static const struct { const char *name, *says; } wanted[] = {
        { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self';" },
        { "Content-Security-Policy", "frame-ancestors 'none'" },
        { "Cache-Control", "no-cache" },
        { "Referrer-Policy", "no-referrer" },
        { "ETag", "\"" },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *value = call_header_of(c, wanted[i].name);
        ck_assert_msg(value && strstr(value, wanted[i].says), "%s: %s", wanted[i].name, value ? value : "absent");
        ck_assert_ptr_null(strstr(value, "unsafe"));
    }
}

START_TEST(the_root_is_a_page_for_browsers_and_health_for_others)
{
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    get(&c, &f, "/", browser);
    ck_assert_int_eq(c.x.status, 200);
    ck_assert_str_eq(c.x.content_type, "text/html; charset=utf-8");
    ck_assert_str_eq(call_header_of(&c, "Vary"), "Accept");
    ck_assert(call_says(&c, "<!doctype html>") && call_says(&c, "</html>"));
    check_headers(&c);
    call_end(&c);
    for (int i = 0; i < 2; i++) {
        get(&c, &f, "/", i ? silent : client);
        ck_assert(c.x.status == 200 && c.x.answer.length == 0 && !c.x.content_type);
        ck_assert_str_eq(call_header_of(&c, "Vary"), "Accept");
        call_end(&c);
    }
    atomic_store(&f.service.ready, false);
    get(&c, &f, "/", client);
    ck_assert_int_eq(c.x.status, 503);
    call_end(&c);
    get(&c, &f, "/", browser);    /* the page itself says what the server is at */
    ck_assert_int_eq(c.x.status, 200);
    call_end(&c);
    fixture_close(&f);
}
END_TEST

START_TEST(each_file_is_served_whole_and_kept_while_it_is_the_same)
{
    fixture f;
    call c = { 0 };
    size_t count, total = 0;
    const page_file *files = page_files(&count);
    fixture_open(&f, QUEUE_TOKENS);
    for (size_t i = 0; i < count; i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "/page/%s", files[i].name);
        const char *at = i ? path : "/";    /* index.html is the root's */
        get(&c, &f, at, browser);
        ck_assert_msg(c.x.status == 200 && same_bytes(c.x.answer, bytes_of(&files[i])), "%s: %d", at, c.x.status);
        ck_assert_str_eq(c.x.content_type, files[i].type);
        check_headers(&c);
        char *tag = strdup(call_header_of(&c, "ETag"));
        call_end(&c);
        const call_header known[] = { browser[0], { "if-none-match", tag }, { NULL, NULL } };
        get(&c, &f, at, known);
        ck_assert_msg(c.x.status == 304 && strcmp(call_header_of(&c, "ETag"), tag) == 0, "%s: %d", at, c.x.status);
        call_end(&c);
        const call_header other[] = { browser[0], { "if-none-match", "\"0000000000000000\"" }, { NULL, NULL } };
        get(&c, &f, at, other);
        ck_assert_int_eq(c.x.status, 200);
        call_end(&c);
        free(tag);
        total += bytes_of(&files[i]).length;
    }
    ck_assert_msg(total < PAGE_BYTES_MAX, "%zu bytes", total);
    fixture_close(&f);
}
END_TEST

START_TEST(what_is_no_file_of_the_page_is_not_found)
{
    static const char *const paths[] = { "/page/", "/page/nope.js", "/page/index.html", "/page/../router.c",
                                         "/page/app.js/x", "/page/App.js", "/page" };
    fixture f;
    call c = { 0 };
    fixture_open(&f, QUEUE_TOKENS);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        get(&c, &f, paths[i], browser);
        ck_assert_msg(c.x.status == 404 && call_says(&c, "not_found"), "%s: %d", paths[i], c.x.status);
        call_end(&c);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(a_request_without_memory_is_told_so)
{
    fixture f;
    call c = { 0 };
    bool worked = false;
    fixture_open(&f, QUEUE_TOKENS);
    for (size_t room = 0; room < 1024 && !worked; room += 64) {
        call_make(&c, &f, "GET", "/page/app.js", silent, (slice){ "", 0 }, room);
        worked = c.x.status == 200;
        ck_assert(worked || c.x.status == 503);
        call_end(&c);
    }
    ck_assert(worked);
    fixture_close(&f);
}
END_TEST

/* The page loads its files by relative names, so that it works below a proxy's prefix too. */
START_TEST(every_name_in_the_page_and_its_modules_is_a_file_of_it)
{
    static const struct { const char *before, *after; } marks[] = { { "=\"page/", "\"" }, { " from './", "'" } };
    size_t count, seen = 0;
    const page_file *files = page_files(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t m = 0; m < 2; m++) {
            const char *at = files[i].begin;    /* each ends with a NUL of its own */
            while ((at = strstr(at, marks[m].before)) != NULL) {
                at += strlen(marks[m].before);
                slice name = { at, strcspn(at, marks[m].after) };
                bool known = false;
                for (size_t k = 1; k < count; k++)
                    known = known || slice_is(name, files[k].name);
                ck_assert_msg(known, "%s names %.*s", files[i].name, (int)name.length, name.data);
                seen++;
            }
        }
        ck_assert_msg(!strstr(files[i].begin, "innerHTML") && !strstr(files[i].begin, " style=\""), "%s",
                      files[i].name);
    }
    ck_assert_uint_gt(seen, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *t = tcase_create("page");
    tcase_add_test(t, the_root_is_a_page_for_browsers_and_health_for_others);
    tcase_add_test(t, each_file_is_served_whole_and_kept_while_it_is_the_same);
    tcase_add_test(t, what_is_no_file_of_the_page_is_not_found);
    tcase_add_test(t, a_request_without_memory_is_told_so);
    tcase_add_test(t, every_name_in_the_page_and_its_modules_is_a_file_of_it);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
