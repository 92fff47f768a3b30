/* check_server_trust.c - the routes of what users make, on tiny models: made, used, listed, refused; their files. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_server_kept.h"

#include <pthread.h>

#define CAL "/v1/calibrations"
#define FIT CAL, "{\"id\":\"c1\",\"precision\":0.6,\"pairs\":[" \
                 "[\"abc\",\"abd\",1],[\"ab\",\"ab a\",1],[\"x y\",\"x z\",1]," \
                 "[\"abc\",\"zzz\",0],[\"a\",\"q w e\",false],{\"a\":\"mno\",\"b\":\"b\",\"label\":0},[\"u\",\"v\"]]}"

START_TEST(a_calibration_is_made_and_adds_probabilities_in_the_shape_of_the_scores)
{
    expect_post(FIT, 200, "\"object\":\"calibration\",\"id\":\"c1\",\"model\":\"both\",\"attention\":\"linear\"");
    expect_post("/v1/similarity", "{\"pairs\":[[\"a\",\"a\"],[\"a\",\"b\"]],\"calibration\":\"c1\"}", 200,
                "\"probabilities\":[0.");
    expect_post("/v1/similarity", "{\"left\":[\"a\"],\"right\":[\"a\",\"b\"],\"calibration\":\"c1\"}", 200,
                "\"probabilities\":[[0.");
    expect_post("/v1/similarity", "{\"left\":[\"a\"],\"right\":[\"a\",\"b\"],\"calibration\":\"c1\",\"top_k\":1}", 200,
                "[[{\"index\":0,\"score\":1.0,\"probability\":0.");
    expect_call("GET", CAL "/c1", "", 200, "\"matches\":3,\"others\":3,\"unlabelled\":1");
    expect_call("GET", CAL, "", 200, "{\"object\":\"list\",\"data\":[{\"object\":\"calibration\",\"id\":\"c1\"");
    expect_call("DELETE", CAL "/c1", "", 204, NULL);
    expect_call("GET", CAL "/c1", "", 404, "\"code\":\"not_found\"");
    expect_call("DELETE", CAL "/c1", "", 404, "\"code\":\"not_found\"");
}
END_TEST

static double number_after(const call *c, const char *key)
{
    const char *at = strstr(c->x.answer.data, key);
    ck_assert_ptr_nonnull(at);
    return strtod(at + strlen(key), NULL);
}

START_TEST(a_prior_moves_the_odds_by_its_own)
{
    double odds[2];
    expect_post(FIT, 200, "\"prior\":0.5");
    for (int i = 0; i < 2; i++) {
        call c = { 0 };
        call_post(&c, &f, "/v1/similarity", i ? "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"c1\",\"prior\":0.2}"
                                              : "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"c1\"}");
        double p = number_after(&c, "\"probabilities\":[");
        odds[i] = p / (1 - p);
        call_end(&c);
    }
    ck_assert_double_eq_tol(odds[1] / odds[0], 0.25, 1e-4);    /* probabilities are written as floats */
}
END_TEST

START_TEST(a_ranking_is_best_first_with_margins)
{
    expect_post("/v1/rank", "{\"query\":\"abc\",\"candidates\":[\"zz\",\"abc\"],\"abstain_below\":1000}", 200,
                "\"results\":[{\"index\":1,\"cosine\":1.0,\"softmax\":");
    expect_post("/v1/rank", "{\"query\":\"abc\",\"candidates\":[\"zz\",\"abc\"],\"abstain_below\":1000}", 200,
                "\"abstain\":true");
    expect_post("/v1/rank", "{\"query\":\"abc\",\"candidates\":[\"zz\",\"abc\"],\"abstain_below\":-1000}", 200,
                "\"abstain\":false");
    expect_post("/v1/rank", "{\"query\":\"a\",\"candidates\":[\"b\"],\"return_texts\":true}", 200,
                "\"margin\":null,\"text\":\"b\"}]");
    expect_post("/v1/rank", "{\"query\":\"a\",\"candidates\":[\"b\",\"a\"],\"top_k\":1}", 200,
                "\"margin\":");
}
END_TEST

START_TEST(a_classifier_finds_the_label_of_its_own_examples)
{
    expect_post("/v1/classifiers",
                "{\"id\":\"k\",\"examples\":[{\"text\":\"abc\",\"label\":\"letters\"},{\"text\":\"abd\",\"label\":"
                "\"letters\"},{\"text\":\"1 2\",\"label\":\"digits\"},{\"text\":\"1 3\",\"label\":\"digits\"}]}",
                200, "\"labels\":[\"letters\",\"digits\"]");
    expect_post("/v1/classify", "{\"classifier\":\"k\",\"texts\":[\"abc\",\"1 2\"]}", 200,
                "\"results\":[{\"label\":\"letters\",\"probabilities\":{\"letters\":");
    expect_post("/v1/classify", "{\"classifier\":\"k\",\"texts\":[\"1 2\"],\"top_k\":1}", 200,
                "{\"label\":\"digits\",\"probabilities\":{\"digits\":");
    expect_post("/v1/classify", "{\"classifier\":\"k\",\"texts\":[\"1 2\"],\"model\":\"soft\"}", 422, "was made with");
}
END_TEST

/* n elements in the form given, where % stands for letters that differ from element to element, and # for i % 2. */
static char *many(const char *head, const char *form, const char *tail, int n)
{
    static char body[1 << 16];
    char *to = body + snprintf(body, sizeof body, "%s", head);
    for (int i = 0; i < n; i++) {
        *to = ',';
        to += i > 0;
        for (const char *c = form; *c; c++) {
            if (*c == '%')
                to += snprintf(to, 8, "%c%c%c", 'a' + i % 26, 'a' + i * 7 / 26 % 26, 'a' + i * i % 26);
            else
                *to++ = (char)(*c == '#' ? '0' + i % 2 : *c);
        }
    }
    (void)snprintf(to, 64, "%s", tail);
    return body;
}

START_TEST(a_baseline_watches_what_is_served_by_tag_and_not_what_trains)
{
    expect_post("/v1/drift/baselines", many("{\"id\":\"all\",\"texts\":[", "\"%\"", "]}", 80), 200, "\"texts\":80");
    expect_post("/v1/drift/baselines", many("{\"id\":\"mine\",\"tag\":\"t\",\"texts\":[", "\"%\"", "]}", 80), 200,
                "\"tag\":\"t\"");
    expect_call("GET", "/v1/drift", "", 200, "\"baseline\":\"all\",\"model\":\"both\",\"tag\":\"\",\"texts\":0");
    expect_post("/v1/embeddings", "{\"input\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}", 200, NULL);
    expect_call("GET", "/v1/drift", "", 200,
                "\"baseline\":\"all\",\"model\":\"both\",\"tag\":\"\",\"texts\":9,\"drifted\":");
    expect_call("GET", "/v1/drift", "", 200, "\"baseline\":\"mine\",\"model\":\"both\",\"tag\":\"t\",\"texts\":0");
    expect_post("/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"tag\":\"t\"}", 200, NULL);
    expect_call("GET", "/v1/drift", "", 200, "\"tag\":\"t\",\"texts\":2,\"drifted\":null}");
    expect_post("/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"tag\":\"t\",\"model\":\"soft\"}", 200, NULL);
    expect_call("GET", "/v1/drift", "", 200, "\"tag\":\"t\",\"texts\":2,");
    expect_call("GET", "/metrics", "", 200, "rosim_drift_texts{baseline=\"mine\",model=\"both\"} 2");
}
END_TEST

/* Every series that the alert rules name is one that the page has. */
START_TEST(the_alert_rules_speak_of_series_that_exist)
{
    static char rules[16384];
    call c = { 0 };
    expect_post("/v1/drift/baselines", many("{\"id\":\"all\",\"texts\":[", "\"%\"", "]}", 80), 200, NULL);
    expect_post("/v1/embeddings", "{\"input\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}", 200, NULL);
    call_make(&c, &f, "GET", "/metrics", json_headers, slice_of(""), CALL_ARENA_BYTES);
    FILE *in = fopen("docker/prometheus/drift.rules.yaml", "r");
    ck_assert_ptr_nonnull(in);
    rules[fread(rules, 1, sizeof rules - 1, in)] = '\0';
    (void)fclose(in);
    int seen = 0;
    for (const char *at = strstr(rules, "rosim_"); at; at = strstr(at, "rosim_"), seen++) {
        char line[96];
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        (void)snprintf(line, sizeof line, "\n%.*s{baseline=\"all\",model=\"both\"} ", (int)length, at);
        ck_assert_msg(call_says(&c, line), "%s is not among\n%s", line, c.x.answer.data);
        at += length;
    }
    ck_assert_int_ge(seen, 3);
    ck_assert(call_says(&c, "rosim_drift_distance{baseline=\"all\",model=\"both\",statistic=\"diagonal_kl_forw"));
    ck_assert(call_says(&c, ",statistic=\"combined\"} "));
    call_end(&c);
}
END_TEST

/* Pairs of equal texts belong together and pairs of others do not: the trial either gains or says that it loses. */
START_TEST(an_adapter_shows_its_gain_or_is_refused_with_figures)
{
    call c = { 0 };
    call_post(&c, &f, "/v1/adapters", many("{\"id\":\"ad\",\"rank\":4,\"pairs\":[", "[\"a %\",\"% b\",#]", "]}", 60));
    ck_assert_msg(c.x.status == 200 || (c.x.status == 422 && call_says(&c, "the adapter loses on the")), "%d %s",
                  c.x.status, c.x.answer.data);
    bool kept = c.x.status == 200;
    call_end(&c);
    expect_call("GET", "/v1/adapters/ad", "", kept ? 200 : 404, NULL);
    expect_post("/v1/similarity", "{\"pairs\":[[\"abc\",\"abc\"]],\"adapter\":\"ad\"}", kept ? 200 : 404, NULL);
}
END_TEST

static const struct { const char *path, *body; int status; const char *says; } refusals[] = {
    { CAL, "{\"pairs\":[[\"a\",\"b\",1]]}", 422, "1 matching and 0 other pairs: at least 2 of each" },
    { CAL, "{\"pairs\":[[\"a\",\"b\",2]]}", 422, "pairs[0].label must be 0, 1, false, true or null" },
    { CAL, "{\"pairs\":[[\"a\"]]}", 422, "pairs[0].b must be a string" },
    { CAL, "{\"pairs\":[7]}", 422, "\"param\":\"pairs[0]\"" },
    { CAL, "{\"pairs\":[[\"a\",\"b\",1]],\"features\":\"length\"}", 422, "it must be cos or cos+l1+l2" },
    { CAL, "{\"id\":\"../x\",\"pairs\":[[\"a\",\"b\",1]]}", 422, "\"param\":\"id\"" },
    { CAL, "{\"pairs\":[[\"a\",\"b\",1]],\"prior\":1.5}", 422, "\"param\":\"prior\"" },
    { CAL, "{\"pairs\":[[\"a\",\"b\",1]],\"model\":\"none\"}", 404, "\"code\":\"model_not_found\"" },
    { "/v1/classifiers", "{\"examples\":[{\"text\":\"a\",\"label\":\"x\"},{\"text\":\"b\",\"label\":\"x\"}]}", 422,
      "1 classes: must be 2 to 1000" },
    { "/v1/classifiers", "{\"examples\":[{\"text\":\"a\",\"label\":\"x\"},{\"text\":\"b\",\"label\":\"y\"}]}", 422,
      "the label \\\"x\\\" has one example" },
    { "/v1/classifiers", "{\"examples\":[{\"text\":\"a\"}]}", 422, "examples[0].label must be a text" },
    { "/v1/classify", "{\"texts\":[\"a\"]}", 422, "classifier is missing" },
    { "/v1/classify", "{\"texts\":[\"a\"],\"classifier\":\"none\"}", 404, "there is no classifier \\\"none\\\" here" },
    { "/v1/adapters", "{\"pairs\":[[\"a\",\"b\",1]]}", 422, "1 pairs: must be 20 to 16384" },
    { "/v1/adapters", "{\"pairs\":[[\"a\",\"b\",1]],\"batch\":7}", 422, "\"param\":\"batch\"" },
    { "/v1/drift/baselines", "{\"texts\":[\"a\"]}", 422, "a baseline of 1 texts: must be 64 to 4096" },
    { "/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"none\"}", 404, "\"param\":\"calibration\"" },
    { "/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"prior\":0.5}", 422, "prior works with a calibration only" },
    { "/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"adapter\":\"a b\"}", 422, "\"param\":\"adapter\"" },
    { "/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"tag\":7}", 422, "\"param\":\"tag\"" },
    { "/v1/rank", "{\"query\":\"a\"}", 422, "candidates is missing" },
    { "/v1/rank", "{\"candidates\":[\"a\"]}", 422, "\"param\":\"query\"" },
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(what_is_wrong_is_named)
{
    expect_post(refusals[_i].path, refusals[_i].body, refusals[_i].status, refusals[_i].says);
}
END_TEST

START_TEST(a_calibration_refuses_other_vectors_than_its_own)
{
    expect_post(FIT, 200, NULL);
    expect_post("/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"c1\",\"model\":\"soft\"}", 422,
                "was made for the model both, not soft");
    expect_post("/v1/similarity", "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"c1\",\"attention\":\"softmax\"}", 422,
                "was made with linear attention, not softmax");
}
END_TEST

START_TEST(paths_with_an_id_know_their_methods)
{
    call c = { 0 };
    call_make(&c, &f, "PUT", CAL "/c1", json_headers, slice_of("{}"), CALL_ARENA_BYTES);
    ck_assert_int_eq(c.x.status, 405);
    ck_assert_str_eq(call_header_of(&c, "Allow"), "GET, HEAD, DELETE, OPTIONS");
    call_end(&c);
    expect_call("GET", CAL "/", "", 404, NULL);
    expect_call("GET", CAL "/a/b", "", 404, NULL);
}
END_TEST

START_TEST(no_more_of_a_kind_than_the_limit_are_kept)
{
    char body[512];
    for (int i = 0; i <= ARTIFACTS_MAX; i++) {
        (void)snprintf(body, sizeof body,
                       "{\"id\":\"c%d\",\"pairs\":[[\"a\",\"a b\",1],[\"b\",\"b c\",1],"
                       "[\"a\",\"q\",0],[\"b\",\"z\",0]]}",
                       i);
        expect_post(CAL, body, i < ARTIFACTS_MAX ? 200 : 422,
                    i < ARTIFACTS_MAX ? NULL : "64 calibrations are kept already; delete one");
    }
    (void)snprintf(body, sizeof body, "%s",
                   "{\"id\":\"c0\",\"pairs\":[[\"a\",\"a b\",1],[\"b\",\"b c\",1],[\"a\",\"q\",0],[\"b\",\"z\",0]]}");
    expect_post(CAL, body, 200, NULL);                        /* replacing needs no room */
}
END_TEST

/* Another identity of the same models stands for other models of the same names. */
START_TEST(what_was_made_for_a_model_is_not_used_with_its_successor)
{
    static const char use[] = "{\"pairs\":[[\"a\",\"b\"]],\"calibration\":\"c1\"}";
    expect_post(FIT, 200, NULL);
    expect_post("/v1/similarity", use, 200, "probabilit");
    registry_identify(f.registry, true);              /* replaced; the state is not reloaded yet */
    expect_post("/v1/similarity", use, 422, "was made for another model of the name both");
    expect_post(FIT, 503, "the model both was replaced in the meantime; make it again");
    ck_assert_int_eq(artifacts_reload(f.service.artifacts, f.registry, NULL), ST_OK);
    expect_call("GET", CAL "/c1", "", 404, NULL);
    expect_post(FIT, 200, NULL);
    expect_post("/v1/similarity", use, 200, "probabilit");
}
END_TEST

START_TEST(no_more_memory_than_the_limit_is_kept)
{
    errinfo err;
    char id[ARTIFACT_NAME_BYTES];
    status st = ST_OK;
    size_t kept = 0, bytes = 0;
    for (; st == ST_OK && kept < ARTIFACTS_MAX; kept += st == ST_OK) {
        artifact *a = artifact_open(ARTIFACT_CLASSIFIER);
        ck_assert_int_eq(classifier_open(&a->classifier, CLASSIFIER_CLASSES_MAX, CLASSIFIER_WIDTH_MAX, &err), ST_OK);
        (void)snprintf(a->id, sizeof a->id, "big%zu", kept);
        (void)snprintf(a->model, sizeof a->model, "both");
        bytes = artifact_bytes(a);
        st = artifacts_put(f.service.artifacts, a, f.registry, id, &err);
    }
    ck_assert_int_eq(st, ST_BUSY);
    ck_assert_uint_eq(kept, ARTIFACTS_BYTES_MAX / bytes);
    ck_assert_msg(strstr(err.text, "at most 268435456 are; delete something") != NULL, "%s", err.text);
    ck_assert(artifacts_remove(f.service.artifacts, ARTIFACT_CLASSIFIER, slice_of("big0")));
    expect_post(FIT, 200, NULL);
}
END_TEST

/* ---- files ---- */

/* What GET says, kept for comparing. */
static void show(const char *path, char *out, size_t room)
{
    call c = { 0 };
    call_make(&c, &f, "GET", path, json_headers, slice_of(""), CALL_ARENA_BYTES);
    ck_assert_uint_lt(c.x.answer.length, room);
    memcpy(out, c.x.answer.data, c.x.answer.length + 1);
    call_end(&c);
}

START_TEST(all_kinds_come_back_after_a_restart_as_they_were)
{
    static const char *const paths[] = { CAL, "/v1/classifiers", "/v1/drift/baselines", "/v1/drift" };
    static char before[4][8192], after[8192];
    expect_post(FIT, 200, NULL);
    expect_post("/v1/classifiers",
                "{\"id\":\"k\",\"examples\":[{\"text\":\"abc\",\"label\":\"x\"},{\"text\":\"abd\",\"label\":\"x\"},"
                "{\"text\":\"1 2\",\"label\":\"\xe4\xb8\xad\"},{\"text\":\"1 3\",\"label\":\"\xe4\xb8\xad\"}]}",
                200, NULL);
    expect_post("/v1/drift/baselines", many("{\"id\":\"b\",\"texts\":[", "\"%\"", "]}", 80), 200, NULL);
    for (int i = 0; i < 4; i++)
        show(paths[i], before[i], sizeof before[i]);
    restart();
    for (int i = 0; i < 4; i++) {
        show(paths[i], after, sizeof after);
        ck_assert_str_eq(after, before[i]);
    }
    expect_post("/v1/classify", "{\"classifier\":\"k\",\"texts\":[\"1 2\"],\"top_k\":1}", 200,
                "\"label\":\"\xe4\xb8\xad\"");
    expect_post("/v1/embeddings", "{\"input\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}", 200, NULL);
    expect_call("GET", "/v1/drift", "", 200, "\"combined\":{\"value\":");
}
END_TEST

static char *file_path(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static size_t read_all(const char *path, char *out, size_t room)
{
    FILE *in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    size_t n = fread(out, 1, room - 1, in);
    out[n] = '\0';
    (void)fclose(in);
    return n;
}

static void write_all(const char *path, const char *bytes, size_t n)
{
    FILE *to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(bytes, 1, n, to), n);
    (void)fclose(to);
}

/* Cut anywhere, a file is refused whole; the server starts, and nothing is read past the end (run under asan too). */
START_TEST(a_cut_file_is_refused_at_every_length)
{
    static char bytes[16384];
    expect_post(FIT, 200, NULL);
    size_t n = read_all(file_path("calibration.c1.json"), bytes, sizeof bytes);
    for (size_t length = 0; length < n; length += 7) {
        write_all(file_path("calibration.c1.json"), bytes, length);
        restart();
        expect_call("GET", CAL, "", 200, "{\"object\":\"list\",\"data\":[]}");
    }
    write_all(file_path("calibration.c1.json"), bytes, n);
    restart();
    expect_call("GET", CAL "/c1", "", 200, NULL);
}
END_TEST

static const struct { const char *from, *to; } forgeries[] = {
    { "\"fingerprint\":\"", "\"fingerprint\":\"0" }, { "\"model\":\"both\"", "\"model\":\"gone\"" },
    { "\"version\":1", "\"version\":2" },            { "\"id\":\"c1\"", "\"id\":\"c2\"" },
    { "\"id\":\"c1\"", "\"id\":\"../c1\"" },         { "\"weights\":[", "\"weights\":[1," },
    { "\"prior\":0.5", "\"prior\":0" },              { "\"bins\":[{", "\"bins\":[{},{" },
    { "\"object\":\"calibration\"", "\"object\":\"adapter\"" },
};
enum { FORGERIES = sizeof forgeries / sizeof *forgeries };

START_TEST(an_edited_file_is_refused)
{
    static char bytes[16384], edited[16384];
    expect_post(FIT, 200, NULL);
    (void)read_all(file_path("calibration.c1.json"), bytes, sizeof bytes);
    const char *at = strstr(bytes, forgeries[_i].from);
    ck_assert_ptr_nonnull(at);
    int n = snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - bytes), bytes, forgeries[_i].to,
                     at + strlen(forgeries[_i].from));
    write_all(file_path("calibration.c1.json"), edited, (size_t)n);
    restart();
    expect_call("GET", CAL, "", 200, "{\"object\":\"list\",\"data\":[]}");
}
END_TEST

START_TEST(a_reload_takes_what_came_and_drops_what_went)
{
    static char bytes[16384];
    expect_post(FIT, 200, NULL);
    size_t n = read_all(file_path("calibration.c1.json"), bytes, sizeof bytes);
    (void)unlink(file_path("calibration.c1.json"));
    ck_assert_int_eq(artifacts_reload(f.service.artifacts, f.registry, NULL), ST_OK);
    expect_call("GET", CAL "/c1", "", 404, NULL);
    write_all(file_path("calibration.c1.json"), bytes, n);
    ck_assert_int_eq(artifacts_reload(f.service.artifacts, f.registry, NULL), ST_OK);
    expect_call("GET", CAL "/c1", "", 200, NULL);
    expect_call("DELETE", CAL "/c1", "", 204, NULL);
    ck_assert_int_ne(access(file_path("calibration.c1.json"), F_OK), 0);
}
END_TEST

START_TEST(a_directory_that_cannot_be_written_is_an_error_and_changes_nothing)
{
    expect_post(FIT, 200, NULL);
    (void)unlink(file_path("calibration.c1.json"));
    (void)rmdir(directory);
    expect_post(CAL, "{\"id\":\"c2\",\"pairs\":[[\"a\",\"a b\",1],[\"b\",\"b c\",1],[\"a\",\"q\",0],[\"b\",\"z\",0]]}",
                500, "the state directory: ");
    expect_call("GET", CAL "/c2", "", 404, NULL);
    expect_call("GET", CAL "/c1", "", 200, NULL);
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));                /* for close_directory to remove */
}
END_TEST

/* ---- many at once ---- */

static void *hammer(void *context)
{
    char body[256];
    int own = *(int *)context;
    for (int i = 0; i < 20; i++) {
        call c = { 0 };
        (void)snprintf(body, sizeof body,
                       "{\"id\":\"t%d\",\"pairs\":[[\"a\",\"a b\",1],[\"b\",\"b c\",1],"
                       "[\"a\",\"q\",0],[\"b\",\"z\",0]]}",
                       i % 3);
        bool delete = i % 5 == own;
        call_make(&c, &f, delete ? "DELETE" : i % 2 ? "GET" : "POST", delete ? CAL "/t1" : CAL, json_headers,
                  slice_of(body), CALL_ARENA_BYTES);
        ck_assert_int_lt(c.x.status, 500);
        call_end(&c);
    }
    return NULL;
}

START_TEST(making_listing_and_deleting_at_once_is_safe)
{
    pthread_t threads[4];
    int own[4] = { 0, 1, 2, 3 };
    errinfo err;
    ck_assert_int_eq(labour_open(&f.service.labour, &err), ST_OK);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &own[i]), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    labour_close(f.service.labour);
    f.service.labour = NULL;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trust");
    TCase *t = tcase_create("routes"), *files = tcase_create("files");
    check_patience(t, 120);
    check_patience(files, 120);
    tcase_add_checked_fixture(t, open_fixture, close_fixture);
    tcase_add_test(t, a_calibration_is_made_and_adds_probabilities_in_the_shape_of_the_scores);
    tcase_add_test(t, a_prior_moves_the_odds_by_its_own);
    tcase_add_test(t, a_ranking_is_best_first_with_margins);
    tcase_add_test(t, a_classifier_finds_the_label_of_its_own_examples);
    tcase_add_test(t, a_baseline_watches_what_is_served_by_tag_and_not_what_trains);
    tcase_add_test(t, the_alert_rules_speak_of_series_that_exist);
    tcase_add_test(t, an_adapter_shows_its_gain_or_is_refused_with_figures);
    tcase_add_loop_test(t, what_is_wrong_is_named, 0, REFUSALS);
    tcase_add_test(t, a_calibration_refuses_other_vectors_than_its_own);
    tcase_add_test(t, paths_with_an_id_know_their_methods);
    tcase_add_test(t, no_more_of_a_kind_than_the_limit_are_kept);
    tcase_add_test(t, what_was_made_for_a_model_is_not_used_with_its_successor);
    tcase_add_test(t, no_more_memory_than_the_limit_is_kept);
    tcase_add_test(t, making_listing_and_deleting_at_once_is_safe);
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(files, open_directory, close_directory);
    tcase_add_test(files, all_kinds_come_back_after_a_restart_as_they_were);
    tcase_add_test(files, a_cut_file_is_refused_at_every_length);
    tcase_add_loop_test(files, an_edited_file_is_refused, 0, FORGERIES);
    tcase_add_test(files, a_reload_takes_what_came_and_drops_what_went);
    tcase_add_test(files, a_directory_that_cannot_be_written_is_an_error_and_changes_nothing);
    suite_add_tcase(suite, files);
    return check_run(suite);
}
