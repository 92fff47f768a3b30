/* dedup.c - see dedup.h.
 *
 * Groups are connected components: a chain of neighbours is one group, whose ends may be less alike than the threshold.
 * Hence every member shows its score to the representative. Equal texts share a vector and are compared once.
 */
#include "server/routes/dedup.h"

#include "model/score/groups.h"
#include "model/score/similarity.h"
#include "server/routes/trust.h"
#include "server/routes/usage.h"

#include <float.h>
#include <string.h>

enum { BYTES_PER_ANSWER = 1024, BYTES_PER_TEXT = 64 };

static const double THRESHOLD = 0.9;

typedef struct {
    input_list list;
    trust_names names;
    trust trust;
    double threshold;
    bool first, with_texts;               /* the representative: the first member instead of the central one */

    /* by the labour thread */
    bool no_memory;
    size_t *group;                        /* [texts] the least index of its group */
    size_t *order;                        /* [texts] members, group after group, each in ascending order */
    size_t *centre;                       /* [texts] of the group that begins at this place of order: its place there */
    size_t *start;                        /* [groups + 1] places in order */
    size_t groups;
} dedup_request;

/* ---- the fields ---- */

static const schema body_members[] = {
    { "texts", SCHEMA_SAME, .of = &schema_texts, .must = true },
    { "threshold", SCHEMA_NUMBER, .least = -1, .most = 1, .usual = "0.9", .about = "texts of this cosine join" },
    { "representative", SCHEMA_CHOICE, .words = "central first", .usual = "\"central\"",
      .about = "central: of the greatest mean cosine to its group" },
    { "return_texts", SCHEMA_FLAG, .usual = "false" },
    { "adapter", SCHEMA_SAME, .of = &schema_id },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema dedup_body = { .kind = SCHEMA_OBJECT, .of = body_members };

static const schema index_number = { .kind = SCHEMA_WHOLE };
static const schema member_members[] = {
    { "index", SCHEMA_WHOLE, .must = true },
    { "score", SCHEMA_SAME, .of = &schema_score, .must = true, .about = "cosine to the representative" },
    { "exact", SCHEMA_FLAG, .must = true, .about = "the same text as the representative, byte for byte" },
    { "text", SCHEMA_TEXT },
    { 0 }
};
static const schema member = { .kind = SCHEMA_OBJECT, .of = member_members };
static const schema group_members[] = {
    { "representative", SCHEMA_WHOLE, .must = true },
    { "size", SCHEMA_WHOLE, .least = 2, .must = true },
    { "members", SCHEMA_LIST, .of = &member, .must = true, .about = "nearest to the representative first" },
    { 0 }
};
static const schema group = { .kind = SCHEMA_OBJECT, .of = group_members };
static const schema answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "dedup", .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_TEXT, .must = true },
    { "threshold", SCHEMA_NUMBER, .must = true },
    { "groups", SCHEMA_LIST, .of = &group, .must = true, .about = "of two texts or more, by their first text" },
    { "keep", SCHEMA_LIST, .of = &index_number, .must = true, .about = "representatives, and texts of no group" },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema dedup_answer = { .kind = SCHEMA_OBJECT, .of = answer_members };

/* ---- reading ---- */

static bool read_representative(const cJSON *body, dedup_request *r, json_fault *fault)
{
    slice name = { NULL, 0 };
    if (!json_string(body, "representative", &name, fault))
        return false;
    r->first = name.data && slice_is(name, "first");
    return !name.data || r->first || slice_is(name, "central")
           || json_refuse(fault, API_INVALID_VALUE, "representative",
                          "representative is \"%.40s\"; it must be central or first", name.data);
}

static bool read_body(const cJSON *body, const request_limits *limits, encode_job *e, json_fault *fault)
{
    const cJSON *texts;
    arena *a = e->exchange->arena;
    dedup_request *r = e->request;
    r->threshold = THRESHOLD;
    return read_encode_options(body, limits, a, &e->options, fault) && trust_read(body, a, &r->names, fault)
           && json_double(body, "threshold", -1, 1, &r->threshold, fault) && read_representative(body, r, fault)
           && json_bool(body, "return_texts", &r->with_texts, fault)
           && inputs_array(body, "texts", "texts", &texts, fault)
           && inputs_open(&r->list, a, (size_t)cJSON_GetArraySize(texts), limits, "texts", fault)
           && inputs_add_texts(&r->list, texts, "texts", (slice){ NULL, 0 }, fault);
}

/* ---- on the labour thread ---- */

/* Members of each group in a row, by counting; start[g] is where group g begins. */
static void arrange(const encode_job *e, dedup_request *r, size_t *place)
{
    memset(place, 0, e->count * sizeof *place);
    for (size_t i = 0; i < e->count; i++)
        place[r->group[i]]++;
    for (size_t i = 0, at = 0; i < e->count; i++) {
        size_t size = place[i];
        if (size)
            r->start[r->groups++] = at;
        place[i] = at;
        at += size;
    }
    r->start[r->groups] = e->count;
    for (size_t i = 0; i < e->count; i++)
        r->order[place[r->group[i]]++] = i;
}

static void choose_centres(const encode_job *e, dedup_request *r, const float *unit, size_t *rows, double *sum)
{
    for (size_t g = 0; g < r->groups; g++) {
        size_t first = r->start[g], count = r->start[g + 1] - first;
        for (size_t k = 0; k < count; k++)
            rows[k] = e->encoded[r->order[first + k]].row;
        r->centre[g] = first + (r->first ? 0 : groups_centre(unit, encode_width(e), rows, count, sum));
    }
}

static void work(encode_job *e)
{
    dedup_request *r = e->request;
    arena *a = e->exchange->arena;
    size_t width = encode_width(e);
    r->no_memory = true;
    float *unit = arena_take(a, e->rows * width, sizeof *unit);
    size_t *of_row = arena_take(a, e->rows, sizeof *of_row), *scratch = arena_take(a, e->count, sizeof *scratch);
    size_t *first_of = arena_take(a, e->rows, sizeof *first_of);
    double *sum = arena_take(a, width, sizeof *sum);
    r->group = arena_take(a, e->count, sizeof *r->group);
    r->order = arena_take(a, e->count, sizeof *r->order);
    r->centre = arena_take(a, e->count, sizeof *r->centre);
    r->start = arena_take(a, e->count + 1, sizeof *r->start);
    if (!unit || !of_row || !scratch || !first_of || !sum || !r->group || !r->order || !r->centre || !r->start
        || !trust_adapt(e, &r->trust))
        return;
    r->no_memory = false;
    const float *vectors = r->trust.vectors ? r->trust.vectors : e->job.vectors;
    groups_find(vectors, e->rows, width, (float)r->threshold, unit, of_row);
    for (size_t i = e->count; i-- > 0;)
        first_of[e->encoded[i].row] = i;
    for (size_t i = 0; i < e->count; i++)    /* rows were given in the order of texts, so the least stays the least */
        r->group[i] = first_of[of_row[e->encoded[i].row]];
    arrange(e, r, scratch);
    choose_centres(e, r, unit, scratch, sum);
}

/* ---- answering ---- */

static void put_member_of_group(json_out *w, const encode_job *e, size_t index, size_t centre, float score)
{
    const dedup_request *r = e->request;
    json_open(w, '{');
    json_field_integer(w, "index", (int64_t)index);
    json_key(w, "score");
    json_float(w, score);
    json_field_literal(w, "exact", slice_equal(e->inputs[index].text, e->inputs[centre].text) ? "true" : "false");
    if (r->with_texts) {
        json_key(w, "text");
        json_text(w, e->inputs[index].text);
    }
    json_close(w, '}');
}

static void put_group(json_out *w, const encode_job *e, size_t g, float *scores, ranked *best)
{
    const dedup_request *r = e->request;
    const size_t *members = r->order + r->start[g];
    size_t count = r->start[g + 1] - r->start[g], centre = r->order[r->centre[g]];
    for (size_t k = 0; k < count; k++)
        scores[k] = similarity_score(METRIC_COSINE, trust_vector(e, &r->trust, centre),
                                     trust_vector(e, &r->trust, members[k]), encode_width(e)) + 0.0F;
    (void)similarity_rank(scores, count, 0, -FLT_MAX, best);
    json_open(w, '{');
    json_field_integer(w, "representative", (int64_t)centre);
    json_field_integer(w, "size", (int64_t)count);
    json_key(w, "members");
    json_open(w, '[');
    for (size_t k = 0; k < count && !w->failed; k++)
        put_member_of_group(w, e, members[best[k].index], centre, best[k].score);
    json_close(w, ']');
    json_close(w, '}');
}

/* Ascending: a text stays when it represents its group. */
static void put_keep(json_out *w, const encode_job *e, bool *kept)
{
    const dedup_request *r = e->request;
    memset(kept, 0, e->count * sizeof *kept);
    for (size_t g = 0; g < r->groups; g++)
        kept[r->order[r->centre[g]]] = true;
    json_key(w, "keep");
    json_open(w, '[');
    for (size_t i = 0; i < e->count; i++)
        if (kept[i])
            json_integer(w, (int64_t)i);
    json_close(w, ']');
}

static void put_groups(json_out *w, const encode_job *e)
{
    const dedup_request *r = e->request;
    float *scores = arena_take(w->arena, e->count, sizeof *scores);
    ranked *best = arena_take(w->arena, e->count, sizeof *best);
    bool *kept = arena_take(w->arena, e->count, sizeof *kept);
    w->failed = w->failed || !scores || !best || !kept;
    json_key(w, "groups");
    json_open(w, '[');
    for (size_t g = 0; g < r->groups && !w->failed; g++)
        if (r->start[g + 1] - r->start[g] > 1)
            put_group(w, e, g, scores, best);
    json_close(w, ']');
    if (!w->failed)
        put_keep(w, e, kept);
}

static void answer(encode_job *e)
{
    json_out w;
    const dedup_request *r = e->request;
    if (r->no_memory) {
        api_error_answer(e->exchange, API_OUT_OF_MEMORY, NULL, "the groups do not fit into the request's memory");
        return;
    }
    json_begin(&w, e->exchange->arena, BYTES_PER_ANSWER + e->count * BYTES_PER_TEXT);
    json_open(&w, '{');
    json_field_text(&w, "object", "dedup");
    json_field_text(&w, "model", model_describe(e->model)->name);
    json_field_text(&w, "attention", attention_name(e->attention));
    json_key(&w, "threshold");
    json_number(&w, r->threshold);
    put_groups(&w, e);
    usage_write(&w, e);
    encode_warning(e, &w);
    json_close(&w, '}');
    encode_send(e->exchange, &w);
}

void dedup_texts(struct service *s, exchange *x)
{
    json_fault fault;
    request_limits limits = request_limits_of(s);
    encode_job *e = encode_open(s, x, answer, sizeof(dedup_request));
    cJSON *tree = e ? request_parse(x->body, &limits, &fault) : NULL;
    bool good = tree && read_body(tree, &limits, e, &fault);
    json_free(tree);
    if (!e)
        return;
    if (!good) {
        encode_refuse(x, &fault);
        return;
    }
    dedup_request *r = e->request;
    e->inputs = r->list.items;
    e->count = r->list.count;
    e->work = work;
    if (trust_resolve(e, &r->names, &r->trust))
        encode_start(e);
}
