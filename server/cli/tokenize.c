/* tokenize.c - `rosim tokenize`: token ids, or with --json pieces and where they stand in the text.
 *
 * Only the text files of the model folder are read, so that it also works without the weights.
 * Texts are cut only when --max-length is given: one looks here to see all tokens.
 */
#include "model/encoder/config.h"
#include "model/text/tokenizer.h"
#include "model/text/utf8.h"
#include "server/cli/cli.h"
#include "server/cli/lines.h"
#include "server/cli/output.h"
#include "server/cli/session.h"

#include <inttypes.h>
#include <stdio.h>

enum { WHERE_BYTES = 32, ARENA_FIRST_BYTES = 1 << 16, BYTES_PER_TOKEN = 80 };

typedef struct {
    folder *folder;
    tokenizer *tokenizer;
    arena *arena;
    const options *options;
    size_t done;
} context;

static void write_range(json_out *w, const char *key, bool special, size_t start, size_t end)
{
    json_key(w, key);
    if (special) {
        json_literal(w, "null");
        return;
    }
    json_open(w, '[');
    json_integer(w, (int64_t)start);
    json_integer(w, (int64_t)end);
    json_close(w, ']');
}

/* Byte offsets of one text turned into code points, while they grow; they seldom step back. */
typedef struct { slice text; size_t bytes, code_points; } cursor;

static size_t code_points_before(cursor *c, size_t bytes)
{
    if (bytes < c->bytes)
        c->bytes = c->code_points = 0;
    while (c->bytes < bytes && c->bytes < c->text.length) {
        (void)utf8_next(c->text, &c->bytes);
        c->code_points++;
    }
    return c->code_points;
}

static void write_token(json_out *w, const context *c, const token_list *list, size_t i, cursor *at)
{
    uint32_t id = list->ids[i];
    size_t start = list->starts[i], end = list->ends[i];
    bool special = tokenizer_is_special(c->tokenizer, id) && start == end;
    size_t first = special ? 0 : code_points_before(at, start);
    size_t last = special ? 0 : code_points_before(at, end);
    json_open(w, '{');
    json_key(w, "id");
    json_integer(w, id);
    json_key(w, "piece");
    json_text(w, tokenizer_piece(c->tokenizer, id));
    write_range(w, "bytes", special, start, end);
    write_range(w, "code_points", special, first, last);
    json_close(w, '}');
}

static status print_json(const context *c, slice text, const token_list *list, errinfo *err)
{
    json_out w;
    cursor at = { .text = text };
    json_begin(&w, c->arena, list->count * BYTES_PER_TOKEN);
    json_open(&w, '{');
    json_key(&w, "index");
    json_integer(&w, (int64_t)c->done);
    json_key(&w, "tokens");
    json_open(&w, '[');
    for (size_t i = 0; i < list->count; i++)
        write_token(&w, c, list, i, &at);
    json_close(&w, ']');
    json_close(&w, '}');
    return output_json(&w, stdout, err);
}

static status print_text(context *c, slice text, const char *where, errinfo *err)
{
    errinfo why;
    token_list list;
    tokenize_options how = { .max_tokens = c->options->max_length, .offsets = c->options->json,
                             .truncate = session_truncation(c->options->truncate) };
    status st = lines_check_text(text, where, err);
    if (st)
        return st;
    arena_reset(c->arena);
    st = tokenizer_encode(c->tokenizer, text, &how, c->arena, &list, &why);
    if (st)
        return fail(err, st, "%s: %s", where, why.text);
    if (how.max_tokens && list.count > how.max_tokens)
        return fail(err, ST_INPUT, "%s: %zu tokens, at most %zu (see --truncate)", where,
                    list.total, how.max_tokens);
    if (c->options->json)
        st = print_json(c, text, &list, err);
    for (size_t i = 0; i < list.count && !c->options->json; i++)
        (void)printf("%" PRIu32 "%c", list.ids[i], i + 1 < list.count ? ' ' : '\n');
    c->done++;
    return st;
}

static status add_line(void *all, slice line, size_t number, errinfo *err)
{
    char where[WHERE_BYTES];
    (void)snprintf(where, sizeof where, "line %zu", number);
    return print_text(all, line, where, err);
}

static status flush(void *all, errinfo *err)
{
    (void)all;
    return output_flush(stdout, err);
}

static status print_arguments(context *c, errinfo *err)
{
    char where[WHERE_BYTES];
    for (size_t i = 0; i < c->options->argument_count; i++) {
        (void)snprintf(where, sizeof where, "text %zu", i + 1);
        status st = print_text(c, slice_of(c->options->arguments[i]), where, err);
        if (st)
            return st;
    }
    return output_flush(stdout, err);
}

static status open_tokenizer(context *c, errinfo *err)
{
    encoder_config config;
    const char *path = c->options->models[0].path;
    errinfo why = { 0 };
    status st = folder_open_text(&c->folder, path, &why);
    if (st == ST_OK)
        st = config_load(&config, c->folder, &why);
    if (st == ST_OK)
        st = tokenizer_open(&c->tokenizer, c->folder, config.vocab_size, &why);
    return st ? fail(err, st, "model %s: %s", path, why.text) : ST_OK;
}

int cli_tokenize(const options *o)
{
    errinfo err;
    context c = { .options = o, .arena = arena_open(ARENA_FIRST_BYTES, SIZE_MAX / 2) };
    status st = c.arena ? open_tokenizer(&c, &err) : fail(&err, ST_NOMEM, "out of memory");
    if (st == ST_OK && o->argument_count > 0)
        st = print_arguments(&c, &err);
    else if (st == ST_OK)
        st = lines_read(stdin, &(lines_sink){ add_line, flush, &c, LINES_CHUNK }, &err);
    tokenizer_close(c.tokenizer);
    folder_close(c.folder);
    arena_close(c.arena);
    return st == ST_OK ? EXIT_DONE : output_failed("tokenize", &err);
}
