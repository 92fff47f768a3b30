/* check_server_uncertain.c - `uncertainty`: copies with dropout beside the plain vectors; repeatable, and nothing at
 * all where dropout is 0. */
#include "tests/check_server_exchange.h"

#include "model/score/similarity.h"

#include <math.h>

#define SIM "/v1/similarity"
#define RANK "/v1/rank"
#define FIT "{\"id\":\"c1\",\"pairs\":[[\"abc\",\"abd\",1],[\"ab\",\"ab a\",1],[\"x y\",\"x z\",1]," \
            "[\"abc\",\"zzz\",0],[\"a\",\"q w e\",0],[\"mno\",\"b\",0]]}"

static fixture f;

static void open_fixture(void)
{
    fixture_open(&f, QUEUE_TOKENS);
}

static void close_fixture(void)
{
    fixture_close(&f);
}

/* The answer, to be freed. */
static char *post(const char *path, const char *body, int status_code)
{
    call c = { 0 };
    call_post(&c, &f, path, body);
    ck_assert_msg(c.x.status == status_code, "%s %s: %d\n%s", path, body, c.x.status, c.x.answer.data);
    char *answer = strdup(c.x.answer.data);
    ck_assert_ptr_nonnull(answer);
    call_end(&c);
    return answer;
}

/* The first number behind the key at or after the n-th place where it stands. */
static double number(const char *answer, const char *key, int n)
{
    const char *at = answer;
    for (int i = 0; i <= n; i++) {
        at = strstr(i ? at + 1 : at, key);
        ck_assert_msg(at != NULL, "no %s number %d in %s", key, i, answer);
    }
    return strtod(at + strlen(key), NULL);
}

static void expect(const char *path, const char *body, int status_code, const char *says)
{
    char *answer = post(path, body, status_code);
    ck_assert_msg(strstr(answer, says) != NULL, "%s %s:\n%s\nlacks %s", path, body, answer, says);
    free(answer);
}

START_TEST(with_dropout_zero_the_copies_are_the_plain_vectors)
{
    char *plain = post(SIM, "{\"pairs\":[[\"abc\",\"abd\"],[\"x\",\"y z\"]]}", 200);
    char *answer = post(SIM, "{\"pairs\":[[\"abc\",\"abd\"],[\"x\",\"y z\"]],\"uncertainty\":5,\"dropout\":0}", 200);
    const char *end = strstr(plain, ",\"usage\"");
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(strncmp(plain, answer, (size_t)(end - plain)), 0);    /* the scores, to their last digit */
    for (int i = 0; i < 2; i++) {
        ck_assert(number(answer, "\"deviation\":", i) == 0);
        ck_assert(fabs(number(answer, "\"spread\":", i)) < 1e-15);
        ck_assert(fabs(number(answer, "\"shift\":", i)) < 1e-15);
    }
    ck_assert((float)number(answer, "\"mean\":", 0) == (float)number(plain, "\"scores\":[", 0));
    free(answer);
    free(plain);
}
END_TEST

START_TEST(a_request_repeats_by_its_seed_and_a_text_by_itself)
{
    const char *body = "{\"pairs\":[[\"abc\",\"abd\"]],\"uncertainty\":6,\"seed\":9}";
    char *first = post(SIM, body, 200), *second = post(SIM, body, 200);
    char *other = post(SIM, "{\"pairs\":[[\"abc\",\"abd\"]],\"uncertainty\":6,\"seed\":10}", 200);
    const char *more = "{\"source\":\"abd\",\"sentences\":[\"q w e r\",\"abc\",\"z\"],\"uncertainty\":6,\"seed\":9}";
    char *wide = post(SIM, more, 200);
    ck_assert_str_eq(first, second);
    ck_assert(number(first, "\"deviation\":", 0) > 0);
    ck_assert(number(first, "\"deviation\":", 0) != number(other, "\"deviation\":", 0));
    ck_assert(number(first, "\"spread\":", 0) == number(wide, "\"spread\":", 2));      /* abc */
    ck_assert(number(first, "\"spread\":", 1) == number(wide, "\"spread\":", 0));      /* abd */
    ck_assert(number(first, "\"deviation\":", 0) == number(wide, "\"deviation\":", 1));
    free(wide);
    free(other);
    free(second);
    free(first);
}
END_TEST

/* More tokens than a batch holds: the job is cut between copies, and a text's copies stay what they are. */
START_TEST(a_job_of_several_batches_gives_the_same_copies)
{
    char body[2048];
    int length = snprintf(body, sizeof body, "{\"source\":\"abc\",\"sentences\":[\"abd\"");
    for (int i = 0; i < 14; i++)
        length += snprintf(body + length, 64, ",\"%c a b c d e f g h i j k\"", 'a' + i);
    (void)snprintf(body + length, 64, "],\"uncertainty\":16}");
    char *many = post(SIM, body, 200);
    char *one = post(SIM, "{\"source\":\"abc\",\"sentences\":[\"abd\"],\"uncertainty\":16}", 200);
    ck_assert(number(many, "\"tokens\":", 0) * 17 > 2048);
    ck_assert(number(many, "\"deviation\":", 0) == number(one, "\"deviation\":", 0));
    free(one);
    free(many);
}
END_TEST

START_TEST(more_dropout_spreads_more_and_equal_texts_never_differ)
{
    double last = 0;
    static const char *const rates[] = { "0.02", "0.1", "0.3" };
    for (int i = 0; i < 3; i++) {
        char body[256];
        (void)snprintf(body, sizeof body, "{\"pairs\":[[\"abc def\",\"abc\"],[\"a\",\"a\"]],\"uncertainty\":32,"
                       "\"dropout\":%s}", rates[i]);
        char *answer = post(SIM, body, 200);
        double spread = number(answer, "\"spread\":", 0);
        ck_assert_double_gt(spread, last);
        last = spread;
        ck_assert(number(answer, "\"deviation\":", 1) < 1e-7 && number(answer, "\"mean\":", 1) > 0.999999);
        free(answer);
    }
}
END_TEST

/* What the route says against the same computed here from the model's own vectors, naively. */
START_TEST(means_deviations_and_spreads_are_those_of_the_vectors)
{
    enum { K = 7, ROWS = 1 + K, WIDTH = 64 };
    errinfo err;
    model_runner *r;
    const model *m = registry_find(f.registry, (slice){ "", 0 });
    const size_t width = model_describe(m)->dimensions;
    static float vectors[2][ROWS][WIDTH];
    ck_assert_uint_le(width, WIDTH);
    ck_assert_int_eq(model_runner_open(&r, (const model *const[]){ m }, 1, f.pool, 512, 64, &err), ST_OK);
    for (int t = 0; t < 2; t++) {
        uint32_t ids[16 * ROWS], starts[ROWS + 1] = { 0 };
        uint64_t keys[ROWS] = { DROPOUT_PLAIN };
        static float flat[ROWS * WIDTH];
        token_list tokens;
        arena *a = arena_open(0, 1 << 20);
        tokenize_options how = { .max_tokens = 16 };
        ck_assert_int_eq(tokenizer_encode(model_tokenizer(m), slice_of(t ? "x y" : "abc"), &how, a, &tokens, &err), 0);
        for (size_t c = 0; c < ROWS; c++) {
            memcpy(ids + c * tokens.count, tokens.ids, tokens.count * sizeof *ids);
            starts[c + 1] = (uint32_t)((c + 1) * tokens.count);
            if (c)
                keys[c] = dropout_key(3, (uint32_t)c, tokens.ids, tokens.count);
        }
        ck_assert_int_eq(model_encode_dropped(m, r, ids, starts, ROWS, model_default_attention(m),
                                              &(encoder_dropout){ 0.2, keys }, flat, &err), ST_OK);
        for (size_t c = 0; c < ROWS; c++)
            memcpy(vectors[t][c], flat + c * width, width * sizeof *flat);
        arena_close(a);
    }
    double scores[ROWS], mean = 0, squares = 0, cosines = 0;
    for (int c = 0; c < ROWS; c++)
        scores[c] = (double)similarity_score(METRIC_COSINE, vectors[0][c], vectors[1][c], width);
    for (int c = 1; c < ROWS; c++)
        mean += scores[c] / K;
    for (int c = 1; c < ROWS; c++)
        squares += (scores[c] - mean) * (scores[c] - mean);
    for (int c = 1; c < ROWS; c++)
        for (int other = 1; other < c; other++)
            cosines += (double)similarity_score(METRIC_COSINE, vectors[0][c], vectors[0][other], width);
    char *answer = post(SIM, "{\"pairs\":[[\"abc\",\"x y\"]],\"uncertainty\":7,\"dropout\":0.2,\"seed\":3}", 200);
    ck_assert_double_eq_tol(number(answer, "\"scores\":[", 0), scores[0], 1e-6);
    ck_assert_double_eq_tol(number(answer, "\"mean\":", 0), mean, 1e-12);
    ck_assert_double_eq_tol(number(answer, "\"deviation\":", 0), sqrt(squares / (K - 1)), 1e-12);
    ck_assert_double_eq_tol(number(answer, "\"spread\":", 0), 1 - cosines / (K * (K - 1) / 2), 1e-6);
    free(answer);
    model_runner_close(r);
}
END_TEST

START_TEST(a_calibration_adds_probability_and_divergence)
{
    free(post("/v1/calibrations", FIT, 200));
    char *still = post(SIM, "{\"pairs\":[[\"abc\",\"x y\"]],\"calibration\":\"c1\",\"prior\":0.1,\"uncertainty\":4,"
                            "\"dropout\":0}", 200);
    ck_assert(number(still, "\"divergence\":", 0) == 0);
    ck_assert((float)number(still, "\"probability\":", 0) == (float)number(still, "\"probabilities\":[", 0));
    char *moved = post(SIM, "{\"pairs\":[[\"abc\",\"x y\"]],\"calibration\":\"c1\",\"uncertainty\":4}", 200);
    ck_assert(number(moved, "\"divergence\":", 0) > 0);
    free(moved);
    free(still);
}
END_TEST

START_TEST(a_ranking_says_how_sure_each_place_is)
{
    char *answer = post(RANK, "{\"query\":\"abc\",\"candidates\":[\"zz\",\"abc d\",\"q\"],\"uncertainty\":8}", 200);
    ck_assert(number(answer, "\"deviation\":", 2) > 0);
    ck_assert_ptr_nonnull(strstr(answer, "\"uncertainty\":{\"copies\":8,\"dropout\":0.1,\"seed\":0,\"texts\":"
                                         "[{\"input\":\"query\",\"spread\":0."));
    ck_assert_ptr_nonnull(strstr(answer, "{\"input\":\"candidates[2]\",\"spread\":0."));
    free(answer);
}
END_TEST

START_TEST(drift_and_usage_count_each_text_once)
{
    char *answer = post(SIM, "{\"pairs\":[[\"abc\",\"abd\"]],\"uncertainty\":64}", 200);
    ck_assert(number(answer, "\"texts\":2,\"tokens\":", 0) < 20);
    free(answer);
}
END_TEST

static const struct { const char *path, *body, *says; } refusals[] = {
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":1}", "uncertainty is 1" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":65}", "uncertainty is 65" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":\"2\"}", "\"param\":\"uncertainty\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":2,\"dropout\":0.95}", "\"param\":\"dropout\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":2,\"dropout\":-0.1}", "\"param\":\"dropout\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"uncertainty\":2,\"seed\":4294967296}", "\"param\":\"seed\"" },
    { SIM, "{\"pairs\":[[\"a\",\"b\"]],\"dropout\":0.1}", "dropout works with uncertainty only" },
    { RANK, "{\"query\":\"a\",\"candidates\":[\"b\"],\"seed\":1}", "seed works with uncertainty only" },
    { SIM, "{\"left\":[\"a\"],\"right\":[\"b\"],\"uncertainty\":2}", "works with pairs, and with source" },
    { SIM, "{\"pairs\":[[\"q w e r t y u i o p a b c d e f g h i j k l m n o p q r s t u v w x y z "
           "a b c d e f g h i j k l m n o p q r s t u v w x y z\",\"b\"]],\"uncertainty\":64}",
      "the queue takes 4096" },
};

START_TEST(what_is_wrong_is_named)
{
    expect(refusals[_i].path, refusals[_i].body, 422, refusals[_i].says);
}
END_TEST

START_TEST(more_copies_than_the_limit_are_refused_with_the_figures)
{
    char body[1024];
    int length = snprintf(body, sizeof body, "{\"source\":\"a\",\"sentences\":[\"b\"");
    f.service.max_texts = 128;
    for (int i = 0; i < 64; i++)
        length += snprintf(body + length, 64, ",\"b\"");
    (void)snprintf(body + length, 64, "],\"uncertainty\":64}");
    expect(SIM, body, 422, "64 copies of 66 texts; at most 4096 copies in all are made");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uncertain");
    TCase *t = tcase_create("uncertain");
    check_patience(t, 60);
    tcase_add_checked_fixture(t, open_fixture, close_fixture);
    tcase_add_test(t, with_dropout_zero_the_copies_are_the_plain_vectors);
    tcase_add_test(t, a_request_repeats_by_its_seed_and_a_text_by_itself);
    tcase_add_test(t, a_job_of_several_batches_gives_the_same_copies);
    tcase_add_test(t, more_dropout_spreads_more_and_equal_texts_never_differ);
    tcase_add_test(t, means_deviations_and_spreads_are_those_of_the_vectors);
    tcase_add_test(t, a_calibration_adds_probability_and_divergence);
    tcase_add_test(t, a_ranking_says_how_sure_each_place_is);
    tcase_add_test(t, drift_and_usage_count_each_text_once);
    tcase_add_loop_test(t, what_is_wrong_is_named, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(t, more_copies_than_the_limit_are_refused_with_the_figures);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
