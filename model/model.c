/* model.c - puts folder, tokenizer and encoder together; the arithmetic is below, the requests are above. */
#include "model/model.h"

#include "model/encoder/crossover.h"
#include "model/encoder/encoder.h"
#include "model/fidelity.h"
#include "model/golden.h"
#include "model/precision.h"
#include "model/probes.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128, PATH_MAX_BYTES = 4096, REASON_BYTES = 128, PROBE_ARENA_BYTES = 16 << 20 };

/* An approximation that turns vectors by more than this is never chosen for the user. */
static const double ATTENTION_FLOOR = 0.999;

struct model {
    char name[NAME_MAX_BYTES], path[PATH_MAX_BYTES], reason[REASON_BYTES];
    encoder_config config;
    tokenizer *tokenizer;
    encoder *encoder;
    model_info info;
};

struct model_runner {
    pool *pool;
    size_t max_tokens, max_sequences, count;
    const model **models;                 /* [count] */
    encoder_scratch **scratch;            /* [count], one per model */
    void (*between)(void *context);
    void *between_context;
};

/* The last path component, without trailing slashes: what a user would call the model. */
static slice base_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return (slice){ path + start, end - start };
}

static status copy_text(char *out, size_t size, slice text, const char *what, errinfo *err)
{
    if (text.length == 0 || text.length >= size)
        return fail(err, ST_INPUT, "%s: length %zu, must be 1 to %zu bytes", what, text.length, size - 1);
    memcpy(out, text.data, text.length);
    out[text.length] = '\0';
    return ST_OK;
}

static status parse_precision(precision_kind *out, const char *name, errinfo *err)
{
    *out = PRECISION_F32;
    if (!name)
        return ST_OK;
    for (precision_kind p = 0; p < PRECISIONS; p++) {
        if (strcmp(name, precision_name(p)) != 0)
            continue;
        *out = p;
        return ST_OK;
    }
    return fail(err, ST_INPUT, "precision \"%s\": must be auto, f32, bf16 or int8", name);
}

/* "<packed_dir>/<name>-<checksum of the path>", or nothing. */
static status packed_prefix(const model *m, const char *packed_dir, char out[PATH_MAX_BYTES], errinfo *err)
{
    unsigned long long path = packed_file_checksum(m->path, strlen(m->path));
    out[0] = '\0';
    if (!packed_dir || !packed_dir[0])
        return ST_OK;
    int length = snprintf(out, PATH_MAX_BYTES, "%s/%s-%016llx", packed_dir, m->name, path);
    if (length < 0 || length >= PATH_MAX_BYTES || strchr(m->name, '/'))
        return fail(err, ST_INPUT, "packed weights of model \"%s\" in %s: no usable file name", m->name, packed_dir);
    return ST_OK;
}

static status choose_precision(model *m, precision_kind *out, const char *name, folder *f, const kernels *k,
                               const char *packed, errinfo *err)
{
    precision_report report;
    const precision_subject subject = { f, &m->config, k, m->tokenizer, packed };
    if (!name || strcmp(name, "auto") != 0)
        return parse_precision(out, name, err);
    status st = precision_choose(&report, &subject, err);
    if (st)
        return st;
    *out = report.chosen;
    precision_explain(&report, m->reason, sizeof m->reason);
    return ST_OK;
}

static void trained_names(const encoder_config *config, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++) {
        const char *name = attention_name(kind);
        if (!(config->attention_trained & 1u << kind) || used + strlen(name) + 3 > size)
            continue;
        if (used)
            memcpy(out + used, ", ", 3), used += 2;
        memcpy(out + used, name, strlen(name) + 1);
        used += strlen(name);
    }
}

/* Named by the operator with allow_untrained, a kind counts as listed: it is served, with the warning. */
static status apply_attention(encoder_config *config, const model_options *options, errinfo *err)
{
    attention_kind kind;
    char kinds[64];
    const char *name = options->attention;
    if (!name || strcmp(name, "auto") == 0)
        return ST_OK;
    if (!attention_parse(slice_of(name), &kind))
        return fail(err, ST_INPUT, "attention \"%s\": must be softmax, linear, favor, taylor2, explimit2 or auto",
                    name);
    if (!((config->attention_trained | config->attention_approx) & 1u << kind) && !options->allow_untrained) {
        trained_names(config, kinds, sizeof kinds);
        return fail(err, ST_INPUT, "attention \"%s\": this model was trained for %s only (--allow-untrained serves it "
                    "all the same)", name, kinds);
    }
    config->attention = kind;
    if (config->attention_trained & 1u << kind)
        return ST_OK;
    config->attention_approx |= 1u << kind;
    if (!config->warning[0])
        (void)snprintf(config->warning, sizeof config->warning,
                       "%s attention, which the model was not trained for: vectors are approximate or meaningless",
                       name);
    return ST_OK;
}

static status apply_max_length(encoder_config *config, size_t max_length, errinfo *err)
{
    if (max_length == 0)
        return ST_OK;
    if (config->position == POSITION_ABSOLUTE && max_length > config->max_positions)
        return fail(err, ST_INPUT, "max_length %zu: the model has %zu positions", max_length, config->max_positions);
    config->max_length = max_length;
    return ST_OK;
}

static size_t count_parameters(const folder *f)
{
    static const char SCALE[] = "_scale";
    size_t total = 0;
    for (size_t i = 0; i < folder_tensor_count(f); i++) {
        const tensor *t = folder_tensor_at(f, i);
        size_t tail = sizeof SCALE - 1;
        if (t->name.length > tail && memcmp(t->name.data + t->name.length - tail, SCALE, tail) == 0)
            continue;
        total += t->bytes / dtype_bytes(t->type);
    }
    return total;
}

static void describe(model *m, const folder *f, const kernels *k, precision_kind precision)
{
    m->info = (model_info){
        .name = m->name,
        .path = m->path,
        .config = &m->config,
        .tokenizer_kind = tokenizer_kind(m->tokenizer),
        .kernel = k->name,
        .precision = precision,
        .precision_reason = m->reason,
        .packed = encoder_packed(m->encoder),
        .dimensions = m->config.pooler_outputs,
        .parameters = count_parameters(f),
        .weight_bytes = encoder_weight_bytes(m->encoder),
        .opened_ns = clock_now_ns(),
    };
}

/* How near the listed approximations come, on the probe texts. */
static status probe_approximations(model *m, errinfo *err)
{
    probes texts;
    fidelity found;
    fidelity_subject subject = { .model = m, .kinds = m->config.attention_approx };
    arena *a = arena_open(0, PROBE_ARENA_BYTES);
    status st = a ? probes_read(&texts, m->tokenizer, m->config.max_length, a, err)
                  : fail(err, ST_NOMEM, "probing attention: out of memory");
    if (st) goto out;
    subject.ids = texts.ids;
    subject.starts = texts.starts;
    subject.texts = texts.texts;
    st = fidelity_measure(&found, &subject, err);
    if (st) goto out;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)
        if (found.vectors[kind] && kind != ATTENTION_SOFTMAX)
            m->info.probed_cosine[kind] = fidelity_least_cosine(&found, kind);
    fidelity_clear(&found);
out:
    arena_close(a);
    return st;
}

/* May "auto" choose it, if it is fast enough? */
static bool is_candidate(const model *m, attention_kind kind, double least_cosine)
{
    if (kind == ATTENTION_SOFTMAX || !model_trained_for(m, ATTENTION_SOFTMAX))
        return false;
    return model_trained_for(m, kind) || (attention_approximates(kind) && model_serves(m, kind) &&
                                          m->info.probed_cosine[kind] >= least_cosine);
}

static status measure_attention(model *m, double least_cosine, errinfo *err)
{
    status st = ST_OK;
    if (m->config.attention_approx && model_trained_for(m, ATTENTION_SOFTMAX))
        st = probe_approximations(m, err);
    for (attention_kind kind = 0; kind < ATTENTION_KINDS && !st; kind++) {
        m->info.from_tokens[kind] = CROSSOVER_NEVER;
        if (is_candidate(m, kind, least_cosine > 0 ? least_cosine : ATTENTION_FLOOR))
            st = crossover_measure(m->encoder, kind, &m->info.from_tokens[kind], err);
    }
    return st;
}

status model_open(model **out, const model_options *options, errinfo *err)
{
    folder *f = NULL;
    const kernels *k = NULL;
    precision_kind precision;
    char prefix[PATH_MAX_BYTES];
    status st;
    model *m = calloc(1, sizeof *m);
    if (!m)
        return fail(err, ST_NOMEM, "%s: out of memory", options->path);
    slice name = options->name ? slice_of(options->name) : base_name(options->path);
    st = copy_text(m->name, sizeof m->name, name, "model name", err);
    if (st) goto out;
    st = copy_text(m->path, sizeof m->path, slice_of(options->path), "model path", err);
    if (st) goto out;
    st = packed_prefix(m, options->packed_dir, prefix, err);
    if (st) goto out;
    const char *packed = prefix[0] ? prefix : NULL;
    st = kernels_choose(&k, options->kernel, err);
    if (st) goto out;
    st = folder_open_headers(&f, options->path, err);
    if (st) goto out;
    st = config_load(&m->config, f, err);
    if (st) goto out;
    st = apply_attention(&m->config, options, err);
    if (st) goto out;
    st = apply_max_length(&m->config, options->max_length, err);
    if (st) goto out;
    if (options->trial && options->trial->scaled)
        m->config.scale = options->trial->scale;
    st = tokenizer_open(&m->tokenizer, f, m->config.vocab_size, err);
    if (st) goto out;
    st = choose_precision(m, &precision, options->precision, f, k, packed, err);
    if (st) goto out;
    if (options->trial)
        st = encoder_open_edited(&m->encoder, f, &m->config, k, precision, &options->trial->editor, err);
    else
        st = encoder_open_packed(&m->encoder, f, &m->config, k, precision, packed, err);
    if (st) goto out;
    describe(m, f, k, precision);
    if (!options->trial)
        st = measure_attention(m, options->attention_floor, err);
    if (st) goto out;
    *out = m;
    m = NULL;
out:
    folder_close(f);
    model_close(m);
    return st;
}

void model_close(model *m)
{
    if (!m)
        return;
    encoder_close(m->encoder);
    tokenizer_close(m->tokenizer);
    free(m);
}

const model_info *model_describe(const model *m)
{
    return &m->info;
}

const tokenizer *model_tokenizer(const model *m)
{
    return m->tokenizer;
}

bool model_trained_for(const model *m, attention_kind kind)
{
    return (m->config.attention_trained & 1u << kind) != 0;
}

bool model_serves(const model *m, attention_kind kind)
{
    return ((m->config.attention_trained | m->config.attention_approx) & 1u << kind) != 0;
}

attention_kind model_default_attention(const model *m)
{
    return m->config.attention;
}

attention_kind model_fastest_attention(const model *m, size_t tokens)
{
    const size_t *from = m->info.from_tokens;
    attention_kind best = ATTENTION_SOFTMAX;
    if (!model_trained_for(m, ATTENTION_SOFTMAX) || !model_trained_for(m, m->config.attention))
        return m->config.attention;
    for (attention_kind kind = 0; kind < ATTENTION_KINDS; kind++)    /* who wins over softmax first wins by most */
        if (tokens >= from[kind] && (best == ATTENTION_SOFTMAX || from[kind] < from[best]))
            best = kind;
    return best;
}

status model_measure_cost(const model *m, pool *p, cost_rates *out, errinfo *err)
{
    return cost_measure(m->encoder, p, out, err);
}

size_t model_cost_bytes(const model *m, attention_kind kind, size_t tokens, size_t threads)
{
    return cost_bytes(m->encoder, kind, tokens, threads);
}

size_t model_runner_bytes(const model *const *models, size_t count, size_t max_tokens, size_t max_sequences,
                          size_t threads)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += encoder_scratch_bytes(models[i]->encoder, max_tokens, max_sequences, threads);
    return total;
}

status model_runner_open(model_runner **out, const model *const *models, size_t count, pool *p, size_t max_tokens,
                         size_t max_sequences, errinfo *err)
{
    status st = ST_OK;
    model_runner *r = calloc(1, sizeof *r);
    if (!r)
        return fail(err, ST_NOMEM, "model runner: out of memory");
    *r = (model_runner){ .pool = p, .max_tokens = max_tokens, .max_sequences = max_sequences };
    r->models = calloc(count ? count : 1, sizeof *r->models);
    r->scratch = calloc(count ? count : 1, sizeof *r->scratch);
    if (!r->models || !r->scratch) {
        st = fail(err, ST_NOMEM, "model runner: out of memory");
        goto bad;
    }
    for (; r->count < count; r->count++) {
        const model *m = models[r->count];
        r->models[r->count] = m;
        st = encoder_scratch_open(&r->scratch[r->count], m->encoder, max_tokens, max_sequences, pool_threads(p), err);
        if (st) goto bad;
    }
    *out = r;
    return ST_OK;
bad:
    model_runner_close(r);
    return st;
}

void model_runner_close(model_runner *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        encoder_scratch_close(r->scratch[i]);
    free(r->scratch);
    free(r->models);
    free(r);
}

void model_runner_between(model_runner *r, void (*between)(void *context), void *context)
{
    r->between = between;
    r->between_context = context;
}

static encoder_scratch *scratch_of(const model_runner *r, const model *m)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->models[i] == m)
            return r->scratch[i];
    return NULL;
}

static status check_batch(const model *m, const model_runner *r, const uint32_t *ids, const uint32_t *starts,
                          size_t sequences, errinfo *err)
{
    size_t tokens = starts[sequences];
    if (sequences > r->max_sequences || tokens > r->max_tokens)
        return fail(err, ST_INPUT, "batch of %zu texts, %zu tokens: at most %zu texts, %zu tokens fit", sequences,
                    tokens, r->max_sequences, r->max_tokens);
    for (size_t s = 0; s < sequences; s++) {
        size_t length = starts[s + 1] - starts[s];
        if (length == 0 || length > m->config.max_length)
            return fail(err, ST_INPUT, "text %zu has %zu tokens: must be 1 to %zu", s, length, m->config.max_length);
    }
    for (size_t t = 0; t < tokens; t++)
        if (ids[t] >= m->config.vocab_size)
            return fail(err, ST_INPUT, "token id %u: the vocabulary has %zu entries", ids[t], m->config.vocab_size);
    return ST_OK;
}

static status check_finite(const float *vectors, size_t sequences, size_t dimensions, errinfo *err)
{
    for (size_t s = 0; s < sequences; s++)
        for (size_t i = 0; i < dimensions; i++)
            if (!isfinite(vectors[s * dimensions + i]))
                return fail(err, ST_INTERNAL, "the vector of text %zu is not finite", s);
    return ST_OK;
}

/* Where the batch comes from and where the vectors go is the caller's; the rest is filled in here. */
static status encode(const model *m, model_runner *r, encoder_batch *batch, float *vectors, errinfo *err)
{
    encoder_scratch *scratch = scratch_of(r, m);
    assert(scratch);    /* the caller opened the runner for this model */
    if (batch->sequences == 0)
        return ST_OK;
    status st = check_batch(m, r, batch->ids, batch->starts, batch->sequences, err);
    if (st)
        return st;
    batch->between = r->between;
    batch->between_context = r->between_context;
    encoder_run(m->encoder, scratch, r->pool, batch, vectors);
    if (batch->token_vectors)
        st = check_finite(batch->token_vectors, batch->starts[batch->sequences], m->info.dimensions, err);
    return st ? st : check_finite(vectors, batch->sequences, m->info.dimensions, err);
}

status model_encode(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts, size_t sequences,
                    attention_kind attention, float *vectors, errinfo *err)
{
    return model_encode_tokens(m, r, ids, starts, sequences, attention, vectors, NULL, err);
}

status model_encode_tokens(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                           size_t sequences, attention_kind attention, float *vectors, float *token_vectors,
                           errinfo *err)
{
    encoder_batch batch = { .ids = ids, .starts = starts, .sequences = sequences, .attention = attention,
                            .token_vectors = token_vectors };
    return encode(m, r, &batch, vectors, err);
}

status model_encode_observed(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                             size_t sequences, attention_kind attention, float *vectors, encoder_observer *observe,
                             void *context, errinfo *err)
{
    encoder_batch batch = { .ids = ids, .starts = starts, .sequences = sequences, .attention = attention,
                            .observe = observe, .observe_context = context };
    return encode(m, r, &batch, vectors, err);
}

status model_encode_dropped(const model *m, model_runner *r, const uint32_t *ids, const uint32_t *starts,
                            size_t sequences, attention_kind attention, const encoder_dropout *dropout, float *vectors,
                            errinfo *err)
{
    encoder_batch batch = { .ids = ids, .starts = starts, .sequences = sequences, .attention = attention,
                            .dropout = dropout };
    return encode(m, r, &batch, vectors, err);
}

status model_self_test(const model *m, model_runner *r, size_t *checked, errinfo *err)
{
    if (checked)
        *checked = 0;
    if (m->config.golden[0] == '\0')
        return ST_OK;
    return golden_check(m, r, m->config.golden, checked, err);
}
