/* check_encoder_default.c - the shipped model against its golden vectors, which another program
 * computed in float64 from the stored weights. */
#include "tests/check_encoder_support.h"

static const char *const DIR = "weights/default";

enum { TRAINED_KINDS = ATTENTION_LINEAR + 1 };    /* the golden file has no vectors of approximations */

/* Seen: 2e-7 softmax, 8e-7 linear. api.md section 6 asks for 1e-4; this leaves room for another
 * level's sums. */
static const double TOLERANCE = 5e-6;

static double worst_of(fixture *x, const cJSON *entry, attention_kind kind)
{
    size_t n, d;
    uint32_t *ids = ids_of(cJSON_GetObjectItem(entry, "ids"), &n);
    double *want = numbers_of(cJSON_GetObjectItem(entry, attention_name(kind)), &d);
    float *got = calloc(x->config.pooler_outputs, sizeof *got);
    double square = 0, worst = 0;
    ck_assert_uint_eq(d, x->config.pooler_outputs);
    fixture_encode(x, ids, n, kind, got);
    for (size_t i = 0; i < d; i++)
        square += (double)got[i] * (double)got[i];
    for (size_t i = 0; i < d; i++)
        worst = fmax(worst, fabs((double)got[i] / sqrt(square) - want[i]));
    free(ids);
    free(want);
    free(got);
    return worst;
}

/* _i: level * TRAINED_KINDS + kind */
START_TEST(golden_vectors_of_the_shipped_model_are_met)
{
    attention_kind kind = (attention_kind)(_i % TRAINED_KINDS);
    const kernels *k = level_at((int)((size_t)_i / TRAINED_KINDS));
    if (!k)
        return;
    fixture x = fixture_open(DIR, k, 2);
    cJSON *golden = fixture_json(&x, x.config.golden);
    const cJSON *entry;
    ck_assert_int_gt(cJSON_GetArraySize(golden), 0);
    cJSON_ArrayForEach(entry, golden) {
        double worst = worst_of(&x, entry, kind);
        ck_assert_msg(worst <= TOLERANCE, "%s, %s, %s: off by %g", k->name, attention_name(kind),
                      cJSON_GetObjectItem(entry, "text")->valuestring, worst);
    }
    cJSON_Delete(golden);
    fixture_close(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoder default");
    TCase *t = tcase_create("golden");
    check_patience(t, 240);
    tcase_add_loop_test(t, golden_vectors_of_the_shipped_model_are_met, 0,
                        levels_compiled_in() * TRAINED_KINDS);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
