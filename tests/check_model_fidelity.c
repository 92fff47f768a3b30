/* check_model_fidelity.c - fidelity against sums over all pairs in double, end to end against vectors encoded by hand;
 * which approximations a model serves and which "auto" may take. */
#include "tests/check_support.h"

#include "model/fidelity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROFORMER "tests/golden/encoder/roformer"
#define APPROX "[\"favor\",\"taylor2\",\"explimit2\"]"

enum { ALL = 1u << ATTENTION_LINEAR | 1u << ATTENTION_FAVOR | 1u << ATTENTION_TAYLOR2 | 1u << ATTENTION_EXPLIMIT2 };

static const uint32_t ids[] = { 2, 11, 12, 13, 3, 2, 40, 3, 2, 21, 22, 23, 24, 25, 26, 27, 3 };
static const uint32_t starts[] = { 0, 5, 8, 17 };
enum { TEXTS = 3 };

static model *open_model(const model_options *options)
{
    model *m = NULL;
    errinfo err = { 0 };
    ck_assert_msg(model_open(&m, options, &err) == ST_OK, "%s", err.text);
    return m;
}

static fidelity measure(const model *m)
{
    fidelity f;
    errinfo err = { 0 };
    fidelity_subject s = { .model = m, .ids = ids, .starts = starts, .texts = TEXTS, .kinds = ALL };
    ck_assert_msg(fidelity_measure(&f, &s, &err) == ST_OK, "%s", err.text);
    return f;
}

/* ---- one layer's scores, pair by pair ---- */

typedef struct { double pairs, sum, squares, z, output, difference; } plain_sums;    /* the last: taylor2 */

static void turn(const float *x, size_t d, size_t position, double *y)
{
    for (size_t i = 0; i < d; i += 2) {
        double angle = (double)position / pow(10000, (double)i / (double)d), a = (double)x[i], b = (double)x[i + 1];
        y[i] = a * cos(angle) - b * sin(angle);
        y[i + 1] = a * sin(angle) + b * cos(angle);
    }
}

/* Returns the score. */
static double add_pair(plain_sums *p, const double *q, const double *k, size_t d)
{
    double score = 0, z = 0;
    for (size_t i = 0; i < d; i++) {
        score += q[i] * k[i] / sqrt((double)d);
        z += (q[i] + k[i]) * (q[i] + k[i]) / sqrt((double)d);
    }
    p->pairs++;
    p->sum += score;
    p->squares += score * score;
    p->z += z;
    return score;
}

enum { HEAD_MAX = 64 };

/* One query of one head of one sequence. */
static void add_row(plain_sums *p, const encoder_view *view, size_t sequence, size_t column, size_t row)
{
    const size_t d = encoder_settings(view->encoder)->head_size, width = view->width;
    const size_t first = view->starts[sequence], last = view->starts[sequence + 1];
    double q[HEAD_MAX], k[HEAD_MAX], out[HEAD_MAX] = { 0 }, below = 0;
    turn(view->qkv + row * 3 * width + column, d, row - first, q);
    for (size_t key = first; key < last; key++) {
        turn(view->qkv + key * 3 * width + width + column, d, key - first, k);
        double score = add_pair(p, q, k, d), weight = 1 + score + score * score / 2;
        below += weight;
        for (size_t i = 0; i < d; i++)
            out[i] += weight * (double)view->qkv[key * 3 * width + 2 * width + column + i];
    }
    for (size_t i = 0; i < d; i++) {
        double softmax = (double)view->mixed[row * width + column + i];
        p->output += softmax * softmax;
        p->difference += pow(out[i] / below - softmax, 2);
    }
}

static void watch_first_layer(void *context, const encoder_view *view)
{
    const encoder_config *c = encoder_settings(view->encoder);
    if (view->stage != VIEW_ATTENTION || view->layer != 1)
        return;
    ck_assert_uint_le(c->head_size, HEAD_MAX);
    for (size_t s = 0; s < view->sequences; s++)
        for (size_t head = 0; head < c->heads; head++)
            for (size_t row = view->starts[s]; row < view->starts[s + 1]; row++)
                add_row(context, view, s, head * c->head_size, row);
}

typedef struct { pool *pool; model_runner *runner; } bench;

static bench bench_open(const model *m)
{
    bench b;
    errinfo err = { 0 };
    ck_assert_msg(pool_open(&b.pool, 1, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(model_runner_open(&b.runner, &m, 1, b.pool, 64, TEXTS, &err) == ST_OK, "%s", err.text);
    return b;
}

static void bench_close(bench *b)
{
    model_runner_close(b->runner);
    pool_close(b->pool);
}

START_TEST(scores_z_and_errors_are_those_of_a_loop_over_pairs)
{
    model *m = open_model(&(model_options){ .path = ROFORMER });
    bench b = bench_open(m);
    plain_sums plain = { 0 };
    errinfo err = { 0 };
    float *vectors = calloc(TEXTS * model_describe(m)->dimensions, sizeof *vectors);
    ck_assert_ptr_nonnull(vectors);
    ck_assert_int_eq(model_encode_observed(m, b.runner, ids, starts, TEXTS, ATTENTION_SOFTMAX, vectors,
                                           watch_first_layer, &plain, &err), ST_OK);
    fidelity f = measure(m);
    double mean = plain.sum / plain.pairs;
    ck_assert_double_eq(f.layer[0].pairs, plain.pairs);
    ck_assert_double_eq_tol(attention_errors_mean_z(&f.layer[0]), plain.z / plain.pairs, 1e-5);
    ck_assert_double_eq_tol(attention_errors_score_deviation(&f.layer[0]),
                            sqrt(plain.squares / plain.pairs - mean * mean), 1e-5);
    ck_assert_double_eq_tol(attention_errors_relative(&f.layer[0], ATTENTION_TAYLOR2),
                            sqrt(plain.difference / plain.output), 1e-5);
    fidelity_clear(&f);
    free(vectors);
    bench_close(&b);
    model_close(m);
}
END_TEST

START_TEST(vectors_are_those_that_the_model_gives_and_repeat)
{
    model *m = open_model(&(model_options){ .path = ROFORMER });
    bench b = bench_open(m);
    errinfo err = { 0 };
    const size_t d = model_describe(m)->dimensions;
    float *vectors = calloc(TEXTS * d, sizeof *vectors);
    ck_assert_ptr_nonnull(vectors);
    fidelity f = measure(m), again = measure(m);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        ck_assert_int_eq(model_encode(m, b.runner, ids, starts, TEXTS, kind, vectors, &err), ST_OK);
        for (size_t t = 0; t < TEXTS; t++) {
            double square = 0;
            for (size_t i = 0; i < d; i++)
                square += (double)vectors[t * d + i] * (double)vectors[t * d + i];
            for (size_t i = 0; i < d; i++)
                ck_assert_double_eq_tol((double)f.vectors[kind][t * d + i], (double)vectors[t * d + i] / sqrt(square),
                                        1e-6);
        }
        ck_assert_int_eq(memcmp(f.vectors[kind], again.vectors[kind], TEXTS * d * sizeof *vectors), 0);
        ck_assert_double_le(fidelity_least_cosine(&f, kind), fidelity_mean_cosine(&f, kind));
    }
    ck_assert_double_eq(fidelity_least_cosine(&f, ATTENTION_SOFTMAX), 1);
    fidelity_clear(&f);
    fidelity_clear(&again);
    free(vectors);
    bench_close(&b);
    model_close(m);
}
END_TEST

START_TEST(every_kind_but_softmax_itself_errs)
{
    model *m = open_model(&(model_options){ .path = ROFORMER });
    fidelity f = measure(m);
    for (size_t layer = 0; layer < f.layers; layer++) {
        for (attention_kind kind = ATTENTION_LINEAR; kind < ATTENTION_KINDS; kind++)
            ck_assert_double_gt(attention_errors_relative(&f.layer[layer], kind), 0);
        ck_assert_double_eq(attention_errors_relative(&f.layer[layer], ATTENTION_SOFTMAX), 0);
    }
    fidelity_clear(&f);
    model_close(m);
}
END_TEST

START_TEST(ranks_are_compared_over_all_pairs_or_those_given)
{
    static const uint32_t pairs[][2] = { { 0, 1 }, { 0, 2 }, { 1, 2 } }, two[][2] = { { 0, 1 }, { 0, 0 } };
    model *m = open_model(&(model_options){ .path = ROFORMER });
    fidelity f = measure(m);
    double all = 0, given = 0, self = 0, few = 0;
    errinfo err = { 0 };
    ck_assert_int_eq(fidelity_spearman(&f, ATTENTION_FAVOR, NULL, 0, &all, &err), ST_OK);
    ck_assert_int_eq(fidelity_spearman(&f, ATTENTION_FAVOR, pairs, 3, &given, &err), ST_OK);
    ck_assert_int_eq(fidelity_spearman(&f, ATTENTION_SOFTMAX, two, 2, &self, &err), ST_OK);
    ck_assert_int_eq(fidelity_spearman(&f, ATTENTION_SOFTMAX, two, 1, &few, &err), ST_OK);
    ck_assert_double_eq(all, given);
    ck_assert_double_eq(self, 1);
    ck_assert(isnan(few));
    fidelity_clear(&f);
    model_close(m);
}
END_TEST

static bool stop_at_once(void *context)
{
    ++*(int *)context;
    return true;
}

START_TEST(a_probe_over_its_limits_is_refused_and_one_that_is_stopped_ends)
{
    model *m = open_model(&(model_options){ .path = ROFORMER });
    static uint32_t many_ids[FIDELITY_TEXTS_MAX + 1], many_starts[FIDELITY_TEXTS_MAX + 2];
    int asked = 0;
    fidelity f;
    errinfo err = { 0 };
    for (uint32_t i = 0; i < FIDELITY_TEXTS_MAX + 2; i++)
        many_starts[i] = i;
    fidelity_subject s = { .model = m, .ids = many_ids, .starts = many_starts, .texts = FIDELITY_TEXTS_MAX + 1 };
    ck_assert_int_eq(fidelity_measure(&f, &s, &err), ST_INPUT);
    ck_assert_msg(strstr(err.text, "257 texts; must be 1 to 256"), "%s", err.text);
    s.texts = 2;
    s.stop = stop_at_once;
    s.context = &asked;
    ck_assert_int_eq(fidelity_measure(&f, &s, &err), ST_TIMEOUT);
    ck_assert_int_eq(asked, 1);
    model_close(m);
}
END_TEST

/* ---- what is served, and what auto takes ---- */

/* The folder of the tiny RoFormer by links, with keys of ours put into its config.json. */
static void make_variant(char *dir, const char *ours)
{
    static const char *const FILES[] = { "model.safetensors", "vocab.txt" };
    char here[1024], from[2048], to[2048], config[8192];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/%s/%s", here, ROFORMER, FILES[i]);
        snprintf(to, sizeof to, "%s/%s", dir, FILES[i]);
        ck_assert_int_eq(symlink(from, to), 0);
    }
    FILE *in = fopen(ROFORMER "/config.json", "r");
    ck_assert_ptr_nonnull(in);
    size_t length = fread(config, 1, sizeof config - 1, in);
    fclose(in);
    config[length] = '\0';
    char *pooling = strstr(config, "\"pooling\"");    /* the first key of ours */
    ck_assert_ptr_nonnull(pooling);
    snprintf(to, sizeof to, "%s/config.json", dir);
    FILE *out = fopen(to, "w");
    ck_assert_ptr_nonnull(out);
    fprintf(out, "%.*s%s,%s", (int)(pooling - config), config, ours, pooling);
    fclose(out);
}

static void remove_variant(const char *dir)
{
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(auto_takes_an_approximation_only_above_the_floor)
{
    static const double floors[] = { 1, 1e-6 };
    char dir[] = "/tmp/rosim-approx-XXXXXX";
    make_variant(dir, "\"attention_approx\":" APPROX);
    for (size_t i = 0; i < 2; i++) {
        model *m = open_model(&(model_options){ .path = dir, .attention_floor = floors[i], .max_length = 4096 });
        const model_info *info = model_describe(m);
        for (attention_kind kind = ATTENTION_FAVOR; kind < ATTENTION_KINDS; kind++) {
            ck_assert(model_serves(m, kind) && !model_trained_for(m, kind));
            ck_assert_double_gt(info->probed_cosine[kind], 0.1);
            ck_assert_double_lt(info->probed_cosine[kind], 1);
            if (i == 0)
                ck_assert_uint_eq(info->from_tokens[kind], SIZE_MAX);
        }
        /* Heads of 8: 45 features against 4096 keys leave no machine in doubt. */
        if (i == 0)
            ck_assert_int_eq(model_fastest_attention(m, 4096), ATTENTION_SOFTMAX);
        else
            ck_assert_int_ne(model_fastest_attention(m, 4096), ATTENTION_SOFTMAX);
        ck_assert_int_eq(model_default_attention(m), ATTENTION_SOFTMAX);
        model_close(m);
    }
    remove_variant(dir);
}
END_TEST

START_TEST(a_model_without_softmax_has_nothing_to_be_compared_with)
{
    char dir[] = "/tmp/rosim-approx-XXXXXX";
    make_variant(dir, "\"attention_trained\":[\"linear\"],\"linear_feature_map\":\"elu1\"");
    model *m = open_model(&(model_options){ .path = dir });
    fidelity f;
    errinfo err = { 0 };
    fidelity_subject s = { .model = m, .ids = ids, .starts = starts, .texts = TEXTS, .kinds = ALL };
    ck_assert_int_eq(fidelity_measure(&f, &s, &err), ST_INPUT);
    ck_assert_msg(strstr(err.text, "not trained for softmax"), "%s", err.text);
    model_close(m);
    remove_variant(dir);
}
END_TEST

START_TEST(an_approximation_that_nobody_listed_needs_leave)
{
    model *m = NULL;
    errinfo err = { 0 };
    model_options options = { .path = ROFORMER, .attention = "taylor2" };
    ck_assert_int_eq(model_open(&m, &options, &err), ST_INPUT);
    ck_assert_msg(strstr(err.text, "was trained for softmax only (--allow-untrained"), "%s", err.text);
    options.allow_untrained = true;
    m = open_model(&options);
    ck_assert_int_eq(model_default_attention(m), ATTENTION_TAYLOR2);
    ck_assert_int_eq(model_fastest_attention(m, 100), ATTENTION_TAYLOR2);
    ck_assert(model_serves(m, ATTENTION_TAYLOR2) && !model_serves(m, ATTENTION_FAVOR));
    ck_assert(strstr(model_describe(m)->config->warning, "taylor2 attention, which the model was not trained for"));
    model_close(m);
}
END_TEST

/* rosim.favor's seed decides the vectors, and nothing else does. */
START_TEST(the_seed_stored_with_a_model_decides_favor_s_vectors)
{
    char first[] = "/tmp/rosim-approx-XXXXXX", second[] = "/tmp/rosim-approx-XXXXXX";
    make_variant(first, "\"favor\":{\"seed\":20210806,\"features\":256}");
    make_variant(second, "\"favor\":{\"seed\":1}");
    model *plain = open_model(&(model_options){ .path = ROFORMER });
    model *same = open_model(&(model_options){ .path = first });
    model *other = open_model(&(model_options){ .path = second });
    fidelity a = measure(plain), b = measure(same), c = measure(other);
    size_t bytes = TEXTS * a.dimensions * sizeof(float);
    ck_assert_int_eq(memcmp(a.vectors[ATTENTION_FAVOR], b.vectors[ATTENTION_FAVOR], bytes), 0);
    ck_assert_int_ne(memcmp(a.vectors[ATTENTION_FAVOR], c.vectors[ATTENTION_FAVOR], bytes), 0);
    ck_assert_int_eq(memcmp(a.vectors[ATTENTION_TAYLOR2], c.vectors[ATTENTION_TAYLOR2], bytes), 0);
    fidelity_clear(&a);
    fidelity_clear(&b);
    fidelity_clear(&c);
    model_close(plain);
    model_close(same);
    model_close(other);
    remove_variant(first);
    remove_variant(second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fidelity");
    TCase *t = tcase_create("fidelity");
    check_patience(t, 120);
    tcase_add_test(t, scores_z_and_errors_are_those_of_a_loop_over_pairs);
    tcase_add_test(t, vectors_are_those_that_the_model_gives_and_repeat);
    tcase_add_test(t, every_kind_but_softmax_itself_errs);
    tcase_add_test(t, ranks_are_compared_over_all_pairs_or_those_given);
    tcase_add_test(t, a_probe_over_its_limits_is_refused_and_one_that_is_stopped_ends);
    tcase_add_test(t, auto_takes_an_approximation_only_above_the_floor);
    tcase_add_test(t, a_model_without_softmax_has_nothing_to_be_compared_with);
    tcase_add_test(t, an_approximation_that_nobody_listed_needs_leave);
    tcase_add_test(t, the_seed_stored_with_a_model_decides_favor_s_vectors);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
