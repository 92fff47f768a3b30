/* check_server_heads.c - pair heads: fitted over HTTP and used, read from files that torch wrote, kept and refused. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_server_kept.h"

#include "server/head_file.h"
#include "weights/safetensors.h"

#include <fcntl.h>
#include <math.h>

#define HEADS "/v1/heads"
#define SIM "/v1/similarity"
#define FIT "{\"id\":\"h1\",\"pairs\":[[\"abc\",\"abd\",\"near\"],[\"ab\",\"ab a\",\"near\"]," \
            "[\"x y\",\"x z\",\"near\"]," \
            "[\"abc\",\"zzz\",\"far\"],[\"a\",\"q w e\",\"far\"],{\"a\":\"mno\",\"b\":\"b\",\"label\":\"far\"}]}"
#define GOLDEN "tests/golden/head/"

START_TEST(a_head_is_fitted_and_names_the_class_of_its_own_pairs)
{
    expect_post(HEADS, FIT, 200, "\"object\":\"head\",\"id\":\"h1\",\"model\":\"both\",\"attention\":\"linear\"");
    expect_call("GET", HEADS "/h1", "", 200, "\"groups\":[2],\"unit_vectors\":true,\"labels\":[\"near\",\"far\"]");
    expect_post(SIM, "{\"pairs\":[[\"abc\",\"abd\"],[\"abc\",\"zzz\"]],\"head\":\"h1\"}", 200,
                "\"classes\":[{\"labels\":[\"near\"],\"probabilities\":{\"near\":");
    expect_post(SIM, "{\"pairs\":[[\"abc\",\"zzz\"]],\"head\":\"h1\"}", 200, "{\"labels\":[\"far\"],");
    expect_post(SIM, "{\"source\":\"abc\",\"sentences\":[\"abd\",\"zzz\"],\"head\":\"h1\"}", 200,
                "\"classes\":[{\"labels\":[\"near\"]");
    expect_call("GET", HEADS, "", 200, "{\"object\":\"list\",\"data\":[{\"object\":\"head\",\"id\":\"h1\"");
    expect_call("DELETE", HEADS "/h1", "", 204, NULL);
    expect_post(SIM, "{\"pairs\":[[\"abc\",\"abd\"]],\"head\":\"h1\"}", 404, "there is no head \\\"h1\\\" here");
}
END_TEST

START_TEST(numbers_are_labels_too)
{
    expect_post(HEADS,
                "{\"pairs\":[[\"abc\",\"abd\",1],[\"ab\",\"ab a\",true],"
                "[\"abc\",\"zzz\",0],[\"a\",\"q\",false]]}", 200, "\"labels\":[\"1\",\"0\"]");
}
END_TEST

static const struct { const char *path, *body, *says; } refusals[] = {
    { HEADS, "{\"pairs\":[[\"a\",\"b\",\"x\"],[\"b\",\"c\",\"x\"]]}", "every pair has the label" },
    { HEADS, "{\"pairs\":[[\"a\",\"b\",\"x\"],[\"b\",\"c\",\"x\"],[\"d\",\"c\",\"y\"]]}",
      "the label \\\"y\\\" has one example" },
    { HEADS, "{\"pairs\":[[\"a\",\"b\"]]}", "pairs[0].label must be a text" },
    { HEADS, "{\"pairs\":[[\"a\",\"b\",0.5]]}", "pairs[0].label must be a text" },
    { HEADS, "{\"pairs\":[[\"a\",\"b\",\"\"]]}", "pairs[0].label must be a text" },
    { HEADS, "{\"pairs\":[[\"a\",\"b\",\"x\"]],\"shrink\":1}", "\"param\":\"shrink\"" },
    { HEADS, "{\"pairs\":{}}", "pairs must be an array" },
    { SIM, "{\"left\":[\"a\"],\"right\":[\"b\"],\"head\":\"h1\"}", "head works with pairs, and with source" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"head\":7}", "\"param\":\"head\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"head\":\"h1\",\"model\":\"soft\"}", "was made for the model both, not soft" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"head\":\"h1\",\"attention\":\"softmax\"}", "made with linear attention" },
};

START_TEST(what_is_wrong_is_named)
{
    expect_post(HEADS, FIT, 200, NULL);
    expect_post(refusals[_i].path, refusals[_i].body, 422, refusals[_i].says);
}
END_TEST

START_TEST(more_labels_than_the_limit_are_refused)
{
    char body[4096];
    int length = snprintf(body, sizeof body, "{\"pairs\":[[\"a\",\"b\",0]");
    for (int i = 1; i <= PAIR_HEAD_CLASSES_MAX; i++)
        length += snprintf(body + length, 32, ",[\"a\",\"b\",%d]", i);
    (void)snprintf(body + length, 32, "]}");
    expect_post(HEADS, body, 422, "there are more than 64 labels");
}
END_TEST

/* ---- files ---- */

static const tensor *expected(const safetensors *s, const char *name)
{
    const tensor *t = safetensors_find(s, slice_of(name));
    ck_assert_ptr_nonnull(t);
    return t;
}

static artifact *read_head(const char *path, head_file_options o)
{
    artifact *a = NULL;
    errinfo err;
    ck_assert_msg(head_file_read(&a, path, &o, &err) == ST_OK, "%s", err.text);
    return a;
}

static void compare(const artifact *a, const char *name)
{
    errinfo err;
    safetensors *s = NULL;
    float x[96];
    double p[PAIR_HEAD_CLASSES_MAX];
    ck_assert_int_eq(safetensors_open(&s, AT_FDCWD, GOLDEN "expected.safetensors", &err), ST_OK);
    const float *want = expected(s, name)->data;
    pair_head_predict(&a->head, expected(s, "u")->data, expected(s, "v")->data, x, p);
    ck_assert_uint_eq(expected(s, name)->shape[0], a->head.linear->classes);
    for (size_t i = 0; i < a->head.linear->classes; i++)
        ck_assert_msg(fabs(p[i] - (double)want[i]) < 1e-6, "%s[%zu]: %.8g, want %.8g", name, i, p[i], (double)want[i]);
    safetensors_close(s);
}

START_TEST(heads_of_torch_give_torchs_probabilities)
{
    artifact *article = read_head(GOLDEN "article.safetensors", (head_file_options){ 0 });
    ck_assert_uint_eq(article->head.group_count, 2);
    ck_assert_str_eq(article->labels[3], "entailment");
    compare(article, "article");
    artifact *named = read_head(GOLDEN "named.safetensors", (head_file_options){ 0 });
    ck_assert_str_eq(named->labels[2], "\xe4\xb8\xad\xe7\xab\x8b");
    compare(named, "named");
    artifact *unit = read_head(GOLDEN "named.safetensors", (head_file_options){ .unit_vectors = true,
                                                                                .labels = "a,b,c" });
    ck_assert_str_eq(unit->labels[2], "c");
    compare(unit, "unit");
    artifact_close(unit);
    artifact_close(named);
    artifact_close(article);
}
END_TEST

static const struct { const char *file, *labels, *groups, *says; } bad_files[] = {
    { "article.safetensors", "a,b,c", NULL, "3 labels for 5 outputs" },
    { "article.safetensors", "a,b,c,d,e,f", NULL, "more labels than the 5 outputs" },
    { "article.safetensors", "a,b,,d,e", NULL, "label 2 must be a text" },
    { "article.safetensors", "a,b,c,b,e", NULL, "the label \"b\" stands there twice" },
    { "article.safetensors", "a,b,c,d,\xff", NULL, "label 4 must be a text" },
    { "article.safetensors", "a,b,c,d,e", "2,2", "the groups have 4 classes; the layer has 5 outputs" },
    { "article.safetensors", "a,b,c,d,e", "1,4", "group 0 has 1 classes" },
    { "article.safetensors", "a,b,c,d,e", "2.5,2.5", "groups must be" },
    { "article.safetensors", "a,b,c,d,e", "x", "groups must be" },
    { "expected.safetensors", NULL, NULL, "no tensor `weight`" },
    { "none.safetensors", NULL, NULL, "none.safetensors" },
    { "make_golden.py", NULL, NULL, "make_golden.py" },
};

START_TEST(a_file_that_is_no_head_is_refused_by_name)
{
    char path[128];
    artifact *a = NULL;
    errinfo err;
    head_file_options o = { bad_files[_i].labels, bad_files[_i].groups, false };
    (void)snprintf(path, sizeof path, GOLDEN "%s", bad_files[_i].file);
    ck_assert_int_ne(head_file_read(&a, path, &o, &err), ST_OK);
    ck_assert_msg(strstr(err.text, bad_files[_i].says) != NULL, "%s, wanted %s", err.text, bad_files[_i].says);
    ck_assert_ptr_null(a);
}
END_TEST

/* ---- kept ---- */

static char *ask(const char *path, const char *body)
{
    call c = { 0 };
    call_make(&c, &f, body ? "POST" : "GET", path, json_headers, slice_of(body ? body : ""), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 200);
    char *answer = strdup(c.x.answer.data);
    ck_assert_ptr_nonnull(answer);
    call_end(&c);
    return answer;
}

START_TEST(fitted_and_imported_heads_come_back_after_a_restart_as_they_were)
{
    static const struct { const char *path, *body; } questions[] = {
        { HEADS, NULL },
        { SIM, "{\"pairs\":[[\"abc\",\"a q\"]],\"head\":\"h1\"}" },
        { SIM, "{\"pairs\":[[\"abc\",\"a q\"]],\"head\":\"sim-ft\"}" },
    };
    char *before[3], id[ARTIFACT_NAME_BYTES];
    errinfo err;
    artifact *a = read_head(GOLDEN "article.safetensors", (head_file_options){ 0 });
    (void)snprintf(a->id, sizeof a->id, "sim-ft");
    (void)snprintf(a->model, sizeof a->model, "both");
    (void)snprintf(a->attention, sizeof a->attention, "linear");
    ck_assert_msg(artifacts_put(f.service.artifacts, a, f.registry, id, &err) == ST_OK, "%s", err.text);
    expect_post(HEADS, FIT, 200, NULL);
    for (size_t i = 0; i < 3; i++)
        before[i] = ask(questions[i].path, questions[i].body);
    ck_assert_ptr_nonnull(strstr(before[2], "\"probabilities\":{\"different\":0."));
    restart();
    for (size_t i = 0; i < 3; i++) {
        char *after = ask(questions[i].path, questions[i].body);
        if (i > 0)    /* the list's order is the directory's */
            ck_assert_str_eq(after, before[i]);
        ck_assert_uint_eq(strlen(after), strlen(before[i]));
        free(after);
        free(before[i]);
    }
}
END_TEST

static const struct { const char *from, *to; } forgeries[] = {
    { "\"groups\":[2]", "\"groups\":[1]" },       { "\"groups\":[2]", "\"groups\":[2,2]" },
    { "\"groups\":[2]", "\"groups\":[]" },        { "\"groups\":[2]", "\"groups\":[2.5]" },
    { "\"groups\":[2]", "\"groups\":2" },         { "\"width\":96", "\"width\":95" },
    { "\"width\":96", "\"width\":97" },           { "\"labels\":[\"near\",", "\"labels\":[" },
    { "\"weights\":\"", "\"weights\":\"AAAA" },   { "\"fingerprint\":\"", "\"fingerprint\":\"0" },
    { "\"groups\":[2]", "\"groups\":[2,2,2,2,2,2,2,2,2]" },
};

START_TEST(an_edited_file_is_refused)
{
    static char bytes[32768], edited[32768];
    char path[128];
    expect_post(HEADS, FIT, 200, NULL);
    (void)snprintf(path, sizeof path, "%s/head.h1.json", directory);
    FILE *in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    bytes[fread(bytes, 1, sizeof bytes - 1, in)] = '\0';
    (void)fclose(in);
    const char *at = strstr(bytes, forgeries[_i].from);
    ck_assert_ptr_nonnull(at);
    int n = snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - bytes), bytes, forgeries[_i].to,
                     at + strlen(forgeries[_i].from));
    FILE *to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(edited, 1, (size_t)n, to), (size_t)n);
    (void)fclose(to);
    restart();
    expect_call("GET", HEADS, "", 200, "{\"object\":\"list\",\"data\":[]}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heads");
    TCase *t = tcase_create("routes"), *files = tcase_create("files"), *kept = tcase_create("kept");
    tcase_add_checked_fixture(t, open_fixture, close_fixture);
    tcase_add_test(t, a_head_is_fitted_and_names_the_class_of_its_own_pairs);
    tcase_add_test(t, numbers_are_labels_too);
    tcase_add_loop_test(t, what_is_wrong_is_named, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(t, more_labels_than_the_limit_are_refused);
    suite_add_tcase(suite, t);
    tcase_add_test(files, heads_of_torch_give_torchs_probabilities);
    tcase_add_loop_test(files, a_file_that_is_no_head_is_refused_by_name, 0,
                        (int)(sizeof bad_files / sizeof *bad_files));
    suite_add_tcase(suite, files);
    tcase_add_checked_fixture(kept, open_directory, close_directory);
    tcase_add_test(kept, fitted_and_imported_heads_come_back_after_a_restart_as_they_were);
    tcase_add_loop_test(kept, an_edited_file_is_refused, 0, (int)(sizeof forgeries / sizeof *forgeries));
    suite_add_tcase(suite, kept);
    return check_run(suite);
}
