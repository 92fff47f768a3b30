/* check_model_model.c - the default model through the model's face: golden vectors, refusals, bytes that do not
 * depend on company or threads. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "model/model.h"
#include "model/score/similarity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char DEFAULT_MODEL[] = "weights/default";

typedef struct { model *model; pool *pool; model_runner *runner; arena *arena; } fixture;

static fixture open_fixture(const char *path, size_t threads)
{
    fixture f = { 0 };
    errinfo err = { 0 };
    model_options options = { .path = path };
    ck_assert_msg(model_open(&f.model, &options, &err) == ST_OK, "%s", err.text);
    ck_assert_int_eq(pool_open(&f.pool, threads, &err), ST_OK);
    const model *models[] = { f.model };
    ck_assert_int_eq(model_runner_open(&f.runner, models, 1, f.pool, 600, 64, &err), ST_OK);
    f.arena = arena_open(0, 1 << 20);
    return f;
}

static void close_fixture(fixture *f)
{
    arena_close(f->arena);
    model_runner_close(f->runner);
    pool_close(f->pool);
    model_close(f->model);
}

static void encode_text(fixture *f, const char *text, attention_kind kind, float *vector)
{
    errinfo err;
    token_list tokens;
    tokenize_options options = { .max_tokens = 512 };
    ck_assert_int_eq(tokenizer_encode(model_tokenizer(f->model), slice_of(text), &options, f->arena, &tokens, &err),
                     ST_OK);
    const uint32_t starts[] = { 0, (uint32_t)tokens.count };
    ck_assert_int_eq(model_encode(f->model, f->runner, tokens.ids, starts, 1, kind, vector, &err), ST_OK);
}

START_TEST(the_default_model_passes_its_golden_vectors)
{
    fixture f = open_fixture(DEFAULT_MODEL, 2);
    size_t checked = 0;
    errinfo err = { 0 };
    ck_assert_msg(model_self_test(f.model, f.runner, &checked, &err) == ST_OK, "%s", err.text);
    ck_assert_uint_eq(checked, 22);    /* 11 texts, two kinds of attention */
    close_fixture(&f);
}
END_TEST

START_TEST(a_paraphrase_is_nearer_than_another_topic_in_both_attentions)
{
    fixture f = open_fixture(DEFAULT_MODEL, 1);
    for (attention_kind kind = ATTENTION_SOFTMAX; kind <= ATTENTION_LINEAR; kind++) {
        float a[384], b[384], c[384];
        encode_text(&f, "今天天气不错", kind, a);
        encode_text(&f, "The weather is nice today.", kind, b);
        encode_text(&f, "如何更换花呗绑定银行卡", kind, c);
        ck_assert_float_gt(similarity_score(METRIC_COSINE, a, b, 384),
                           similarity_score(METRIC_COSINE, a, c, 384) + 0.2f);
    }
    close_fixture(&f);
}
END_TEST

/* The published similarities of RoFormer-Sim-FT (kexue 8541) as an order: a text, the same in other words, and with
 * another meaning by one word. */
static const struct { const char *text, *same, *other; } PUBLISHED[] = {
    { "今天天气不错", "今天天气很好", "今天天气不好" },
    { "我喜欢北京", "我很喜欢北京", "我不喜欢北京" },
    { "电影不错", "电影很好", "电影不好" },
    { "红色的苹果", "红苹果", "绿色的苹果" },
    { "给我推荐一款红色的车", "推荐一辆红车", "给我推荐一款黑色的车" },
    { "给我推荐一款红色的车", "麻烦来一辆红车", "给我推荐一款黑色的车" },
};

/* _i: a row of PUBLISHED and an attention */
START_TEST(negation_and_colour_are_further_than_a_paraphrase)
{
    attention_kind kind = (attention_kind)(_i % (ATTENTION_LINEAR + 1));
    size_t row = (size_t)_i / (ATTENTION_LINEAR + 1);
    fixture f = open_fixture(DEFAULT_MODEL, 1);
    float text[384], same[384], other[384];
    encode_text(&f, PUBLISHED[row].text, kind, text);
    encode_text(&f, PUBLISHED[row].same, kind, same);
    encode_text(&f, PUBLISHED[row].other, kind, other);
    float near = similarity_score(METRIC_COSINE, text, same, 384);
    float far = similarity_score(METRIC_COSINE, text, other, 384);
    ck_assert_msg(near > far, "%s, %s: %.4f, %.4f", attention_name(kind), PUBLISHED[row].text, near, far);
    close_fixture(&f);
}
END_TEST

/* Where the two meet depends on the machine; that a request follows it does not. */
START_TEST(auto_attention_is_the_faster_kind_of_those_trained)
{
    errinfo err = { 0 };
    model *both = NULL, *softmax = NULL;
    model_options options = { .path = DEFAULT_MODEL, .max_length = 8192 };
    ck_assert_msg(model_open(&both, &options, &err) == ST_OK, "%s", err.text);
    size_t from = model_describe(both)->from_tokens[ATTENTION_LINEAR];
    ck_assert_uint_ge(from, 32);
    ck_assert_uint_lt(from, 8192);    /* n * n against n: at this length no machine is in doubt */
    ck_assert_int_eq(model_fastest_attention(both, from - 1), ATTENTION_SOFTMAX);
    ck_assert_int_eq(model_fastest_attention(both, from), ATTENTION_LINEAR);
    model_close(both);
    options = (model_options){ .path = "tests/golden/encoder/roformer" };
    ck_assert_msg(model_open(&softmax, &options, &err) == ST_OK, "%s", err.text);
    ck_assert_uint_eq(model_describe(softmax)->from_tokens[ATTENTION_LINEAR], SIZE_MAX);
    ck_assert_int_eq(model_fastest_attention(softmax, 1 << 20), ATTENTION_SOFTMAX);
    model_close(softmax);
}
END_TEST

/* A copy of the default model's folder by links, with one file's bytes replaced by content. */
static void make_variant(char *dir, const char *file, const char *content)
{
    static const char *const FILES[] = { "config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json",
                                         "golden.json" };
    char here[1024], from[2048], to[2048];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        snprintf(to, sizeof to, "%s/%s", dir, FILES[i]);
        if (strcmp(FILES[i], file) != 0) {
            snprintf(from, sizeof from, "%s/%s/%s", here, DEFAULT_MODEL, FILES[i]);
            ck_assert_int_eq(symlink(from, to), 0);
            continue;
        }
        FILE *out = fopen(to, "w");
        ck_assert_ptr_nonnull(out);
        fputs(content, out);
        fclose(out);
    }
}

static void remove_variant(const char *dir)
{
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static const struct { const char *golden, *message; } BAD_GOLDEN[] = {
    { "[{\"text\":\"a\",\"ids\":[2,3]}]", "2 tokens" },
    { "[{\"text\":\"a\",\"ids\":[2,999,3]}]", "golden 999" },
    { "[{\"text\":\"\",\"ids\":[2,3],\"softmax\":[1]}]", "has 1 numbers" },
    { "{}", "not a JSON list" },
    { "[{\"ids\":[2,3]}]", "needs a \"text\"" },
};

START_TEST(a_golden_file_that_differs_is_named)
{
    char dir[] = "/tmp/rosim-golden-XXXXXX";
    make_variant(dir, "golden.json", BAD_GOLDEN[_i].golden);
    fixture f = open_fixture(dir, 1);
    errinfo err = { 0 };
    ck_assert_int_eq(model_self_test(f.model, f.runner, NULL, &err), ST_FORMAT);
    ck_assert_msg(strstr(err.text, "golden.json"), "%s", err.text);
    ck_assert_msg(strstr(err.text, BAD_GOLDEN[_i].message) || _i == 0, "%s", err.text);
    close_fixture(&f);
    remove_variant(dir);
}
END_TEST

START_TEST(a_missing_golden_file_is_an_error)
{
    char dir[] = "/tmp/rosim-golden-XXXXXX", path[64];
    make_variant(dir, "golden.json", "");
    fixture f = open_fixture(dir, 1);
    errinfo err = { 0 };
    snprintf(path, sizeof path, "%s/golden.json", dir);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(model_self_test(f.model, f.runner, NULL, &err), ST_IO);
    close_fixture(&f);
    remove_variant(dir);
}
END_TEST

static const struct { model_options options; const char *message; } BAD_OPTIONS[] = {
    { { .path = "weights/default", .precision = "int3" }, "precision \"int3\"" },
    { { .path = "weights/default", .attention = "flash" }, "attention \"flash\"" },
    { { .path = "weights/default", .kernel = "abacus" }, "abacus" },
    { { .path = "weights/default", .name = "" }, "model name" },
    { { .path = "weights/no-such-model" }, "weights/no-such-model" },
    { { .path = "server" }, "config.json" },
};

START_TEST(a_wrong_option_is_refused_by_name)
{
    model *m = NULL;
    errinfo err = { 0 };
    ck_assert_int_ne(model_open(&m, &BAD_OPTIONS[_i].options, &err), ST_OK);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(err.text, BAD_OPTIONS[_i].message) || strstr(err.text, "safetensors"), "%s", err.text);
}
END_TEST

START_TEST(the_description_tells_the_model_s_sizes)
{
    fixture f = open_fixture("weights/default/", 1);
    const model_info *info = model_describe(f.model);
    ck_assert_str_eq(info->name, "default");
    ck_assert_uint_eq(info->dimensions, 384);
    ck_assert_uint_gt(info->parameters, 17000000);
    ck_assert_uint_lt(info->parameters, 18000000);
    ck_assert(model_trained_for(f.model, ATTENTION_SOFTMAX) && model_trained_for(f.model, ATTENTION_LINEAR));
    close_fixture(&f);
}
END_TEST

START_TEST(an_id_outside_the_vocabulary_and_a_batch_too_large_are_refused)
{
    fixture f = open_fixture(DEFAULT_MODEL, 1);
    float vector[384 * 2];
    errinfo err = { 0 };
    const uint32_t ids[] = { 2, 99999999, 3 }, starts[] = { 0, 3 };
    ck_assert_int_eq(model_encode(f.model, f.runner, ids, starts, 1, ATTENTION_SOFTMAX, vector, &err), ST_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "99999999"));
    const uint32_t long_starts[] = { 0, 601 };
    ck_assert_int_eq(model_encode(f.model, f.runner, ids, long_starts, 1, ATTENTION_SOFTMAX, vector, &err), ST_INPUT);
    const uint32_t empty_starts[] = { 0, 0 };
    ck_assert_int_eq(model_encode(f.model, f.runner, ids, empty_starts, 1, ATTENTION_SOFTMAX, vector, &err), ST_INPUT);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_add_test(t, the_default_model_passes_its_golden_vectors);
    tcase_add_test(t, a_paraphrase_is_nearer_than_another_topic_in_both_attentions);
    tcase_add_loop_test(t, negation_and_colour_are_further_than_a_paraphrase, 0,
                        sizeof PUBLISHED / sizeof *PUBLISHED * (ATTENTION_LINEAR + 1));
    tcase_add_test(t, auto_attention_is_the_faster_kind_of_those_trained);
    tcase_add_loop_test(t, a_golden_file_that_differs_is_named, 0, sizeof BAD_GOLDEN / sizeof *BAD_GOLDEN);
    tcase_add_test(t, a_missing_golden_file_is_an_error);
    tcase_add_loop_test(t, a_wrong_option_is_refused_by_name, 0, sizeof BAD_OPTIONS / sizeof *BAD_OPTIONS);
    tcase_add_test(t, the_description_tells_the_model_s_sizes);
    tcase_add_test(t, an_id_outside_the_vocabulary_and_a_batch_too_large_are_refused);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
