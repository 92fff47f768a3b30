/* trust.c - see trust.h.
 *
 * Requests work on copies, so that an artifact may be replaced or deleted while they run. A calibration knows which
 * model, attention and adapter its cosines came from, and refuses others: its probabilities would be invented.
 */
#include "server/routes/trust.h"

#include "model/score/margin.h"

#include <string.h>

bool trust_read_id(const cJSON *body, arena *a, const char *name, slice *out, json_fault *fault)
{
    if (!json_string(body, name, out, fault))
        return false;
    if (!out->data)
        return true;
    if (!artifact_name_is_good(*out))
        return json_refuse(fault, API_INVALID_VALUE, name, "%s must be 1 to %d characters a-z A-Z 0-9 . _ -", name,
                           ARTIFACT_NAME_BYTES - 1);
    *out = arena_copy(a, *out);
    return out->data || json_refuse(fault, API_OUT_OF_MEMORY, name, "%s does not fit into the request's memory", name);
}

bool trust_read(const cJSON *body, arena *a, trust_names *out, json_fault *fault)
{
    *out = (trust_names){ 0 };
    return trust_read_id(body, a, "calibration", &out->calibration, fault)
           && trust_read_id(body, a, "adapter", &out->adapter, fault)
           && json_double(body, "prior", 1e-6, 1 - 1e-6, &out->prior, fault);
}

void trust_not_found(exchange *x, const char *field, const char *kind, slice id)
{
    api_error_answer(x, API_NOT_FOUND, field, "there is no %s \"%.64s\" here", kind, id.data ? id.data : "");
}

/* ---- copies ---- */

typedef struct {
    encode_job *e;
    const trust_names *names;
    trust *out;
    const char *attention;
    bool refused;
} resolving;

bool trust_same_model(const encode_job *e, const artifact *a)
{
    const char *identity = registry_identity(e->exchange->generation->registry, a->model);
    return strcmp(a->model, model_describe(e->model)->name) == 0 && identity && strcmp(a->fingerprint, identity) == 0;
}

/* Answers when the artifact was made for something else. */
static bool check_kin(resolving *r, const artifact *a, const char *model_name)
{
    const char *kind = artifact_kind_name(a->kind);
    if (strcmp(a->model, model_name) != 0)
        api_error_answer(r->e->exchange, API_INVALID_VALUE, kind, "the %s %s was made for the model %s, not %s", kind,
                         a->id, a->model, model_name);
    else if (!trust_same_model(r->e, a))
        api_error_answer(r->e->exchange, API_INVALID_VALUE, kind, "the %s %s was made for another model of the name %s",
                         kind, a->id, a->model);
    else if (strcmp(a->attention, r->attention) != 0)
        api_error_answer(r->e->exchange, API_INVALID_VALUE, kind, "the %s %s was made with %s attention, not %s", kind,
                         a->id, a->attention, r->attention);
    else
        return true;
    r->refused = true;
    return false;
}

/* Answers when the artifact's vectors went through another adapter than those of the request will. */
static bool check_adapter(resolving *r, const artifact *a)
{
    const char *kind = artifact_kind_name(a->kind), *own = a->adapter_id;
    const char *asked = r->names->adapter.data ? r->names->adapter.data : "";
    if (strcmp(own, asked) == 0)
        return true;
    api_error_answer(r->e->exchange, API_INVALID_VALUE, kind, "the %s %s was made with %s%s; the request has %s%s",
                     kind, a->id, own[0] ? "the adapter " : "no adapter", own, asked[0] ? "the adapter " : "no adapter",
                     asked);
    r->refused = true;
    return false;
}

static void copy_calibration(void *context, artifact *a)
{
    resolving *r = context;
    if (!check_kin(r, a, model_describe(r->e->model)->name) || !check_adapter(r, a))
        return;
    r->out->calibration = a->calibration;
    r->out->calibrated = true;
}

static void no_room(resolving *r, const char *kind)
{
    api_error_answer(r->e->exchange, API_OUT_OF_MEMORY, kind, "the %s does not fit into the request's memory", kind);
    r->refused = true;
}

static void copy_head(void *context, artifact *a)
{
    resolving *r = context;
    arena *memory = r->e->exchange->arena;
    const classifier *own = a->head.linear;
    const size_t n = own->classes * own->width, d = model_describe(r->e->model)->dimensions;
    if (!check_kin(r, a, model_describe(r->e->model)->name) || !check_adapter(r, a))
        return;
    if (own->width != 3 * d) {
        api_error_answer(r->e->exchange, API_INVALID_VALUE, "head",
                         "the head %s takes vectors of %zu dimensions; the model's have %zu", a->id, own->width / 3, d);
        r->refused = true;
        return;
    }
    classifier *copy = arena_take(memory, 1, sizeof *copy);
    double *weights = arena_take(memory, n + own->classes, sizeof *weights);
    r->out->head_labels = arena_take(memory, own->classes, sizeof *a->labels);
    r->out->head_scratch = arena_take(memory, own->width, sizeof(float));
    if (!copy || !weights || !r->out->head_labels || !r->out->head_scratch) {
        no_room(r, "head");
        return;
    }
    memcpy(weights, own->weights, n * sizeof *weights);
    memcpy(weights + n, own->bias, own->classes * sizeof *weights);
    memcpy(r->out->head_labels, a->labels, own->classes * sizeof *a->labels);
    *copy = *own;
    copy->weights = weights;
    copy->bias = weights + n;
    r->out->head = a->head;
    r->out->head.linear = copy;
}

static void copy_adapter(void *context, artifact *a)
{
    resolving *r = context;
    arena *memory = r->e->exchange->arena;
    size_t n = adapter_weights(a->adapter->width, a->adapter->rank);
    if (!check_kin(r, a, model_describe(r->e->model)->name))
        return;
    adapter *copy = arena_take(memory, 1, sizeof *copy);
    double *weights = arena_take(memory, n, sizeof *weights);
    if (!copy || !weights) {
        no_room(r, "adapter");
        return;
    }
    memcpy(weights, a->adapter->weights, n * sizeof *weights);
    *copy = (adapter){ a->adapter->width, a->adapter->rank, weights };
    r->out->adapter = copy;
}

static bool resolve_one(resolving *r, artifact_kind kind, slice id, void (*copy)(void *context, artifact *a))
{
    if (!id.data)
        return true;
    if (!r->e->service->artifacts || artifacts_visit(r->e->service->artifacts, kind, id, copy, r) == 0) {
        trust_not_found(r->e->exchange, artifact_kind_name(kind), artifact_kind_name(kind), id);
        return false;
    }
    return !r->refused;
}

bool trust_resolve(encode_job *e, const trust_names *names, trust *out)
{
    *out = (trust){ .prior = names->prior };
    e->model = registry_find(e->exchange->generation->registry, e->options.model);
    if (!e->model)
        return true;    /* encode_start says so */
    if (names->calibration.data || names->adapter.data || names->head.data)
        e->options.attention_auto = false;    /* what they were made with must be known before the texts are */
    attention_kind kind = e->options.attention_given ? e->options.attention : model_default_attention(e->model);
    resolving r = { e, names, out, attention_name(kind), false };
    if (names->prior > 0 && !names->calibration.data) {
        api_error_answer(e->exchange, API_INVALID_VALUE, "prior", "prior works with a calibration only");
        return false;
    }
    return resolve_one(&r, ARTIFACT_CALIBRATION, names->calibration, copy_calibration)
           && resolve_one(&r, ARTIFACT_ADAPTER, names->adapter, copy_adapter)
           && resolve_one(&r, ARTIFACT_HEAD, names->head, copy_head);
}

/* ---- vectors ---- */

bool trust_adapt(const encode_job *e, trust *t)
{
    size_t width = encode_width(e), rows = e->job.texts;
    if (!t->adapter)
        return true;
    float *adapted = arena_take(e->exchange->arena, rows * width, sizeof *adapted);
    for (size_t i = 0; adapted && i < rows; i++)
        adapter_apply(t->adapter, e->job.vectors + i * width, adapted + i * width);
    t->vectors = adapted;
    return adapted != NULL;
}

const float *trust_copy(const encode_job *e, const trust *t, size_t index, size_t copy)
{
    const float *own = encode_copy(e, index, copy);
    return t->vectors ? t->vectors + (own - e->job.vectors) : own;
}

const float *trust_vector(const encode_job *e, const trust *t, size_t index)
{
    return trust_copy(e, t, index, 0);
}

double trust_logit(const encode_job *e, const trust *t, const float *a, const float *b)
{
    double x[CALIBRATION_FEATURES_MAX];
    calibration_measure(t->calibration.kind, a, b, encode_width(e), x);
    return calibration_logit_at(&t->calibration, x, t->prior);
}

double trust_probability(const encode_job *e, const trust *t, size_t a, size_t b)
{
    return margin_sigmoid(trust_logit(e, t, trust_vector(e, t, a), trust_vector(e, t, b)));
}

/* ---- the watch ---- */

static void show(void *context, artifact *a)
{
    const encode_job *e = context;
    const model_info *m = model_describe(e->model);
    bool ours = trust_same_model(e, a) && a->baseline->width == m->dimensions
                && (!a->tag[0] || slice_is(e->options.tag, a->tag))
                && strcmp(a->attention, attention_name(e->attention)) == 0;
    for (size_t i = 0; ours && i < e->rows; i++)
        drift_window_add(a->window, e->job.vectors + i * m->dimensions);
}

void trust_watch(const encode_job *e)
{
    if (e->service->artifacts)
        (void)artifacts_visit(e->service->artifacts, ARTIFACT_BASELINE, (slice){ NULL, 0 }, show, (void *)(uintptr_t)e);
}
