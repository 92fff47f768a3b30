/* check_text_tokenizer.c - ids and offsets that Hugging Face tokenizers gave (tests/golden/text), cuts, limits, and
 * folders that are refused. */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_text_support.h"

#include "model/text/jieba.h"
#include "model/text/tokenizer.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

enum { VOCABULARY_MAX = 1 << 20, IDS_MAX = 4096 };

static tokenizer *open_tokenizer(const char *path)
{
    folder *f = NULL;
    tokenizer *t = NULL;
    errinfo err = { 0 };
    ck_assert_msg(folder_open_text(&f, path, &err) == ST_OK, "%s", err.text);
    ck_assert_msg(tokenizer_open(&t, f, VOCABULARY_MAX, &err) == ST_OK, "%s", err.text);
    folder_close(f);
    return t;
}

static token_list encode(const tokenizer *t, slice text, tokenize_options options, arena *a)
{
    token_list out;
    errinfo err = { 0 };
    ck_assert_msg(tokenizer_encode(t, text, &options, a, &out, &err) == ST_OK, "%s", err.text);
    return out;
}

/* ---- against Hugging Face ---- */

static const struct { const char *folder, *golden; size_t least; } GOLDEN[] = {
    { "weights/default", GOLDEN_TEXT "default.golden", 1500 },
    { GOLDEN_TEXT "cased", GOLDEN_TEXT "cased.golden", 800 },
    { GOLDEN_TEXT "added", GOLDEN_TEXT "added.golden", 300 },
    { GOLDEN_TEXT "roformer", GOLDEN_TEXT "roformer.golden", 300 },
};

static void compare_with_golden(const golden_lines *g, const token_list *found)
{
    static uint32_t ids[IDS_MAX], spans[2 * IDS_MAX];
    size_t count = golden_numbers(g->fields[1], ids, IDS_MAX);
    ck_assert_uint_eq(golden_numbers(g->fields[2], spans, 2 * IDS_MAX), 2 * count);
    ck_assert_msg(found->count == count && found->total == count, "line %zu: %zu tokens, golden %zu", g->number,
                  found->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(found->ids[i] == ids[i], "line %zu: token %zu is %u, golden %u", g->number, i, found->ids[i],
                      ids[i]);
        ck_assert_msg(found->starts[i] == spans[2 * i] && found->ends[i] == spans[2 * i] + spans[2 * i + 1],
                      "line %zu: token %zu spans %u..%u, golden %u+%u", g->number, i, found->starts[i], found->ends[i],
                      spans[2 * i], spans[2 * i + 1]);
    }
}

START_TEST(ids_and_offsets_are_those_of_hugging_face)
{
    tokenizer *t = open_tokenizer(GOLDEN[_i].folder);
    golden_lines *g = golden_open(GOLDEN[_i].golden);
    arena *a = arena_open(0, 1 << 24);
    while (golden_next(g)) {
        ck_assert_uint_eq(g->count, 3);
        token_list found = encode(t, slice_of(g->fields[0]), (tokenize_options){ .offsets = true }, a);
        compare_with_golden(g, &found);
        arena_reset(a);
    }
    ck_assert_uint_ge(g->number, GOLDEN[_i].least);
    arena_close(a);
    golden_close(g);
    tokenizer_close(t);
}
END_TEST

START_TEST(decoding_gives_the_text_of_hugging_face)
{
    tokenizer *t = open_tokenizer("weights/default");
    golden_lines *g = golden_open(GOLDEN_TEXT "decode.golden");
    arena *a = arena_open(0, 1 << 20);
    errinfo err;
    while (golden_next(g)) {
        uint32_t ids[64];
        size_t count = golden_numbers(g->fields[0], ids, 64);
        for (int skip = 0; skip < 2; skip++) {
            slice text;
            ck_assert_int_eq(tokenizer_decode(t, ids, count, skip, a, &text, &err), ST_OK);
            ck_assert_msg(slice_is(text, g->fields[1 + skip]), "line %zu: \"%.*s\", golden \"%s\"", g->number,
                          (int)text.length, text.data, g->fields[1 + skip]);
        }
        arena_reset(a);
    }
    ck_assert_uint_ge(g->number, 300);
    arena_close(a);
    golden_close(g);
    tokenizer_close(t);
}
END_TEST

/* The example that Hugging Face publishes for roformer_chinese_base: the words at their published ids, anything else in
 * between (formulas.md E). */
START_TEST(the_published_words_of_roformer_get_their_published_ids)
{
    static const struct { uint32_t id; const char *word; } WORDS[] = {
        { 22943, "永和" }, { 21332, "服装" }, { 34431, "饰品" }, { 45904, "有限公司" }, { 117, "," }, { 306, "今" },
        { 1231, "天" }, { 2653, "气" }, { 33994, "非常" }, { 1266, "好" },
    };
    static const uint32_t WANTED[] = { 22943, 21332, 34431, 45904, 117, 306, 1231, 1231, 2653, 33994, 1266 };
    char dir[] = "/tmp/rosim-text-XXXXXX", path[64], command[96];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/vocab.txt", dir);
    FILE *out = fopen(path, "w");
    for (uint32_t id = 0; id < 50000; id++) {
        static const char *const SPECIAL[] = { "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
        const char *word = id == 0 ? "[PAD]" : id >= 100 && id < 104 ? SPECIAL[id - 100] : NULL;
        for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
            word = WORDS[i].id == id ? WORDS[i].word : word;
        if (word)
            fprintf(out, "%s\n", word);
        else
            fprintf(out, "[unused%u]\n", id);
    }
    fclose(out);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", dir);
    out = fopen(path, "w");
    fputs("{\"tokenizer_class\": \"RoFormerTokenizer\", \"do_lower_case\": true}", out);
    fclose(out);
    tokenizer *t = open_tokenizer(dir);
    arena *a = arena_open(0, 1 << 20);
    token_list found = encode(t, slice_of("永和服装饰品有限公司,今天天气非常好"), (tokenize_options){ .without_special = true }, a);
    ck_assert_str_eq(tokenizer_kind(t), "roformer-words");
    ck_assert_uint_eq(found.count, sizeof WANTED / sizeof *WANTED);
    ck_assert_mem_eq(found.ids, WANTED, sizeof WANTED);
    arena_close(a);
    tokenizer_close(t);
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* ---- jieba ---- */

static size_t characters_of(slice text, character *out)
{
    size_t count = 0, at = 0;
    while (at < text.length) {
        uint32_t start = (uint32_t)at, code = utf8_next(text, &at);
        out[count++] = (character){ code, start, (uint32_t)at };
    }
    return count;
}

START_TEST(words_are_cut_as_rjieba_cuts_them)
{
    static character characters[IDS_MAX];
    static char whole[LINE_MAX_BYTES];
    jieba *j = NULL;
    errinfo err;
    arena *a = arena_open(0, 1 << 22);
    golden_lines *g = golden_open(GOLDEN_TEXT "jieba.golden");
    ck_assert_int_eq(jieba_open(&j, &err), ST_OK);
    while (golden_next(g)) {
        size_t length = 0, at = 0;
        uint32_t *ends;
        for (size_t i = 0; i < g->count; i++)
            length += (size_t)snprintf(whole + length, sizeof whole - length, "%s", g->fields[i]);
        size_t count = characters_of((slice){ whole, length }, characters);
        ck_assert_int_eq(jieba_cut(j, characters, count, a, &ends, &err), ST_OK);
        for (size_t i = 0; i < g->count; i++) {
            if (g->fields[i][strspn(g->fields[i], " \r\n\t")] == '\0') {
                at += strlen(g->fields[i]);    /* the normalizer leaves no other blank than a space */
                continue;
            }
            ck_assert_uint_lt(at, count);
            size_t next = ends[at], bytes = characters[next - 1].end - characters[at].start;
            ck_assert_msg(slice_is((slice){ whole + characters[at].start, bytes }, g->fields[i]),
                          "line %zu: word %zu is \"%.*s\", golden \"%s\"", g->number, i, (int)bytes,
                          whole + characters[at].start, g->fields[i]);
            at = next;
        }
        ck_assert_uint_eq(at, count);
        arena_reset(a);
    }
    ck_assert_uint_ge(g->number, 600);
    golden_close(g);
    arena_close(a);
    jieba_close(j);
}
END_TEST

/* ---- cuts ---- */

static const struct { truncation how; size_t max; const char *kept; } CUTS[] = {
    { TRUNCATE_RIGHT, 5, "[CLS] a b c [SEP]" },      { TRUNCATE_LEFT, 5, "[CLS] e f g [SEP]" },
    { TRUNCATE_MIDDLE, 5, "[CLS] a b g [SEP]" },     { TRUNCATE_MIDDLE, 6, "[CLS] a b f g [SEP]" },
    { TRUNCATE_MIDDLE, 3, "[CLS] a [SEP]" },         { TRUNCATE_NONE, 5, "[CLS] a b c d e f g [SEP]" },
    { TRUNCATE_RIGHT, 9, "[CLS] a b c d e f g [SEP]" }, { TRUNCATE_LEFT, 8, "[CLS] b c d e f g [SEP]" },
    { TRUNCATE_RIGHT, 2, "[CLS] [SEP]" },            { TRUNCATE_RIGHT, 0, "[CLS] a b c d e f g [SEP]" },
};

START_TEST(a_long_text_is_cut_where_asked_and_counted_whole)
{
    tokenizer *t = open_tokenizer("weights/default");
    arena *a = arena_open(0, 1 << 20);
    char kept[128] = "";
    token_list found =
        encode(t, slice_of("a b c d e f g"),
               (tokenize_options){ .max_tokens = CUTS[_i].max, .truncate = CUTS[_i].how, .offsets = true }, a);
    for (size_t i = 0; i < found.count; i++) {
        slice piece = tokenizer_piece(t, found.ids[i]);
        size_t used = strlen(kept);
        snprintf(kept + used, sizeof kept - used, "%s%.*s", i ? " " : "", (int)piece.length, piece.data);
        if (!tokenizer_is_special(t, found.ids[i]))
            ck_assert_uint_eq(found.starts[i], 2 * (uint32_t)(piece.data[0] - 'a'));
    }
    ck_assert_str_eq(kept, CUTS[_i].kept);
    ck_assert_uint_eq(found.total, 9);
    arena_close(a);
    tokenizer_close(t);
}
END_TEST

START_TEST(offsets_turn_into_code_points)
{
    tokenizer *t = open_tokenizer("weights/default");
    arena *a = arena_open(0, 1 << 20);
    slice text = slice_of("天气 good 😀好");
    token_list found = encode(t, text, (tokenize_options){ .offsets = true, .without_special = true }, a);
    ck_assert_uint_eq(found.count, 5);
    ck_assert_uint_eq(found.starts[4], 16);
    token_list_to_code_points(&found, text);
    static const uint32_t STARTS[] = { 0, 1, 3, 8, 9 }, ENDS[] = { 1, 2, 7, 9, 10 };
    ck_assert_mem_eq(found.starts, STARTS, sizeof STARTS);
    ck_assert_mem_eq(found.ends, ENDS, sizeof ENDS);
    ck_assert_uint_eq(found.unknown, 1);
    arena_close(a);
    tokenizer_close(t);
}
END_TEST

/* ---- limits ---- */

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static slice filled(size_t length, const char *pattern)
{
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < length; i++)
        text[i] = pattern[i % strlen(pattern)];
    return (slice){ text, length };
}

/* One word of a mebibyte is one [UNK]; words of ninety letters that match piece by piece are the slowest text. Ten
 * times the length may take no more than twenty times as long (noise), and 2 MiB no more than ten seconds even with
 * sanitizers. */
static const struct { const char *pattern; } SLOW[] = {
    { "a" }, { "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmno " },
    { "\xe4\xbd\xa0" }, { "\xcc\x81" }, { "a\xcc\x81" }, { " " }, { "[SEP]" }, { "[SE" },
};

static double seconds_for(const tokenizer *t, const char *pattern, size_t length)
{
    slice text = filled(length, pattern);
    arena *a = arena_open(0, (size_t)1 << 30);
    double begin = processor_seconds();
    token_list found = encode(t, text, (tokenize_options){ .max_tokens = 512, .truncate = TRUNCATE_LEFT }, a);
    double seconds = processor_seconds() - begin;
    ck_assert_uint_le(found.count, 512);
    arena_close(a);
    free((char *)text.data);
    return seconds;
}

START_TEST(work_is_linear_in_the_text)
{
    tokenizer *t = open_tokenizer(_i % 2 ? GOLDEN_TEXT "roformer" : "weights/default");
    const size_t unit = 209664;    /* a multiple of every pattern's length */
    double brief = seconds_for(t, SLOW[_i / 2].pattern, unit), lengthy = INFINITY;
    for (int tries = 0; tries < 4 && lengthy > 20 * brief + 0.2; tries++)
        lengthy = seconds_for(t, SLOW[_i / 2].pattern, 10 * unit);
    ck_assert_double_le(lengthy, 20 * brief + 0.2);
    ck_assert_double_le(lengthy, 10);
    tokenizer_close(t);
}
END_TEST

START_TEST(an_arena_of_any_size_is_enough_or_said_to_be_full)
{
    tokenizer *t = open_tokenizer(_i ? GOLDEN_TEXT "roformer" : "weights/default");
    slice text = slice_of("今天天气不错 The weather is nice, isn't it? 电影 abc [SEP] é");
    bool fitted = false;
    for (size_t bytes = 0; bytes < 1 << 17; bytes += bytes < 4096 ? 64 : 1024) {
        arena *a = arena_open(0, bytes);
        tokenize_options options = { .offsets = true };
        token_list found;
        errinfo err = { 0 };
        status st = tokenizer_encode(t, text, &options, a, &found, &err);
        ck_assert(st == ST_OK || (st == ST_NOMEM && err.text[0] && !fitted));
        fitted = st == ST_OK;
        arena_close(a);
    }
    ck_assert(fitted);
    tokenizer_close(t);
}
END_TEST

/* ---- folders that are refused ---- */

#define PIECES "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":"
#define HEAD "{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," PIECES
#define VOCAB "{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3}"

static const struct { const char *file, *content, *message; } REFUSED[] = {
    { "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n", "a" },
    { "vocab.txt", "[PAD]\n[UNK]\n[SEP]\na\n", "[CLS]" },
    { "vocab.txt", "[PAD]\n[CLS]\n[SEP]\na\n", "[UNK]" },
    { "vocab.txt", "", "vocab.txt" },
    { "tokenizer.json", "{\"model\":{\"type\":\"Unigram\"}}", "Unigram" },
    { "tokenizer.json", "{\"model\":", "tokenizer.json" },
    { "tokenizer.json", "[]", "tokenizer.json" },
    { "tokenizer.json", HEAD "{\"[UNK]\":0,\"[CLS]\":0,\"[SEP]\":2}}}", "0" },
    { "tokenizer.json", HEAD "{\"[UNK]\":-1,\"[CLS]\":1,\"[SEP]\":2}}}", "tokenizer.json" },
    { "tokenizer.json", HEAD "{\"[UNK]\":1.5,\"[CLS]\":1,\"[SEP]\":2}}}", "tokenizer.json" },
    { "tokenizer.json", HEAD "{\"[UNK]\":99999999,\"[CLS]\":1,\"[SEP]\":2}}}", "1e+08" },
    { "tokenizer.json", HEAD VOCAB "},\"normalizer\":{\"type\":\"NFKC\"}}", "NFKC" },
    { "tokenizer.json", "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," PIECES VOCAB "}}", "ByteLevel" },
    { "README", "no vocabulary", "vocab.txt" },
};

START_TEST(a_broken_vocabulary_is_refused_by_name)
{
    char dir[] = "/tmp/rosim-text-XXXXXX", path[64], command[96];
    folder *f = NULL;
    tokenizer *t = NULL;
    errinfo err = { 0 };
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, REFUSED[_i].file);
    FILE *out = fopen(path, "w");
    fputs(REFUSED[_i].content, out);
    fclose(out);
    ck_assert_int_eq(folder_open_text(&f, dir, &err), ST_OK);
    ck_assert_int_eq(tokenizer_open(&t, f, 1000, &err), ST_FORMAT);
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(err.text, REFUSED[_i].message), "%s", err.text);
    folder_close(f);
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

int main(void)
{
    Suite *suite = suite_create("tokenizer");
    TCase *t = tcase_create("tokenizer");
    tcase_add_loop_test(t, ids_and_offsets_are_those_of_hugging_face, 0, COUNT(GOLDEN));
    tcase_add_test(t, decoding_gives_the_text_of_hugging_face);
    tcase_add_test(t, the_published_words_of_roformer_get_their_published_ids);
    tcase_add_test(t, words_are_cut_as_rjieba_cuts_them);
    tcase_add_loop_test(t, a_long_text_is_cut_where_asked_and_counted_whole, 0, COUNT(CUTS));
    tcase_add_test(t, offsets_turn_into_code_points);
    tcase_add_loop_test(t, work_is_linear_in_the_text, 0, 2 * COUNT(SLOW));
    tcase_add_loop_test(t, an_arena_of_any_size_is_enough_or_said_to_be_full, 0, 2);
    tcase_add_loop_test(t, a_broken_vocabulary_is_refused_by_name, 0, COUNT(REFUSED));
    suite_add_tcase(suite, t);
    return check_run(suite);
}
