/* calibrations.c - see calibrations.h: what each kind reads from its body, and how it is fitted from vectors. */
#include "server/routes/calibrations.h"

#include "model/score/similarity.h"
#include "server/routes/creation.h"

#include <stdlib.h>
#include <string.h>

static const double PRECISION_LEAST = 0.01, SHRINK_MOST = 0.99;
enum { SEED_MAX = 1 << 30, BATCH_LEAST = 8, LIST_BYTES = 16384 };

static bool no_memory(json_fault *fault)
{
    return json_refuse(fault, API_OUT_OF_MEMORY, NULL, "the request does not fit into the memory that one may use");
}

static status out_of_memory(errinfo *err)
{
    return fail(err, ST_NOMEM, "out of memory");
}

/* ---- calibrations ---- */

static bool read_calibration(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    slice features = { NULL, 0 };
    if (!json_string(body, "features", &features, fault) ||
        !json_double(body, "precision", PRECISION_LEAST, 1, &c->precision, fault))
        return false;
    if (features.data && !calibration_kind_parse(features, &c->features))
        return json_refuse(fault, API_INVALID_VALUE, "features", "features is \"%.40s\"; it must be cos or cos+l1+l2",
                           features.data);
    return creation_read_pairs(c, body, limits, a, fault);
}

typedef struct { double *labelled, *unlabelled, *logits; bool *labels; size_t n, others; } samples;

static void measure_pairs(const encode_job *e, const creation *c, samples *s)
{
    size_t features = calibration_features(c->features);
    for (size_t i = 0; i < c->pairs; i++) {
        bool known = c->labels[i] >= 0;
        double *x = known ? s->labelled + s->n * features : s->unlabelled + s->others * features;
        calibration_measure(c->features, trust_vector(e, &c->trust, 2 * i), trust_vector(e, &c->trust, 2 * i + 1),
                            encode_width(e), x);
        if (known)
            s->labels[s->n++] = c->labels[i] == 1;
        else
            s->others++;
    }
}

static status fit_calibration(const encode_job *e, creation *c, artifact *made, errinfo *err)
{
    size_t features = calibration_features(c->features);
    arena *a = e->exchange->arena;
    samples s = { .labelled = arena_take(a, c->pairs * features, sizeof(double)),
                  .unlabelled = arena_take(a, c->pairs * features, sizeof(double)),
                  .logits = arena_take(a, c->pairs, sizeof(double)),
                  .labels = arena_take(a, c->pairs, sizeof(bool)) };
    if (!s.labelled || !s.unlabelled || !s.logits || !s.labels)
        return out_of_memory(err);
    measure_pairs(e, c, &s);
    calibration_options o = calibration_defaults();
    o.prior = c->prior;
    o.unlabelled = s.unlabelled;
    o.unlabelled_count = s.others;
    status st = calibration_fit(&made->calibration, c->features, s.labelled, s.labels, s.n, &o, s.logits, err);
    if (st || !(c->precision > 0))
        return st;
    made->wanted_precision = c->precision;
    return calibration_find_threshold(&made->threshold, s.logits, s.labels, s.n, c->precision, err);
}

void calibrations_create(struct service *s, exchange *x)
{
    static const creation_route route = { ARTIFACT_CALIBRATION, read_calibration, fit_calibration };
    creation_start(s, x, &route);
}

/* ---- classifiers ---- */

static bool read_example(creation *c, const cJSON *example, size_t index, json_fault *fault)
{
    char name[INPUT_NAME_BYTES];
    input named = { .field = "examples", .index = index, .side = "" };
    input_name(&named, name);
    if (!cJSON_IsObject(example))
        return json_refuse(fault, API_WRONG_TYPE, name, "%s must be {\"text\", \"label\"}, not %s", name,
                           json_kind(example));
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(example, "label");
    if (!cJSON_IsString(label) || !label->valuestring[0] || strlen(label->valuestring) >= ARTIFACT_LABEL_BYTES)
        return json_refuse(fault, API_INVALID_VALUE, name, "%s.label must be a text of 1 to %d bytes", name,
                           ARTIFACT_LABEL_BYTES - 1);
    c->classes[index] = creation_class(c, slice_of(label->valuestring), CLASSIFIER_CLASSES_MAX);
    if (c->classes[index] == CLASSIFIER_CLASSES_MAX)
        return json_refuse(fault, API_OUT_OF_RANGE, name, "there are more than %d labels", CLASSIFIER_CLASSES_MAX);
    named.side = ".text";
    return inputs_add_text(&c->list, cJSON_GetObjectItemCaseSensitive(example, "text"), named, fault);
}

static bool read_classifier(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    const cJSON *examples, *example;
    size_t index = 0;
    c->shrink = -1;
    if (!json_double(body, "shrink", 0, SHRINK_MOST, &c->shrink, fault) ||
        !inputs_array(body, "examples", "examples", &examples, fault))
        return false;
    size_t n = (size_t)cJSON_GetArraySize(examples);
    if (!inputs_open(&c->list, a, n, limits, "examples", fault))
        return false;
    c->classes = arena_take(a, n, sizeof *c->classes);
    c->class_names = arena_take(a, n < CLASSIFIER_CLASSES_MAX ? n : CLASSIFIER_CLASSES_MAX, sizeof *c->class_names);
    if (!c->classes || !c->class_names)
        return no_memory(fault);
    cJSON_ArrayForEach(example, examples) {
        if (!read_example(c, example, index++, fault))
            return false;
    }
    return true;
}

/* Unit vectors of every input, in a row. */
static float *unit_vectors(const encode_job *e, const creation *c)
{
    size_t width = encode_width(e);
    float *out = arena_take(e->exchange->arena, e->count * width, sizeof *out);
    for (size_t i = 0; out && i < e->count; i++)
        similarity_normalize(trust_vector(e, &c->trust, i), width, out + i * width);
    return out;
}

static status fit_classifier(const encode_job *e, creation *c, artifact *made, errinfo *err)
{
    errinfo why;
    float *vectors = unit_vectors(e, c);
    made->labels = calloc(c->class_count, sizeof *made->labels);
    if (!vectors || !made->labels)
        return out_of_memory(err);
    status st = creation_check_classes(c, e->count, err);
    if (st)
        return st;
    memcpy(made->labels, c->class_names, c->class_count * sizeof *made->labels);
    st = classifier_fit(&made->classifier, c->class_count, vectors, c->classes, e->count, encode_width(e),
                               c->shrink, &why);
    return st ? fail(err, st, "%s", why.text) : ST_OK;
}

void classifiers_create(struct service *s, exchange *x)
{
    static const creation_route route = { ARTIFACT_CLASSIFIER, read_classifier, fit_classifier };
    creation_start(s, x, &route);
}

/* ---- adapters ---- */

static bool read_adapter(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    adapter_options o = adapter_defaults();
    c->rank = o.rank;
    c->batch = o.batch;
    c->seed = o.seed;
    if (c->names.adapter.data)
        return json_refuse(fault, API_INVALID_VALUE, "adapter", "an adapter is not trained on top of another");
    return json_size(body, "rank", 0, ADAPTER_WIDTH_MAX, &c->rank, fault)
           && json_size(body, "batch", BATCH_LEAST, ADAPTER_BATCH_MAX, &c->batch, fault)
           && json_size(body, "steps", 1, ADAPTER_STEPS_MAX, &c->steps, fault)
           && json_size(body, "seed", 0, SEED_MAX, &c->seed, fault) && creation_read_pairs(c, body, limits, a, fault);
}

static status fit_adapter(const encode_job *e, creation *c, artifact *made, errinfo *err)
{
    size_t width = encode_width(e);
    arena *memory = e->exchange->arena;
    float *a = arena_take(memory, c->pairs * width, sizeof *a), *b = arena_take(memory, c->pairs * width, sizeof *b);
    bool *labels = arena_take(memory, c->pairs, sizeof *labels);
    if (!a || !b || !labels)
        return out_of_memory(err);
    for (size_t i = 0; i < c->pairs; i++) {
        memcpy(a + i * width, encode_vector(e, 2 * i), width * sizeof *a);
        memcpy(b + i * width, encode_vector(e, 2 * i + 1), width * sizeof *b);
        labels[i] = c->labels[i] != 0;    /* a pair without a label belongs together */
    }
    adapter_options o = adapter_defaults();
    o.rank = c->rank < width ? c->rank : width;
    o.batch = c->batch;
    o.steps = c->steps;
    o.seed = (uint32_t)c->seed;
    adapter_pairs pairs = { a, b, labels, c->pairs };
    return adapter_train(&made->adapter, &made->gain, &pairs, width, &o, err);
}

void adapters_create(struct service *s, exchange *x)
{
    static const creation_route route = { ARTIFACT_ADAPTER, read_adapter, fit_adapter };
    creation_start(s, x, &route);
}

/* ---- drift baselines ---- */

static bool read_baseline(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    const cJSON *texts;
    slice none = { NULL, 0 };
    c->seed = 1;
    if (c->names.adapter.data)
        return json_refuse(fault, API_INVALID_VALUE, "adapter", "a baseline watches the model's own vectors");
    return json_size(body, "seed", 0, SEED_MAX, &c->seed, fault)
           && inputs_array(body, "texts", "texts", &texts, fault)
           && inputs_open(&c->list, a, (size_t)cJSON_GetArraySize(texts), limits, "texts", fault)
           && inputs_add_texts(&c->list, texts, "texts", none, fault);
}

static status fit_baseline(const encode_job *e, creation *c, artifact *made, errinfo *err)
{
    float *vectors = unit_vectors(e, c);
    if (!vectors)
        return out_of_memory(err);
    status st = drift_baseline_fit(&made->baseline, vectors, e->count, encode_width(e), (uint32_t)c->seed, err);
    return st ? st : drift_window_open(&made->window, made->baseline, err);
}

void baselines_create(struct service *s, exchange *x)
{
    static const creation_route route = { ARTIFACT_BASELINE, read_baseline, fit_baseline };
    creation_start(s, x, &route);
}

/* ---- listing, showing, deleting ---- */

static const struct { const char *path; artifact_kind kind; } roots[] = {
    { "/v1/calibrations", ARTIFACT_CALIBRATION },
    { "/v1/classifiers", ARTIFACT_CLASSIFIER },
    { "/v1/adapters", ARTIFACT_ADAPTER },
    { "/v1/drift/baselines", ARTIFACT_BASELINE },
    { "/v1/heads", ARTIFACT_HEAD },
};

/* The kind that a path speaks of, and the id behind it (empty: none). */
static artifact_kind parse_path(slice path, slice *id)
{
    size_t i = 0;
    while (i + 1 < sizeof roots / sizeof *roots && (path.length < strlen(roots[i].path) ||
                                                    memcmp(path.data, roots[i].path, strlen(roots[i].path)) != 0))
        i++;
    size_t length = strlen(roots[i].path);
    *id = path.length > length + 1 ? (slice){ path.data + length + 1, path.length - length - 1 } : (slice){ "", 0 };
    return roots[i].kind;
}

typedef struct { json_out *w; const exchange *x; bool hidden; } listing;

/* A key that is not given a model does not see what was made for it. */
static bool may_see(const exchange *x, const artifact *a)
{
    return !x->client || auth_may_use(x->client, a->model);
}

static void list_one(void *context, artifact *a)
{
    listing *l = context;
    if (may_see(l->x, a))
        artifact_write(l->w, a, false);
}

void artifacts_list(struct service *s, exchange *x)
{
    slice id;
    json_out w;
    listing l = { &w, x, false };
    artifact_kind kind = parse_path(x->path, &id);
    json_begin(&w, x->arena, LIST_BYTES);
    json_open(&w, '{');
    json_key(&w, "object");
    json_text(&w, slice_of("list"));
    json_key(&w, "data");
    json_open(&w, '[');
    (void)artifacts_visit(s->artifacts, kind, (slice){ NULL, 0 }, list_one, &l);
    json_close(&w, ']');
    json_close(&w, '}');
    encode_send(x, &w);
}

static void show_one(void *context, artifact *a)
{
    listing *l = context;
    l->hidden = !may_see(l->x, a);
    if (!l->hidden && l->w)
        artifact_write(l->w, a, false);
}

void artifacts_show(struct service *s, exchange *x)
{
    slice id;
    json_out w;
    listing l = { &w, x, false };
    artifact_kind kind = parse_path(x->path, &id);
    json_begin(&w, x->arena, LIST_BYTES);
    if (artifacts_visit(s->artifacts, kind, id, show_one, &l) == 0 || l.hidden)
        api_error_answer(x, API_NOT_FOUND, NULL, "there is no such %s", artifact_kind_name(kind));
    else
        encode_send(x, &w);
}

void artifacts_delete(struct service *s, exchange *x)
{
    slice id;
    listing l = { NULL, x, false };
    artifact_kind kind = parse_path(x->path, &id);
    bool seen = artifacts_visit(s->artifacts, kind, id, show_one, &l) > 0 && !l.hidden;
    if (seen && artifacts_remove(s->artifacts, kind, id))
        exchange_answer(x, 204, NULL, (slice){ "", 0 });
    else
        api_error_answer(x, API_NOT_FOUND, NULL, "there is no such %s", artifact_kind_name(kind));
}
