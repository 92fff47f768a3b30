/* check_weights_safetensors.c - whole files: cut, flipped, linked, foreign. */
#include "tests/check_support.h"
#include "weights/safetensors.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory of exactly its size, so that a read behind it is an error under ASan. */
typedef struct {
    unsigned char *bytes;
    size_t length;
} image;

static image image_of(const char *header, size_t header_bytes, size_t data_bytes)
{
    image file = { .length = 8 + header_bytes + data_bytes };
    file.bytes = malloc(file.length);
    ck_assert_ptr_nonnull(file.bytes);
    for (size_t i = 0; i < 8; i++)
        file.bytes[i] = (unsigned char)((uint64_t)header_bytes >> (8 * i));
    memcpy(file.bytes + 8, header, header_bytes);
    for (size_t i = 0; i < data_bytes; i++)
        file.bytes[8 + header_bytes + i] = (unsigned char)(i + 1);
    return file;
}

static status parse_image(image file, safetensors **out, errinfo *err)
{
    return safetensors_parse(out, file.bytes, file.length, "m.safetensors", err);
}

static const char two_tensors[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"a.bias\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]}}  ";
enum { TWO_TENSORS_DATA = 30 };

START_TEST(a_valid_file_gives_its_tensors_sorted_by_name)
{
    safetensors *s = NULL;
    image file = image_of(two_tensors, strlen(two_tensors), TWO_TENSORS_DATA);
    ck_assert_int_eq(parse_image(file, &s, NULL), ST_OK);
    ck_assert_uint_eq(safetensors_count(s), 2);
    const tensor *a = safetensors_at(s, 0), *b = safetensors_at(s, 1);
    ck_assert(slice_is(a->name, "a.bias") && slice_is(b->name, "b.weight"));
    ck_assert_int_eq(a->type, DTYPE_F16);
    ck_assert_int_eq(b->type, DTYPE_F32);
    ck_assert_uint_eq(a->rank, 1);
    ck_assert_uint_eq(b->rank, 2);
    ck_assert(b->shape[0] == 2 && b->shape[1] == 3 && a->shape[0] == 3);
    ck_assert_uint_eq(a->bytes, 6);
    ck_assert_uint_eq(b->bytes, 24);
    ck_assert_int_eq(((const unsigned char *)b->data)[0], 1);
    ck_assert_int_eq(((const unsigned char *)a->data)[5], 30);
    ck_assert_ptr_eq(safetensors_find(s, slice_of("a.bias")), a);
    ck_assert_ptr_eq(safetensors_find(s, slice_of("b.weight")), b);
    ck_assert_ptr_null(safetensors_find(s, slice_of("b.weigh")));
    ck_assert_ptr_null(safetensors_find(s, slice_of("")));
    ck_assert_ptr_null(safetensors_at(s, 2));
    safetensors_close(s);
    safetensors_close(NULL);
    free(file.bytes);
}
END_TEST

START_TEST(every_shorter_file_is_refused)
{
    image file = image_of(two_tensors, strlen(two_tensors), TWO_TENSORS_DATA);
    for (size_t length = 0; length < file.length; length++) {
        safetensors *s = NULL;
        errinfo err = { 0 };
        unsigned char *cut = malloc(length + 1);
        memcpy(cut, file.bytes, length);
        /* realloc to the exact size, so that ASan sees one byte too many being read */
        cut = realloc(cut, length ? length : 1);
        ck_assert_int_eq(safetensors_parse(&s, cut, length, "m.safetensors", &err), ST_FORMAT);
        ck_assert_ptr_null(s);
        ck_assert_int_eq(strncmp(err.text, "m.safetensors: ", 15), 0);
        free(cut);
    }
    free(file.bytes);
}
END_TEST

START_TEST(a_longer_file_is_refused)
{
    safetensors *s = NULL;
    errinfo err = { 0 };
    image file = image_of(two_tensors, strlen(two_tensors), TWO_TENSORS_DATA + 1);
    ck_assert_int_eq(parse_image(file, &s, &err), ST_FORMAT);
    ck_assert_str_eq(err.text, "m.safetensors: 1 bytes behind the last tensor");
    free(file.bytes);
}
END_TEST

/* One changed byte may give another valid file, but never one whose tensors leave the file. */
START_TEST(every_flipped_byte_is_refused_or_stays_inside)
{
    image file = image_of(two_tensors, strlen(two_tensors), TWO_TENSORS_DATA);
    size_t accepted = 0;
    for (size_t at = 0; at < file.length - TWO_TENSORS_DATA; at++) {
        unsigned char kept = file.bytes[at];
        for (int value = 0; value < 256; value++) {
            safetensors *s = NULL;
            file.bytes[at] = (unsigned char)value;
            if (parse_image(file, &s, NULL) != ST_OK)
                continue;
            accepted++;
            for (size_t i = 0; i < safetensors_count(s); i++) {
                const tensor *t = safetensors_at(s, i);
                const unsigned char *data = t->data;
                ck_assert(data >= file.bytes && t->bytes <= file.length);
                ck_assert(data + t->bytes <= file.bytes + file.length);
            }
            safetensors_close(s);
        }
        file.bytes[at] = kept;
    }
    ck_assert_uint_gt(accepted, 0);
    free(file.bytes);
}
END_TEST

START_TEST(long_names_and_paths_leave_room_for_the_rule)
{
    char header[700], name[512], label[2048];
    memset(name, 'n', 511);
    name[511] = '\0';
    memset(label, 'l', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    (void)snprintf(header, sizeof header,
                   "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]}}", name);
    image file = image_of(header, strlen(header), 8);
    safetensors *s = NULL;
    errinfo err = { 0 };
    ck_assert_int_eq(safetensors_parse(&s, file.bytes, file.length, label, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "pass the end of the data, 8"));
    free(file.bytes);
}
END_TEST

/* count tensors of one byte each; the header must fit its maximum. */
static image many_tensors(size_t count)
{
    size_t capacity = count * 64 + 2, used = 0;
    char *header = malloc(capacity);
    ck_assert_ptr_nonnull(header);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(
            header + used, capacity - used,
            "%c\"%zx\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%zu,%zu]}",
            i ? ',' : '{', i, i, i + 1);
    header[used++] = '}';
    image file = image_of(header, used, count);
    free(header);
    return file;
}

START_TEST(up_to_65536_tensors_are_read_and_found)
{
    enum { LIMIT = 65536 };
    image file = many_tensors(LIMIT);
    safetensors *s = NULL;
    errinfo err = { 0 };
    ck_assert_msg(parse_image(file, &s, &err) == ST_OK, "%s", err.text);
    ck_assert_uint_eq(safetensors_count(s), LIMIT);
    for (size_t i = 0; i < LIMIT; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zx", i);
        const tensor *t = safetensors_find(s, slice_of(name));
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(*(const unsigned char *)t->data, (unsigned char)(i + 1));
    }
    safetensors_close(s);
    free(file.bytes);

    file = many_tensors(LIMIT + 1);
    ck_assert_int_eq(parse_image(file, &s, &err), ST_FORMAT);
    ck_assert_str_eq(err.text, "m.safetensors: more than 65536 tensors");
    free(file.bytes);
}
END_TEST

START_TEST(a_header_of_more_than_4_mib_is_refused)
{
    enum { LIMIT = 4 * 1024 * 1024 };
    char *header = malloc(LIMIT + 1);
    memset(header, ' ', LIMIT + 1);
    header[0] = '{';
    header[1] = '}';
    for (size_t length = LIMIT; length <= LIMIT + 1; length++) {
        safetensors *s = NULL;
        errinfo err = { 0 };
        image file = image_of(header, length, 0);
        ck_assert_int_eq(parse_image(file, &s, &err), length == LIMIT ? ST_OK : ST_FORMAT);
        ck_assert(s || strstr(err.text, "a header of 4194305 bytes, at most 4194304 are allowed"));
        safetensors_close(s);
        free(file.bytes);
    }
    free(header);
}
END_TEST

static const struct { const char *bytes; size_t length; const char *words; } foreign[] = {
    { "PK\x03\x04\x14\x00\x00\x00\x08\x00", 10, "weights/convert/torch_to_folder.py" },
    { "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20", 10, "weights/convert/torch_to_folder.py" },
    { "\x89HDF\r\n\x1a\n\x00\x00", 10, "HDF5 file" },
    { "GGUF\x03\x00\x00\x00\x00\x00", 10, "GGUF file, which is not supported" },
    { "\x08\x06\x12\x07pytorch\x1a", 12, "weights/convert/onnx_to_folder.py" },
    { "version https", 13, "git lfs pull" },
    { "<!DOCTYPE html>", 15, "no safetensors file: a header of " },
    { "\x10\x00\x00\x00\x00\x00\x00\x00{}", 10, "cut off: a header of 16 bytes in a file of 10" },
    { "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "a header of 18446744073709551615 bytes" },
    { "\x80\x00\x00\x00\x00\x00\x00\x00{}", 10, "cut off: a header of 128 bytes" },
    { "{}", 2, "2 bytes, a safetensors file has at least 8" },
};

START_TEST(other_formats_are_named_with_the_way_out)
{
    safetensors *s = NULL;
    errinfo err = { 0 };
    unsigned char *bytes = malloc(foreign[_i].length);
    memcpy(bytes, foreign[_i].bytes, foreign[_i].length);
    ck_assert_int_eq(safetensors_parse(&s, bytes, foreign[_i].length, "m.bin", &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, foreign[_i].words), "%s", err.text);
    free(bytes);
}
END_TEST

START_TEST(the_names_and_sizes_of_types_are_the_formats)
{
    ck_assert_str_eq(dtype_name(DTYPE_F8_E4M3), "F8_E4M3");
    ck_assert_str_eq(dtype_name(DTYPE_BF16), "BF16");
    ck_assert_uint_eq(dtype_bytes(DTYPE_BOOL), 1);
    ck_assert_uint_eq(dtype_bytes(DTYPE_BF16), 2);
    ck_assert_uint_eq(dtype_bytes(DTYPE_U64), 8);
}
END_TEST

/* --- files, in a directory of each test's own */

static char directory[] = "/tmp/rosim-check-XXXXXX";
static int directory_fd = -1;

static void make_directory(void)
{
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory_fd, 0);
}

static void remove_directory(void)
{
    static const char *const names[] = {
        "w", "link", "fifo", "cache/snapshots/r/w", "cache/snapshots/r", "cache/snapshots",
        "cache/blobs/0af1", "cache/blobs", "cache",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(directory_fd, names[i], 0) != 0)
            (void)unlinkat(directory_fd, names[i], AT_REMOVEDIR);
    (void)close(directory_fd);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void write_valid(const char *name)
{
    image file = image_of(two_tensors, strlen(two_tensors), TWO_TENSORS_DATA);
    int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, file.bytes, file.length), (ssize_t)file.length);
    (void)close(fd);
    free(file.bytes);
}

static status open_named(int at, const char *name, errinfo *err)
{
    safetensors *s = NULL;
    status st = safetensors_open(&s, at, name, err);
    ck_assert((st == ST_OK) == (s != NULL));
    ck_assert(!s || safetensors_count(s) == 2);
    safetensors_close(s);
    return st;
}

START_TEST(an_opened_file_has_aligned_data)
{
    safetensors *s = NULL;
    write_valid("w");
    ck_assert_int_eq(safetensors_open(&s, directory_fd, "w", NULL), ST_OK);
    const tensor *b = safetensors_find(s, slice_of("b.weight"));
    ck_assert_uint_eq((uintptr_t)b->data % 64, 0);
    ck_assert_int_eq(((const unsigned char *)b->data)[23], 24);
    safetensors_close(s);
}
END_TEST

START_TEST(each_truncation_of_a_file_is_refused)
{
    struct stat facts;
    write_valid("w");
    ck_assert_int_eq(fstatat(directory_fd, "w", &facts, 0), 0);
    for (off_t length = facts.st_size; length-- > 0;) {
        errinfo err = { 0 };
        int fd = openat(directory_fd, "w", O_WRONLY);
        ck_assert_int_eq(ftruncate(fd, length), 0);
        (void)close(fd);
        ck_assert_int_eq(open_named(directory_fd, "w", &err), ST_FORMAT);
        ck_assert_int_eq(strncmp(err.text, "w: ", 3), 0);
    }
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_without_waiting)
{
    errinfo err = { 0 };
    ck_assert_int_eq(mkfifoat(directory_fd, "fifo", 0600), 0);
    ck_assert_int_eq(open_named(directory_fd, "fifo", &err), ST_FORMAT);
    ck_assert_str_eq(err.text, "fifo: not a regular file");
    ck_assert_int_eq(open_named(directory_fd, ".", &err), ST_FORMAT);
    ck_assert_int_eq(open_named(directory_fd, "absent", &err), ST_IO);
    ck_assert_str_eq(err.text, "absent: No such file or directory");
}
END_TEST

START_TEST(a_link_is_followed_only_without_a_directory)
{
    char path[128];
    errinfo err = { 0 };
    write_valid("w");
    ck_assert_int_eq(symlinkat("w", directory_fd, "link"), 0);
    (void)snprintf(path, sizeof path, "%s/link", directory);
    ck_assert_int_eq(open_named(AT_FDCWD, path, &err), ST_OK);
    ck_assert_int_eq(open_named(directory_fd, "link", &err), ST_FORMAT);
    ck_assert_str_eq(err.text, "link: a symbolic link, which is not followed here");
}
END_TEST

START_TEST(the_links_of_a_hugging_face_cache_are_followed)
{
    static const char *const folders[] = {
        "cache", "cache/blobs", "cache/snapshots", "cache/snapshots/r",
    };
    static const struct { const char *target; status wanted; } links[] = {
        { "../../blobs/0af1", ST_OK },
        { "../../blobs/../blobs/0af1", ST_FORMAT },
        { "../../blobs/", ST_FORMAT },
        { "../../../w", ST_FORMAT },
        { "../../blobs/beef", ST_IO },
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        ck_assert_int_eq(mkdirat(directory_fd, folders[i], 0700), 0);
    write_valid("cache/blobs/0af1");
    write_valid("w");
    int snapshot = openat(directory_fd, "cache/snapshots/r", O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(snapshot, 0);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        ck_assert_int_eq(symlinkat(links[i].target, snapshot, "w"), 0);
        ck_assert_int_eq(open_named(snapshot, "w", NULL), links[i].wanted);
        ck_assert_int_eq(unlinkat(snapshot, "w", 0), 0);
    }
    (void)close(snapshot);
}
END_TEST

START_TEST(a_file_of_the_python_package_is_read)
{
    static const struct { const char *name; dtype type; } wanted[] = {
        { "a.f64", DTYPE_F64 },   { "a.f32", DTYPE_F32 }, { "a.f16", DTYPE_F16 },
        { "a.bf16", DTYPE_BF16 }, { "a.i64", DTYPE_I64 }, { "a.i8", DTYPE_I8 },
        { "a.u8", DTYPE_U8 },     { "a.bool", DTYPE_BOOL },
    };
    safetensors *s = NULL;
    errinfo err = { 0 };
    status st = safetensors_open(&s, AT_FDCWD, "tests/golden/weights/python.safetensors", &err);
    ck_assert_msg(st == ST_OK, "%s", err.text);
    ck_assert_uint_eq(safetensors_count(s), 10);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const tensor *t = safetensors_find(s, slice_of(wanted[i].name));
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->type, wanted[i].type);
        ck_assert(t->rank == 2 && t->shape[0] == 3 && t->shape[1] == 4);
        ck_assert_uint_eq((uintptr_t)t->data % dtype_bytes(t->type), 0);
    }
    const double *values = safetensors_find(s, slice_of("a.f64"))->data;
    for (int i = 0; i < 12; i++)
        ck_assert(values[i] == (i - 3) / 2.0);
    ck_assert_uint_eq(safetensors_find(s, slice_of("scalar"))->rank, 0);
    ck_assert_ptr_nonnull(safetensors_find(s, slice_of("\xe5\xad\x97")));
    safetensors_close(s);
}
END_TEST

static TCase *files_case(void)
{
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, an_opened_file_has_aligned_data);
    tcase_add_test(t, each_truncation_of_a_file_is_refused);
    tcase_add_test(t, what_is_no_regular_file_is_refused_without_waiting);
    tcase_add_test(t, a_link_is_followed_only_without_a_directory);
    tcase_add_test(t, the_links_of_a_hugging_face_cache_are_followed);
    return t;
}

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *t = tcase_create("bytes");
    tcase_add_test(t, a_valid_file_gives_its_tensors_sorted_by_name);
    tcase_add_test(t, every_shorter_file_is_refused);
    tcase_add_test(t, a_longer_file_is_refused);
    tcase_add_test(t, every_flipped_byte_is_refused_or_stays_inside);
    tcase_add_test(t, long_names_and_paths_leave_room_for_the_rule);
    tcase_add_test(t, up_to_65536_tensors_are_read_and_found);
    tcase_add_test(t, a_header_of_more_than_4_mib_is_refused);
    tcase_add_loop_test(t, other_formats_are_named_with_the_way_out, 0,
                        sizeof foreign / sizeof *foreign);
    tcase_add_test(t, the_names_and_sizes_of_types_are_the_formats);
    tcase_add_test(t, a_file_of_the_python_package_is_read);
    suite_add_tcase(suite, t);
    suite_add_tcase(suite, files_case());
    return check_run(suite);
}
