/* diagnosis_layers.c - see diagnosis_parts.h: what the layers do to the probe texts. */
#include "model/diagnosis_parts.h"

#include "model/encoder/attention_scores.h"
#include "model/probes.h"

#include <math.h>
#include <stdlib.h>

enum { HEADS_MAX = 128, SHORTEST = 4 };    /* tokens of a text whose entropy says something */

typedef struct {
    examination *x;
    float *turned, *scores, *row; /* rooms of one head: [2 n d], [n][n], [n] */
    size_t sequences;             /* long enough for entropies */
    double entropy[HEADS_MAX];    /* of the layer at hand: sums over sequences */
    double column, line;          /* spreads of scores over keys and queries */
} watcher;

/* ---- moments ---- */

static double mean_square(const float *x, size_t count, bool *finite)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)x[i];
    if (!isfinite(sum))
        *finite = false;
    return sum / (double)count;
}

static void watch_input(const encoder_view *v, layer_profiles *profiles)
{
    for (size_t t = 0; t < v->tokens; t++)
        for (size_t i = 0; i < v->width; i++)
            profiles->input[i] += (double)v->rows[t * v->width + i] * (double)v->rows[t * v->width + i];
    for (size_t i = 0; i < v->width; i++)
        profiles->input[i] = 0.5 * log(profiles->input[i] / (double)v->tokens + 1e-24);
}

/* ---- attention ---- */

typedef struct { double entropy, greatest; } row_summary;

/* Of softmax(factor * scores). */
static row_summary summarise(const watcher *w, const float *scores, size_t n, float factor)
{
    double entropy = 0, greatest = 0;
    for (size_t j = 0; j < n; j++)
        w->row[j] = factor * scores[j];
    float most = w->row[0];
    for (size_t j = 1; j < n; j++)
        most = w->row[j] > most ? w->row[j] : most;
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += exp((double)(w->row[j] - most));
    for (size_t j = 0; j < n; j++) {
        double p = exp((double)(w->row[j] - most)) / sum;
        entropy -= p > 0 ? p * log(p) : 0;
        greatest = p > greatest ? p : greatest;
    }
    return (row_summary){ entropy / log((double)n), greatest };
}

static void add_effects(watcher *w, size_t n)
{
    double all = 0, column = 0, line = 0;
    for (size_t i = 0; i < n * n; i++)
        all += (double)w->scores[i] / (double)(n * n);
    for (size_t i = 0; i < n; i++) {
        double over_row = 0, over_column = 0;
        for (size_t j = 0; j < n; j++) {
            over_row += (double)w->scores[i * n + j] / (double)n;
            over_column += (double)w->scores[j * n + i] / (double)n;
        }
        line += (over_row - all) * (over_row - all);
        column += (over_column - all) * (over_column - all);
    }
    w->line += line / (double)n;
    w->column += column / (double)n;
}

static void watch_head(watcher *w, const encoder_view *v, diagnosis_layer *out, size_t sequence, size_t head)
{
    const size_t n = v->starts[sequence + 1] - v->starts[sequence];
    const float again = 1 / sqrtf((float)w->x->config->head_size);
    attention_scores(v, sequence, head, w->turned, w->scores);
    add_effects(w, n);
    double entropy = 0, rescaled = 0, greatest = 0;
    for (size_t i = 0; i < n; i++) {
        row_summary plain = summarise(w, w->scores + i * n, n, 1);
        entropy += plain.entropy / (double)n;
        greatest += plain.greatest / (double)n;
        rescaled += summarise(w, w->scores + i * n, n, again).entropy / (double)n;
    }
    const double share = 1.0 / (double)w->x->config->heads;
    w->entropy[head] += entropy;
    out->max_probability += greatest * share;
    out->entropy_rescaled += rescaled * share;
}

static void watch_attention(watcher *w, const encoder_view *v, diagnosis_layer *out)
{
    const size_t heads = w->x->config->heads;
    w->sequences = 0;
    w->column = w->line = 0;
    for (size_t head = 0; head < heads; head++)
        w->entropy[head] = 0;
    for (size_t s = 0; s < v->sequences; s++) {
        if (v->starts[s + 1] - v->starts[s] < SHORTEST)
            continue;
        w->sequences++;
        for (size_t head = 0; head < heads; head++)
            watch_head(w, v, out, s, head);
    }
    const double texts = w->sequences ? (double)w->sequences : 1;
    out->entropy_least = 2;
    for (size_t head = 0; head < heads; head++) {
        double entropy = w->entropy[head] / texts;
        out->entropy += entropy / (double)heads;
        out->entropy_least = fmin(out->entropy_least, entropy);
        out->entropy_most = fmax(out->entropy_most, entropy);
    }
    out->max_probability /= texts;
    out->entropy_rescaled /= texts;
    out->column_effect = w->line > 0 && w->column > 0 ? log(w->column / w->line) : 0;
    if (!isfinite(out->entropy))
        out->finite = false;
}

/* ---- the observer ---- */

static void observe(void *context, const encoder_view *v)
{
    watcher *w = context;
    const size_t count = v->tokens * v->width;
    diagnosis *d = w->x->d;
    if (v->stage == VIEW_EMBEDDINGS) {
        bool finite = true;
        d->embeddings = mean_square(v->rows, count, &finite);
        return;
    }
    diagnosis_layer *out = &d->layers[v->layer - 1];
    if (v->stage == VIEW_ATTENTION) {
        out->finite = true;
        out->input = mean_square(v->rows, count, &out->finite);
        out->attention = mean_square(v->add, count, &out->finite);
        out->attention_ratio = sqrt(out->attention / out->input);
        watch_input(v, &w->x->profiles[v->layer - 1]);
        if (v->attention == ATTENTION_SOFTMAX)
            watch_attention(w, v, out);
    } else if (v->stage == VIEW_FEED_FORWARD) {
        out->attention_norm = mean_square(v->rows, count, &out->finite);
        out->feed_forward = mean_square(v->add, count, &out->finite);
        out->feed_forward_ratio = sqrt(out->feed_forward / out->attention_norm);
    } else {
        out->output = mean_square(v->rows, count, &out->finite);
    }
}

static status encode(watcher *w, const probes *p, model_runner *r, errinfo *err)
{
    const model *m = w->x->model;
    float *vectors = calloc(p->texts * model_describe(m)->dimensions, sizeof *vectors);
    if (!vectors)
        return fail(err, ST_NOMEM, "diagnosis: out of memory");
    status st = model_encode_observed(m, r, p->ids, p->starts, p->texts, w->x->d->attention, vectors,
                                      observe, w, err);
    free(vectors);
    return st == ST_INTERNAL ? ST_OK : st;    /* not finite: the layers say where */
}

static bool open_rooms(watcher *w, const probes *p)
{
    size_t longest = 1;
    for (size_t s = 0; s < p->texts; s++)
        longest = p->starts[s + 1] - p->starts[s] > longest ? p->starts[s + 1] - p->starts[s] : longest;
    w->turned = malloc(2 * longest * w->x->config->head_size * sizeof *w->turned);
    w->scores = malloc(longest * longest * sizeof *w->scores);
    w->row = malloc(longest * sizeof *w->row);
    return w->turned && w->scores && w->row;
}

status diagnosis_observe(examination *x, errinfo *err)
{
    diagnosis *d = x->d;
    watcher w = { .x = x };
    model_runner *r = NULL;
    probes probed;
    const model *models[] = { x->model };
    d->attention = model_trained_for(x->model, ATTENTION_SOFTMAX) ? ATTENTION_SOFTMAX : x->config->attention;
    status st = probes_read(&probed, model_tokenizer(x->model), x->config->max_length, d->memory, err);
    if (st)
        return st;
    d->texts = probed.texts;
    d->tokens = probed.starts[probed.texts];
    st = model_runner_open(&r, models, 1, x->pool, d->tokens, probed.texts, err);
    if (!st && !open_rooms(&w, &probed))
        st = fail(err, ST_NOMEM, "diagnosis: out of memory");
    if (!st)
        st = encode(&w, &probed, r, err);
    free(w.turned);
    free(w.scores);
    free(w.row);
    model_runner_close(r);
    return st;
}
