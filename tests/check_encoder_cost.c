/* check_encoder_cost.c - multiply-adds against the published table and counts by hand; predictions by their formula. */
#include "tests/check_support.h"
#include "tests/check_encoder_support.h"
#include "model/encoder/cost.h"

enum { LENGTHS = 8 };

static const size_t lengths[LENGTHS] = { 32, 64, 128, 256, 512, 1024, 2048, 4096 };

/* formulas.md A2, "Whole-model GMAC per sequence", as printed, and the same sums as whole numbers (12 n D^2 + 2 n^2 D a
 * layer, by Python's integers). */
static const struct {
    size_t layers, width, heads;
    double giga[LENGTHS];
    uint64_t exact[LENGTHS];
} rows[] = {
    { 12, 768, 12, { 2.74, 5.51, 11.17, 22.95, 48.32, 106.3, 251.3, 657.1 },
      { 2736783360, 5511315456, 11173625856, 22951231488, 48318382080, 106300440576, 251255586816, 657129996288 } },
    { 6, 384, 6, { 0.34, 0.70, 1.43, 3.02, 6.64, 15.70, 41.07, 120.8 },
      { 344457216, 698351616, 1434451968, 3019898880, 6643777536, 15703474176, 41070624768, 120795955200 } },
    { 24, 1024, 16, { 9.71, 19.5, 39.5, 80.5, 167.5, 360.8, 824.6, 2062 },
      { 9714008064, 19528679424, 39460012032, 80530636800, 167503724544, 360777252864, 824633720832, 2061584302080 } },
    { 4, 512, 8, { 0.41, 0.82, 1.68, 3.49, 7.52, 17.2, 43.0, 120.3 },
      { 406847488, 822083584, 1677721600, 3489660928, 7516192768, 17179869184, 42949672960, 120259084288 } },
};

static encoder_config config_of(size_t row)
{
    return (encoder_config){ .layers = rows[row].layers, .hidden_size = rows[row].width, .heads = rows[row].heads,
                             .embedding_size = rows[row].width, .intermediate_size = 4 * rows[row].width,
                             .head_size = rows[row].width / rows[row].heads, .pooling = POOLING_MEAN,
                             .map = LINEAR_ELU1 };
}

START_TEST(multiply_adds_are_those_of_the_published_table)
{
    encoder_config c = config_of((size_t)_i);
    for (size_t i = 0; i < LENGTHS; i++) {
        cost_macs m = cost_count(&c, ATTENTION_SOFTMAX, lengths[i]);
        double printed = rows[_i].giga[i], giga = (double)(m.dense + m.core) / 1e9;
        double half_digit = printed < 17 ? 0.005 : printed < 1000 ? 0.05 : 0.5;
        ck_assert_uint_eq(m.dense + m.core, rows[_i].exact[i]);
        ck_assert_double_eq_tol(giga, printed, half_digit + 0.001);
        ck_assert_uint_eq(m.core, 2 * rows[_i].layers * lengths[i] * lengths[i] * rows[_i].width);
    }
}
END_TEST

/* One layer of width 4 with two heads of 2 and a feed-forward of 6, three tokens: 3 x (4 x 16 + 2 x 4 x 6) = 336. */
static const encoder_config tiny = { .layers = 1, .hidden_size = 4, .heads = 2, .embedding_size = 4, .head_size = 2,
                                     .intermediate_size = 6, .pooling = POOLING_MEAN, .pooler_outputs = 5 };

START_TEST(a_layer_counted_by_hand)
{
    static const struct { linear_map map; uint64_t core; } maps[] = {
        { LINEAR_ELU1, 2 * (2 * 3 * 2 * 2 + 3 * 2) },                  /* features of keys and queries, denominators */
        { LINEAR_EFFICIENT, 2 * (2 * 3 * 2 * 2) },
        { LINEAR_COSFORMER, 2 * (2 * 3 * 4 * 2 + 3 * 4) },
        { LINEAR_HEDGEHOG, 2 * (2 * 3 * 4 * 2 + 3 * 4 + 2 * 3 * 2 * 2) },
    };
    cost_macs m = cost_count(&tiny, ATTENTION_SOFTMAX, 3);
    ck_assert_uint_eq(m.dense, 336);
    ck_assert_uint_eq(m.core, 2 * 2 * 3 * 3 * 2);
    for (size_t i = 0; i < COUNT(maps); i++) {
        encoder_config c = tiny;
        c.map = maps[i].map;
        m = cost_count(&c, ATTENTION_LINEAR, 3);
        ck_assert_uint_eq(m.dense, 336);
        ck_assert_uint_eq(m.core, maps[i].core);
    }
}
END_TEST

START_TEST(the_ends_of_a_model_count_too)
{
    encoder_config c = tiny;
    c.pooling = POOLING_MEAN_POOLER_LINEAR;
    ck_assert_uint_eq(cost_count(&c, ATTENTION_SOFTMAX, 3).dense, 336 + 4 * 5);
    c.embedding_size = 7;
    ck_assert_uint_eq(cost_count(&c, ATTENTION_SOFTMAX, 3).dense, 336 + 4 * 5 + 3 * 7 * 4);
}
END_TEST

/* Queries, keys and values of all three tokens, the rest for [CLS] alone. */
START_TEST(a_model_that_pools_cls_ends_with_one_row)
{
    encoder_config c = tiny;
    c.pooling = POOLING_CLS;
    cost_macs m = cost_count(&c, ATTENTION_SOFTMAX, 3);
    ck_assert_uint_eq(m.dense, 3 * 3 * 16 + 16 + 2 * 4 * 6);
    ck_assert_uint_eq(m.core, 2 * 2 * 3 * 1 * 2);
}
END_TEST

START_TEST(linear_attention_needs_fewer_multiply_adds_beyond_its_features)
{
    static const struct { linear_map map; size_t from; } crossings[] = {
        { LINEAR_EFFICIENT, 65 },    /* n > d */
        { LINEAR_ELU1, 65 },         /* the denominators are half a key's worth */
        { LINEAR_COSFORMER, 130 },   /* n > 2 d, and a whole key's worth */
    };
    encoder_config c = config_of(0);
    for (size_t i = 0; i < COUNT(crossings); i++) {
        c.map = crossings[i].map;
        ck_assert_uint_eq(cost_crossing_macs(&c, ATTENTION_LINEAR), crossings[i].from);
    }
    ck_assert_uint_eq(cost_crossing_macs(&c, ATTENTION_SOFTMAX), COST_NEVER);
    /* 2145 features and a 128th of it for denominators; 256 features, projected three times, and again the 128th. */
    c.favor_features = 256;
    ck_assert_uint_eq(cost_crossing_macs(&c, ATTENTION_TAYLOR2), 2162);
    ck_assert_uint_eq(cost_crossing_macs(&c, ATTENTION_EXPLIMIT2), 2162);
    ck_assert_uint_eq(cost_crossing_macs(&c, ATTENTION_FAVOR), 643);
}
END_TEST

START_TEST(time_is_a_line_in_both_counts)
{
    const cost_rates r = { .threads = 1, .start_ns = 100, .dense_ns = 2,
                           .core_start_ns = { [ATTENTION_LINEAR] = 7 },
                           .core_ns = { [ATTENTION_SOFTMAX] = 3, [ATTENTION_LINEAR] = 5 } };
    ck_assert_double_eq(cost_predict_ns(&r, ATTENTION_SOFTMAX, (cost_macs){ 10, 20 }), 100 + 20 + 60);
    ck_assert_double_eq(cost_predict_ns(&r, ATTENTION_LINEAR, (cost_macs){ 10, 20 }), 100 + 20 + 7 + 100);
    encoder_config c = tiny;
    c.map = LINEAR_EFFICIENT;
    /* softmax 3 x 8 n^2, linear 7 + 5 x 16 n: 216 against 247 at n = 3, 384 against 327 at 4 */
    ck_assert_uint_eq(cost_crossing_time(&c, &r, ATTENTION_LINEAR), 4);
}
END_TEST

/* How good a prediction is depends on the day; that constants are sane does not. */
START_TEST(measured_constants_are_finite_and_time_grows_with_length)
{
    static const char *const folders[] = { "tests/golden/encoder/roformer_linear", "tests/golden/encoder/bert" };
    fixture x = fixture_open(folders[_i], level_named("generic"), 2);
    cost_rates r;
    errinfo err = { 0 };
    ck_assert_msg(cost_measure(x.e, x.p, &r, &err) == ST_OK, "%s", err.text);
    ck_assert_uint_eq(r.threads, 2);
    for (attention_kind kind = ATTENTION_SOFTMAX; kind <= ATTENTION_LINEAR; kind++) {    /* it lists no other */
        double brief = cost_predict_ns(&r, kind, cost_count(&x.config, kind, 16));
        double lengthy = cost_predict_ns(&r, kind, cost_count(&x.config, kind, 4096));
        ck_assert(isfinite(brief) && isfinite(lengthy));
        ck_assert_double_gt(brief, 0);
        ck_assert_double_gt(lengthy, brief);
        ck_assert_uint_gt(cost_bytes(x.e, kind, 4096, 2), cost_bytes(x.e, kind, 16, 2));
        ck_assert_uint_gt(cost_bytes(x.e, kind, 16, 2), cost_bytes(x.e, kind, 16, 1));
    }
    fixture_close(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cost");
    TCase *t = tcase_create("cost");
    check_patience(t, 60);
    tcase_add_loop_test(t, multiply_adds_are_those_of_the_published_table, 0, COUNT(rows));
    tcase_add_test(t, a_layer_counted_by_hand);
    tcase_add_test(t, the_ends_of_a_model_count_too);
    tcase_add_test(t, a_model_that_pools_cls_ends_with_one_row);
    tcase_add_test(t, linear_attention_needs_fewer_multiply_adds_beyond_its_features);
    tcase_add_test(t, time_is_a_line_in_both_counts);
    tcase_add_loop_test(t, measured_constants_are_finite_and_time_grows_with_length, 0, 2);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
