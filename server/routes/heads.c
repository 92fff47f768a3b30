/* heads.c - see heads.h. */
#include "server/routes/heads.h"

#include "server/routes/creation.h"

#include <stdlib.h>
#include <string.h>

static const double SHRINK_MOST = 0.99;

static const schema label = { .kind = SCHEMA_TEXT, .least = 1 };
static const schema probability = { .kind = SCHEMA_NUMBER, .least = 0, .most = 1 };
static const schema answer_members[] = {
    { "labels", SCHEMA_LIST, .of = &label, .must = true, .about = "the likeliest of each group" },
    { "probabilities", SCHEMA_MAP, .of = &probability, .must = true },
    { 0 }
};
const schema heads_answer = { .kind = SCHEMA_OBJECT, .of = answer_members };

static bool read_head(creation *c, const cJSON *body, const request_limits *limits, arena *a, json_fault *fault)
{
    c->shrink = -1;
    return json_double(body, "shrink", 0, SHRINK_MOST, &c->shrink, fault)
           && creation_read_class_pairs(c, body, limits, a, fault);
}

static status fit_features(const encode_job *e, creation *c, artifact *made, float *x, errinfo *err)
{
    errinfo why;
    const size_t d = encode_width(e);
    for (size_t i = 0; i < c->pairs; i++)
        pair_head_features(trust_vector(e, &c->trust, 2 * i), trust_vector(e, &c->trust, 2 * i + 1), d, true,
                           x + i * 3 * d);
    memcpy(made->labels, c->class_names, c->class_count * sizeof *made->labels);
    status st = pair_head_fit(&made->head, c->class_count, x, true, c->classes, c->pairs, d, c->shrink, &why);
    return st ? fail(err, st, "%s", why.text) : ST_OK;
}

/* The features are three times the vectors, too many for the request's memory. */
static status fit_head(const encode_job *e, creation *c, artifact *made, errinfo *err)
{
    const size_t d = encode_width(e);
    size_t floats;
    status st = creation_check_classes(c, c->pairs, err);
    if (st)
        return st;
    if (c->class_count < 2)
        return fail(err, ST_INPUT, "every pair has the label \"%.64s\"; at least 2 labels are needed",
                    c->class_names[0]);
    if (d > PAIR_HEAD_WIDTH_MAX)
        return fail(err, ST_INPUT, "the model has %zu dimensions; a head takes at most %d", d, PAIR_HEAD_WIDTH_MAX);
    float *x = size_multiply(c->pairs, 3 * d, &floats) ? calloc(floats, sizeof *x) : NULL;
    made->labels = calloc(c->class_count, sizeof *made->labels);
    st = x && made->labels ? fit_features(e, c, made, x, err) : fail(err, ST_NOMEM, "out of memory");
    free(x);
    return st;
}

void heads_create(struct service *s, exchange *x)
{
    static const creation_route route = { ARTIFACT_HEAD, read_head, fit_head };
    creation_start(s, x, &route);
}

static size_t likeliest(const double *p, size_t first, size_t n)
{
    size_t best = first;
    for (size_t i = first + 1; i < first + n; i++)
        best = p[i] > p[best] ? i : best;
    return best;
}

void heads_write(json_out *w, const encode_job *e, const trust *t, size_t a, size_t b)
{
    const pair_head *h = &t->head;
    double p[PAIR_HEAD_CLASSES_MAX];
    pair_head_predict(h, trust_vector(e, t, a), trust_vector(e, t, b), t->head_scratch, p);
    json_open(w, '{');
    json_key(w, "labels");
    json_open(w, '[');
    for (size_t g = 0, first = 0; g < h->group_count; first += h->groups[g++])
        json_text(w, slice_of(t->head_labels[likeliest(p, first, h->groups[g])]));
    json_close(w, ']');
    json_key(w, "probabilities");
    json_open(w, '{');
    for (size_t i = 0; i < h->linear->classes; i++) {
        json_key(w, t->head_labels[i]);
        json_number(w, p[i]);
    }
    json_close(w, '}');
    json_close(w, '}');
}
