/* schemas_trust.c - see schemas.h: rank, classify, and what users make (docs/scores.md). */
#include "server/routes/schemas.h"
#include "server/routes/uncertain.h"

#include <float.h>

#define OBJECT(members) { .kind = SCHEMA_OBJECT, .of = members }
#define LIST(element) { .kind = SCHEMA_LIST, .of = &(element) }

static const schema probability = { .kind = SCHEMA_NUMBER, .least = 0, .most = 1 };
static const schema number_or_null[] = { { .kind = SCHEMA_NUMBER }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema counts[] = { { "texts", SCHEMA_WHOLE, .must = true },
                                 { "tokens", SCHEMA_WHOLE, .must = true },
                                 { 0 } };

/* ---- rank, classify ---- */

static const schema rank_members[] = {
    { "query", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "candidates", SCHEMA_LIST, .of = &schema_text, .least = 1, .limit = LIMIT_DOCUMENTS, .must = true },
    { "top_k", SCHEMA_WHOLE, .least = 1, .most = 1000000 },
    { "abstain_below", SCHEMA_NUMBER, .about = "a best margin below it is no answer" },
    { "scale", SCHEMA_NUMBER, .least = 0.01, .most = 1000, .usual = "20" },
    { "return_texts", SCHEMA_FLAG, .usual = "false" },
    { "calibration", SCHEMA_SAME, .of = &schema_id },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = uncertain_members },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema rank_body = OBJECT(rank_members);
static const schema candidate_members[] = {
    { "index", SCHEMA_WHOLE, .must = true },
    { "cosine", SCHEMA_SAME, .of = &schema_score, .must = true },
    { "softmax", SCHEMA_SAME, .of = &probability, .must = true },
    { "margin", SCHEMA_EITHER, .of = number_or_null, .must = true },
    { "probability", SCHEMA_SAME, .of = &probability },
    { "uncertainty", SCHEMA_SAME, .of = &uncertain_score },
    { "text", SCHEMA_TEXT },
    { 0 }
};
static const schema candidate = OBJECT(candidate_members);
static const schema rank_answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "ranking", .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_TEXT, .must = true },
    { "results", SCHEMA_LIST, .of = &candidate, .must = true },
    { "abstain", SCHEMA_FLAG },
    { "uncertainty", SCHEMA_OBJECT, .of = uncertain_answer_members },
    { "usage", SCHEMA_OBJECT, .of = counts, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema rank_answer = OBJECT(rank_answer_members);

static const schema classify_members[] = {
    { "classifier", SCHEMA_SAME, .of = &schema_id, .must = true },
    { "texts", SCHEMA_SAME, .of = &schema_texts, .must = true },
    { "top_k", SCHEMA_WHOLE, .least = 1, .most = 1000000 },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema classify_body = OBJECT(classify_members);
static const schema label_members[] = {
    { "label", SCHEMA_TEXT, .must = true },
    { "probabilities", SCHEMA_MAP, .of = &probability, .must = true },
    { 0 }
};
static const schema labelled = OBJECT(label_members);
static const schema classify_answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "classification", .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_TEXT, .must = true },
    { "classifier", SCHEMA_TEXT, .must = true },
    { "results", SCHEMA_LIST, .of = &labelled, .must = true },
    { "usage", SCHEMA_OBJECT, .of = counts, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema classify_answer = OBJECT(classify_answer_members);

/* ---- what users make ---- */

static const schema id_field[] = { { "id", SCHEMA_SAME, .of = &schema_id, .about = "a random one when left out" },
                                   { 0 } };
static const schema label_number = { .kind = SCHEMA_WHOLE, .least = 0, .most = 1 };
static const schema label_shapes[] = { { .kind = SCHEMA_SAME, .of = &label_number },
                                       { .kind = SCHEMA_FLAG },
                                       { .kind = SCHEMA_NULL },
                                       { 0 } };
static const schema pair_members[] = { { "a", SCHEMA_SAME, .of = &schema_text, .must = true },
                                       { "b", SCHEMA_SAME, .of = &schema_text, .must = true },
                                       { "label", SCHEMA_EITHER, .of = label_shapes, .about = "null: unknown" },
                                       { 0 } };
static const schema triple[] = { { .kind = SCHEMA_SAME, .of = &schema_text },
                                 { .kind = SCHEMA_SAME, .of = &schema_text },
                                 { .kind = SCHEMA_EITHER, .of = label_shapes },
                                 { 0 } };
static const schema pair_shapes[] = { OBJECT(pair_members), { .kind = SCHEMA_TUPLE, .of = triple }, { 0 } };
static const schema pair = { .kind = SCHEMA_EITHER, .of = pair_shapes };

static const schema calibration_members[] = {
    { "pairs", SCHEMA_LIST, .of = &pair, .least = 1, .must = true },
    { "features", SCHEMA_CHOICE, .words = "cos cos+l1+l2" },
    { "precision", SCHEMA_NUMBER, .least = 0.01, .most = 1, .about = "find the threshold that reaches it" },
    { "prior", SCHEMA_NUMBER, .least = 1e-6, .most = 1 - 1e-6 },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = id_field },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema calibration_body = OBJECT(calibration_members);

static const schema example_members[] = { { "text", SCHEMA_SAME, .of = &schema_text, .must = true },
                                          { "label", SCHEMA_TEXT, .least = 1, .most = 64, .must = true },
                                          { 0 } };
static const schema example = OBJECT(example_members);
static const schema classifier_members[] = {
    { "examples", SCHEMA_LIST, .of = &example, .least = 1, .must = true },
    { "shrink", SCHEMA_NUMBER, .least = 0, .most = 0.99 },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = id_field },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema classifier_body = OBJECT(classifier_members);

static const schema adapter_members[] = {
    { "pairs", SCHEMA_LIST, .of = &pair, .least = 20, .most = 16384, .must = true },
    { "rank", SCHEMA_WHOLE, .least = 0, .limit = LIMIT_DIMENSIONS },
    { "batch", SCHEMA_WHOLE, .least = 8, .most = 64 },
    { "steps", SCHEMA_WHOLE, .least = 1, .most = 2000 },
    { "seed", SCHEMA_WHOLE, .least = 0, .most = 1 << 30 },
    { .kind = SCHEMA_ALSO, .of = id_field },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema adapter_body = OBJECT(adapter_members);

static const schema baseline_members[] = {
    { "texts", SCHEMA_LIST, .of = &schema_text, .least = 64, .most = 4096, .must = true },
    { "seed", SCHEMA_WHOLE, .least = 0, .most = 1 << 30 },
    { .kind = SCHEMA_ALSO, .of = id_field },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema baseline_body = OBJECT(baseline_members);

static const schema class_labels[] = { { .kind = SCHEMA_TEXT, .least = 1, .most = 64 },
                                       { .kind = SCHEMA_WHOLE, .least = -1e6, .most = 1e6 },
                                       { .kind = SCHEMA_FLAG },
                                       { 0 } };
static const schema classed_members[] = {
    { "a", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "b", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "label", SCHEMA_EITHER, .of = class_labels, .must = true },
    { 0 }
};
static const schema classed_texts[] = { { .kind = SCHEMA_SAME, .of = &schema_text },
                                        { .kind = SCHEMA_SAME, .of = &schema_text },
                                        { .kind = SCHEMA_EITHER, .of = class_labels },
                                        { 0 } };
static const schema classed_shapes[] = { { .kind = SCHEMA_OBJECT, .of = classed_members },
                                         { .kind = SCHEMA_TUPLE, .of = classed_texts },
                                         { 0 } };
static const schema classed = { .kind = SCHEMA_EITHER, .of = classed_shapes };
static const schema head_members[] = {
    { "pairs", SCHEMA_LIST, .of = &classed, .least = 1, .must = true },
    { "shrink", SCHEMA_NUMBER, .least = 0, .most = 0.99 },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = id_field },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema head_body = OBJECT(head_members);

static const schema artifact_members[] = {
    { "object", SCHEMA_TEXT, .must = true },
    { "id", SCHEMA_SAME, .of = &schema_id, .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_TEXT, .must = true },
    { "adapter", SCHEMA_TEXT, .must = true },
    { "created", SCHEMA_WHOLE, .must = true, .about = "seconds since 1970" },
    { 0 }
};
const schema artifact_answer = OBJECT(artifact_members);
static const schema list_members[] = { { "object", SCHEMA_CHOICE, .words = "list", .must = true },
                                       { "data", SCHEMA_LIST, .of = &artifact_answer, .must = true },
                                       { 0 } };
const schema artifact_list_answer = OBJECT(list_members);
const schema drift_answer = { .kind = SCHEMA_OBJECT };

static const schema status_members[] = { { "status", SCHEMA_TEXT, .must = true }, { 0 } };
const schema status_answer = OBJECT(status_members);
