/* check_weights_packed_file.c - blocks kept on disk: what comes back is what was kept, or nothing. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "weights/packed_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = 10007 };    /* no multiple of anything */

static char directory[] = "/tmp/rosim-packed-XXXXXX", path[64];
static unsigned char kept[BYTES], found[BYTES];

static void set_up(void)
{
    errinfo err;
    memset(directory + sizeof directory - 7, 'X', 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/block", directory);
    for (size_t i = 0; i < BYTES; i++)
        kept[i] = (unsigned char)(i * 131 >> 3);
    memset(found, 0, sizeof found);
    ck_assert_int_eq(packed_file_write(path, "a key", kept, BYTES, &err), ST_OK);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);    /* so no temporary file was left */
}

START_TEST(what_was_kept_comes_back)
{
    ck_assert(packed_file_read(path, "a key", found, BYTES));
    ck_assert_mem_eq(found, kept, BYTES);
}
END_TEST

START_TEST(a_missing_folder_is_made_but_none_above_it)
{
    char below[96], folder[80];
    errinfo err;
    (void)snprintf(folder, sizeof folder, "%s/new", directory);
    (void)snprintf(below, sizeof below, "%s/block", folder);
    ck_assert_int_eq(packed_file_write(below, "a key", kept, BYTES, &err), ST_OK);
    ck_assert(packed_file_read(below, "a key", found, BYTES));
    ck_assert_int_eq(unlink(below), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    (void)snprintf(below, sizeof below, "%s/new/newer/block", directory);
    ck_assert_int_eq(packed_file_write(below, "a key", kept, BYTES, &err), ST_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
}
END_TEST

START_TEST(another_key_or_length_finds_nothing)
{
    ck_assert(!packed_file_read(path, "a kez", found, BYTES));
    ck_assert(!packed_file_read(path, "a key ", found, BYTES));
    ck_assert(!packed_file_read(path, "a key", found, BYTES - 1));
    ck_assert(!packed_file_read("/nowhere/at/all/block", "a key", found, BYTES));
    ck_assert(!packed_file_read(directory, "a key", found, BYTES));
}
END_TEST

/* Every byte of the file counts: the header's and the block's. */
START_TEST(a_changed_byte_is_noticed_wherever_it_is)
{
    struct stat facts;
    ck_assert_int_eq(stat(path, &facts), 0);
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    for (long at = 0; at < (long)facts.st_size; at += at < 64 || at > (long)facts.st_size - 40 ? 1 : 97) {
        ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
        int byte = fgetc(file);
        ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
        ck_assert_int_eq(fputc(byte ^ 1, file), byte ^ 1);
        ck_assert_int_eq(fflush(file), 0);
        ck_assert_msg(!packed_file_read(path, "a key", found, BYTES), "byte %ld", at);
        ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
        (void)fputc(byte, file);
    }
    (void)fclose(file);
    ck_assert(packed_file_read(path, "a key", found, BYTES));
}
END_TEST

START_TEST(a_file_cut_off_is_no_file)
{
    ck_assert_int_eq(truncate(path, 4096 + BYTES / 2), 0);
    ck_assert(!packed_file_read(path, "a key", found, BYTES));
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert(!packed_file_read(path, "a key", found, BYTES));
}
END_TEST

START_TEST(a_second_write_replaces_the_first)
{
    errinfo err;
    kept[5]++;
    ck_assert_int_eq(packed_file_write(path, "another", kept, BYTES, &err), ST_OK);
    ck_assert(!packed_file_read(path, "a key", found, BYTES));
    ck_assert(packed_file_read(path, "another", found, BYTES));
    ck_assert_mem_eq(found, kept, BYTES);
}
END_TEST

START_TEST(a_write_that_cannot_be_says_where_and_why)
{
    errinfo err;
    ck_assert_int_eq(packed_file_write("/nowhere/at/all/block", "a key", kept, BYTES, &err), ST_IO);
    ck_assert_msg(strstr(err.text, "/nowhere/at/all/block: No such file"), "%s", err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packed_file");
    TCase *t = tcase_create("blocks");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_was_kept_comes_back);
    tcase_add_test(t, a_missing_folder_is_made_but_none_above_it);
    tcase_add_test(t, another_key_or_length_finds_nothing);
    tcase_add_test(t, a_changed_byte_is_noticed_wherever_it_is);
    tcase_add_test(t, a_file_cut_off_is_no_file);
    tcase_add_test(t, a_second_write_replaces_the_first);
    tcase_add_test(t, a_write_that_cannot_be_says_where_and_why);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
