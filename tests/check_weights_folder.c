/* check_weights_folder.c - model folders: text files, shards, and tensors widened to fp32. */
#include "tests/check_support.h"
#include "weights/folder.h"
#include "weights/widen.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a directory of each test's own, whose files the fixture removes again */

static char directory[] = "/tmp/rosim-check-XXXXXX";
static char written[160][64];
static size_t written_count;

static void make_directory(void)
{
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    written_count = 0;
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void remember(const char *name)
{
    ck_assert_uint_lt(written_count, sizeof written / sizeof *written);
    (void)snprintf(written[written_count++], sizeof written[0], "%s", name);
}

static void remove_directory(void)
{
    while (written_count-- > 0)
        if (unlink(path_of(written[written_count])) != 0)
            (void)rmdir(path_of(written[written_count]));
    ck_assert_int_eq(rmdir(directory), 0);
}

static void write_file(const char *name, const void *bytes, size_t length)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    (void)close(fd);
    remember(name);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static void write_tensors(const char *name, const char *header, const void *data, size_t bytes)
{
    size_t length = strlen(header);
    char *file = calloc(1, 8 + length + bytes);
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < 8; i++)
        file[i] = (char)((uint64_t)length >> (8 * i));
    memcpy(file + 8, header, length);
    memcpy(file + 8 + length, data, bytes);
    write_file(name, file, 8 + length + bytes);
    free(file);
}

static folder *open_folder(void)
{
    folder *f = NULL;
    errinfo err = { 0 };
    status st = folder_open(&f, directory, &err);
    ck_assert_msg(st == ST_OK, "%s", err.text);
    ck_assert_str_eq(folder_path(f), directory);
    return f;
}

static void expect_refusal(status wanted, const char *words)
{
    folder *f = NULL;
    errinfo err = { 0 };
    ck_assert_int_eq(folder_open(&f, directory, &err), wanted);
    ck_assert_ptr_null(f);
    ck_assert_msg(strstr(err.text, directory), "no folder in: %s", err.text);
    ck_assert_msg(strstr(err.text, words), "\"%s\" is not in: %s", words, err.text);
}

#define HEADER_ONE(name, type, shape, end) \
    "{\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[0," end "]}}"

static const float six[6] = { 1, -2, 3.5f, 0, -0.0f, 6 };

static void write_six(const char *file, const char *header)
{
    write_tensors(file, header, six, sizeof six);
}

/* --- text files */

START_TEST(a_text_file_is_read_whole_with_a_nul_behind)
{
    folder *f = NULL;
    slice text, again;
    write_file("config.json", "a\0b", 3);
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_uint_eq(folder_tensor_count(f), 0);
    ck_assert_ptr_null(folder_tensor(f, "x"));
    ck_assert_int_eq(folder_file(f, "config.json", 3, &text, NULL), ST_OK);
    ck_assert(text.length == 3 && memcmp(text.data, "a\0b", 4) == 0);
    ck_assert_int_eq(folder_file(f, "config.json", 3, &again, NULL), ST_OK);
    ck_assert_ptr_eq(text.data, again.data);
    errinfo err = { 0 };
    ck_assert_int_eq(folder_file(f, "config.json", 2, &again, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "config.json: 3 bytes, at most 2 are allowed"));
    folder_close(f);
    folder_close(NULL);
}
END_TEST

START_TEST(a_file_over_its_limit_is_refused_before_it_is_read)
{
    folder *f = NULL;
    slice text;
    errinfo err = { 0 };
    write_text("vocab.txt", "x");
    ck_assert_int_eq(truncate(path_of("vocab.txt"), (off_t)1 << 42), 0);    /* sparse */
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_int_eq(folder_file(f, "vocab.txt", 10, &text, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "vocab.txt: 4398046511104 bytes, at most 10 are"));
    folder_close(f);
}
END_TEST

START_TEST(an_absent_file_is_no_error_and_an_empty_one_is_not_absent)
{
    folder *f = NULL;
    slice text = { "x", 1 };
    write_text("vocab.txt", "");
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_int_eq(folder_file(f, "config.json", 10, &text, NULL), ST_OK);
    ck_assert(text.data == NULL && text.length == 0);
    ck_assert_int_eq(folder_file(f, "1_Pooling/config.json", 10, &text, NULL), ST_OK);
    ck_assert_ptr_null(text.data);
    ck_assert_int_eq(folder_file(f, "vocab.txt/config.json", 10, &text, NULL), ST_OK);
    ck_assert_ptr_null(text.data);
    ck_assert_int_eq(folder_file(f, "vocab.txt", 10, &text, NULL), ST_OK);
    ck_assert(text.data != NULL && text.length == 0 && *text.data == '\0');
    folder_close(f);
}
END_TEST

START_TEST(files_below_the_folder_and_through_links_are_read)
{
    folder *f = NULL;
    slice text;
    ck_assert_int_eq(mkdir(path_of("1_Pooling"), 0700), 0);
    remember("1_Pooling");
    write_text("1_Pooling/config.json", "{}");
    ck_assert_int_eq(symlink("1_Pooling/config.json", path_of("config.json")), 0);
    remember("config.json");
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_int_eq(folder_file(f, "1_Pooling/config.json", 10, &text, NULL), ST_OK);
    ck_assert(slice_is(text, "{}"));
    ck_assert_int_eq(folder_file(f, "config.json", 10, &text, NULL), ST_OK);
    ck_assert(slice_is(text, "{}"));
    folder_close(f);
}
END_TEST

static const char *const leaving[] = {
    "", "/etc/passwd", "../x", "..", ".", "a/../../x", "a//b", "a/", "./a", "a/.", "a\nb", "a\xff",
};

START_TEST(names_that_leave_the_folder_are_refused)
{
    folder *f = NULL;
    slice text;
    errinfo err = { 0 };
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_int_eq(folder_file(f, leaving[_i], 10, &text, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "leaves the folder"));
    folder_close(f);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused)
{
    folder *f = NULL;
    slice text;
    errinfo err = { 0 };
    ck_assert_int_eq(mkfifo(path_of("config.json"), 0600), 0);
    remember("config.json");
    ck_assert_int_eq(mkdir(path_of("vocab.txt"), 0700), 0);
    remember("vocab.txt");
    ck_assert_int_eq(folder_open_text(&f, directory, NULL), ST_OK);
    ck_assert_int_eq(folder_file(f, "config.json", 10, &text, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "config.json: not a regular file"));
    ck_assert_int_eq(folder_file(f, "vocab.txt", 10, &text, &err), ST_FORMAT);
    folder_close(f);
}
END_TEST

/* --- opening */

START_TEST(a_folder_that_is_absent_or_a_file_is_refused)
{
    folder *f = NULL;
    errinfo err = { 0 };
    ck_assert_int_eq(folder_open(&f, path_of("nowhere"), &err), ST_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    write_text("file", "x");
    ck_assert_int_eq(folder_open(&f, path_of("file"), &err), ST_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
}
END_TEST

static const struct { const char *file; status wanted; const char *words; } without[] = {
    { "config.json", ST_IO, "no model.safetensors and no model.safetensors.index.json" },
    { "pytorch_model.bin", ST_FORMAT, "weights/convert/torch_to_folder.py" },
    { "model.onnx", ST_FORMAT, "model.onnx: convert it with weights/convert/onnx_to_folder.py" },
    { "tf_model.h5", ST_FORMAT, "tf_model.h5: see weights/convert/tf_to_folder.py" },
    { "model.ckpt.index", ST_FORMAT, "model.ckpt.index: see weights/convert/tf_to_folder.py" },
    { "variables.npz", ST_FORMAT, "convert it with weights/convert/tf_to_folder.py" },
    { "q4.gguf", ST_FORMAT, "q4.gguf: it is not supported" },
    { "other.safetensors", ST_FORMAT, "other.safetensors: rename it" },
};

START_TEST(a_folder_without_weights_names_what_is_there_instead)
{
    write_text(without[_i].file, "x");
    expect_refusal(without[_i].wanted, without[_i].words);
}
END_TEST

START_TEST(a_linked_weights_file_is_read_and_a_dangling_link_named)
{
    write_six("blob", HEADER_ONE("w", "F32", "[2,3]", "24"));
    ck_assert_int_eq(symlink("blob", path_of("model.safetensors")), 0);
    remember("model.safetensors");
    folder *f = open_folder();
    ck_assert_uint_eq(folder_tensor_count(f), 1);
    folder_close(f);
    ck_assert_int_eq(unlink(path_of("blob")), 0);
    expect_refusal(ST_IO, "model.safetensors: No such file");
}
END_TEST

/* --- shards */

#define INDEX "model.safetensors.index.json"

static void write_two_shards(void)
{
    write_six("m-1.safetensors", HEADER_ONE("z", "F32", "[6]", "24"));
    write_six("m-2.safetensors", HEADER_ONE("a", "F32", "[3,2]", "24"));
}

START_TEST(shards_are_one_model)
{
    float out[6];
    write_two_shards();
    write_text(INDEX, "{\"metadata\":{\"total_size\":4.8e1},\"weight_map\":"
                      "{\"z\":\"m-1.safetensors\",\"a\":\"m-2.safetensors\"}}");
    folder *f = open_folder();
    ck_assert_uint_eq(folder_tensor_count(f), 2);
    ck_assert(slice_is(folder_tensor_at(f, 0)->name, "a"));
    ck_assert(slice_is(folder_tensor_at(f, 1)->name, "z"));
    ck_assert_ptr_null(folder_tensor_at(f, 2));
    ck_assert_int_eq(folder_read_f32(f, "z", (size_t[]){ 6 }, 1, out, NULL), ST_OK);
    ck_assert_mem_eq(out, six, sizeof six);
    errinfo err = { 0 };
    ck_assert_int_eq(folder_read_f32(f, "a", (size_t[]){ 2, 3 }, 2, out, &err), ST_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "m-2.safetensors: tensor a: F32 shape [3,2], want"));
    folder_drop_tensors(f);
    ck_assert_uint_eq(folder_tensor_count(f), 0);
    ck_assert_ptr_null(folder_tensor(f, "a"));
    folder_close(f);
}
END_TEST

START_TEST(the_single_file_wins_over_an_index)
{
    write_six("model.safetensors", HEADER_ONE("w", "F32", "[2,3]", "24"));
    write_text(INDEX, "broken");
    folder *f = open_folder();
    ck_assert_ptr_nonnull(folder_tensor(f, "w"));
    folder_close(f);
}
END_TEST

#define MAP(entries) "{\"weight_map\":{" entries "}}"

static const struct { const char *index, *words; } bad_index[] = {
    { "", INDEX ": byte 0 of the JSON: not valid JSON" },
    { "[]", INDEX ": no weight_map with tensors" },
    { "{\"weight_map\":[]}", INDEX ": no weight_map" },
    { "{\"weight_map\":{}}", INDEX ": no weight_map" },
    { "{\"Weight_map\":{\"a\":\"m-2.safetensors\"}}", INDEX ": no weight_map" },
    { MAP("\"a\":\"m-2.safetensors\"") "x", "JSON: more text behind" },
    { "{\"weight_map\":{\"a\":\"m-2.safetensors\"},\"weight_map\":{}}", "weight_map is there" },
    { MAP("\"a\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\""), "the name a is there twice" },
    { MAP("\"a\":1"), "weight_map holds a value that is no string" },
    { MAP("\"a\":\"../m-2.safetensors\""), "the shard ../m-2.safetensors is no plain file name" },
    { MAP("\"a\":\"/tmp/m-2.safetensors\""), "is no plain file name" },
    { MAP("\"a\":\"x\\\\m-2.safetensors\""), "is no plain file name" },
    { MAP("\"a\":\"sub/m-2.safetensors\""), "is no plain file name" },
    { MAP("\"a\":\"..\""), "is no plain file name" },
    { MAP("\"a\":\"\""), "is no plain file name" },
    { MAP("\"a\":\"m\\u001b[2J\""), "the shard (not printable) is no plain file name" },
    { MAP("\"a\":\"link.safetensors\""), "/link.safetensors: a symbolic link" },
    { MAP("\"a\":\"" INDEX "\""), "/" INDEX ": no safetensors file" },
    { MAP("\"a\":\"m-1.safetensors\""), "tensor a is not in its shard m-1.safetensors" },
    { MAP("\"a\":\"m-2.safetensors\",\"z\":\"m-2.safetensors\""), "tensor z is not in its shard" },
    { MAP("\"b\":\"m-3-two.safetensors\""), "names 1 tensors, the shards hold 2" },
};

START_TEST(an_index_that_lies_is_refused)
{
    write_two_shards();
    write_six("m-3-two.safetensors",
              "{\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
              "\"c\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[12,24]}}");
    ck_assert_int_eq(symlink("m-2.safetensors", path_of("link.safetensors")), 0);
    remember("link.safetensors");
    write_text(INDEX, bad_index[_i].index);
    expect_refusal(ST_FORMAT, bad_index[_i].words);
}
END_TEST

START_TEST(a_missing_shard_is_named)
{
    write_two_shards();
    write_text(INDEX, MAP("\"a\":\"m-2.safetensors\",\"z\":\"m-3.safetensors\""));
    expect_refusal(ST_IO, "/m-3.safetensors: No such file");
}
END_TEST

/* An index of that many shards, none of which holds the tensor that the index says. */
static void write_shards(int count)
{
    char index[8192], name[32];
    size_t used = (size_t)snprintf(index, sizeof index, "{\"weight_map\":{");
    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        write_six(name, HEADER_ONE("x", "F32", "[6]", "24"));
        used += (size_t)snprintf(index + used, sizeof index - used, "%s\"x%d\":\"s%d\"",
                                 i ? "," : "", i, i);
    }
    (void)snprintf(index + used, sizeof index - used, "}}");
    write_text(INDEX, index);
}

START_TEST(up_to_128_shards_are_opened)
{
    write_shards(128);
    expect_refusal(ST_FORMAT, "tensor x0 is not in its shard s0");
}
END_TEST

START_TEST(more_than_128_shards_are_refused)
{
    write_shards(129);
    expect_refusal(ST_FORMAT, "more than 128 shards");
}
END_TEST

/* --- numbers */

/* Every finite pattern, each with its negative; check_weights_widen.c shows that widen is right. */
static void check_halves(const char *header, unsigned first_not_finite, float (*widen)(uint16_t))
{
    uint16_t *halves = malloc(65536 * sizeof *halves);
    float *out = malloc(65536 * sizeof *out);
    size_t count = 0;
    for (unsigned bits = 0; bits < first_not_finite; bits++) {
        halves[count++] = (uint16_t)bits;
        halves[count++] = (uint16_t)(bits | 0x8000);
    }
    write_tensors("model.safetensors", header, halves, count * sizeof *halves);
    folder *f = open_folder();
    ck_assert_int_eq(folder_read_f32(f, "w", &count, 1, out, NULL), ST_OK);
    for (size_t i = 0; i < count; i++)
        ck_assert(out[i] == widen(halves[i]));
    folder_close(f);
    free(halves);
    free(out);
}

START_TEST(a_tensor_of_f16_is_read_in_order)
{
    check_halves(HEADER_ONE("w", "F16", "[63488]", "126976"), 0x7c00, widen_f16);
}
END_TEST

START_TEST(a_tensor_of_bf16_is_read_in_order)
{
    check_halves(HEADER_ONE("w", "BF16", "[65280]", "130560"), 0x7f80, widen_bf16);
}
END_TEST

static void expect_unreadable(const size_t *shape, size_t rank, const char *words)
{
    float out[64];
    errinfo err = { 0 };
    folder *f = open_folder();
    ck_assert_int_eq(folder_read_f32(f, "w", shape, rank, out, &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, words), "\"%s\" is not in: %s", words, err.text);
    folder_close(f);
}

START_TEST(an_absent_tensor_is_named_with_the_wanted_shape)
{
    write_six("model.safetensors", HEADER_ONE("v", "F32", "[2,3]", "24"));
    expect_unreadable((size_t[]){ 30522, 384 }, 2,
                      "no tensor w, want shape [30522,384], among the 1");
}
END_TEST

START_TEST(a_wrong_shape_is_named_with_the_wanted_one)
{
    write_six("model.safetensors", HEADER_ONE("w", "F32", "[2,3]", "24"));
    expect_unreadable((size_t[]){ 3, 2 }, 2,
                      "model.safetensors: tensor w: F32 shape [2,3], want [3,2]");
    expect_unreadable((size_t[]){ 6 }, 1, "F32 shape [2,3], want [6]");
    expect_unreadable(NULL, 0, "F32 shape [2,3], want []");
    expect_unreadable((size_t[]){ 2, 3, 1 }, 3, "F32 shape [2,3], want [2,3,1]");
}
END_TEST

START_TEST(a_type_that_is_no_float_is_named)
{
    write_six("model.safetensors", HEADER_ONE("w", "I64", "[3]", "24"));
    expect_unreadable((size_t[]){ 3 }, 1, "tensor w: type I64, want F32, F16, BF16 or I8");
}
END_TEST

static const struct {
    const char *header;
    unsigned char data[24];
    const char *words;
} not_finite[] = {
    { HEADER_ONE("w", "F32", "[6]", "24"), { [22] = 0x80, [23] = 0x7f }, "value 5 is not finite" },
    { HEADER_ONE("w", "F32", "[6]", "24"), { [2] = 0x80, [3] = 0xff }, "value 0 is not finite" },
    { HEADER_ONE("w", "F32", "[6]", "24"), { [8] = 1, [10] = 0x80, [11] = 0x7f }, "value 2 is" },
    { HEADER_ONE("w", "F16", "[12]", "24"), { [23] = 0x7c }, "value 11 is not finite" },
    { HEADER_ONE("w", "BF16", "[12]", "24"), { [6] = 0xc1, [7] = 0xff }, "value 3 is not finite" },
};

START_TEST(a_value_that_is_not_finite_is_refused)
{
    size_t count = strstr(not_finite[_i].header, "[6]") ? 6 : 12;
    write_tensors("model.safetensors", not_finite[_i].header, not_finite[_i].data, 24);
    expect_unreadable(&count, 1, not_finite[_i].words);
}
END_TEST

/* I8 [2,3] with its scales in front, so that they are aligned. */
#define INT8(shape, scale_name, scale_type, scale_shape) \
    "{\"" scale_name "\":{\"dtype\":\"" scale_type "\",\"shape\":" scale_shape \
    ",\"data_offsets\":[0,8]}," \
    "\"w\":{\"dtype\":\"I8\",\"shape\":" shape ",\"data_offsets\":[8,14]}}"

static void write_int8(const char *header, float first_scale)
{
    struct { float scales[2]; int8_t values[6]; } data = {
        { first_scale, -2 }, { 1, -128, 127, 0, 3, -4 }
    };
    write_tensors("model.safetensors", header, &data, 14);
}

START_TEST(stored_int8_is_value_times_the_scale_of_its_row)
{
    static const float wanted[6] = { 0.25f, -32, 31.75f, 0, -6, 8 };
    float out[6];
    write_int8(INT8("[2,3]", "w_scale", "F32", "[2]"), 0.25f);
    folder *f = open_folder();
    ck_assert_int_eq(folder_read_f32(f, "w", (size_t[]){ 2, 3 }, 2, out, NULL), ST_OK);
    for (int i = 0; i < 6; i++)
        ck_assert(out[i] == wanted[i]);
    folder_close(f);
}
END_TEST

static const struct { const char *header; size_t rank, shape[3]; const char *words; } bad_int8[] = {
    { INT8("[2,3]", "v_scale", "F32", "[2]"), 2, { 2, 3 }, "I8 without w_scale of F32 [2]" },
    { INT8("[2,3]", "w_scale", "F32", "[2,1]"), 2, { 2, 3 }, "I8 without w_scale of F32 [2]" },
    { INT8("[3,2]", "w_scale", "F32", "[2]"), 2, { 3, 2 }, "I8 without w_scale of F32 [3]" },
    { INT8("[2,3]", "w_scale", "I32", "[2]"), 2, { 2, 3 }, "I8 without w_scale of F32 [2]" },
    { INT8("[6]", "w_scale", "F32", "[2]"), 1, { 6 }, "I8 of rank 1, want rank 2" },
    { INT8("[1,2,3]", "w_scale", "F32", "[2]"), 3, { 1, 2, 3 }, "I8 of rank 3, want rank 2" },
};

START_TEST(stored_int8_without_fitting_scales_is_refused)
{
    write_int8(bad_int8[_i].header, 1);
    expect_unreadable(bad_int8[_i].shape, bad_int8[_i].rank, bad_int8[_i].words);
}
END_TEST

START_TEST(a_scale_that_overflows_is_refused)
{
    write_int8(INT8("[2,3]", "w_scale", "F32", "[2]"), 3e38f);
    expect_unreadable((size_t[]){ 2, 3 }, 2, "tensor w: value 1 is not finite");
}
END_TEST

START_TEST(a_file_of_the_python_package_has_its_values)
{
    static const char *const names[] = { "a.f32", "a.f16", "a.bf16" };
    static char bytes[4096];
    float out[12];
    FILE *golden = fopen("tests/golden/weights/python.safetensors", "rb");
    ck_assert_ptr_nonnull(golden);
    size_t length = fread(bytes, 1, sizeof bytes, golden);
    (void)fclose(golden);
    write_file("model.safetensors", bytes, length);
    folder *f = open_folder();
    for (size_t k = 0; k < 3; k++) {
        ck_assert_int_eq(folder_read_f32(f, names[k], (size_t[]){ 3, 4 }, 2, out, NULL), ST_OK);
        for (int i = 0; i < 12; i++)
            ck_assert(out[i] == (float)(i - 3) / 2);
    }
    ck_assert_int_eq(folder_read_f32(f, "scalar", NULL, 0, out, NULL), ST_OK);
    ck_assert(out[0] == 2.5f);
    folder_close(f);
}
END_TEST

static TCase *text_case(void)
{
    TCase *t = tcase_create("text files");
    tcase_add_checked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, a_text_file_is_read_whole_with_a_nul_behind);
    tcase_add_test(t, a_file_over_its_limit_is_refused_before_it_is_read);
    tcase_add_test(t, an_absent_file_is_no_error_and_an_empty_one_is_not_absent);
    tcase_add_test(t, files_below_the_folder_and_through_links_are_read);
    tcase_add_loop_test(t, names_that_leave_the_folder_are_refused, 0,
                        sizeof leaving / sizeof *leaving);
    tcase_add_test(t, what_is_no_regular_file_is_refused);
    return t;
}

static TCase *opening_case(void)
{
    TCase *t = tcase_create("opening");
    tcase_add_checked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, a_folder_that_is_absent_or_a_file_is_refused);
    tcase_add_loop_test(t, a_folder_without_weights_names_what_is_there_instead, 0,
                        sizeof without / sizeof *without);
    tcase_add_test(t, a_linked_weights_file_is_read_and_a_dangling_link_named);
    tcase_add_test(t, shards_are_one_model);
    tcase_add_test(t, the_single_file_wins_over_an_index);
    tcase_add_loop_test(t, an_index_that_lies_is_refused, 0, sizeof bad_index / sizeof *bad_index);
    tcase_add_test(t, a_missing_shard_is_named);
    tcase_add_test(t, up_to_128_shards_are_opened);
    tcase_add_test(t, more_than_128_shards_are_refused);
    return t;
}

static TCase *numbers_case(void)
{
    TCase *t = tcase_create("numbers");
    tcase_add_checked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, a_tensor_of_f16_is_read_in_order);
    tcase_add_test(t, a_tensor_of_bf16_is_read_in_order);
    tcase_add_test(t, an_absent_tensor_is_named_with_the_wanted_shape);
    tcase_add_test(t, a_wrong_shape_is_named_with_the_wanted_one);
    tcase_add_test(t, a_type_that_is_no_float_is_named);
    tcase_add_loop_test(t, a_value_that_is_not_finite_is_refused, 0,
                        sizeof not_finite / sizeof *not_finite);
    tcase_add_test(t, stored_int8_is_value_times_the_scale_of_its_row);
    tcase_add_loop_test(t, stored_int8_without_fitting_scales_is_refused, 0,
                        sizeof bad_int8 / sizeof *bad_int8);
    tcase_add_test(t, a_scale_that_overflows_is_refused);
    tcase_add_test(t, a_file_of_the_python_package_has_its_values);
    return t;
}

int main(void)
{
    Suite *suite = suite_create("folder");
    suite_add_tcase(suite, text_case());
    suite_add_tcase(suite, opening_case());
    suite_add_tcase(suite, numbers_case());
    return check_run(suite);
}
