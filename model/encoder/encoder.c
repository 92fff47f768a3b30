/* encoder.c - the encoder itself: embeddings, then for every layer attention and feed-forward, each
 * followed by a residual sum and a norm (post-norm), then pooling. encoder_run reads like the
 * paper; how a step is shared out over threads is forward.c, where the weights come from is
 * layers.c.
 */
#include "model/encoder/encoder.h"

#include "model/encoder/favor.h"
#include "model/encoder/forward.h"
#include "model/encoder/pooling.h"
#include "model/encoder/rope.h"
#include "model/encoder/rowwise.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Keeps every size of a scratch far from overflow: 2^24 tokens of the widest row are 2^42 bytes. */
enum { TOKENS_MAX = 1 << 24, THREADS_MAX = 1024 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- open and close ---- */

static const float *open_table(arena *a, size_t positions, size_t width)
{
    float *table = arena_take(a, positions * width, sizeof *table);
    if (table)
        rope_table(positions, width, table);
    return table;
}

static bool turns_apart(const encoder_config *c)
{
    return linear_map_rotates(c->map) && linear_map_features(c->map, c->head_size) != c->head_size;
}

/* A linear map with features of its own width needs angles of its own (formulas.md C). */
static void fill_ropes(encoder *e)
{
    const size_t d = e->config.head_size, length = e->config.max_length;
    if (e->config.position != POSITION_ROTARY)
        return;
    e->rope = open_table(e->tables, length, d);
    if (turns_apart(&e->config))
        e->feature_rope = open_table(e->tables, length, linear_map_features(e->config.map, d));
    else
        e->feature_rope = linear_map_rotates(e->config.map) ? e->rope : NULL;
}

static status fill_directions(encoder *e, errinfo *err)
{
    const size_t d = e->config.head_size, m = e->config.favor_features;
    float *directions = arena_take(e->tables, d * m, sizeof *directions);
    double *block = calloc(d * d, sizeof *block);
    if (directions && block)
        favor_directions(e->config.favor_seed, m, d, block, directions);
    e->directions = directions;
    bool good = directions && block;
    free(block);
    return good ? ST_OK : fail(err, ST_NOMEM, "directions of favor: out of memory");
}

static status open_tables(encoder *e, errinfo *err)
{
    const encoder_config *c = &e->config;
    const size_t d = c->head_size;
    size_t bytes = forward_aligned(d * c->favor_features * sizeof(float));
    if (c->position == POSITION_ROTARY)
        bytes += forward_aligned(c->max_length * d * sizeof(float));
    if (c->position == POSITION_ROTARY && turns_apart(c))
        bytes += forward_aligned(c->max_length * linear_map_features(c->map, d) * sizeof(float));
    e->tables = arena_open(bytes, bytes);
    if (!e->tables)
        return fail(err, ST_NOMEM, "tables of attention: out of memory for %zu bytes", bytes);
    fill_ropes(e);
    return fill_directions(e, err);
}

static status check_length(const encoder_config *c, errinfo *err)
{
    size_t max = c->position == POSITION_ABSOLUTE ? c->max_positions : CONFIG_LENGTH_MAX;
    if (c->max_length == 0 || c->max_length > max)
        return fail(err, ST_INPUT, "max_length %zu: must be 1 to %zu for this model", c->max_length,
                    max);
    return ST_OK;
}

static status open_encoder(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                           precision_kind precision, const char *packed, const tensor_editor *editor, errinfo *err)
{
    encoder *e = calloc(1, sizeof *e);
    if (!e)
        return fail(err, ST_NOMEM, "%s: out of memory", folder_path(f));
    e->config = *config;
    e->k = k;
    e->precision = precision;
    status st = check_length(config, err);
    if (st) goto bad;
    st = layers_load(&e->weights, f, config, k, precision, packed, editor, err);
    if (st) goto bad;
    st = open_tables(e, err);
    if (st) goto bad;
    *out = e;
    return ST_OK;
bad:
    encoder_close(e);
    return st;
}

status encoder_open(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                    precision_kind precision, errinfo *err)
{
    return open_encoder(out, f, config, k, precision, NULL, NULL, err);
}

status encoder_open_packed(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                           precision_kind precision, const char *packed, errinfo *err)
{
    return open_encoder(out, f, config, k, precision, packed, NULL, err);
}

status encoder_open_edited(encoder **out, folder *f, const encoder_config *config, const kernels *k,
                           precision_kind precision, const tensor_editor *editor, errinfo *err)
{
    return open_encoder(out, f, config, k, precision, NULL, editor, err);
}

void encoder_close(encoder *e)
{
    if (!e)
        return;
    layers_clear(&e->weights);
    arena_close(e->tables);
    free(e);
}

const encoder_config *encoder_settings(const encoder *e)
{
    return &e->config;
}

size_t encoder_weight_bytes(const encoder *e)
{
    size_t tables = e->tables ? arena_used_bytes(e->tables) : 0;
    return e->weights.bytes + tables;
}

packed_state encoder_packed(const encoder *e)
{
    return e->weights.packed;
}

/* ---- scratch ---- */

static size_t attention_bytes(const encoder *e, size_t max_tokens)
{
    return forward_attention_bytes(e, max_tokens < e->config.max_length ? max_tokens : e->config.max_length);
}

static size_t dense_bytes(const encoder *e)
{
    const layers *w = &e->weights;
    const layer_weight *layer = &w->layers[0];    /* all layers have the same shapes */
    const dense_weight *all[] = { &layer->qkv, &layer->attention_output, &layer->intermediate,
                                  &layer->output, &w->projection, &w->pooler };
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->outputs && all[i]->format->scratch_bytes)
            bytes = larger(bytes, all[i]->format->scratch_bytes(all[i]->outputs, all[i]->inputs));
    return bytes;
}

/* Of a row of the widest input of a dense layer, in the layout that its format reads. */
static size_t prepared_bytes(const encoder *e)
{
    const layer_weight *layer = &e->weights.layers[0];
    const dense_weight *all[] = { &layer->qkv, &layer->output, &e->weights.projection };
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->outputs && all[i]->format->row_bytes)
            bytes = larger(bytes, all[i]->format->row_bytes(all[i]->inputs));
    return bytes;
}

/* With memory it hands out, without it adds up: one list serves the formula and the carving. */
typedef struct {
    arena *memory;
    size_t bytes;
} carver;

static void *carve(carver *c, size_t count, size_t size)
{
    size_t bytes = forward_aligned(count * size);
    c->bytes += bytes;
    return c->memory && bytes ? arena_take(c->memory, bytes, 1) : NULL;
}

static void carve_all(carver *c, const encoder *e, encoder_scratch *s)
{
    const encoder_config *config = &e->config;
    const size_t tokens = s->max_tokens, sequences = s->max_sequences, d = config->hidden_size;
    const size_t wide = larger(larger(3 * d, config->intermediate_size), config->embedding_size);
    s->worker_bytes = larger(larger(attention_bytes(e, tokens), dense_bytes(e)), rowwise_bytes(e, tokens));
    s->worker_bytes = forward_aligned(s->worker_bytes);
    s->workers = carve(c, s->threads, s->worker_bytes);
    s->hidden = carve(c, tokens * d, sizeof *s->hidden);
    s->mixed = carve(c, tokens * d, sizeof *s->mixed);
    s->delta = carve(c, tokens * d, sizeof *s->delta);
    s->wide = carve(c, tokens * wide, sizeof *s->wide);
    s->prepared = carve(c, tokens, prepared_bytes(e));
    if (config->pooling == POOLING_FIRST_LAST_MEAN)
        s->first = carve(c, tokens * d, sizeof *s->first);
    s->pooled = carve(c, sequences * d, sizeof *s->pooled);
    s->positions = carve(c, tokens + 1, sizeof *s->positions);
    s->items = carve(c, tokens / FORWARD_QUERIES + sequences, sizeof *s->items);
}

size_t encoder_scratch_bytes(const encoder *e, size_t max_tokens, size_t max_sequences,
                             size_t threads)
{
    encoder_scratch s = { .max_tokens = max_tokens, .max_sequences = max_sequences,
                          .threads = threads };
    carver c = { 0 };
    carve_all(&c, e, &s);
    return c.bytes;
}

status encoder_scratch_open(encoder_scratch **out, const encoder *e, size_t max_tokens,
                            size_t max_sequences, size_t threads, errinfo *err)
{
    if (max_tokens == 0 || max_tokens > TOKENS_MAX || max_sequences == 0 ||
        max_sequences > max_tokens || threads == 0 || threads > THREADS_MAX)
        return fail(err, ST_INPUT,
                    "scratch for %zu tokens, %zu sequences, %zu threads: allowed are "
                    "1 to %d tokens, no more sequences than tokens, 1 to %d threads",
                    max_tokens, max_sequences, threads, TOKENS_MAX, THREADS_MAX);
    carver c = { 0 };
    size_t bytes = encoder_scratch_bytes(e, max_tokens, max_sequences, threads);
    encoder_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ST_NOMEM, "scratch: out of memory");
    *s = (encoder_scratch){ .max_tokens = max_tokens, .max_sequences = max_sequences,
                            .threads = threads, .memory = arena_open(bytes, bytes) };
    if (!s->memory) {
        encoder_scratch_close(s);
        return fail(err, ST_NOMEM, "scratch: out of memory for %zu bytes", bytes);
    }
    c.memory = s->memory;
    carve_all(&c, e, s);
    *out = s;
    return ST_OK;
}

void encoder_scratch_close(encoder_scratch *s)
{
    if (!s)
        return;
    arena_close(s->memory);
    free(s);
}

/* ---- the forward pass ---- */

static void check_batch(const forward *f)
{
    const encoder_batch *b = f->batch;
    assert(b->sequences > 0 && b->sequences <= f->s->max_sequences);
    assert(f->tokens <= f->s->max_tokens && pool_threads(f->pool) <= f->s->threads);
    for (size_t s = 0; s < b->sequences; s++)
        assert(b->starts[s + 1] > b->starts[s] &&
               b->starts[s + 1] - b->starts[s] <= f->e->config.max_length);
}

static void number_positions(const forward *f)
{
    for (size_t s = 0; s < f->batch->sequences; s++)
        for (uint32_t t = f->batch->starts[s]; t < f->batch->starts[s + 1]; t++)
            f->s->positions[t] = t - f->batch->starts[s];
}

/* layer NULL: the embeddings. */
static void observe(const forward *f, view_stage stage, const layer_weight *layer)
{
    const encoder_scratch *s = f->s;
    if (!f->batch->observe)
        return;
    const bool attention = stage == VIEW_ATTENTION;
    const encoder_view view = {
        .stage = stage, .layer = layer ? (size_t)(layer - f->e->weights.layers) + 1 : 0,
        .encoder = f->e, .attention = f->batch->attention,
        .tokens = f->tokens, .sequences = f->batch->sequences, .width = f->e->config.hidden_size,
        .starts = f->batch->starts, .rows = s->hidden,
        .add = attention || stage == VIEW_FEED_FORWARD ? s->delta : NULL,
        .qkv = attention ? s->wide : NULL, .mixed = attention ? s->mixed : NULL,
    };
    f->batch->observe(f->batch->observe_context, &view);
}

static dense_rows rows_of(const forward *f, const float *x)
{
    return (dense_rows){ .x = x, .count = f->tokens };
}

/* What first-last pooling keeps of the first layer. */
static void keep_first(const forward *f, size_t i)
{
    if (i == 0 && f->s->first)
        memcpy(f->s->first, f->s->hidden, f->tokens * f->e->config.hidden_size * sizeof *f->s->first);
}

static void run_embeddings(const forward *f)
{
    const dense_weight *projection = &f->e->weights.projection;
    float *embedded = projection->outputs ? f->s->wide : f->s->hidden;
    forward_embed(f, embedded);
    forward_dropout(f, embedded, f->e->config.embedding_size, 0, DROPOUT_EMBEDDINGS);
    if (projection->outputs)
        forward_dense(f, rows_of(f, embedded), projection, ACTIVATION_NONE, f->s->hidden);
}

/* The attention's output layer, and the feed-forward. next: the dense layer that reads the result. */
static dense_rows run_sublayers(const forward *f, const layer_weight *layer, const dense_weight *next)
{
    const encoder_scratch *s = f->s;
    const size_t width = f->e->config.hidden_size, number = (size_t)(layer - f->e->weights.layers) + 1;
    forward_dense(f, rows_of(f, s->mixed), &layer->attention_output, ACTIVATION_NONE, s->delta);
    forward_dropout(f, s->delta, width, number, DROPOUT_ATTENTION);
    observe(f, VIEW_ATTENTION, layer);
    dense_rows hidden = forward_norm(f, s->hidden, s->delta, layer->attention_norm, width, &layer->intermediate);
    forward_dense(f, hidden, &layer->intermediate, f->e->config.act, s->wide);
    forward_dense(f, rows_of(f, s->wide), &layer->output, ACTIVATION_NONE, s->delta);
    forward_dropout(f, s->delta, width, number, DROPOUT_FEED_FORWARD);
    observe(f, VIEW_FEED_FORWARD, layer);
    dense_rows normed = forward_norm(f, s->hidden, s->delta, layer->output_norm, width, next);
    observe(f, VIEW_LAYER, layer);
    return normed;
}

static void run_attention(const forward *f, const layer_weight *layer, dense_rows hidden)
{
    if (!hidden.multiplied)
        forward_dense(f, hidden, &layer->qkv, ACTIVATION_NONE, f->s->wide);
    forward_attention(f, layer);
}

static dense_rows run_layer(const forward *f, const layer_weight *layer, dense_rows hidden, const dense_weight *next)
{
    run_attention(f, layer, hidden);
    return rowwise_pays(f) ? rowwise_run(f, layer, next) : run_sublayers(f, layer, next);
}

/* What follows the last layer's keys and values is needed for the first token of each sequence alone: the batch shrinks
 * to one row a sequence. */
static void run_last_layer_first_rows(forward *f, const layer_weight *layer, dense_rows hidden, encoder_batch *firsts)
{
    const encoder_scratch *s = f->s;
    const size_t width = f->e->config.hidden_size;
    f->first_only = true;
    run_attention(f, layer, hidden);
    forward_gather_first(f, s->mixed, width);
    forward_gather_first(f, s->hidden, width);
    *firsts = *f->batch;
    firsts->starts = s->positions;
    for (size_t i = 0; i <= firsts->sequences; i++)
        s->positions[i] = (uint32_t)i;
    f->batch = firsts;
    f->tokens = firsts->sequences;
    (void)run_sublayers(f, layer, NULL);
}

static bool pools_first_rows(const forward *f)
{
    pooling_kind pooling = f->e->config.pooling;
    bool first = pooling == POOLING_CLS || pooling == POOLING_POOLER_LINEAR || pooling == POOLING_POOLER_TANH;
    return first && !f->batch->observe && !f->batch->token_vectors;
}

static activation pooler_activation(const forward *f)
{
    return f->e->config.pooling == POOLING_POOLER_TANH ? ACTIVATION_TANH : ACTIVATION_NONE;
}

static void write_token_vectors(const forward *f)
{
    const encoder_config *c = &f->e->config;
    const size_t floats = f->tokens * c->hidden_size;
    float *half = f->s->wide;
    for (size_t i = 0; f->s->first && i < floats; i++)
        half[i] = 0.5F * f->s->first[i] + 0.5F * f->s->hidden[i];
    const float *x = f->s->first ? half : f->s->hidden;
    if (pooling_has_dense(c->pooling))
        forward_dense(f, rows_of(f, x), &f->e->weights.pooler, pooler_activation(f), f->batch->token_vectors);
    else
        memcpy(f->batch->token_vectors, x, floats * sizeof *x);
}

static void run_pooling(const forward *f, float *vectors)
{
    const encoder_config *c = &f->e->config;
    if (!pooling_has_dense(c->pooling)) {
        forward_pool(f, vectors);
        return;
    }
    forward_pool(f, f->s->pooled);
    dense_rows pooled = { .x = f->s->pooled, .count = f->batch->sequences };
    forward_dense(f, pooled, &f->e->weights.pooler, pooler_activation(f), vectors);
}

void encoder_run(const encoder *e, encoder_scratch *s, pool *p, const encoder_batch *batch,
                 float *vectors)
{
    forward f = { .e = e, .s = s, .pool = p, .batch = batch, .tokens = batch->starts[batch->sequences] };
    const layer_weight *all = e->weights.layers;
    const size_t last = e->config.layers - 1;
    encoder_batch firsts;
    check_batch(&f);
    number_positions(&f);
    run_embeddings(&f);
    observe(&f, VIEW_EMBEDDINGS, NULL);
    dense_rows hidden = rows_of(&f, s->hidden);
    for (size_t i = 0; i < last; i++) {
        hidden = run_layer(&f, &all[i], hidden, &all[i + 1].qkv);
        keep_first(&f, i);
    }
    if (pools_first_rows(&f)) {
        run_last_layer_first_rows(&f, &all[last], hidden, &firsts);
    } else {
        (void)run_layer(&f, &all[last], hidden, NULL);
        keep_first(&f, last);
    }
    if (batch->token_vectors)
        write_token_vectors(&f);
    run_pooling(&f, vectors);
}
