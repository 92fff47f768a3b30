/* check_operations.c - what an operator relies on: metrics that are all there from the start, on a port of their own if
 * asked; routes that are closed by default; rates; a log that holds no text of anybody's; traces; a thousand idle
 * connections; a dashboard that names no metric in vain.
 */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include "server/router.h"

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { IDLE = 1000, ASKED = 200, NAME_BYTES = 128 };

/* SHA-256 of "secret" and of "other", as sha256sum prints them */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

static const char model_folder[] = "tests/golden/encoder/roformer_linear";
static const char pairs[] = "{\"pairs\":[[\"a b c\",\"c d\"]]}";
static const char secret_header[] = "Authorization: Bearer secret\r\n";
static char keys_path[] = "/tmp/check-operations-XXXXXX";

static e2e_server start_with(const char *const *arguments)
{
    return e2e_start_model(model_folder, arguments);
}

static e2e_server start_with_keys(const char *keys, const char *more)
{
    const char *const arguments[] = { "--api-key-file", keys_path, more, NULL };
    FILE *f = fopen(keys_path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(keys, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    return start_with(arguments);
}

static void expect(const e2e_server *s, const char *method, const char *path, const char *headers, const char *body,
                   int wanted)
{
    raw_answer a = e2e_ask(s, method, path, headers, body);
    ck_assert_msg(a.status == wanted, "%s %s: %d, want %d: %s", method, path, a.status, wanted, a.body ? a.body : "");
    raw_answer_clear(&a);
}

/* ---- metrics ---- */

static char *scrape(const e2e_server *s)
{
    raw_answer a = e2e_ask(s, "GET", "/metrics", "", NULL);
    ck_assert_int_eq(a.status, 200);
    char *text = strdup(a.body);
    raw_answer_clear(&a);
    return text;
}

static void expect_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    ck_assert_msg(at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n', "no line %s", line);
}

START_TEST(every_series_is_there_at_zero_before_the_first_request)
{
    static const char *const zeros[] = {
        "rosim_texts_total", "rosim_tokens_total", "rosim_truncated_total", "rosim_unknown_tokens_total",
        "rosim_cancelled_total", "rosim_deadline_exceeded_total", "rosim_overloaded_total", "rosim_batches_total",
        "rosim_padded_tokens_total", "rosim_packing_efficiency", "rosim_queue_tokens", "rosim_batch_tokens_count",
        "rosim_batch_seconds_count", "rosim_compute_seconds_count", "rosim_queue_seconds_count",
        "rosim_request_seconds_count", "rosim_tokenize_seconds_count",
        "rosim_reloads_total{part=\"models\",result=\"failed\"}", "rosim_reloads_total{part=\"keys\",result=\"ok\"}",
        "rosim_reloads_total{part=\"certificate\",result=\"unchanged\"}",
        "rosim_key_requests_total{key=\"alice\",status=\"2xx\"}", "rosim_key_tokens_total{key=\"alice\"}",
        "rosim_key_limited_total{key=\"alice\"}", "te_request_count{method=\"single\"}", "te_queue_size",
    };
    static const int statuses[] = { 200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503, 504 };
    size_t count;
    char line[256];
    e2e_server s = start_with_keys("alice:" SECRET "\n", NULL);
    char *text = scrape(&s);
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        (void)snprintf(line, sizeof line, "%s 0", zeros[i]);
        expect_line(text, line);
    }
    expect_line(text, "rosim_model_generations 1");
    const route *routes = router_table(&count);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
            (void)snprintf(line, sizeof line, "rosim_requests_total{route=\"%s\",status=\"%d\"} 0", routes[r].path,
                           statuses[i]);
            expect_line(text, line);
        }
    free(text);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* Texts of 3 and 8 tokens: padded they would be 16, packed they are 11 or less. */
START_TEST(packing_efficiency_is_what_padding_would_have_wasted)
{
    e2e_server s = start_with(NULL);
    expect(&s, "POST", "/v1/similarity", "", "{\"pairs\":[[\"a\",\"a b c d e a\"]]}", 200);
    double tokens = e2e_metric(&s, "rosim_batch_tokens_sum"), padded = e2e_metric(&s, "rosim_padded_tokens_total");
    ck_assert_double_gt(tokens, 0);
    ck_assert(e2e_metric(&s, "rosim_batches_total") == 1);
    ck_assert_double_gt(padded, tokens);
    ck_assert_double_eq_tol(e2e_metric(&s, "rosim_packing_efficiency"), tokens / padded, 1e-9);
    ck_assert(e2e_metric(&s, "rosim_batch_seconds_count") == 1 && e2e_metric(&s, "rosim_batch_seconds_sum") > 0);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

START_TEST(a_metrics_port_has_metrics_and_nothing_else)
{
    char port[16];
    (void)snprintf(port, sizeof port, "%u", (unsigned)free_port());
    const char *const arguments[] = { "--metrics-port", port, "--api-key", "secret", NULL };
    e2e_server s = start_with(arguments), side = s;
    side.port = (uint16_t)strtoul(port, NULL, 10);
    expect(&s, "GET", "/metrics", secret_header, NULL, 404);
    expect(&side, "GET", "/v1/models", secret_header, NULL, 404);
    expect(&side, "POST", "/v1/similarity", secret_header, pairs, 404);
    expect(&side, "GET", "/", "", NULL, 404);
    expect(&s, "POST", "/v1/similarity", secret_header, pairs, 200);
    ck_assert(e2e_metric(&side, "rosim_requests_total{route=\"/v1/similarity\",status=\"200\"}") == 1);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- access ---- */

static void as_asked(const char *pattern, char out[NAME_BYTES])
{
    const char *brace = strchr(pattern, '{'), *rest = brace ? strchr(brace, '}') + 1 : "";
    (void)snprintf(out, NAME_BYTES, "%.*s%s%s", (int)strcspn(pattern, "{"), pattern, brace ? "x" : "", rest);
}

START_TEST(every_route_that_is_not_public_by_name_wants_a_key)
{
    size_t count, closed = 0;
    char path[NAME_BYTES];
    e2e_server s = start_with_keys("alice:" SECRET "\n", NULL);
    const route *routes = router_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool is_post = strcmp(routes[i].method, "POST") == 0;
        as_asked(routes[i].path, path);
        raw_answer a = e2e_ask(&s, routes[i].method, path, "", is_post ? "{}" : NULL);
        if (routes[i].access == ACCESS_PUBLIC) {
            ck_assert_msg(a.status != 401, "%s %s", routes[i].method, path);
        } else {
            ck_assert_msg(a.status == 401 && strstr(a.head, "WWW-Authenticate"), "%s %s without a key: %d",
                          routes[i].method, path, a.status);
            closed++;
        }
        raw_answer_clear(&a);
    }
    ck_assert_uint_gt(closed, 20);
    route unsaid = { .method = "GET" };
    ck_assert_int_eq(unsaid.access, ACCESS_KEY);    /* what a row that says nothing gets */
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

START_TEST(a_rate_is_kept_per_key_and_counted)
{
    static const char long_body[] = "{\"pairs\":[[\"a b c d e a b c d e\",\"a b c d e a b c d e a b c d e\"]]}";
    e2e_server s = start_with_keys("alice:" SECRET ":rate=1\nbob:" OTHER "\n", NULL);
    expect(&s, "POST", "/v1/similarity", secret_header, long_body, 200);
    raw_answer a = e2e_ask(&s, "POST", "/v1/similarity", secret_header, long_body);
    const char *retry = a.head ? strstr(a.head, "Retry-After: ") : NULL;
    ck_assert_int_eq(a.status, 429);
    ck_assert_ptr_nonnull(retry);
    ck_assert_int_ge(strtol(retry + strlen("Retry-After: "), NULL, 10), 10);
    raw_answer_clear(&a);
    e2e_signal(&s, SIGHUP);                         /* a reload does not fill the bucket */
    while (e2e_metric(&s, "rosim_reloads_total{part=\"state\",result=\"ok\"}") < 1)
        e2e_sleep_ms(10);
    expect(&s, "POST", "/v1/similarity", secret_header, long_body, 429);
    expect(&s, "POST", "/v1/similarity", "Authorization: Bearer other\r\n", long_body, 200);
    ck_assert(e2e_metric(&s, "rosim_key_limited_total{key=\"alice\"}") == 2);
    ck_assert(e2e_metric(&s, "rosim_key_limited_total{key=\"bob\"}") == 0);
    ck_assert(e2e_metric(&s, "rosim_key_requests_total{key=\"alice\",status=\"4xx\"}") == 2);
    ck_assert(e2e_metric(&s, "rosim_key_requests_total{key=\"bob\",status=\"2xx\"}") == 1);
    ck_assert(e2e_metric(&s, "rosim_key_tokens_total{key=\"alice\"}")
              == e2e_metric(&s, "rosim_key_tokens_total{key=\"bob\"}"));
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- log and trace ---- */

static const char *const marked[] = {
    "{\"pairs\":[[\"zebrazebra\",\"c d\"]]}",                 /* served */
    "{\"pairs\":[[\"zebrazebra\",\"\"]]}",                    /* refused: empty */
    "{\"pairs\":[[\"zebrazebra\",7]]}",                       /* refused: type */
    "{\"pairs\":[[\"a\",\"b\"]],\"zebrazebra\":1,}",          /* refused: syntax */
    "{\"pairs\":[[\"a\",\"b\"]],\"attention\":\"zebrazebra\"}",
    "{\"pairs\":[[\"a\",\"b\"]],\"model\":\"zebrazebra\"}",
};

START_TEST(no_text_and_no_key_reaches_the_log)
{
    e2e_server s = start_with_keys("alice:" SECRET "\n", _i ? "--json-output" : NULL);
    for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
        raw_answer a = e2e_ask(&s, "POST", "/v1/similarity?q=zebrazebra", secret_header, marked[i]);
        ck_assert_int_ge(a.status, 200);
        raw_answer_clear(&a);
    }
    expect(&s, "GET", "/v1/models", "Authorization: Bearer zebrazebra\r\nCookie: zebrazebra\r\n", NULL, 401);
    expect(&s, "GET", "/v1/models", "User-Agent: zebrazebra\r\nx-request-id: zebra zebrazebra\r\n", NULL, 401);
    ck_assert_int_eq(kill(s.pid, 0), 0);
    e2e_sleep_ms(50);
    char *log = e2e_log(&s);
    ck_assert_ptr_nonnull(strstr(log, "/v1/similarity"));
    ck_assert_msg(!strstr(log, "zebra") && !strstr(log, "secret"), "%s", log);
    free(log);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* The last line of the log with the text in it. */
static char *log_line_with(const e2e_server *s, const char *text)
{
    for (int waited = 0; waited < 5000; waited += 10) {
        char *log = e2e_log(s), *at = strstr(log, text), *line = NULL;
        if (at && strchr(at, '\n')) {
            while (at > log && at[-1] != '\n')
                at--;
            line = strndup(at, strcspn(at, "\n"));
        }
        free(log);
        if (line)
            return line;
        e2e_sleep_ms(10);
    }
    ck_abort_msg("no %s in the log", text);
    return NULL;
}

static void text_of(const cJSON *line, const char *name, char *out, size_t room)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(line, name);
    ck_assert_msg(cJSON_IsString(field), "no %s in the line", name);
    (void)snprintf(out, room, "%s", field->valuestring);
}

START_TEST(a_trace_is_logged_and_answered_with_our_span)
{
    static const char headers[] = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                                  "x-request-id: traced\r\n";
    const char *const arguments[] = { "--json-output", NULL };
    char value[64], wanted[128];
    e2e_server s = start_with(arguments);
    raw_answer a = e2e_ask(&s, "POST", "/v1/similarity", headers, pairs);
    ck_assert_int_eq(a.status, 200);
    char *text = log_line_with(&s, "\"request_id\":\"traced\"");
    cJSON *line = cJSON_Parse(text);
    ck_assert_msg(line != NULL, "not JSON: %s", text);
    text_of(line, "trace_id", value, sizeof value);
    ck_assert_str_eq(value, "4bf92f3577b34da6a3ce929d0e0e4736");
    text_of(line, "parent_id", value, sizeof value);
    ck_assert_str_eq(value, "00f067aa0ba902b7");
    text_of(line, "span_id", value, sizeof value);
    (void)snprintf(wanted, sizeof wanted, "traceresponse: 00-4bf92f3577b34da6a3ce929d0e0e4736-%s-01\r\n", value);
    ck_assert_msg(strstr(a.head, wanted) != NULL, "no %s in\n%s", wanted, a.head);
    raw_answer_clear(&a);
    cJSON_Delete(line);
    free(text);
    a = e2e_ask(&s, "GET", "/livez", "traceparent: 00-xyz\r\n", NULL);
    ck_assert(a.status == 200 && !strstr(a.head, "traceresponse"));
    raw_answer_clear(&a);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* Every line of the log is an object: also the first ones and those of errors. */
START_TEST(json_output_is_one_object_a_line)
{
    static const char headers[] = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                                  "x-request-id: 0123456789012345678901234567890123456789012345678901234567890123\r\n";
    const char *const arguments[] = { "--json-output", "--log-level", "debug", NULL };
    char path[300] = "/";
    e2e_server s = start_with(arguments);
    expect(&s, "GET", "/no%22such\\path", "", NULL, 404);
    for (size_t i = 1; i + 1 < sizeof path; i++)
        path[i] = (char)0xe9;
    raw_answer a = e2e_ask(&s, "GET", path, headers, NULL);    /* the longest line there is */
    ck_assert_int_ge(a.status, 400);
    raw_answer_clear(&a);
    char *longest = log_line_with(&s, "0123456789012345678901234567890123456789012345678901234567890123");
    ck_assert_msg(strstr(longest, "\\u00e9\\u00e9") && strstr(longest, "trace_flags"), "%s", longest);
    free(longest);
    e2e_signal(&s, SIGHUP);
    free(log_line_with(&s, "reload: done"));
    char *log = e2e_log(&s), *rest = log;
    size_t lines = 0;
    for (char *line = strsep(&rest, "\n"); line && rest; line = strsep(&rest, "\n"), lines++) {
        cJSON *object = cJSON_Parse(line);
        ck_assert_msg(cJSON_IsObject(object), "%s", line);
        cJSON_Delete(object);
    }
    ck_assert_uint_gt(lines, 5);
    free(log);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- a thousand idle connections ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double p99_ms(const e2e_server *s)
{
    double ms[ASKED];
    raw_client c = e2e_connect(s);
    for (int i = 0; i < ASKED; i++) {
        int64_t begin = clock_now_ns();
        raw_answer a = e2e_post(&c, "/v1/similarity", pairs, strlen(pairs));
        ms[i] = (double)(clock_now_ns() - begin) / 1e6;
        ck_assert_int_eq(a.status, 200);
        raw_answer_clear(&a);
    }
    raw_close(&c);
    qsort(ms, ASKED, sizeof *ms, by_size);
    return ms[ASKED * 99 / 100];
}

/* The bound is loose, since the machine may be busy; what it must catch is work per idle connection that shows. */
START_TEST(a_thousand_idle_connections_do_not_slow_a_request)
{
    static raw_client idle[IDLE];
    const char *const arguments[] = { "--connections", "1200", NULL };
    struct rlimit files = { IDLE + 200, IDLE + 200 };
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    if (before.rlim_max < files.rlim_max)
        return;                                     /* this machine cannot hold so many */
    files.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    e2e_server s = start_with(arguments);
    double alone = p99_ms(&s);
    for (int i = 0; i < IDLE; i++) {
        idle[i] = e2e_connect(&s);
        ck_assert(raw_say(&idle[i], "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"));
        raw_answer a = raw_read(&idle[i], false, E2E_ANSWER_MS);
        ck_assert_int_eq(a.status, 200);
        raw_answer_clear(&a);
    }
    ck_assert_double_ge(e2e_metric(&s, "rosim_connections"), IDLE);
    double crowded = p99_ms(&s);
    (void)fprintf(stderr, "p99 of %d requests: %.2f ms alone, %.2f ms beside %d idle connections\n", ASKED, alone,
                  crowded, IDLE);
    ck_assert_msg(crowded < 250 + 5 * alone, "p99 %.1f ms alone, %.1f ms beside idle ones", alone, crowded);
    for (int i = 0; i < IDLE; i++)
        raw_close(&idle[i]);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- the dashboard ---- */

static void names_in(const char *expression, const char *metrics)
{
    char name[NAME_BYTES], line[NAME_BYTES + 16];
    for (const char *at = expression; (at = strpbrk(at, "rtp")) != NULL;) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
        bool ours = strncmp(at, "rosim_", 6) == 0 || strncmp(at, "te_", 3) == 0 || strncmp(at, "process_", 8) == 0;
        bool inside = at > expression && strchr("abcdefghijklmnopqrstuvwxyz_0123456789", at[-1]);
        if (ours && !inside) {
            (void)snprintf(name, sizeof name, "%.*s", (int)length, at);
            (void)snprintf(line, sizeof line, "\n%s", name);
            const char *found = strstr(metrics, line);
            ck_assert_msg(found && strchr(" {", found[strlen(line)]), "the dashboard asks for %s, which is not there",
                          name);
        }
        at += length ? length : 1;
    }
}

static size_t walk(const cJSON *node, const char *metrics)
{
    size_t count = 0;
    for (; node; node = node->next) {
        if (node->string && strcmp(node->string, "expr") == 0) {
            ck_assert(cJSON_IsString(node));
            names_in(node->valuestring, metrics);
            count++;
        }
        count += walk(node->child, metrics);
    }
    return count;
}

static cJSON *read_dashboard(void)
{
    static char text[1 << 17];
    FILE *f = fopen("docker/grafana/rosim.json", "r");
    ck_assert_ptr_nonnull(f);
    size_t length = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    cJSON *dashboard = cJSON_ParseWithLength(text, length);
    ck_assert_ptr_nonnull(dashboard);
    return dashboard;
}

START_TEST(the_dashboard_asks_for_metrics_that_are_there)
{
    cJSON *dashboard = read_dashboard();
    e2e_server s = start_with_keys("alice:" SECRET "\n", NULL);
    char *metrics = scrape(&s);
    ck_assert_uint_gt(walk(dashboard, metrics), 10);
    free(metrics);
    cJSON_Delete(dashboard);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* ---- Prometheus's own tool, where it is installed ---- */

static void write_rules(FILE *f, const cJSON *node)
{
    static const char interval[] = "$__rate_interval";
    for (; node; node = node->next) {
        if (node->string && strcmp(node->string, "expr") == 0) {
            (void)fputs("  - record: checked\n    expr: '", f);
            for (const char *at = node->valuestring; *at;) {
                bool is_interval = strncmp(at, interval, sizeof interval - 1) == 0;
                (void)fprintf(f, "%.*s", is_interval ? 2 : 1, is_interval ? "1m" : at);
                at += is_interval ? sizeof interval - 1 : 1;
            }
            (void)fputs("'\n", f);
        }
        write_rules(f, node->child);
    }
}

static int run(const char *command)
{
    int ended = system(command);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

enum { PROMTOOL_CANNOT_PARSE = 1 };

/* te_* names are not ours to choose, and break the tool's rules of style; they must parse. */
START_TEST(promtool_reads_the_metrics_and_every_expression_of_the_dashboard)
{
    char metrics[NAME_BYTES], rules[NAME_BYTES], command[4 * NAME_BYTES];
    if (run("command -v promtool >/dev/null 2>&1") != 0)
        return;
    (void)snprintf(metrics, sizeof metrics, "%s.metrics", keys_path);
    (void)snprintf(rules, sizeof rules, "%s.rules", keys_path);
    e2e_server s = start_with_keys("al\"i\\ce:" SECRET "\n", NULL);
    expect(&s, "POST", "/v1/similarity", secret_header, pairs, 200);
    char *text = scrape(&s);
    FILE *f = fopen(metrics, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    (void)fclose(f);
    free(text);
    cJSON *dashboard = read_dashboard();
    f = fopen(rules, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs("groups:\n- name: dashboard\n  rules:\n", f);
    write_rules(f, dashboard);
    (void)fclose(f);
    cJSON_Delete(dashboard);
    (void)snprintf(command, sizeof command, "promtool check metrics < %s >/dev/null 2>&1", metrics);
    ck_assert_int_ne(run(command), PROMTOOL_CANNOT_PARSE);
    (void)snprintf(command, sizeof command, "grep -v '^te_\\|[EP] te_' %s | promtool check metrics >&2", metrics);
    ck_assert_int_eq(run(command), 0);
    (void)snprintf(command, sizeof command, "promtool check rules --lint=none %s >&2", rules);
    ck_assert_int_eq(run(command), 0);
    ck_assert_int_eq(run("cd docker/prometheus && promtool test rules *.test.yaml >&2"), 0);
    (void)unlink(metrics);
    (void)unlink(rules);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

/* Comments and annotations may name no metric, either. */
START_TEST(the_alert_rules_ask_for_metrics_that_are_there)
{
    static char text[1 << 15];
    FILE *f = fopen("docker/prometheus/operations.rules.yaml", "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)fclose(f);
    e2e_server s = start_with(NULL);
    char *metrics = scrape(&s);
    names_in(text, metrics);
    free(metrics);
    ck_assert_int_eq(e2e_stop(&s), 0);
}
END_TEST

static void make_keys_file(void)
{
    int fd = mkstemp(keys_path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

static void remove_keys_file(void)
{
    (void)unlink(keys_path);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("operations");
    TCase *t = tcase_create("operations");
    check_patience(t, 120);
    tcase_add_unchecked_fixture(t, make_keys_file, remove_keys_file);
    tcase_add_test(t, every_series_is_there_at_zero_before_the_first_request);
    tcase_add_test(t, packing_efficiency_is_what_padding_would_have_wasted);
    tcase_add_test(t, a_metrics_port_has_metrics_and_nothing_else);
    tcase_add_test(t, every_route_that_is_not_public_by_name_wants_a_key);
    tcase_add_test(t, a_rate_is_kept_per_key_and_counted);
    tcase_add_loop_test(t, no_text_and_no_key_reaches_the_log, 0, 2);
    tcase_add_test(t, a_trace_is_logged_and_answered_with_our_span);
    tcase_add_test(t, json_output_is_one_object_a_line);
    tcase_add_test(t, a_thousand_idle_connections_do_not_slow_a_request);
    tcase_add_test(t, the_dashboard_asks_for_metrics_that_are_there);
    tcase_add_test(t, the_alert_rules_ask_for_metrics_that_are_there);
    tcase_add_test(t, promtool_reads_the_metrics_and_every_expression_of_the_dashboard);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
