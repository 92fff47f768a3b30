/* check_readme.c - every example of README.md and the pages in docs, run against a real server.
 *
 * An example is a block marked sh that begins with curl, printf or the binary; the block behind it says what must come
 * back. A json block is a pattern: its keys must be there with its values, numbers to 0.001, and "…" at the end of a
 * string or of a list stands for any rest. A text block lists lines, each of which must be in the answer, "…" again for
 * the rest of a line. Other sh blocks (make, docker, apt-get) are not run.
 */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <cjson/cJSON.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EXAMPLES_MAX = 256, PAGES_MAX = 32, README_MAX = 1 << 18, ANSWER_MAX = 1 << 20, COMMAND_MAX = 1 << 13 };
enum { EXAMPLES_EXPECTED = 10 };          /* a README in which fewer are found was not understood */

typedef enum { ANY_ANSWER, JSON_ANSWER, TEXT_ANSWER } answer_kind;

typedef struct {
    const char *page;
    int line;                             /* of the block, in the page */
    slice command, expected;
    answer_kind kind;
} example;

static char texts[PAGES_MAX][README_MAX];
static example examples[EXAMPLES_MAX];
static int example_count;
static char binary[512], address[32];     /* what this run puts in the place of the README's names */
static e2e_server server;

static const char any_rest[] = "…";

/* ---- reading the pages ---- */

static bool starts_with(slice text, const char *start)
{
    return text.length >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

/* The line at *rest without its newline; *rest moves behind it. False at the end. */
static bool take_line(slice *rest, slice *line)
{
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->length);
    line->data = rest->data;
    line->length = end ? (size_t)(end - rest->data) : rest->length;
    size_t taken = end ? line->length + 1 : line->length;
    *rest = (slice){ rest->data + taken, rest->length - taken };
    return true;
}

/* The lines up to the closing fence. */
static slice take_block(slice *rest, int *line_number)
{
    slice line, block = { rest->data, 0 };
    while (take_line(rest, &line)) {
        ++*line_number;
        if (starts_with(line, "```"))
            break;
        block.length = (size_t)(line.data + line.length + 1 - block.data);
    }
    return block;
}

static bool is_run(slice command)
{
    return starts_with(command, "curl ") || starts_with(command, "printf ")
           || starts_with(command, "build/release/rosim ");
}

static void add_block(slice fence, slice block, const char *page, int line)
{
    if (slice_is(fence, "```sh") && is_run(block) && example_count < EXAMPLES_MAX) {
        examples[example_count++] = (example){ .page = page, .line = line, .command = block };
        return;
    }
    if (example_count == 0 || examples[example_count - 1].kind != ANY_ANSWER)
        return;
    example *last = &examples[example_count - 1];
    if (slice_is(fence, "```json"))
        last->kind = JSON_ANSWER;
    else if (slice_is(fence, "```text"))
        last->kind = TEXT_ANSWER;
    last->expected = block;
}

/* Before libcheck runs, so nothing is asserted here: a README that is not there gives no examples. */
static void read_page(const char *page, char text[README_MAX])
{
    FILE *file = fopen(page, "rb");
    if (!file)
        return;
    slice line, rest = { text, fread(text, 1, README_MAX - 1, file) };
    (void)fclose(file);
    for (int line_number = 1; take_line(&rest, &line); line_number++) {
        if (!starts_with(line, "```"))
            continue;
        int opened_at = line_number;
        slice block = take_block(&rest, &line_number);
        add_block(line, block, page, opened_at);
    }
}

/* ---- running one ---- */

static void append(char *out, size_t capacity, slice text)
{
    size_t used = strlen(out);
    ck_assert_uint_lt(used + text.length, capacity);
    memcpy(out + used, text.data, text.length);
    out[used + text.length] = '\0';
}

/* The command with the address and the binary of this test run. */
static void adapt(const example *e, char *out, size_t capacity)
{
    static const char *const named[] = { "localhost:8080", "build/release/rosim" };
    const char *const ours[] = { address, binary };
    slice rest = e->command;
    out[0] = '\0';
    append(out, capacity, slice_of("set -e\n"));    /* each of its lines must succeed */
    while (rest.length > 0) {
        size_t step = 1;
        slice text = { rest.data, 1 };
        for (size_t i = 0; i < 2; i++)
            if (starts_with(rest, named[i])) {
                text = slice_of(ours[i]);
                step = strlen(named[i]);
            }
        append(out, capacity, text);
        rest = (slice){ rest.data + step, rest.length - step };
    }
}

/* Its output, NUL-terminated; the exit status must be 0. */
static char *run(const char *command, const example *e)
{
    char *output = calloc(1, ANSWER_MAX);
    ck_assert_ptr_nonnull(output);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t length = fread(output, 1, ANSWER_MAX - 1, pipe);
    output[length] = '\0';
    int ended = pclose(pipe);
    ck_assert_msg(ended == 0, "%s:%d: status %d of\n%s\n%s", e->page, e->line, ended, command, output);
    return output;
}

/* ---- comparing ---- */

static bool text_matches(const char *pattern, const char *text)
{
    size_t length = strlen(pattern), rest = strlen(any_rest);
    if (length >= rest && strcmp(pattern + length - rest, any_rest) == 0)
        return strncmp(pattern, text, length - rest) == 0;
    return strcmp(pattern, text) == 0;
}

static bool is_any_rest(const cJSON *pattern)
{
    return cJSON_IsString(pattern) && strcmp(pattern->valuestring, any_rest) == 0;
}

static bool json_matches(const cJSON *pattern, const cJSON *value);

static bool array_matches(const cJSON *pattern, const cJSON *value)
{
    const cJSON *p = pattern->child, *v = value->child;
    for (; p && v; p = p->next, v = v->next) {
        if (is_any_rest(p) && !p->next)
            return true;
        if (!json_matches(p, v))
            return false;
    }
    return !v && (!p || is_any_rest(p));
}

static bool object_matches(const cJSON *pattern, const cJSON *value)
{
    for (const cJSON *p = pattern->child; p; p = p->next) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(value, p->string);
        if (!v || !json_matches(p, v))
            return false;
    }
    return true;
}

/* As deep as the pattern, and that is our own README. */
static bool json_matches(const cJSON *pattern, const cJSON *value)
{
    if (is_any_rest(pattern))
        return true;
    if (cJSON_IsObject(pattern))
        return cJSON_IsObject(value) && object_matches(pattern, value);
    if (cJSON_IsArray(pattern))
        return cJSON_IsArray(value) && array_matches(pattern, value);
    if (cJSON_IsString(pattern))
        return cJSON_IsString(value) && text_matches(pattern->valuestring, value->valuestring);
    if (cJSON_IsNumber(pattern))
        return cJSON_IsNumber(value) && fabs(pattern->valuedouble - value->valuedouble) <= 1e-3;
    return (pattern->type & 0xff) == (value->type & 0xff);
}

static void compare_json(const example *e, const char *answer)
{
    cJSON *pattern = cJSON_ParseWithLength(e->expected.data, e->expected.length);
    ck_assert_msg(pattern != NULL, "%s:%d: the answer shown is not JSON", e->page, e->line);
    cJSON *value = cJSON_Parse(answer);
    bool good = value && json_matches(pattern, value);
    cJSON_Delete(pattern);
    cJSON_Delete(value);
    ck_assert_msg(good, "%s:%d: want\n%.*sgot\n%.3000s", e->page, e->line, (int)e->expected.length, e->expected.data,
                  answer);
}

static bool has_line(const char *answer, const char *wanted)
{
    slice line, rest = slice_of(answer);
    char text[1024];
    while (take_line(&rest, &line)) {
        (void)snprintf(text, sizeof text, "%.*s", (int)line.length, line.data);
        if (text_matches(wanted, text))
            return true;
    }
    return false;
}

static void compare_text(const example *e, const char *answer)
{
    slice line, rest = e->expected;
    char wanted[1024];
    while (take_line(&rest, &line)) {
        (void)snprintf(wanted, sizeof wanted, "%.*s", (int)line.length, line.data);
        ck_assert_msg(has_line(answer, wanted), "%s:%d: no line `%s` in\n%.3000s", e->page, e->line, wanted, answer);
    }
}

START_TEST(an_example_answers_as_it_says)
{
    const example *e = &examples[_i];
    char *command = malloc(COMMAND_MAX);
    ck_assert_ptr_nonnull(command);
    adapt(e, command, COMMAND_MAX);
    char *answer = run(command, e);
    if (e->kind == JSON_ANSWER)
        compare_json(e, answer);
    else if (e->kind == TEXT_ANSWER)
        compare_text(e, answer);
    free(answer);
    free(command);
}
END_TEST

START_TEST(enough_examples_were_found)
{
    ck_assert_int_ge(example_count, EXAMPLES_EXPECTED);
    ck_assert_int_lt(example_count, EXAMPLES_MAX);
}
END_TEST

static void start(void)
{
    /* As docs/web-application.md says; it changes nothing for requests without an origin. */
    static const char *const options[] = { "--cors-allow-origin", "https://app.example.com", NULL };
    server = e2e_start(options);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)server.port);
}

static void stop(void)
{
    ck_assert_int_eq(e2e_stop(&server), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    int variant_length = (int)(strstr(argv[0], "/tests/e2e/") - argv[0]);    /* e2e_init has checked that it is there */
    (void)snprintf(binary, sizeof binary, "%.*s/rosim", variant_length, argv[0]);
    (void)setenv("ROSIM_PRECISION", "f32", 1);    /* as the server: auto takes what is fastest today */
    static glob_t pages;                  /* the examples name them */
    (void)glob("README.md", 0, NULL, &pages);
    (void)glob("docs/*.md", GLOB_APPEND, NULL, &pages);
    for (size_t page = 0; page < pages.gl_pathc && page < PAGES_MAX; page++)
        read_page(pages.gl_pathv[page], texts[page]);
    Suite *suite = suite_create("pages");
    TCase *t = tcase_create("pages");
    check_patience(t, 120);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_test(t, enough_examples_were_found);
    tcase_add_loop_test(t, an_example_answers_as_it_says, 0, example_count);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
