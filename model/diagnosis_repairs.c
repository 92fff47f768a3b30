/* diagnosis_repairs.c - see diagnosis_parts.h: golden vectors that do not agree, and the mistake whose undoing helps.
 *
 * A trial opens the model in fp32 with one mistake undone and measures how far the golden vectors are off. One that
 * brings them back is named; else the one that helps most, if it helps much. Suspects of the rules come first.
 */
#include "model/diagnosis_parts.h"

#include "model/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 2048 };

static const double AGREES = 1e-6;               /* mean of 1 - cosine; what fp32 leaves is 1e-7 */
static const double HELPS = 0.05;                /* of the distance is left, at most */

typedef enum {
    UNDO_TRANSPOSE,               /* of matrix `part` */
    UNDO_SWAP,                    /* of query and key, weights and biases */
    UNDO_SWAP_HEAD,               /* the same for one head's rows */
    UNDO_HALVES,                  /* rows of query and key lie in halves: (i, i + d/2) is a pair */
    UNDO_PAIRS,                   /* the opposite: they lie in pairs and should be in halves */
    UNDO_SCALE,                   /* of tensor `part`: as large as in other layers */
    UNDO_SCORE_SCALE,             /* rosim.attn_scale is another one */
    UNDO_KINDS
} undo_kind;

enum { ALL_LAYERS = -1 };

typedef struct {
    undo_kind kind;
    int layer;                    /* from 0 */
    part part;
    size_t head;
    double factor;
    score_scale scale;
} undo;

typedef struct {
    examination *x;
    const char *prefix;
    const undo *undo;             /* the trial at hand */
    float *room;                  /* a square matrix */
    double best_distance;
    undo best;
    errinfo *err;
} repair;

/* ---- undoing ---- */

/* Is it "encoder.layer.<the undo's>.<part>", and which? */
static bool find_part(const undo *u, const char *name, part *p, int *layer)
{
    int used = 0;
    if (sscanf(name, "encoder.layer.%d.%n", layer, &used) != 1 || used == 0)
        return false;
    if (u->layer != ALL_LAYERS && *layer != u->layer)
        return false;
    for (*p = 0; *p < PARTS; (*p)++)
        if (strcmp(name + used, part_name(*p)) == 0)
            return true;
    return false;
}

static void transpose(repair *r, float *values, size_t n)
{
    memcpy(r->room, values, n * n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            values[i * n + j] = r->room[j * n + i];
}

/* Rows of the other one of query and key, of all heads or of one. */
static void take_others(repair *r, int layer, part p, const size_t *shape, size_t rank, float *values)
{
    static const part others[PARTS] = { [PART_QUERY] = PART_KEY, [PART_KEY] = PART_QUERY,
                                        [PART_QUERY_BIAS] = PART_KEY_BIAS, [PART_KEY_BIAS] = PART_QUERY_BIAS };
    char name[2 * DIAGNOSIS_NAME_BYTES];
    const size_t row = rank == 2 ? shape[1] : 1, rows = r->x->config->head_size;
    const size_t first = r->undo->kind == UNDO_SWAP ? 0 : r->undo->head * rows;
    const size_t count = r->undo->kind == UNDO_SWAP ? shape[0] : rows;
    (void)snprintf(name, sizeof name, "%sencoder.layer.%d.%s", r->prefix, layer, part_name(others[p]));
    if (folder_read_f32(r->x->folder, name, shape, rank, r->room, NULL) == ST_OK)
        memcpy(values + first * row, r->room + first * row, count * row * sizeof *values);
}

static void reorder(repair *r, const size_t *shape, size_t rank, float *values)
{
    const size_t row = rank == 2 ? shape[1] : 1, d = r->x->config->head_size;
    memcpy(r->room, values, shape[0] * row * sizeof *values);
    for (size_t i = 0; i < shape[0]; i++) {
        size_t head = i / d * d, at = i % d;
        size_t in_halves = at / 2 + at % 2 * (d / 2);    /* where row `at` of the pairs lies among halves */
        size_t from = r->undo->kind == UNDO_HALVES ? in_halves : at, to = r->undo->kind == UNDO_HALVES ? at : in_halves;
        memcpy(values + (head + to) * row, r->room + (head + from) * row, row * sizeof *values);
    }
}

static void change(void *context, const char *name, const size_t *shape, size_t rank, float *values)
{
    repair *r = context;
    const undo *u = r->undo;
    part p;
    int layer;
    if (!find_part(u, name, &p, &layer))
        return;
    const bool query_key = p == PART_QUERY || p == PART_KEY || p == PART_QUERY_BIAS || p == PART_KEY_BIAS;
    if (u->kind == UNDO_TRANSPOSE && p == u->part)
        transpose(r, values, shape[0]);
    else if ((u->kind == UNDO_SWAP || u->kind == UNDO_SWAP_HEAD) && query_key)
        take_others(r, layer, p, shape, rank, values);
    else if ((u->kind == UNDO_HALVES || u->kind == UNDO_PAIRS) && query_key)
        reorder(r, shape, rank, values);
    else if (u->kind == UNDO_SCALE && p == u->part)
        for (size_t i = 0; i < shape[0] * (rank == 2 ? shape[1] : 1); i++)
            values[i] = (float)((double)values[i] * u->factor);
}

/* ---- trying ---- */

static status distance_of(const examination *x, const model *m, double *distance, size_t *checked, errinfo *err)
{
    model_runner *runner;
    const size_t longest = model_describe(m)->config->max_length, tokens = longest > TOKENS ? longest : TOKENS;
    status st = model_runner_open(&runner, &m, 1, x->pool, tokens, 1, err);
    if (st)
        return st;
    st = golden_distance(m, runner, x->config->golden, distance, checked, err);
    model_runner_close(runner);
    return st;
}

/* Done: the vectors agree, or trying has failed; *st says which. */
static bool try_one(repair *r, undo u, status *st)
{
    const model_info *info = model_describe(r->x->model);
    const model_trial trial = { .editor = { change, r }, .scaled = u.kind == UNDO_SCORE_SCALE, .scale = u.scale };
    const model_options options = { .path = info->path, .name = info->name, .kernel = info->kernel, .trial = &trial,
                                    .max_length = info->config->max_length };
    model *m = NULL;
    double distance;
    size_t checked;
    r->undo = &u;
    *st = model_open(&m, &options, r->err);
    if (*st == ST_OK)
        *st = distance_of(r->x, m, &distance, &checked, r->err);
    model_close(m);
    r->x->d->golden_trials++;
    if (*st == ST_OK && distance < r->best_distance) {
        r->best_distance = distance;
        r->best = u;
    }
    return *st || r->best_distance < AGREES;
}

/* ---- what to try ---- */

static bool try_suspects(repair *r, status *st)
{
    const diagnosis *d = r->x->d;
    for (size_t i = 0; i < d->flag_count; i++) {
        const diagnosis_flag *f = &d->flags[i];
        undo u = { .layer = (int)f->layer - 1 };
        int layer;
        if (f->kind == FLAG_SWAPPED)
            u.kind = UNDO_SWAP;
        else if (f->kind != FLAG_TRANSPOSED || !find_part(&u, f->tensor, &u.part, &layer))
            continue;
        if (try_one(r, u, st))
            return true;
    }
    return false;
}

static bool try_score_scales(repair *r, status *st)
{
    for (score_scale scale = SCALE_INV_SQRT_D; scale <= SCALE_LOG512; scale++)
        if (scale != r->x->config->scale
            && try_one(r, (undo){ .kind = UNDO_SCORE_SCALE, .layer = ALL_LAYERS, .scale = scale }, st))
            return true;
    return false;
}

static bool try_layouts(repair *r, int layer, status *st)
{
    return r->x->config->position == POSITION_ROTARY
           && (try_one(r, (undo){ .kind = UNDO_HALVES, .layer = layer }, st)
               || try_one(r, (undo){ .kind = UNDO_PAIRS, .layer = layer }, st));
}

static bool try_layer(repair *r, int layer, status *st)
{
    if (try_one(r, (undo){ .kind = UNDO_SWAP, .layer = layer }, st))
        return true;
    for (part p = 0; p < SQUARES; p++)
        if (try_one(r, (undo){ .kind = UNDO_TRANSPOSE, .layer = layer, .part = p }, st))
            return true;
    return try_layouts(r, layer, st);
}

/* The tensor of a kind that is most unlike its others, as large as those. */
static bool try_scale(repair *r, part p, status *st)
{
    const size_t count = r->x->d->layer_count;
    double mean = 0, farthest = 0;
    size_t layer = 0;
    for (size_t l = 0; l < count; l++) {
        double rms = diagnosis_part(r->x, l, p)->rms;
        if (!(rms > 0))
            return false;
        mean += log(rms) / (double)count;
    }
    for (size_t l = 0; l < count; l++) {
        double off = fabs(log(diagnosis_part(r->x, l, p)->rms) - mean);
        if (off > farthest)
            farthest = off, layer = l;
    }
    double own = log(diagnosis_part(r->x, layer, p)->rms), others = (mean * (double)count - own) / (double)(count - 1);
    return try_one(r, (undo){ .kind = UNDO_SCALE, .layer = (int)layer, .part = p, .factor = exp(others - own) }, st);
}

static bool try_heads(repair *r, int layer, status *st)
{
    for (size_t head = 0; head < r->x->config->heads; head++)
        if (try_one(r, (undo){ .kind = UNDO_SWAP_HEAD, .layer = layer, .head = head }, st))
            return true;
    return false;
}

static status try_all(repair *r)
{
    status st = ST_OK;
    const int layers = (int)r->x->d->layer_count;
    if (try_suspects(r, &st) || try_score_scales(r, &st) || try_layouts(r, ALL_LAYERS, &st)
        || try_one(r, (undo){ .kind = UNDO_SWAP, .layer = ALL_LAYERS }, &st))
        return st;
    for (int layer = 0; layer < layers; layer++)
        if (try_layer(r, layer, &st))
            return st;
    for (part p = 0; p < MATRICES && layers > 1; p++)
        if (try_scale(r, p, &st))
            return st;
    if (r->best_distance < HELPS * r->x->d->golden_distance)
        return st;
    for (int layer = 0; layer < layers; layer++)
        if (try_heads(r, layer, &st))
            return st;
    return st;
}

/* ---- naming ---- */

static void describe(const repair *r, char *out, size_t size)
{
    static const char *const scales[] = { "inv_sqrt_d", "none", "log512" };
    const undo *u = &r->best;
    char where[64] = "of all layers";
    if (u->layer != ALL_LAYERS)
        (void)snprintf(where, sizeof where, "of layer %d", u->layer + 1);
    if (u->kind == UNDO_TRANSPOSE)
        (void)snprintf(out, size, "with encoder.layer.%d.%s transposed", u->layer, part_name(u->part));
    else if (u->kind == UNDO_SWAP)
        (void)snprintf(out, size, "with attention.self.query and .key %s in each other's place", where);
    else if (u->kind == UNDO_SWAP_HEAD)
        (void)snprintf(out, size, "with the rows of query and key of head %zu %s in each other's place", u->head + 1,
                       where);
    else if (u->kind == UNDO_HALVES)
        (void)snprintf(out, size, "with rows of query and key %s taken from halves (i, i + d/2) to pairs (2i, 2i + 1)",
                       where);
    else if (u->kind == UNDO_PAIRS)
        (void)snprintf(out, size, "with rows of query and key %s taken from pairs (2i, 2i + 1) to halves (i, i + d/2)",
                       where);
    else if (u->kind == UNDO_SCALE)
        (void)snprintf(out, size, "with encoder.layer.%d.%s times %.4g", u->layer, part_name(u->part), u->factor);
    else
        (void)snprintf(out, size, "with rosim.attn_scale %s", scales[u->scale]);
}

/* The flag of the rules that says the same is replaced: this one has been tried. */
static void drop_same(diagnosis *d, flag_kind kind, size_t layer, const char *tensor_name)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->flag_count; i++) {
        const diagnosis_flag *f = &d->flags[i];
        if (f->kind != kind || f->layer != layer || strcmp(f->tensor, tensor_name) != 0)
            d->flags[kept++] = *f;
    }
    d->flag_count = kept;
}

static void name_best(const repair *r)
{
    static const flag_kind kinds[UNDO_KINDS] = {
        [UNDO_TRANSPOSE] = FLAG_TRANSPOSED, [UNDO_SWAP] = FLAG_SWAPPED, [UNDO_SWAP_HEAD] = FLAG_SWAPPED,
        [UNDO_HALVES] = FLAG_ROTATION, [UNDO_PAIRS] = FLAG_ROTATION, [UNDO_SCALE] = FLAG_SCALE,
        [UNDO_SCORE_SCALE] = FLAG_MISSING_SCALE,
    };
    const undo *u = &r->best;
    diagnosis *d = r->x->d;
    const size_t layer = u->layer == ALL_LAYERS ? 0 : (size_t)u->layer + 1;
    const bool one = u->kind == UNDO_TRANSPOSE || u->kind == UNDO_SCALE, query = u->kind == UNDO_SWAP && layer > 0;
    const char *name = one || query ? diagnosis_part(r->x, layer - 1, one ? u->part : PART_QUERY)->name : "";
    char what[192];
    describe(r, what, sizeof what);
    drop_same(d, kinds[u->kind], layer, name);
    diagnosis_add(d, kinds[u->kind], layer, name, "%s, golden vectors %s: off by %.2g instead of %.2g", what,
                  r->best_distance < AGREES ? "agree again" : "come near", r->best_distance, d->golden_distance);
}

status diagnosis_try_repairs(examination *x, errinfo *err)
{
    diagnosis *d = x->d;
    const char *prefix = config_tensor_prefix(x->folder);
    const double tolerance = model_describe(x->model)->precision == PRECISION_F32 ? AGREES : 1e-2;
    if (x->config->golden[0] == '\0')
        return ST_OK;
    status st = distance_of(x, x->model, &d->golden_distance, &d->golden_vectors, err);
    if (st || d->golden_distance < tolerance)
        return st;
    repair r = { .x = x, .prefix = prefix ? prefix : "", .best_distance = d->golden_distance, .err = err };
    r.room = malloc(x->config->hidden_size * x->config->hidden_size * sizeof *r.room);
    if (!r.room)
        return fail(err, ST_NOMEM, "diagnosis: out of memory");
    st = try_all(&r);
    free(r.room);
    if (st)
        return st;
    if (r.best_distance < HELPS * d->golden_distance)
        name_best(&r);
    diagnosis_add(d, FLAG_GOLDEN, 0, NULL, "the %zu golden vectors of the folder are off by %.2g (mean of 1 - cosine)",
                  d->golden_vectors, d->golden_distance);
    return ST_OK;
}
