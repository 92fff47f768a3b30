/* uncertain.c - see uncertain.h. */
#include "server/routes/uncertain.h"

#include "model/score/margin.h"
#include "model/score/uncertainty.h"

static const double DROPOUT_USUAL = 0.1;
#define DROPOUT_MOST 0.9

const schema uncertain_members[] = {
    { "uncertainty", SCHEMA_WHOLE, .least = UNCERTAINTY_COPIES_MIN, .most = UNCERTAINTY_COPIES_MAX,
      .about = "encodes each text so many times more, with dropout" },
    { "dropout", SCHEMA_NUMBER, .most = DROPOUT_MOST, .usual = "0.1", .about = "with uncertainty" },
    { "seed", SCHEMA_WHOLE, .most = UINT32_MAX, .usual = "0", .about = "with uncertainty" },
    { 0 }
};

static const schema score_members[] = {
    { "mean", SCHEMA_NUMBER, .must = true },
    { "deviation", SCHEMA_NUMBER, .must = true },
    { "probability", SCHEMA_NUMBER, .most = 1, .about = "with calibration" },
    { "divergence", SCHEMA_NUMBER, .about = "symmetric KL of the probabilities" },
    { 0 }
};
const schema uncertain_score = { .kind = SCHEMA_OBJECT, .of = score_members };
static const schema text_members[] = {
    { "input", SCHEMA_TEXT, .must = true },
    { "spread", SCHEMA_NUMBER, .must = true, .about = "1 - mean cosine of its copies" },
    { "shift", SCHEMA_NUMBER, .must = true, .about = "1 - cosine of the plain vector to their mean" },
    { 0 }
};
static const schema one_text = { .kind = SCHEMA_OBJECT, .of = text_members };
const schema uncertain_answer_members[] = {
    { "scores", SCHEMA_LIST, .of = &uncertain_score },
    { "copies", SCHEMA_WHOLE, .must = true },
    { "dropout", SCHEMA_NUMBER, .must = true },
    { "seed", SCHEMA_WHOLE, .must = true },
    { "texts", SCHEMA_LIST, .of = &one_text, .must = true },
    { 0 }
};

bool uncertain_read(const cJSON *body, size_t texts, encode_copies *out, json_fault *fault)
{
    static const char *const needy[] = { "dropout", "seed" };
    size_t seed = 0;
    *out = (encode_copies){ .dropout = DROPOUT_USUAL };
    if (!json_size(body, "uncertainty", UNCERTAINTY_COPIES_MIN, UNCERTAINTY_COPIES_MAX, &out->count, fault)
        || !json_double(body, "dropout", 0, DROPOUT_MOST, &out->dropout, fault)
        || !json_size(body, "seed", 0, UINT32_MAX, &seed, fault))
        return false;
    out->seed = (uint32_t)seed;
    for (size_t i = 0; i < 2 && out->count == 0; i++)
        if (json_member(body, needy[i]))
            return json_refuse(fault, API_INVALID_VALUE, needy[i], "%s works with uncertainty only", needy[i]);
    if (out->count * texts > UNCERTAIN_ENCODINGS_MAX)
        return json_refuse(fault, API_OUT_OF_RANGE, "uncertainty",
                           "uncertainty is %zu: %zu copies of %zu texts; at most %d copies in all are made", out->count,
                           out->count, texts, UNCERTAIN_ENCODINGS_MAX);
    return true;
}

static void put_number(json_out *w, const char *key, double value)
{
    json_key(w, key);
    json_number(w, value);
}

void uncertain_write_score(json_out *w, const encode_job *e, const trust *t, metric m, size_t a, size_t b)
{
    double scores[UNCERTAINTY_COPIES_MAX], logits[UNCERTAINTY_COPIES_MAX], probability = 0;
    const size_t k = e->copies.count, width = encode_width(e);
    for (size_t copy = 1; copy <= k; copy++) {
        const float *u = trust_copy(e, t, a, copy), *v = trust_copy(e, t, b, copy);
        scores[copy - 1] = (double)similarity_score(m, u, v, width);
        if (t->calibrated)
            logits[copy - 1] = trust_logit(e, t, u, v);
    }
    uncertainty_summary s = uncertainty_scores(scores, k);
    json_open(w, '{');
    put_number(w, "mean", s.mean);
    put_number(w, "deviation", s.deviation);
    for (size_t i = 0; t->calibrated && i < k; i++)
        probability += margin_sigmoid(logits[i]) / (double)k;
    if (t->calibrated) {
        put_number(w, "probability", probability);
        put_number(w, "divergence", uncertainty_divergence(logits, k));
    }
    json_close(w, '}');
}

void uncertain_write_texts(json_out *w, const encode_job *e, const trust *t)
{
    char name[INPUT_NAME_BYTES];
    const size_t width = encode_width(e);
    json_field_integer(w, "copies", (int64_t)e->copies.count);
    put_number(w, "dropout", e->copies.dropout);
    json_field_integer(w, "seed", (int64_t)e->copies.seed);
    json_key(w, "texts");
    json_open(w, '[');
    for (size_t i = 0; i < e->count; i++) {
        uncertainty_text u = uncertainty_vectors(trust_vector(e, t, i), trust_copy(e, t, i, 1), e->rows * width,
                                                 e->copies.count, width);
        input_name(&e->inputs[i], name);
        json_open(w, '{');
        json_field_text(w, "input", name);
        put_number(w, "spread", u.spread);
        put_number(w, "shift", u.shift);
        json_close(w, '}');
    }
    json_close(w, ']');
}
