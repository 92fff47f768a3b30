/* check_model_diagnosis.c - copies of the default model, each broken in one way, and what rosim says about them;
 * healthy models raise no flag.
 */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "model/diagnosis.h"
#include "weights/folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 256, HEADER_BYTES = 1 << 20, CHANGES_MAX = 32, FILE_BYTES = 8 << 20 };

static const char DEFAULT_MODEL[] = "weights/default";

/* ---- a broken copy ---- */

typedef struct { char name[96]; size_t shape[2], rank; float *values; } change;

typedef struct {
    char directory[PATH_BYTES];
    folder *source;
    change changes[CHANGES_MAX];
    size_t count;
    const char *from, *to;                /* in config.json; NULL: as it is */
} copy;

static void copy_begin(copy *c)
{
    errinfo err = { 0 };
    *c = (copy){ .directory = "/tmp/rosim-diagnosis-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(c->directory));
    ck_assert_msg(folder_open(&c->source, DEFAULT_MODEL, &err) == ST_OK, "%s", err.text);
}

/* A tensor as fp32, to be changed in place. */
static change *copy_tensor(copy *c, const char *name)
{
    errinfo err = { 0 };
    const tensor *t = folder_tensor(c->source, name);
    ck_assert_msg(t != NULL, "%s", name);
    ck_assert_uint_lt(c->count, CHANGES_MAX);
    change *made = &c->changes[c->count++];
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    made->rank = t->rank;
    made->shape[0] = t->shape[0];
    made->shape[1] = t->rank == 2 ? t->shape[1] : 1;
    made->values = malloc(made->shape[0] * made->shape[1] * sizeof *made->values);
    ck_assert_ptr_nonnull(made->values);
    ck_assert_msg(folder_read_f32(c->source, name, t->shape, t->rank, made->values, &err) == ST_OK, "%s", err.text);
    return made;
}

static change *copy_part(copy *c, size_t layer, const char *part)
{
    char name[96];
    (void)snprintf(name, sizeof name, "encoder.layer.%zu.%s", layer, part);
    return copy_tensor(c, name);
}

static const change *changed(const copy *c, slice name, bool scale)
{
    static const char tail[] = "_scale";
    const size_t cut = scale ? sizeof tail - 1 : 0;
    if (name.length <= cut || (scale && memcmp(name.data + name.length - cut, tail, cut) != 0))
        return NULL;
    for (size_t i = 0; i < c->count; i++)
        if (slice_is((slice){ name.data, name.length - cut }, c->changes[i].name))
            return &c->changes[i];
    return NULL;
}

static FILE *create(const copy *c, const char *name)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", c->directory, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    return f;
}

/* What was changed becomes F32 (its row scales go), the rest is copied as it is. */
static void write_tensors(const copy *c)
{
    char *header = calloc(1, HEADER_BYTES);
    size_t used = 1, offset = 0;
    header[0] = '{';
    for (size_t i = 0; i < folder_tensor_count(c->source); i++) {
        const tensor *t = folder_tensor_at(c->source, i);
        const change *own = changed(c, t->name, false);
        if (changed(c, t->name, true))
            continue;
        size_t bytes = own ? own->shape[0] * own->shape[1] * sizeof(float) : t->bytes;
        used += (size_t)snprintf(header + used, HEADER_BYTES - used, "%s\"%.*s\":{\"dtype\":\"%s\",\"shape\":[",
                                 used > 1 ? "," : "", (int)t->name.length, t->name.data,
                                 own ? "F32" : dtype_name(t->type));
        for (size_t r = 0; r < t->rank; r++)
            used += (size_t)snprintf(header + used, HEADER_BYTES - used, "%s%zu", r ? "," : "", t->shape[r]);
        used += (size_t)snprintf(header + used, HEADER_BYTES - used, "],\"data_offsets\":[%zu,%zu]}", offset,
                                 offset + bytes);
        offset += bytes;
    }
    header[used++] = '}';
    while (used % 8)
        header[used++] = ' ';
    FILE *f = create(c, "model.safetensors");
    uint64_t length = used;
    (void)fwrite(&length, sizeof length, 1, f);
    (void)fwrite(header, used, 1, f);
    for (size_t i = 0; i < folder_tensor_count(c->source); i++) {
        const tensor *t = folder_tensor_at(c->source, i);
        const change *own = changed(c, t->name, false);
        if (changed(c, t->name, true))
            continue;
        ck_assert_uint_eq(fwrite(own ? (const void *)own->values : t->data,
                                 own ? own->shape[0] * own->shape[1] * sizeof(float) : t->bytes, 1, f), 1);
    }
    ck_assert_int_eq(fclose(f), 0);
    free(header);
}

static void write_file(const copy *c, const char *name)
{
    slice text;
    errinfo err = { 0 };
    ck_assert_msg(folder_file(c->source, name, FILE_BYTES, &text, &err) == ST_OK, "%s", err.text);
    FILE *f = create(c, name);
    const char *at = strcmp(name, "config.json") == 0 && c->from ? strstr(text.data, c->from) : NULL;
    ck_assert(at || strcmp(name, "config.json") != 0 || !c->from);
    size_t before = at ? (size_t)(at - text.data) : text.length;
    (void)fwrite(text.data, before, 1, f);
    if (at)
        (void)fprintf(f, "%s%s", c->to, at + strlen(c->from));
    ck_assert_int_eq(fclose(f), 0);
}

static const char *const files[] = { "config.json", "vocab.txt", "tokenizer_config.json", "golden.json" };
enum { FILES = sizeof files / sizeof *files };

static void copy_write(copy *c)
{
    write_tensors(c);
    for (size_t i = 0; i < FILES; i++)
        write_file(c, files[i]);
}

static void copy_end(copy *c)
{
    char path[2 * PATH_BYTES];
    for (size_t i = 0; i <= FILES; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", c->directory, i < FILES ? files[i] : "model.safetensors");
        (void)unlink(path);
    }
    (void)rmdir(c->directory);
    for (size_t i = 0; i < c->count; i++)
        free(c->changes[i].values);
    folder_close(c->source);
}

/* ---- what is done to it ---- */

typedef struct breakage breakage;
struct breakage {
    void (*make)(copy *c, const breakage *b);
    size_t layer;                         /* from 0 */
    const char *part;
    double factor;
    flag_kind kind;                       /* that must be raised, for this tensor of this layer */
    const char *tensor;                   /* "": none */
    const char *says;
};

static void scale(copy *c, const breakage *b)
{
    change *t = copy_part(c, b->layer, b->part);
    for (size_t i = 0; i < t->shape[0] * t->shape[1]; i++)
        t->values[i] = (float)((double)t->values[i] * b->factor);
}

static void transpose(copy *c, const breakage *b)
{
    change *t = copy_part(c, b->layer, b->part);
    const size_t n = t->shape[0];
    ck_assert_uint_eq(n, t->shape[1]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            float kept = t->values[i * n + j];
            t->values[i * n + j] = t->values[j * n + i];
            t->values[j * n + i] = kept;
        }
}

/* factor: rows from the first one; 0: all. */
static void swap(copy *c, const breakage *b)
{
    static const char *const pairs[][2] = { { "attention.self.query.weight", "attention.self.key.weight" },
                                            { "attention.self.query.bias", "attention.self.key.bias" } };
    for (size_t i = 0; i < 2; i++) {
        change *q = copy_part(c, b->layer, pairs[i][0]), *k = copy_part(c, b->layer, pairs[i][1]);
        size_t rows = b->factor > 0 ? (size_t)b->factor : q->shape[0];
        for (size_t j = 0; j < rows * q->shape[1]; j++) {
            float kept = q->values[j];
            q->values[j] = k->values[j];
            k->values[j] = kept;
        }
    }
}

/* As if the model had been written for rotation in halves. */
static void rearrange(copy *c, const breakage *b)
{
    static const char *const parts[] = { "attention.self.query.weight", "attention.self.key.weight",
                                         "attention.self.query.bias", "attention.self.key.bias" };
    enum { HEAD = 32, LAYERS = 6 };
    for (size_t layer = 0; layer < LAYERS; layer++)
        for (size_t p = 0; p < 4; p++) {
            change *t = copy_part(c, layer, parts[p]);
            const size_t row = t->shape[1];
            float *old = malloc(t->shape[0] * row * sizeof *old);
            memcpy(old, t->values, t->shape[0] * row * sizeof *old);
            for (size_t i = 0; i < t->shape[0]; i++) {
                size_t head = i / HEAD * HEAD, at = i % HEAD, to = at / 2 + at % 2 * (HEAD / 2);
                size_t from = b->factor > 0 ? at : to, put = b->factor > 0 ? to : at;
                memcpy(t->values + (head + put) * row, old + (head + from) * row, row * sizeof *old);
            }
            free(old);
        }
}

static void zero(copy *c, const breakage *b)
{
    change *t = b->layer == SIZE_MAX ? copy_tensor(c, b->part) : copy_part(c, b->layer, b->part);
    memset(t->values, 0, t->shape[0] * t->shape[1] * sizeof *t->values);
}

static void leave_scale_out(copy *c, const breakage *b)
{
    (void)b;
    c->from = "\"pooling\":";
    c->to = "\"attn_scale\": \"none\", \"pooling\":";
}

#define Q "attention.self.query.weight"
#define K "attention.self.key.weight"
#define V "attention.self.value.weight"
#define O "attention.output.dense.weight"
#define TENSOR(layer, part) "encoder.layer." #layer "." part

/* What the rules see without golden vectors. */
static const breakage seen[] = {
    { scale, 2, Q, 5.657, FLAG_SCALE, TENSOR(2, Q), "sqrt(head size)" },
    { scale, 0, O, 8, FLAG_SCALE, TENSOR(0, O), "is 5.12 times as large" },
    { scale, 1, "output.LayerNorm.weight", 12, FLAG_SCALE, TENSOR(1, "output.LayerNorm.weight"), "times" },
    { leave_scale_out, 0, "", 0, FLAG_MISSING_SCALE, "", "1/sqrt(d) is missing" },
    { transpose, 1, Q, 0, FLAG_TRANSPOSED, TENSOR(1, Q), "transposed" },
    { transpose, 4, K, 0, FLAG_TRANSPOSED, TENSOR(4, K), "transposed" },
    { transpose, 5, V, 0, FLAG_TRANSPOSED, TENSOR(5, V), "transposed" },
    { transpose, 3, O, 0, FLAG_TRANSPOSED, TENSOR(3, O), "transposed" },
    { swap, 0, "", 0, FLAG_SWAPPED, TENSOR(0, Q), "each other's place" },
    { swap, 5, "", 0, FLAG_SWAPPED, TENSOR(5, Q), "each other's place" },
    { zero, 2, "attention.output.LayerNorm.weight", 0, FLAG_ZEROED, TENSOR(2, "attention.output.LayerNorm.weight"),
      "the norm passes nothing on" },
    { zero, SIZE_MAX, "embeddings.LayerNorm.weight", 0, FLAG_ZEROED, "embeddings.LayerNorm.weight",
      "the norm passes nothing on" },
    { zero, 1, V, 0, FLAG_ZEROED, TENSOR(1, V), "100 %" },
    { scale, 1, Q, 100, FLAG_SATURATED, "", "every head of layer 2" },
};

/* What takes golden vectors: the mistake whose undoing brings them back. */
static const breakage tried[] = {
    { rearrange, 0, "", 0, FLAG_ROTATION, "", "golden vectors agree again" },
    { rearrange, 0, "", 1, FLAG_ROTATION, "", "golden vectors agree again" },
    { swap, 1, "", 0, FLAG_SWAPPED, TENSOR(1, Q), "golden vectors agree again" },
    { swap, 0, "", 32, FLAG_SWAPPED, "", "head 1 of layer 1" },
    { transpose, 5, Q, 0, FLAG_TRANSPOSED, TENSOR(5, Q), "golden vectors agree again" },
    { scale, 2, K, 2, FLAG_SCALE, TENSOR(2, K), "golden vectors come near" },
    { leave_scale_out, 0, "", 0, FLAG_MISSING_SCALE, "", "rosim.attn_scale inv_sqrt_d, golden vectors agree again" },
};
enum { SEEN = sizeof seen / sizeof *seen, TRIED = sizeof tried / sizeof *tried };

/* ---- looking at it ---- */

static diagnosis *examine(const char *directory, const char *precision)
{
    errinfo err = { 0 };
    model *m = NULL;
    pool *p = NULL;
    diagnosis *d = NULL;
    const model_options options = { .path = directory, .precision = precision };
    ck_assert_msg(model_open(&m, &options, &err) == ST_OK, "%s", err.text);
    ck_assert_int_eq(pool_open(&p, 1, &err), ST_OK);
    ck_assert_msg(diagnosis_open(&d, m, p, &err) == ST_OK, "%s", err.text);
    pool_close(p);
    model_close(m);
    return d;
}

static const char *all_flags(const diagnosis *d, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < d->flag_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "\n%s [%zu] %s: %s", flag_name(d->flags[i].kind),
                                 d->flags[i].layer, d->flags[i].tensor, d->flags[i].text);
    return out;
}

/* Among causes (not what follows from them) there is one flag, and it is the right one. */
static void expect_flag(const diagnosis *d, const breakage *b)
{
    char text[8192];
    size_t found = 0, causes = 0;
    for (size_t i = 0; i < d->flag_count; i++) {
        const diagnosis_flag *f = &d->flags[i];
        bool right = f->kind == b->kind && strcmp(f->tensor, b->tensor) == 0 && strstr(f->text, b->says);
        found += right;
        causes += f->kind == FLAG_TRANSPOSED || f->kind == FLAG_SWAPPED || f->kind == FLAG_ROTATION
                  || f->kind == FLAG_ZEROED || f->kind == FLAG_SCALE || f->kind == FLAG_MISSING_SCALE;
    }
    ck_assert_msg(found == 1, "wanted %s %s (%s), found:%s", flag_name(b->kind), b->tensor, b->says,
                  all_flags(d, text, sizeof text));
    ck_assert_msg(causes == 1, "%zu causes:%s", causes, all_flags(d, text, sizeof text));
}

/* No vectors to agree with, so no repairs are tried. What else was to change in config.json takes the name's place. */
static void leave_golden_out(copy *c)
{
    c->to = c->from ? "\"attn_scale\": \"none\"" : "\"unused\": 0";
    c->from = "\"golden\": \"golden.json\"";
}

static void break_and_look(const breakage *b, bool golden)
{
    copy c;
    copy_begin(&c);
    b->make(&c, b);
    if (!golden)
        leave_golden_out(&c);
    copy_write(&c);
    diagnosis *d = examine(c.directory, "f32");
    expect_flag(d, b);
    ck_assert(golden == (d->golden_vectors > 0));
    diagnosis_close(d);
    copy_end(&c);
}

START_TEST(a_broken_copy_is_named_by_its_statistics)
{
    break_and_look(&seen[_i], false);
}
END_TEST

START_TEST(a_broken_copy_is_named_by_what_repairs_its_golden_vectors)
{
    break_and_look(&tried[_i], true);
}
END_TEST

/* The last two lie in weights/cache where somebody has run `make models`. */
START_TEST(a_healthy_model_raises_no_flag)
{
    static const struct { const char *path, *precision; } healthy[] = {
        { "weights/default", "f32" }, { "weights/default", "auto" }, { "weights/cache/bge-small-zh-v1.5", "f32" },
        { "weights/cache/all-MiniLM-L6-v2", "f32" },
    };
    char text[8192];
    if (access(healthy[_i].path, F_OK) != 0)
        return;
    diagnosis *d = examine(healthy[_i].path, healthy[_i].precision);
    ck_assert_msg(d->flag_count == 0, "%s:%s", healthy[_i].path, all_flags(d, text, sizeof text));
    for (size_t i = 0; i < d->layer_count; i++) {
        const diagnosis_layer *l = &d->layers[i];
        ck_assert(l->finite && l->input > 0 && l->attention > 0 && l->feed_forward > 0 && l->output > 0);
        ck_assert(l->entropy_least <= l->entropy && l->entropy <= l->entropy_most && l->entropy_most < 1);
        ck_assert_double_lt(l->max_probability, 1);
        if (i > 0)
            ck_assert_double_eq_tol(l->input, d->layers[i - 1].output, 1e-6 * l->input);
    }
    diagnosis_close(d);
}
END_TEST

/* A table is told nothing of n: entropies of known distributions need a model that makes them. Zero queries do. The
 * model has no golden vectors: to try every repair in vain takes a sanitizer minutes. */
START_TEST(scores_of_zero_are_entropy_one)
{
    copy c;
    const breakage b = { .layer = 0, .part = Q }, bias = { .layer = 0, .part = "attention.self.query.bias" };
    bool flat = false;
    copy_begin(&c);
    zero(&c, &b);
    zero(&c, &bias);
    leave_golden_out(&c);
    copy_write(&c);
    diagnosis *d = examine(c.directory, "f32");
    ck_assert_double_eq_tol(d->layers[0].entropy_least, 1, 1e-6);
    ck_assert_double_eq_tol(d->layers[0].entropy_most, 1, 1e-6);
    ck_assert_double_lt(d->layers[1].entropy, 0.9);
    for (size_t i = 0; i < d->flag_count; i++)
        flat = flat || (d->flags[i].kind == FLAG_FLAT && d->flags[i].layer == 1);
    ck_assert(flat);
    diagnosis_close(d);
    copy_end(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diagnosis");
    TCase *t = tcase_create("diagnosis");
    check_patience(t, 180);
    tcase_add_loop_test(t, a_healthy_model_raises_no_flag, 0, SANITIZED ? 1 : 4);
    tcase_add_test(t, scores_of_zero_are_entropy_one);
    tcase_add_loop_test(t, a_broken_copy_is_named_by_its_statistics, 0, SANITIZED ? 2 : SEEN);
    tcase_add_loop_test(t, a_broken_copy_is_named_by_what_repairs_its_golden_vectors, 0, SANITIZED ? 1 : TRIED);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
