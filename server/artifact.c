/* artifact.c - see artifact.h.
 *
 * One object serves both: GET answers with it, and a file is the same with the matrices as base64 of little-endian
 * doubles. A file may have been edited or cut, so reading trusts no number in it.
 */
#include "server/artifact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[ARTIFACT_KINDS] = { "calibration", "classifier", "adapter", "baseline", "head" };

const char *artifact_kind_name(artifact_kind kind)
{
    return kind_names[kind];
}

bool artifact_name_is_good(slice name)
{
    if (name.length < 1 || name.length >= ARTIFACT_NAME_BYTES || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return true;
}

artifact *artifact_open(artifact_kind kind)
{
    artifact *a = calloc(1, sizeof *a);
    if (a)
        a->kind = kind;
    return a;
}

void artifact_close(artifact *a)
{
    if (!a)
        return;
    classifier_close(a->classifier);
    free(a->labels);
    pair_head_clear(&a->head);
    adapter_close(a->adapter);
    drift_window_close(a->window);
    drift_baseline_close(a->baseline);
    free(a);
}

static size_t linear_bytes(const classifier *c)
{
    return c ? c->classes * ((c->width + 1) * sizeof(double) + ARTIFACT_LABEL_BYTES) : 0;
}

/* Axes, their law and the null; and the window's buckets, each with a law of its own. */
static size_t baseline_bytes(const drift_baseline *b)
{
    if (!b)
        return 0;
    size_t law = (2 * b->width + b->axes + b->axes * b->axes) * sizeof(double);
    return sizeof *b + b->axes * b->width * sizeof(double) + (1 + DRIFT_BUCKETS) * law;
}

size_t artifact_bytes(const artifact *a)
{
    size_t adapted = a->adapter ? adapter_weights(a->adapter->width, a->adapter->rank) * sizeof(double) : 0;
    return sizeof *a + linear_bytes(a->classifier) + linear_bytes(a->head.linear) + adapted +
           baseline_bytes(a->baseline);
}

/* ---- writing ---- */

static void put_text(json_out *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, slice_of(text));
}

static void put_count(json_out *w, const char *key, size_t value)
{
    json_key(w, key);
    json_integer(w, (int64_t)value);
}

static void put_number(json_out *w, const char *key, double value)
{
    json_key(w, key);
    json_number(w, value);
}

static void put_numbers(json_out *w, const char *key, const double *values, size_t n)
{
    json_key(w, key);
    json_open(w, '[');
    for (size_t i = 0; i < n; i++)
        json_number(w, values[i]);
    json_close(w, ']');
}

static void put_data(json_out *w, const char *key, const double *values, size_t n)
{
    json_key(w, key);
    json_base64(w, values, n * sizeof *values);
}

static void put_quality(json_out *w, const char *key, const calibration_quality *q)
{
    json_key(w, key);
    json_open(w, '{');
    put_number(w, "log_loss", q->log_loss);
    put_number(w, "brier", q->brier);
    put_number(w, "ece", q->ece);
    put_number(w, "ece_floor", q->ece_floor);
    json_key(w, "bins");
    json_open(w, '[');
    for (size_t b = 0; b < CALIBRATION_BINS; b++) {
        json_open(w, '{');
        put_count(w, "count", q->bins[b].count);
        put_number(w, "probability", q->bins[b].mean_probability);
        put_number(w, "matches", q->bins[b].matches);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
}

static void write_calibration(json_out *w, const artifact *a, bool with_data)
{
    (void)with_data;    /* it is all small */
    const calibration *c = &a->calibration;
    put_text(w, "features", calibration_kind_name(c->kind));
    put_numbers(w, "weights", c->weights, calibration_features(c->kind));
    put_number(w, "bias", c->bias);
    put_numbers(w, "shape", c->shape, CALIBRATION_SHAPE);
    put_number(w, "prior", c->prior);
    put_count(w, "matches", c->matches);
    put_count(w, "others", c->others);
    put_count(w, "unlabelled", c->unlabelled);
    put_quality(w, "in_sample", &c->in_sample);
    put_quality(w, "leave_one_out", &c->leave_one_out);
    json_key(w, "threshold");
    if (!(a->wanted_precision > 0)) {
        json_literal(w, "null");
        return;
    }
    json_open(w, '{');
    put_number(w, "wanted_precision", a->wanted_precision);
    json_key(w, "found");
    json_literal(w, a->threshold.found ? "true" : "false");
    put_number(w, "probability", a->threshold.probability);
    put_number(w, "precision", a->threshold.precision);
    put_number(w, "recall", a->threshold.recall);
    json_close(w, '}');
}

static void put_linear(json_out *w, const artifact *a, const classifier *c, bool with_data)
{
    const struct { const char *key; const classifier_quality *q; } qualities[] = {
        { "in_sample", &c->in_sample }, { "leave_one_out", &c->leave_one_out } };
    json_key(w, "labels");
    json_open(w, '[');
    for (size_t i = 0; i < c->classes; i++)
        json_text(w, slice_of(a->labels[i]));
    json_close(w, ']');
    put_count(w, "width", c->width);
    put_count(w, "samples", c->samples);
    if (c->samples)    /* else nobody here fitted it */
        put_number(w, "shrink", c->shrink);
    for (size_t i = 0; c->samples && i < 2; i++) {
        json_key(w, qualities[i].key);
        json_open(w, '{');
        put_number(w, "log_loss", qualities[i].q->log_loss);
        put_number(w, "accuracy", qualities[i].q->accuracy);
        json_close(w, '}');
    }
    if (!with_data)
        return;
    put_data(w, "weights", c->weights, c->classes * c->width);
    put_data(w, "bias", c->bias, c->classes);
}

static void write_classifier(json_out *w, const artifact *a, bool with_data)
{
    put_linear(w, a, a->classifier, with_data);
}

static void write_head(json_out *w, const artifact *a, bool with_data)
{
    double groups[PAIR_HEAD_GROUPS_MAX];
    for (size_t g = 0; g < a->head.group_count; g++)
        groups[g] = (double)a->head.groups[g];
    put_numbers(w, "groups", groups, a->head.group_count);
    json_key(w, "unit_vectors");
    json_literal(w, a->head.unit ? "true" : "false");
    put_linear(w, a, a->head.linear, with_data);
}

static void write_adapter(json_out *w, const artifact *a, bool with_data)
{
    const adapter_report *r = &a->gain;
    put_count(w, "width", a->adapter->width);
    put_count(w, "rank", a->adapter->rank);
    put_count(w, "trained", r->trained);
    put_count(w, "held_out", r->held_out);
    put_text(w, "quality", r->ranked ? "mean_reciprocal_rank" : "area_under_roc");
    put_number(w, "before", r->before);
    put_number(w, "after", r->after);
    put_number(w, "first_loss", r->first_loss);
    put_number(w, "last_loss", r->last_loss);
    if (with_data)
        put_data(w, "weights", a->adapter->weights, adapter_weights(a->adapter->width, a->adapter->rank));
}

enum { NULL_TABLE = DRIFT_SIZES * DRIFT_STATISTICS * DRIFT_KNOTS };

static void write_baseline(json_out *w, const artifact *a, bool with_data)
{
    const drift_baseline *b = a->baseline;
    put_text(w, "tag", a->tag);
    put_count(w, "width", b->width);
    put_count(w, "texts", b->texts);
    put_count(w, "axes", b->axes);
    if (!with_data)
        return;
    put_number(w, "count", b->diagonal->count);
    put_data(w, "axis_rows", b->axis_rows, b->axes * b->width);
    put_data(w, "diagonal_mean", b->diagonal->mean, b->width);
    put_data(w, "diagonal_scatter", b->diagonal->scatter, b->width);
    put_data(w, "principal_mean", b->principal->mean, b->axes);
    put_data(w, "principal_scatter", b->principal->scatter, b->axes * b->axes);
    put_data(w, "null", &b->null[0][0][0], NULL_TABLE);
}

void artifact_write(json_out *w, const artifact *a, bool with_data)
{
    static void (*const writers[ARTIFACT_KINDS])(json_out *, const artifact *, bool) = {
        [ARTIFACT_CALIBRATION] = write_calibration, [ARTIFACT_CLASSIFIER] = write_classifier,
        [ARTIFACT_ADAPTER] = write_adapter, [ARTIFACT_BASELINE] = write_baseline, [ARTIFACT_HEAD] = write_head,
    };
    json_open(w, '{');
    put_text(w, "object", kind_names[a->kind]);
    put_text(w, "id", a->id);
    put_text(w, "model", a->model);
    put_text(w, "attention", a->attention);
    put_text(w, "adapter", a->adapter_id);
    json_key(w, "created");
    json_integer(w, a->created_s);
    if (with_data) {
        put_count(w, "version", ARTIFACT_VERSION);
        put_text(w, "fingerprint", a->fingerprint);
    }
    writers[a->kind](w, a, with_data);
    json_close(w, '}');
}

/* ---- reading: the first fault is kept, so that fields can be read one after the other ---- */

typedef struct { const cJSON *tree; status st; errinfo *err; } reader;

static void refuse(reader *r, const char *key, const char *wanted)
{
    if (r->st == ST_OK)
        r->st = fail(r->err, ST_FORMAT, "\"%s\" is not %s", key, wanted);
}

static const cJSON *member(const reader *r, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(r->tree, key);
}

static double get_number(reader *r, const char *key)
{
    const cJSON *value = member(r, key);
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble)) {
        refuse(r, key, "a number");
        return 0;
    }
    return value->valuedouble;
}

static size_t get_count(reader *r, const char *key, size_t max)
{
    double value = get_number(r, key);
    if (!(value >= 0 && value <= (double)max) || floor(value) < value) {
        refuse(r, key, "a count within its limit");
        return 0;
    }
    return (size_t)value;
}

static void get_text(reader *r, const char *key, char *out, size_t room)
{
    const cJSON *value = member(r, key);
    if (!cJSON_IsString(value) || strlen(value->valuestring) >= room)
        refuse(r, key, "a text of the right length");
    else
        memcpy(out, value->valuestring, strlen(value->valuestring) + 1);
}

static void get_numbers(reader *r, const char *key, double *out, size_t n)
{
    const cJSON *list = member(r, key), *value;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != (int)n) {
        refuse(r, key, "a list of the right length");
        return;
    }
    cJSON_ArrayForEach(value, list) {
        if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble))
            refuse(r, key, "a list of numbers");
        *out++ = value->valuedouble;
    }
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly n bytes; false otherwise. */
static bool decode_base64(const char *text, unsigned char *out, size_t n)
{
    size_t length = strlen(text), at = 0;
    if (length != (n + 2) / 3 * 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = sextet(text[i + j]);
            bool padding = text[i + j] == '=' && i + 4 == length && j >= 4 - (3 - n % 3) % 3;
            if (value < 0 && !padding)
                return false;
            bits = bits << 6 | (uint32_t)(value < 0 ? 0 : value);
        }
        for (size_t j = 0; j < 3 && at < n; j++)
            out[at++] = (unsigned char)(bits >> (16 - 8 * j));
    }
    return true;
}

static void get_data(reader *r, const char *key, double *out, size_t n)
{
    const cJSON *value = member(r, key);
    if (!cJSON_IsString(value) || !decode_base64(value->valuestring, (unsigned char *)out, n * sizeof *out)) {
        refuse(r, key, "base64 of the right length");
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            refuse(r, key, "all finite");
}

/* The member `key` as the tree of another reader; the fault comes back by leave. */
static reader enter(reader *r, const char *key)
{
    const cJSON *value = member(r, key);
    if (!cJSON_IsObject(value))
        refuse(r, key, "an object");
    return (reader){ value, r->st, r->err };
}

static void get_quality(reader *parent, const char *key, calibration_quality *q)
{
    reader r = enter(parent, key);
    q->log_loss = get_number(&r, "log_loss");
    q->brier = get_number(&r, "brier");
    q->ece = get_number(&r, "ece");
    q->ece_floor = get_number(&r, "ece_floor");
    const cJSON *bins = member(&r, "bins");
    if (!cJSON_IsArray(bins) || cJSON_GetArraySize(bins) != CALIBRATION_BINS)
        refuse(&r, "bins", "a list of the right length");
    for (int b = 0; r.st == ST_OK && b < CALIBRATION_BINS; b++) {
        reader bin = { cJSON_GetArrayItem(bins, b), ST_OK, r.err };
        q->bins[b].count = get_count(&bin, "count", 2 * (size_t)CALIBRATION_PAIRS_MAX);
        q->bins[b].mean_probability = get_number(&bin, "probability");
        q->bins[b].matches = get_number(&bin, "matches");
        r.st = bin.st;
    }
    parent->st = r.st;
}

static void read_calibration(reader *r, artifact *a)
{
    char features[ARTIFACT_NAME_BYTES] = "";
    calibration *c = &a->calibration;
    get_text(r, "features", features, sizeof features);
    if (!calibration_kind_parse(slice_of(features), &c->kind))
        refuse(r, "features", "a known kind");
    get_numbers(r, "weights", c->weights, calibration_features(c->kind));
    c->bias = get_number(r, "bias");
    get_numbers(r, "shape", c->shape, CALIBRATION_SHAPE);
    c->prior = get_number(r, "prior");
    if (!(c->prior > 0 && c->prior < 1))
        refuse(r, "prior", "between 0 and 1");
    c->matches = get_count(r, "matches", CALIBRATION_PAIRS_MAX);
    c->others = get_count(r, "others", CALIBRATION_PAIRS_MAX);
    c->unlabelled = get_count(r, "unlabelled", SIZE_MAX >> 12);
    get_quality(r, "in_sample", &c->in_sample);
    get_quality(r, "leave_one_out", &c->leave_one_out);
    if (!cJSON_IsObject(member(r, "threshold")))
        return;
    reader t = enter(r, "threshold");
    a->wanted_precision = get_number(&t, "wanted_precision");
    a->threshold.found = cJSON_IsTrue(member(&t, "found"));
    a->threshold.probability = get_number(&t, "probability");
    a->threshold.precision = get_number(&t, "precision");
    a->threshold.recall = get_number(&t, "recall");
    r->st = t.st;
}

static void read_labels(reader *r, artifact *a)
{
    const cJSON *label;
    size_t at = 0;
    cJSON_ArrayForEach(label, member(r, "labels")) {
        if (!cJSON_IsString(label) || strlen(label->valuestring) >= ARTIFACT_LABEL_BYTES)
            refuse(r, "labels", "a list of short texts");
        else
            memcpy(a->labels[at++], label->valuestring, strlen(label->valuestring) + 1);
    }
}

static void get_linear(reader *r, artifact *a, classifier **out)
{
    size_t width = get_count(r, "width", CLASSIFIER_WIDTH_MAX);
    const cJSON *labels = member(r, "labels");
    size_t classes = cJSON_IsArray(labels) ? (size_t)cJSON_GetArraySize(labels) : 0;
    if (r->st == ST_OK)
        r->st = classifier_open(out, classes, width, r->err);
    a->labels = r->st == ST_OK ? calloc(classes, sizeof *a->labels) : NULL;
    if (r->st == ST_OK && !a->labels)
        r->st = fail(r->err, ST_NOMEM, "a classifier: out of memory");
    if (r->st)
        return;
    classifier *c = *out;
    read_labels(r, a);
    c->samples = get_count(r, "samples", SIZE_MAX >> 12);
    c->shrink = c->samples ? get_number(r, "shrink") : 0;
    classifier_quality *qualities[] = { &c->in_sample, &c->leave_one_out };
    for (size_t i = 0; c->samples && i < 2; i++) {
        reader q = enter(r, i ? "leave_one_out" : "in_sample");
        qualities[i]->log_loss = get_number(&q, "log_loss");
        qualities[i]->accuracy = get_number(&q, "accuracy");
        r->st = q.st;
    }
    get_data(r, "weights", c->weights, classes * width);
    get_data(r, "bias", c->bias, classes);
}

static void read_classifier(reader *r, artifact *a)
{
    get_linear(r, a, &a->classifier);
}

static void read_head(reader *r, artifact *a)
{
    double sizes[PAIR_HEAD_GROUPS_MAX] = { 0 };
    pair_head *h = &a->head;
    const cJSON *groups = member(r, "groups");
    get_linear(r, a, &h->linear);
    if (r->st == ST_OK && (h->linear->classes > PAIR_HEAD_CLASSES_MAX || h->linear->width % 3 != 0))
        refuse(r, "width", "three times a vector's, with classes within their limit");
    h->unit = cJSON_IsTrue(member(r, "unit_vectors"));
    h->group_count = cJSON_IsArray(groups) ? (size_t)cJSON_GetArraySize(groups) : 0;
    if (h->group_count < 1 || h->group_count > PAIR_HEAD_GROUPS_MAX)
        refuse(r, "groups", "a list of the right length");
    if (r->st == ST_OK)
        get_numbers(r, "groups", sizes, h->group_count);
    for (size_t g = 0; g < h->group_count && r->st == ST_OK; g++) {
        if (!(sizes[g] >= 2 && sizes[g] <= PAIR_HEAD_CLASSES_MAX) || floor(sizes[g]) < sizes[g])
            refuse(r, "groups", "a list of counts");
        h->groups[g] = (size_t)sizes[g];
    }
    if (r->st == ST_OK)
        r->st = pair_head_check(h, r->err);
}

static void read_adapter(reader *r, artifact *a)
{
    char quality[ARTIFACT_NAME_BYTES] = "";
    size_t width = get_count(r, "width", ADAPTER_WIDTH_MAX), rank = get_count(r, "rank", ADAPTER_WIDTH_MAX);
    if (r->st == ST_OK)
        r->st = adapter_open(&a->adapter, width, rank, 0, r->err);
    if (r->st)
        return;
    a->gain.trained = get_count(r, "trained", ADAPTER_PAIRS_MAX);
    a->gain.held_out = get_count(r, "held_out", ADAPTER_PAIRS_MAX);
    get_text(r, "quality", quality, sizeof quality);
    a->gain.ranked = strcmp(quality, "mean_reciprocal_rank") == 0;
    a->gain.before = get_number(r, "before");
    a->gain.after = get_number(r, "after");
    a->gain.first_loss = get_number(r, "first_loss");
    a->gain.last_loss = get_number(r, "last_loss");
    get_data(r, "weights", a->adapter->weights, adapter_weights(width, rank));
}

static void read_baseline(reader *r, artifact *a)
{
    get_text(r, "tag", a->tag, sizeof a->tag);
    size_t width = get_count(r, "width", GAUSSIAN_WIDTH_MAX), texts = get_count(r, "texts", DRIFT_TEXTS_MAX);
    if (r->st == ST_OK)
        r->st = drift_baseline_open(&a->baseline, width, r->err);
    if (r->st)
        return;
    drift_baseline *b = a->baseline;
    b->texts = texts;
    b->diagonal->count = b->principal->count = get_number(r, "count");
    get_data(r, "axis_rows", b->axis_rows, b->axes * width);
    get_data(r, "diagonal_mean", b->diagonal->mean, width);
    get_data(r, "diagonal_scatter", b->diagonal->scatter, width);
    get_data(r, "principal_mean", b->principal->mean, b->axes);
    get_data(r, "principal_scatter", b->principal->scatter, b->axes * b->axes);
    get_data(r, "null", &b->null[0][0][0], NULL_TABLE);
    if (r->st == ST_OK)
        r->st = drift_window_open(&a->window, b, r->err);
}

static void read_common(reader *r, artifact *a)
{
    get_text(r, "id", a->id, sizeof a->id);
    if (!artifact_name_is_good(slice_of(a->id)))
        refuse(r, "id", "a good name");
    get_text(r, "model", a->model, sizeof a->model);
    get_text(r, "attention", a->attention, sizeof a->attention);
    get_text(r, "adapter", a->adapter_id, sizeof a->adapter_id);
    get_text(r, "fingerprint", a->fingerprint, sizeof a->fingerprint);
    a->created_s = (int64_t)get_number(r, "created");
    if (get_count(r, "version", 1000) != ARTIFACT_VERSION)
        refuse(r, "version", "1, the one that this program reads");
}

status artifact_read(artifact **out, const cJSON *tree, errinfo *err)
{
    static void (*const readers[ARTIFACT_KINDS])(reader *, artifact *) = {
        [ARTIFACT_CALIBRATION] = read_calibration, [ARTIFACT_CLASSIFIER] = read_classifier,
        [ARTIFACT_ADAPTER] = read_adapter, [ARTIFACT_BASELINE] = read_baseline, [ARTIFACT_HEAD] = read_head,
    };
    char object[ARTIFACT_NAME_BYTES] = "";
    reader r = { tree, ST_OK, err };
    artifact_kind kind = 0;
    get_text(&r, "object", object, sizeof object);
    while (kind < ARTIFACT_KINDS && strcmp(kind_names[kind], object) != 0)
        kind++;
    if (kind == ARTIFACT_KINDS)
        return fail(err, ST_FORMAT, "\"object\" is not a kind that this program knows");
    artifact *a = artifact_open(kind);
    if (!a)
        return fail(err, ST_NOMEM, "out of memory");
    read_common(&r, a);
    if (r.st == ST_OK)
        readers[kind](&r, a);
    if (r.st)
        artifact_close(a);
    else
        *out = a;
    return r.st;
}
