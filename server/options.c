/* options.c - see options.h and option_table.h.
 *
 * The command line wins over ROSIM_<NAME>, that over TEI's variable, that over the default; all
 * four go through the same function, and an error names the source. An empty variable counts as
 * unset: compose files pass those on.
 */
#include "server/options.h"

#include "server/option_table.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODEL_ROW = 0,    /* of the option table */
       NAME_BYTES = 80, PATH_BYTES = 4096, TEXTS_BYTES = 1 << 20, ROWS_MAX = 64, HELP_COLUMN = 36,
       SUGGEST_MAX = 3 };

typedef struct {
    options *out;
    const command_row *command;
    const option_row *rows;
    size_t row_count;
    bool given[ROWS_MAX];
    int argc;
    char **argv;
    const char **rest;
} parse;

/* ---- values ---- */

static status set_size(size_t *field, const option_row *row, const char *source, const char *text,
                       errinfo *err)
{
    size_t value = 0;
    bool fits = *text != '\0';
    for (const char *c = text; *c && fits; c++)
        fits = isdigit((unsigned char)*c) && size_multiply(value, 10, &value)
               && size_add(value, (size_t)(*c - '0'), &value);
    if (!fits || value < row->min || value > row->max)
        return fail(err, ST_INPUT, "%s %s: must be %zu to %zu", source, text, row->min, row->max);
    *field = value;
    return ST_OK;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *c = choices; c; c = strchr(c, '|')) {
        c += *c == '|';
        if (length > 0 && strncmp(c, text, length) == 0 && (c[length] == '|' || !c[length]))
            return true;
    }
    return false;
}

static status set_choice(const char **field, const option_row *row, const char *source,
                         const char *text, errinfo *err)
{
    if (is_choice(row->value, text)) {
        *field = text;
        return ST_OK;
    }
    return fail(err, ST_INPUT, "%s %s: must be one of %s", source, text, row->value);
}

static status set_switch(bool *field, const char *source, const char *text, errinfo *err)
{
    bool on = !text || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!on && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return fail(err, ST_INPUT, "%s=%s: must be true or false", source, text);
    *field = on;
    return ST_OK;
}

static status append(options *o, const option_row *row, const char *source, const char *text,
                     errinfo *err)
{
    const char **list = (const char **)((char *)o + row->offset);
    size_t *count = (size_t *)((char *)o + row->count_offset);
    if (*text == '\0')
        return fail(err, ST_INPUT, "%s: must not be empty", source);
    if (*count == row->max)
        return fail(err, ST_INPUT, "%s: at most %zu", source, row->max);
    list[(*count)++] = text;
    return ST_OK;
}

static status set(options *o, const option_row *row, const char *source, const char *text,
                  errinfo *err)
{
    char *field = (char *)o + row->offset;
    switch (row->kind) {
    case TAKES_SIZE: return set_size((size_t *)field, row, source, text, err);
    case TAKES_CHOICE: return set_choice((const char **)field, row, source, text, err);
    case TAKES_LIST: return append(o, row, source, text, err);
    case IS_SWITCH: return set_switch((bool *)field, source, text, err);
    case TAKES_TEXT: break;
    }
    if (*text == '\0')
        return fail(err, ST_INPUT, "%s: must not be empty", source);
    *(const char **)field = text;
    return ST_OK;
}

/* ---- the command line ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, of words short enough for one row on the stack. */
static size_t distance(slice a, const char *b)
{
    size_t row[NAME_BYTES], columns = strlen(b);
    if (a.length >= NAME_BYTES || columns >= NAME_BYTES)
        return NAME_BYTES;
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = diagonal + (a.data[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[columns];
}

static status unknown_flag(const parse *p, const char *typed, slice name, errinfo *err)
{
    size_t best = smaller(SUGGEST_MAX, name.length / 2) + 1;
    const char *nearest = distance(name, "help") < best ? "help" : NULL;
    for (size_t i = 0; i < p->row_count; i++) {
        if (slice_is(name, p->rows[i].flag))
            return fail(err, ST_INPUT, "%.80s: not an option of rosim %s", typed, p->command->name);
        if (!(p->rows[i].commands & p->command->bit) || distance(name, p->rows[i].flag) >= best)
            continue;
        nearest = p->rows[i].flag;
        best = distance(name, nearest);
    }
    if (nearest)
        return fail(err, ST_INPUT, "%.80s: no such option; did you mean --%s?", typed, nearest);
    return fail(err, ST_INPUT, "%.80s: no such option (put -- before a text that begins with '-')",
                typed);
}

static const option_row *find_row(const parse *p, slice name, bool letter)
{
    for (size_t i = 0; i < p->row_count; i++) {
        const option_row *row = &p->rows[i];
        if (!(row->commands & p->command->bit))
            continue;
        if (letter ? row->letter && name.length == 1 && name.data[0] == row->letter
                   : slice_is(name, row->flag) || (row->te_flag && slice_is(name, row->te_flag)))
            return row;
    }
    return NULL;
}

/* A flag of text-embeddings-inference that is not ours: see foreign_row. */
static status parse_foreign(parse *p, const foreign_row *row, bool has_value, int *at, errinfo *err)
{
    options *o = p->out;
    if (row->refused)
        return fail(err, ST_INPUT, "--%s: %s", row->flag, row->why);
    if (row->takes_value && !has_value && ++*at == p->argc)
        return fail(err, ST_INPUT, "--%s: needs a value", row->flag);
    if (o->foreign_count < OPTION_LIST_MAX)
        o->foreign[o->foreign_count++] = row->flag;
    return ST_OK;
}

/* argv[*at] begins with '-': --flag, --flag=value, --flag value, -f value. */
static status parse_flag(parse *p, int *at, errinfo *err)
{
    char source[NAME_BYTES];
    const char *typed = p->argv[*at], *text = strchr(typed, '=');
    bool letter = typed[1] != '-';
    slice name = { typed + (letter ? 1 : 2), 0 };
    name.length = text ? (size_t)(text - name.data) : strlen(name.data);
    text = text ? text + 1 : NULL;
    const option_row *row = find_row(p, name, letter);
    const foreign_row *other = row || letter || strcmp(p->command->name, "serve") != 0 ? NULL : foreign_find(name);
    if (other)
        return parse_foreign(p, other, text != NULL, at, err);
    if (!row)
        return unknown_flag(p, typed, name, err);
    (void)snprintf(source, sizeof source, "%s%.*s", letter ? "-" : "--", (int)name.length,
                   name.data);
    if (!text && row->kind != IS_SWITCH) {
        if (*at + 1 == p->argc)
            return fail(err, ST_INPUT, "%s: needs a value, %s", source, row->value);
        text = p->argv[++*at];
    }
    p->given[row - p->rows] = true;
    return set(p->out, row, source, text, err);
}

static status parse_arguments(parse *p, errinfo *err)
{
    size_t *count = &p->out->argument_count;
    bool flags = true;
    for (int i = 0; i < p->argc; i++) {
        const char *typed = p->argv[i];
        status st = ST_OK;
        if (flags && strcmp(typed, "--") == 0)
            flags = false;
        else if (flags && typed[0] == '-' && typed[1] != '\0')
            st = parse_flag(p, &i, err);
        else
            p->rest[(*count)++] = typed;
        if (st)
            return st;
    }
    if (*count < p->command->min_arguments || *count > p->command->max_arguments)
        return fail(err, ST_INPUT, "%zu arguments: usage is rosim %s [options] %s", *count,
                    p->command->name, p->command->arguments);
    return ST_OK;
}

/* info, check and diagnose take the model as an argument too. */
static status take_folder(parse *p, errinfo *err)
{
    options *o = p->out;
    if (strcmp(p->command->arguments, "[MODEL]") != 0 || o->argument_count == 0)
        return ST_OK;
    if (o->model_text_count > 0)
        return fail(err, ST_INPUT, "%s: the model is named twice", o->arguments[0]);
    p->given[MODEL_ROW] = true;
    return append(o, &p->rows[MODEL_ROW], "model", o->arguments[0], err);
}

/* ---- the environment and the defaults ---- */

static void twin_name(const char *flag, char *out, size_t size)
{
    (void)snprintf(out, size, "ROSIM_%s", flag);
    for (char *c = out; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* Kubernetes gives every pod ROSIM_PORT=tcp://10.0.0.1:8080 when a Service is called rosim. */
static const char *variable(const char *name)
{
    const char *text = name ? getenv(name) : NULL;
    return text && *text && strncmp(text, "tcp://", 6) != 0 ? text : NULL;
}

static status set_variable(parse *p, const option_row *row, const char *name, const char *text,
                           errinfo *err)
{
    if (row->kind != TAKES_LIST)
        return set(p->out, row, name, text, err);
    slice copy = arena_copy(p->out->texts, slice_of(text));
    if (!copy.data)
        return fail(err, ST_INPUT, "%s: too long", name);
    for (char *item = (char *)copy.data, *comma; item; item = comma) {
        comma = strchr(item, ',');
        if (comma)
            *comma++ = '\0';
        status st = append(p->out, row, name, item, err);
        if (st)
            return st;
    }
    return ST_OK;
}

static status fill_from_environment(parse *p, errinfo *err)
{
    char own[NAME_BYTES];
    for (size_t i = 0; i < p->row_count; i++) {
        const option_row *row = &p->rows[i];
        if (p->given[i] || !(row->commands & p->command->bit))
            continue;
        twin_name(row->flag, own, sizeof own);
        const char *name = variable(own) ? own : row->te_env;
        const char *text = variable(name);
        if (!text)
            continue;
        status st = set_variable(p, row, name, text, err);
        if (st)
            return st;
        p->given[i] = true;
    }
    return ST_OK;
}

static status fill_defaults(parse *p, errinfo *err)
{
    for (size_t i = 0; i < p->row_count; i++) {
        const option_row *row = &p->rows[i];
        if (p->given[i] || !row->preset)
            continue;
        status st = set(p->out, row, row->flag, row->preset, err);
        if (st)
            return st;
    }
    return ST_OK;
}

/* ---- models ---- */

static bool is_directory(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* weights/default here, or where an installation or a build tree has it. */
static status default_model(options *o, errinfo *err)
{
    static const char *const places[] = { "../share/rosim/default", "../../weights/default" };
    char executable[PATH_BYTES], path[PATH_BYTES + 64];
    o->model_texts[o->model_text_count++] = "weights/default";
    if (is_directory("weights/default"))
        return ST_OK;
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    executable[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(executable, '/');
    if (slash)
        slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        (void)snprintf(path, sizeof path, "%s%s", executable, places[i]);
        if (!is_directory(path))
            continue;
        o->model_texts[0] = arena_copy(o->texts, slice_of(path)).data;
        return o->model_texts[0] ? ST_OK : fail(err, ST_NOMEM, "model path: out of memory");
    }
    return fail(err, ST_INPUT, "no model: pass --model DIR (none at weights/default or %s%s)",
                executable, places[0]);
}

/* [NAME=]DIR. An existing folder is a folder, whatever its name holds. */
static status parse_model(options *o, const char *text, errinfo *err)
{
    model_options *m = &o->models[o->model_count++];
    double least_cosine = o->attention_floor ? strtod(o->attention_floor, NULL) : 0;    /* checked in check_together */
    *m = (model_options){ .path = text, .kernel = o->kernel, .precision = o->precision, .packed_dir = o->packed_dir,
                          .attention = o->attention, .allow_untrained = o->allow_untrained,
                          .attention_floor = least_cosine, .max_length = o->max_length };
    const char *equals = strchr(text, '=');
    if (!equals || is_directory(text))
        return ST_OK;
    m->name = arena_copy(o->texts, (slice){ text, (size_t)(equals - text) }).data;
    m->path = equals + 1;
    if (!m->name || m->name[0] == '\0' || m->path[0] == '\0')
        return fail(err, ST_INPUT, "--model %s: must be DIR or NAME=DIR", text);
    return ST_OK;
}

static status parse_models(parse *p, errinfo *err)
{
    options *o = p->out;
    if (strcmp(p->command->name, "serve") != 0 && o->model_text_count > 1)
        return fail(err, ST_INPUT, "--model: rosim %s takes one", p->command->name);
    if (o->model_text_count == 0 && !o->live && !o->ready) {
        status st = default_model(o, err);
        if (st)
            return st;
    }
    for (size_t i = 0; i < o->model_text_count; i++) {
        status st = parse_model(o, o->model_texts[i], err);
        if (st)
            return st;
    }
    if (o->served_name && o->model_count != 1)
        return fail(err, ST_INPUT, "--served-model-name: there are %zu models, use NAME=DIR",
                    o->model_count);
    if (o->served_name)
        o->models[0].name = o->served_name;
    return ST_OK;
}

/* ---- all of it ---- */

static status check_floor(const char *text, errinfo *err)
{
    char *end = NULL;
    double x = text ? strtod(text, &end) : 1;
    if (!text || (*end == '\0' && x > 0 && x <= 1))
        return ST_OK;
    return fail(err, ST_INPUT, "--attention-floor %s: must be a cosine above 0 and at most 1", text);
}

static status check_together(const options *o, const command_row *command, errinfo *err)
{
    status st = check_floor(o->attention_floor, err);
    if (st)
        return st;
    if (strcmp(command->name, "score") == 0 && o->argument_count == 1)
        return fail(err, ST_INPUT, "score needs two texts, or none to read lines a<TAB>b");
    if (strcmp(command->name, "serve") == 0 && !o->tls_certificate != !o->tls_key)
        return fail(err, ST_INPUT, "--tls-certificate and --tls-key go together");
    return ST_OK;
}

status options_parse(options *out, const char *command, int argc, char **argv, errinfo *err)
{
    status st;
    *out = (options){ 0 };
    parse p = { .out = out, .command = command_find(command), .argc = argc, .argv = argv };
    p.rows = option_rows(&p.row_count);
    assert(p.row_count <= ROWS_MAX);
    if (!p.command)
        return fail(err, ST_INPUT, "%s: no such command", command);
    out->texts = arena_open(0, TEXTS_BYTES);
    p.rest = out->texts ? arena_take_zero(out->texts, (size_t)argc + 1, sizeof *p.rest) : NULL;
    if (!p.rest)
        return fail(err, ST_NOMEM, "options: out of memory");
    out->arguments = p.rest;
    st = parse_arguments(&p, err);
    if (st == ST_OK)
        st = take_folder(&p, err);
    if (st == ST_OK)
        st = fill_from_environment(&p, err);
    if (st == ST_OK)
        st = fill_defaults(&p, err);
    if (st == ST_OK && strcmp(out->precision, "float32") == 0)
        out->precision = "f32";
    if (st == ST_OK)
        st = check_together(out, p.command, err);
    return st == ST_OK ? parse_models(&p, err) : st;
}

void options_clear(options *o)
{
    arena_close(o->texts);
    *o = (options){ 0 };
}

/* ---- help ---- */

static void print_row(const option_row *row)
{
    char left[NAME_BYTES + 32], own[NAME_BYTES];
    char letter[] = { '-', row->letter, ',', ' ', '\0' };
    (void)snprintf(left, sizeof left, "  %s--%s%s%s", row->letter ? letter : "    ", row->flag,
                   row->value ? " " : "", row->value ? row->value : "");
    twin_name(row->flag, own, sizeof own);
    (void)printf("%-*s  %s", HELP_COLUMN, left, row->help);
    if (row->preset)
        (void)printf(" [%s]", row->preset);
    (void)printf("\n%*s%s%s%s%s%s\n", HELP_COLUMN + 2, "", own, row->te_env ? ", " : "",
                 row->te_env ? row->te_env : "", row->te_flag ? ", --" : "",
                 row->te_flag ? row->te_flag : "");
}

void options_help(const char *command)
{
    size_t count;
    const option_row *rows = option_rows(&count);
    const command_row *c = command_find(command);
    if (!c)
        return;
    (void)printf("rosim %s [options] %s\n\n%s\n\n", c->name, c->arguments, c->summary);
    (void)printf("Options, their environment variables and other names [default]:\n");
    for (size_t i = 0; i < count; i++)
        if (rows[i].commands & c->bit)
            print_row(&rows[i]);
    (void)printf("\nExamples:\n%s", c->examples);
}
