/* check_server_metrics.c - text-embeddings-inference's series: their names, and their buckets by its formulas (peers.md
 * 2.9), so that a dashboard made for it goes on working. */
#include "tests/check_support.h"

#include "server/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 4 << 20 };

typedef struct { arena *a; metrics *m; const char *text; } page;

static void page_open(page *p)
{
    static const char *const paths[] = { "/x" };
    p->m = metrics_open(paths, 1);
    ck_assert_ptr_nonnull(p->m);
    p->a = arena_open(0, ARENA_BYTES);
    p->text = metrics_text(p->m, p->a).data;
    ck_assert_ptr_nonnull(p->text);
}

static void page_close(page *p)
{
    arena_close(p->a);
    metrics_close(p->m);
}

static double seconds(int k) { return 1e-5 * pow(1.5, k + 1); }
static double doubled(int k) { return pow(2, k); }

static const struct { const char *name; double (*edge)(int k); int count; } histograms[] = {
    { "te_request_duration", seconds, 35 },           { "te_request_tokenization_duration", seconds, 35 },
    { "te_request_queue_duration", seconds, 35 },     { "te_request_inference_duration", seconds, 35 },
    { "te_embed_duration", seconds, 35 },             { "te_embed_tokenization_duration", seconds, 35 },
    { "te_embed_queue_duration", seconds, 35 },       { "te_embed_inference_duration", seconds, 35 },
    { "te_predict_duration", seconds, 35 },           { "te_predict_tokenization_duration", seconds, 35 },
    { "te_predict_queue_duration", seconds, 35 },     { "te_predict_inference_duration", seconds, 35 },
    { "te_request_input_length", doubled, 20 },       { "te_batch_next_size", doubled, 13 },
    { "te_batch_next_tokens", doubled, 21 },
};

START_TEST(a_histogram_has_teis_buckets)
{
    char start[96];
    int found = 0;
    page p;
    page_open(&p);
    size_t length = (size_t)snprintf(start, sizeof start, "\n%s_bucket{le=\"", histograms[_i].name);
    for (const char *at = p.text; (at = strstr(at, start)); at += length) {
        if (strncmp(at + length, "+Inf", 4) == 0)
            continue;
        double edge = strtod(at + length, NULL), wanted = histograms[_i].edge(found);
        ck_assert_msg(fabs(edge / wanted - 1) < 1e-5, "%s: bucket %d ends at %g, not %g", histograms[_i].name, found,
                      edge, wanted);
        found++;
    }
    ck_assert_msg(found == histograms[_i].count, "%s: %d buckets", histograms[_i].name, found);
    (void)snprintf(start, sizeof start, "\n%s_bucket{le=\"+Inf\"} 0\n", histograms[_i].name);
    ck_assert_ptr_nonnull(strstr(p.text, start));
    page_close(&p);
}
END_TEST

static const char *const others[] = {
    "te_request_count{method=\"single\"} 0", "te_request_count{method=\"batch\"} 0",
    "te_request_success{method=\"single\"} 0", "te_request_success{method=\"batch\"} 0",
    "te_request_failure{err=\"overloaded\"} 0", "te_request_failure{err=\"validation\"} 0",
    "te_request_failure{err=\"batch_size\"} 0", "te_request_failure{err=\"tokenization\"} 0",
    "te_request_failure{err=\"inference\"} 0", "te_request_failure{err=\"model_type\"} 0",
    "te_request_failure{err=\"dropped\"} 0", "te_embed_count 0", "te_embed_success 0", "te_predict_count 0",
    "te_predict_success 0", "te_queue_size 0",
};

START_TEST(every_series_of_tei_is_there_at_0_from_the_start)
{
    char line[96];
    page p;
    page_open(&p);
    (void)snprintf(line, sizeof line, "\n%s\n", others[_i]);
    ck_assert_msg(strstr(p.text, line) != NULL, "no %s", others[_i]);
    page_close(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_loop_test(t, a_histogram_has_teis_buckets, 0, sizeof histograms / sizeof *histograms);
    tcase_add_loop_test(t, every_series_of_tei_is_there_at_0_from_the_start, 0, sizeof others / sizeof *others);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
