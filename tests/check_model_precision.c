/* check_model_precision.c - --precision auto, and weights that are kept packed from one start to the next. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "model/model.h"
#include "model/precision.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char DEFAULT_MODEL[] = "weights/default";
static char directory[64];

static void set_up(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/rosim-precision-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void run(const char *format, const char *argument)
{
    char command[256];
    (void)snprintf(command, sizeof command, format, argument);
    ck_assert_int_eq(system(command), 0);
}

static void tear_down(void)
{
    run("rm -r %s", directory);
}

static model *open_model(const char *path, const char *precision, const char *packed_dir)
{
    errinfo err = { 0 };
    model *m = NULL;
    model_options options = { .path = path, .precision = precision, .packed_dir = packed_dir };
    ck_assert_msg(model_open(&m, &options, &err) == ST_OK, "%s", err.text);
    return m;
}

static void encode(const model *m, float vector[384])
{
    static const uint32_t ids[] = { 2, 1000, 2000, 3000, 4000, 3 }, starts[] = { 0, 6 };
    errinfo err = { 0 };
    pool *p = NULL;
    model_runner *r = NULL;
    ck_assert_int_eq(pool_open(&p, 1, &err), ST_OK);
    ck_assert_int_eq(model_runner_open(&r, &m, 1, p, 16, 1, &err), ST_OK);
    ck_assert_int_eq(model_encode(m, r, ids, starts, 1, ATTENTION_SOFTMAX, vector, &err), ST_OK);
    model_runner_close(r);
    pool_close(p);
}

/* What is chosen is inside the bound and faster, or fp32: on any machine. */
START_TEST(auto_takes_only_what_is_close_to_fp32)
{
    model *m = open_model(DEFAULT_MODEL, "auto", directory);
    const model_info *info = model_describe(m);
    ck_assert_ptr_nonnull(strstr(info->precision_reason, precision_name(info->precision)));
    model_close(m);
}
END_TEST

/* The verdict is kept: a second opening must not measure again, which on a busy machine could end differently. */
START_TEST(what_auto_found_is_found_again)
{
    char first[256];
    model *m = open_model(DEFAULT_MODEL, "auto", directory);
    precision_kind chosen = model_describe(m)->precision;
    (void)snprintf(first, sizeof first, "%s", model_describe(m)->precision_reason);
    model_close(m);
    for (int again = 0; again < 3; again++) {
        m = open_model(DEFAULT_MODEL, "auto", directory);
        ck_assert_int_eq(model_describe(m)->precision, chosen);
        ck_assert_str_eq(model_describe(m)->precision_reason, first);
        ck_assert_int_eq(model_describe(m)->packed, PACKED_READ);
        model_close(m);
    }
}
END_TEST

START_TEST(a_precision_asked_for_has_no_reason)
{
    model *m = open_model(DEFAULT_MODEL, "f32", NULL);
    ck_assert_str_eq(model_describe(m)->precision_reason, "");
    ck_assert_int_eq(model_describe(m)->packed, PACKED_NONE);
    model_close(m);
}
END_TEST

/* A verdict over made-up measurements reads as it should. */
START_TEST(the_reason_names_cosines_and_speed)
{
    char text[128];
    precision_report r = { .chosen = PRECISION_INT8 };
    r.of[PRECISION_F32] = (precision_trial){ true, 1, 1, 300 };
    r.of[PRECISION_INT8] = (precision_trial){ true, 0.9989f, 0.9971f, 100 };
    precision_explain(&r, text, sizeof text);
    ck_assert_str_eq(text, "int8: cosine to f32 0.9989 on average, 0.9971 at least; 3.0 times as fast");
}
END_TEST

/* _i: the precision. The vectors of weights packed now, kept, and read back are the same to the bit. */
START_TEST(packed_weights_give_the_same_bytes)
{
    float now[384], kept[384], read[384];
    const char *precision = precision_name((precision_kind)_i);
    static const packed_state STATES[] = { PACKED_NONE, PACKED_WRITTEN, PACKED_READ };
    float *const vectors[] = { now, kept, read };
    for (size_t i = 0; i < 3; i++) {
        model *m = open_model(DEFAULT_MODEL, precision, i == 0 ? NULL : directory);
        ck_assert_int_eq(model_describe(m)->packed, STATES[i]);
        encode(m, vectors[i]);
        model_close(m);
    }
    ck_assert_mem_eq(now, kept, sizeof now);
    ck_assert_mem_eq(now, read, sizeof now);
}
END_TEST

static packed_state state_of(const char *path)
{
    model *m = open_model(path, "int8", directory);
    packed_state state = model_describe(m)->packed;
    model_close(m);
    return state;
}

/* Another file of weights in the same place, another config: the kept numbers are not its. */
START_TEST(packed_weights_follow_their_files)
{
    char copy[128], config[160], touch[192];
    (void)snprintf(copy, sizeof copy, "%s/model", directory);
    (void)snprintf(config, sizeof config, "%s/config.json", copy);
    (void)snprintf(touch, sizeof touch, "touch -d '2001-01-01' %s/model.safetensors", copy);
    run("cp -r weights/default %s", copy);
    ck_assert_int_eq(state_of(copy), PACKED_WRITTEN);
    ck_assert_int_eq(state_of(copy), PACKED_READ);
    run("%s", touch);
    ck_assert_int_eq(state_of(copy), PACKED_WRITTEN);
    ck_assert_int_eq(state_of(copy), PACKED_READ);
    run("sed -i 's/\"num_hidden_layers\": 6/\"num_hidden_layers\": 5/' %s", config);
    ck_assert_int_eq(state_of(copy), PACKED_WRITTEN);
}
END_TEST

START_TEST(damaged_packed_weights_are_made_again)
{
    ck_assert_int_eq(state_of(DEFAULT_MODEL), PACKED_WRITTEN);
    run("for f in %s/*.packed; do printf x | dd of=$f bs=1 seek=1000000 conv=notrunc 2>/dev/null; done", directory);
    ck_assert_int_eq(state_of(DEFAULT_MODEL), PACKED_WRITTEN);
    ck_assert_int_eq(state_of(DEFAULT_MODEL), PACKED_READ);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_costs_only_the_next_start)
{
    model *m = open_model(DEFAULT_MODEL, "int8", "/nowhere/at/all");
    ck_assert_int_eq(model_describe(m)->packed, PACKED_NOT_WRITTEN);
    model_close(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("precision");
    TCase *t = tcase_create("choice and packed weights");
    check_patience(t, 120);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, auto_takes_only_what_is_close_to_fp32);
    tcase_add_test(t, what_auto_found_is_found_again);
    tcase_add_test(t, a_precision_asked_for_has_no_reason);
    tcase_add_test(t, the_reason_names_cosines_and_speed);
    tcase_add_loop_test(t, packed_weights_give_the_same_bytes, 0, PRECISIONS);
    tcase_add_test(t, packed_weights_follow_their_files);
    tcase_add_test(t, damaged_packed_weights_are_made_again);
    tcase_add_test(t, a_folder_that_cannot_be_made_costs_only_the_next_start);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
