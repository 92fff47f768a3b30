/* diagnosis_rules.c - see diagnosis_parts.h: from statistics to flags.
 *
 * The bounds are set so that healthy models (the default one, bge-small-zh, MiniLM) stay well inside, and learned
 * gammas, a quiet last layer or a query that is larger than a key raise nothing: mostly they compare with the median of
 * the model's other layers. What healthy models show is given with each bound.
 */
#include "model/diagnosis_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MAX = 128, LEAST_WIDTH = 32, ONE_SIDED_LAYERS = 6 };    /* of fewer, three may agree by chance */

static const double SATURATED = 0.05, FLAT = 0.98;           /* entropy over ln n: .45 to .83 a layer */
static const double PEAKED = 0.25, UNPEAKED = 0.3;           /* medians; without the scale .09, and .5 again with it */
static const double MOMENT_LEAST = 0.1, MOMENT_MOST = 10;    /* over what gamma and beta say: .43 to 2.3 */
static const double ATTENTION_SPREAD = 3.5;                  /* matrices of attention over their median: .53 to 1.5 */
static const double FEED_FORWARD_SPREAD = 14;                /* .14 in the default model's last layer */
static const double GAMMA_SPREAD = 8;                        /* .38 to 1.2 */
static const double ZEROS = 0.5, USUAL_ZEROS = 0.05;         /* shares */
static const double AGREES = 0.3, DISAGREES = 0.25;          /* profiles: .33 to .97 where they meet, .15 where not */
static const double ONE_SIDED = 0.4;                         /* ln of a ratio that all layers but one share in sign */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of all layers but one; layer >= count: of all. */
static double median_without(const double *values, size_t count, size_t layer)
{
    double others[LAYERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (i != layer)
            others[n++] = values[i];
    qsort(others, n, sizeof *others, compare);
    return n ? (others[n / 2] + others[(n - 1) / 2]) / 2 : 0;
}

/* ---- numbers that are none ---- */

static bool check_finite(const examination *x)
{
    for (size_t l = 0; l < x->d->layer_count; l++) {
        if (x->d->layers[l].finite)
            continue;
        diagnosis_add(x->d, FLAG_NOT_FINITE, l + 1, NULL,
                      "layer %zu is the first whose numbers are not finite: something in it, or what goes into it, is "
                      "far too large", l + 1);
        return false;
    }
    return true;
}

/* ---- single tensors ---- */

static void check_zeros(const examination *x, part p)
{
    double zeros[LAYERS_MAX];
    const size_t count = x->d->layer_count;
    for (size_t l = 0; l < count; l++)
        zeros[l] = diagnosis_part(x, l, p)->name[0] ? diagnosis_part(x, l, p)->zeros : 0;
    for (size_t l = 0; l < count; l++) {
        const diagnosis_tensor *t = diagnosis_part(x, l, p);
        bool alone = count < 2 || median_without(zeros, count, l) > USUAL_ZEROS;
        if (!t->name[0] || t->zeros < ZEROS || alone)
            continue;
        const char *what = p == PART_ATTENTION_GAMMA || p == PART_OUTPUT_GAMMA
                             ? "the norm passes nothing on" : "was it never filled?";
        diagnosis_add(x->d, FLAG_ZEROED, l + 1, t->name, "%.0f %% of %s are zero, in other layers hardly any: %s",
                      100 * t->zeros, t->name, what);
    }
}

static double spread_of(part p)
{
    if (p == PART_ATTENTION_GAMMA || p == PART_OUTPUT_GAMMA)
        return GAMMA_SPREAD;
    return p == PART_INTERMEDIATE || p == PART_OUTPUT ? FEED_FORWARD_SPREAD : ATTENTION_SPREAD;
}

static void check_scale(const examination *x, part p)
{
    double size[LAYERS_MAX];
    const size_t count = x->d->layer_count;
    for (size_t l = 0; l < count; l++)
        size[l] = diagnosis_part(x, l, p)->rms;
    for (size_t l = 0; l < count && count >= 3; l++) {
        const diagnosis_tensor *t = diagnosis_part(x, l, p);
        double others = median_without(size, count, l), ratio = others > 0 ? t->rms / others : 1;
        if (!t->name[0] || t->zeros >= ZEROS || (ratio < spread_of(p) && ratio > 1 / spread_of(p)))
            continue;
        double root = sqrt((double)x->config->head_size);
        bool is_root = (p == PART_QUERY || p == PART_KEY) && fabs(fabs(log(ratio)) - log(root)) < 0.3;
        diagnosis_add(x->d, FLAG_SCALE, l + 1, t->name,
                      "%s is %.3g times as large as in other layers: its scale was changed%s", t->name, ratio,
                      is_root ? ", by about sqrt(head size): was 1/sqrt(d) left out, or put in twice?" : "");
    }
}

static void check_tensors(const examination *x)
{
    for (part p = 0; p < PARTS; p++)
        check_zeros(x, p);
    for (part p = 0; p < MATRICES; p++)
        check_scale(x, p);
    check_scale(x, PART_ATTENTION_GAMMA);
    check_scale(x, PART_OUTPUT_GAMMA);
    const diagnosis_tensor *gamma = diagnosis_first(x, FIRST_GAMMA);
    if (gamma->name[0] && gamma->zeros >= ZEROS)
        diagnosis_add(x->d, FLAG_ZEROED, 0, gamma->name, "%.0f %% of %s are zero: the norm passes nothing on",
                      100 * gamma->zeros, gamma->name);
}

/* ---- what attention does ---- */

static void check_entropies(const examination *x)
{
    double entropy[LAYERS_MAX], rescaled[LAYERS_MAX];
    const size_t count = x->d->layer_count;
    if (x->d->attention != ATTENTION_SOFTMAX)
        return;
    for (size_t l = 0; l < count; l++) {
        const diagnosis_layer *y = &x->d->layers[l];
        entropy[l] = y->entropy;
        rescaled[l] = y->entropy_rescaled;
        if (y->entropy_most < SATURATED)
            diagnosis_add(x->d, FLAG_SATURATED, l + 1, NULL,
                          "every head of layer %zu looks at single tokens (entropy at most %.1f %% of ln n): its "
                          "scores are far too large", l + 1, 100 * y->entropy_most);
        if (y->entropy_least > FLAT)
            diagnosis_add(x->d, FLAG_FLAT, l + 1, NULL,
                          "every head of layer %zu looks at all tokens alike (entropy at least %.1f %% of ln n): its "
                          "scores are far too small, or its queries and keys empty", l + 1, 100 * y->entropy_least);
    }
    if (median_without(entropy, count, count) < PEAKED && median_without(rescaled, count, count) > UNPEAKED)
        diagnosis_add(x->d, FLAG_MISSING_SCALE, 0, NULL,
                      "attention of all layers is peaked (median entropy %.0f %% of ln n) and would not be (%.0f %%) "
                      "if scores were divided by sqrt(%zu) once more: a scale 1/sqrt(d) is missing "
                      "(rosim.attn_scale in config.json, or weights that were scaled already)",
                      100 * median_without(entropy, count, count), 100 * median_without(rescaled, count, count),
                      x->config->head_size);
}

/* ---- norms ---- */

static void check_norm(const examination *x, double moment, size_t layer, const diagnosis_tensor *gamma,
                       const diagnosis_tensor *beta, const char *where)
{
    double expected = gamma->name[0] ? gamma->rms * gamma->rms + beta->rms * beta->rms : 1;
    if (!(expected > 0) || (moment >= MOMENT_LEAST * expected && moment <= MOMENT_MOST * expected))
        return;
    diagnosis_add(x->d, FLAG_MOMENT, layer, gamma->name[0] ? gamma->name : NULL,
                  "the second moment %s is %.3g; gamma and beta say %.3g", where, moment, expected);
}

static void check_norms(const examination *x)
{
    if (x->config->embedding_size == x->config->hidden_size)
        check_norm(x, x->d->embeddings, 0, diagnosis_first(x, FIRST_GAMMA), diagnosis_first(x, FIRST_BETA),
                   "of the embeddings");
    for (size_t l = 0; l < x->d->layer_count; l++) {
        const diagnosis_layer *y = &x->d->layers[l];
        check_norm(x, y->attention_norm, l + 1, diagnosis_part(x, l, PART_ATTENTION_GAMMA),
                   diagnosis_part(x, l, PART_ATTENTION_BETA), "behind attention's norm");
        check_norm(x, y->output, l + 1, diagnosis_part(x, l, PART_OUTPUT_GAMMA),
                   diagnosis_part(x, l, PART_OUTPUT_BETA), "behind the layer's last norm");
    }
}

/* ---- transposed matrices ----
 *
 * Row i of query meets row i of key, and a dimension of value meets the same column of attention's output: training
 * shapes them alike. So do columns of query and key, which read the same dimension. A transposed matrix shows its
 * columns where its rows should be: what agreed does not, and what had nothing to do with each other agrees. */

static double correlation(const double *a, const double *b, size_t n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ma += a[i] / (double)n;
        mb += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static void flag_transposed(const examination *x, size_t layer, part p, double crossed, double straight)
{
    const char *name = diagnosis_part(x, layer, p)->name;
    diagnosis_add(x->d, FLAG_TRANSPOSED, layer + 1, name,
                  "%s is likely transposed: its columns are sized as its rows should be (correlation %.2f, as it "
                  "stands %.2f)", name, crossed, straight);
}

/* How much better a matrix' columns than its rows go with what it reads: negative when it lies on its side. */
static double reads_by_columns(const layer_profiles *p, part which, size_t width)
{
    const double *other = p->column[which == PART_VALUE ? PART_QUERY : PART_VALUE];
    const double *references[] = { p->input, p->intermediate, other };
    enum { REFERENCES = sizeof references / sizeof *references };
    double sum = 0;
    for (size_t i = 0; i < REFERENCES; i++)
        sum += fabs(correlation(p->column[which], references[i], width))
               - fabs(correlation(p->row[which], references[i], width));
    return sum / REFERENCES;
}

/* How much better the rows than the columns of attention's output go with its rows in other layers: all write into the
 * same dimensions. */
static double writes_by_rows(const examination *x, size_t layer)
{
    const size_t width = x->config->hidden_size, count = x->d->layer_count;
    const layer_profiles *own = &x->profiles[layer];
    double sum = 0;
    for (size_t l = 0; l < count; l++)
        if (l != layer)
            sum += correlation(own->row[PART_ATTENTION_OUTPUT], x->profiles[l].row[PART_ATTENTION_OUTPUT], width)
                   - correlation(own->column[PART_ATTENTION_OUTPUT], x->profiles[l].row[PART_ATTENTION_OUTPUT], width);
    return count > 1 ? sum / (double)(count - 1) : 0;
}

static void check_query_key(const examination *x, size_t layer)
{
    const size_t width = x->config->hidden_size;
    const layer_profiles *p = &x->profiles[layer];
    double straight = fmax(correlation(p->row[PART_QUERY], p->row[PART_KEY], width),
                           correlation(p->column[PART_QUERY], p->column[PART_KEY], width));
    double crossed = fmax(correlation(p->row[PART_QUERY], p->column[PART_KEY], width),
                          correlation(p->column[PART_QUERY], p->row[PART_KEY], width));
    if (crossed < fmax(AGREES, 4 / sqrt((double)width)) || crossed < straight + DISAGREES)
        return;
    bool query = reads_by_columns(p, PART_QUERY, width) < reads_by_columns(p, PART_KEY, width);
    flag_transposed(x, layer, query ? PART_QUERY : PART_KEY, crossed, straight);
}

static void check_value_output(const examination *x, size_t layer)
{
    const size_t width = x->config->hidden_size;
    const layer_profiles *p = &x->profiles[layer];
    double straight = correlation(p->row[PART_VALUE], p->column[PART_ATTENTION_OUTPUT], width);
    double value = correlation(p->column[PART_VALUE], p->column[PART_ATTENTION_OUTPUT], width);
    double output = correlation(p->row[PART_VALUE], p->row[PART_ATTENTION_OUTPUT], width);
    double crossed = fmax(value, output);
    if (crossed >= fmax(AGREES, 4 / sqrt((double)width)) && crossed >= straight + DISAGREES)
        flag_transposed(x, layer, reads_by_columns(p, PART_VALUE, width) < writes_by_rows(x, layer)
                                      ? PART_VALUE : PART_ATTENTION_OUTPUT, crossed, straight);
}

/* ---- query and key in each other's place ----
 *
 * softmax does not see what is added to all scores of a query: a key's bias and the scores' means over keys are left
 * to chance, those over queries are not. Models differ in what comes of that, their layers often do not. */

/* The one layer that is on the other side of 0 than all others, all of them clearly; count: there is none. */
static size_t find_one_sided(const double *values, size_t count)
{
    size_t above = 0, below = 0, last_above = 0, last_below = 0;
    for (size_t l = 0; l < count; l++) {
        if (fabs(values[l]) < ONE_SIDED)
            return count;
        if (values[l] > 0)
            above++, last_above = l;
        else
            below++, last_below = l;
    }
    if (count < ONE_SIDED_LAYERS || (above != 1 && below != 1))
        return count;
    return above == 1 ? last_above : last_below;
}

static void check_swapped(const examination *x)
{
    double biases[LAYERS_MAX] = { 0 }, effects[LAYERS_MAX] = { 0 };
    const size_t count = x->d->layer_count;
    for (size_t l = 0; l < count; l++) {
        double query = diagnosis_part(x, l, PART_QUERY_BIAS)->rms, key = diagnosis_part(x, l, PART_KEY_BIAS)->rms;
        biases[l] = query > 0 && key > 0 ? log(key / query) : 0;
        effects[l] = x->d->layers[l].column_effect;
    }
    size_t by_bias = find_one_sided(biases, count), by_effect = find_one_sided(effects, count);
    size_t layer = by_bias < count ? by_bias : by_effect;
    if (layer == count)
        return;
    diagnosis_add(x->d, FLAG_SWAPPED, layer + 1, diagnosis_part(x, layer, PART_QUERY)->name,
                  "attention.self.query and .key of layer %zu are likely in each other's place: %s is %.3g there, with "
                  "the other sign in all other layers", layer + 1,
                  by_bias < count ? "ln(|key bias| / |query bias|)" : "ln(spread of scores over keys / over queries)",
                  by_bias < count ? biases[layer] : effects[layer]);
}

void diagnosis_apply_rules(const examination *x)
{
    bool finite = check_finite(x);
    check_tensors(x);
    if (!finite)
        return;
    check_entropies(x);
    check_norms(x);
    for (size_t l = 0; l < x->d->layer_count && x->config->hidden_size >= LEAST_WIDTH; l++) {
        check_query_key(x, l);
        check_value_output(x, l);
    }
    check_swapped(x);
}
