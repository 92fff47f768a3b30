/* schemas_tei.c - see schemas.h: text-embeddings-inference, Hugging Face, rerank (peers.md 2.1 to 2.3, 2.5, 2.6). */
#include "server/routes/schemas.h"

#define OBJECT(members) { .kind = SCHEMA_OBJECT, .of = members }
#define LIST(element) { .kind = SCHEMA_LIST, .of = &(element) }

static const schema texts_number = { .kind = SCHEMA_NUMBER };

static const schema cut_members[] = {
    { "truncate", SCHEMA_FLAG, .about = "left out: the server's --auto-truncate" },
    { "truncation_direction", SCHEMA_CHOICE, .words = "left right Left Right", .usual = "\"right\"" },
    { "prompt_name", SCHEMA_NULL, .about = "no prompts are configured" },
    { 0 }
};
static const schema embed_members[] = {
    { "inputs", SCHEMA_SAME, .of = &schema_inputs, .must = true },
    { "normalize", SCHEMA_FLAG, .usual = "true" },
    { "dimensions", SCHEMA_WHOLE, .least = 1, .limit = LIMIT_DIMENSIONS },
    { .kind = SCHEMA_ALSO, .of = cut_members },
    { 0 }
};
const schema tei_embed_body = OBJECT(embed_members);

static const schema embed_all_members[] = {
    { "inputs", SCHEMA_SAME, .of = &schema_inputs, .must = true },
    { .kind = SCHEMA_ALSO, .of = cut_members },
    { 0 }
};
const schema tei_embed_all_body = OBJECT(embed_all_members);
const schema tei_embed_all_answer = LIST(schema_vectors);

static const schema sentences_members[] = { { "source_sentence", SCHEMA_SAME, .of = &schema_text, .must = true },
                                            { "sentences", SCHEMA_LIST, .of = &schema_text, .least = 1,
                                              .limit = LIMIT_DOCUMENTS, .must = true },
                                            { 0 } };
static const schema similarity_members[] = {
    { "inputs", SCHEMA_OBJECT, .of = sentences_members, .must = true },
    { "parameters", SCHEMA_OBJECT, .of = cut_members },
    { 0 }
};
const schema tei_similarity_body = OBJECT(similarity_members);

static const schema root_bodies[] = { { .kind = SCHEMA_SAME, .of = &tei_embed_body },
                                      { .kind = SCHEMA_SAME, .of = &tei_similarity_body },
                                      { 0 } };
const schema tei_root_body = { .kind = SCHEMA_EITHER, .of = root_bodies };
static const schema scores = LIST(texts_number);
static const schema root_answers[] = { { .kind = SCHEMA_SAME, .of = &schema_vectors },
                                       { .kind = SCHEMA_SAME, .of = &scores },
                                       { 0 } };
const schema tei_root_answer = { .kind = SCHEMA_EITHER, .of = root_answers };

static const schema instance_members[] = {
    { "inputs", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "normalize", SCHEMA_FLAG, .usual = "true" },
    { .kind = SCHEMA_ALSO, .of = cut_members },
    { 0 }
};
static const schema instance = OBJECT(instance_members);
static const schema vertex_members[] = {
    { "instances", SCHEMA_LIST, .of = &instance, .least = 1, .limit = LIMIT_TEXTS, .must = true }, { 0 }
};
const schema tei_vertex_body = OBJECT(vertex_members);
static const schema predictions_members[] = {
    { "predictions", SCHEMA_SAME, .of = &tei_embed_all_answer, .must = true }, { 0 }
};
const schema tei_vertex_answer = OBJECT(predictions_members);

/* ---- tokens ---- */

static const schema tokenize_members[] = {
    { "inputs", SCHEMA_SAME, .of = &schema_one_or_many, .must = true },
    { "add_special_tokens", SCHEMA_FLAG, .usual = "true" },
    { "prompt_name", SCHEMA_NULL },
    { 0 }
};
static const schema llama_members[] = {
    { "content", SCHEMA_TEXT, .must = true },
    { "add_special", SCHEMA_FLAG, .usual = "false" },
    { "with_pieces", SCHEMA_FLAG, .usual = "false" },
    { 0 }
};
static const schema tokenize_bodies[] = { OBJECT(tokenize_members), OBJECT(llama_members), { 0 } };
const schema tei_tokenize_body = { .kind = SCHEMA_EITHER, .of = tokenize_bodies };

static const schema place[] = { { .kind = SCHEMA_WHOLE }, { .kind = SCHEMA_NULL }, { 0 } };
static const schema token_members[] = { { "id", SCHEMA_WHOLE, .must = true },
                                        { "text", SCHEMA_TEXT, .must = true },
                                        { "special", SCHEMA_FLAG, .must = true },
                                        { "start", SCHEMA_EITHER, .of = place, .must = true, .about = "bytes" },
                                        { "stop", SCHEMA_EITHER, .of = place, .must = true },
                                        { 0 } };
static const schema token = OBJECT(token_members);
static const schema tokens = LIST(token);
static const schema ids_or_pieces = { .kind = SCHEMA_LIST };
static const schema llama_answer_members[] = { { "tokens", SCHEMA_SAME, .of = &ids_or_pieces, .must = true }, { 0 } };
static const schema tokenize_answers[] = { LIST(tokens), OBJECT(llama_answer_members), { 0 } };
const schema tei_tokenize_answer = { .kind = SCHEMA_EITHER, .of = tokenize_answers };

static const schema id_lists = { .kind = SCHEMA_LIST, .of = &schema_ids, .least = 1, .limit = LIMIT_TEXTS };
static const schema ids_shapes[] = { { .kind = SCHEMA_SAME, .of = &schema_ids },
                                     { .kind = SCHEMA_SAME, .of = &id_lists },
                                     { 0 } };
static const schema decode_members[] = { { "ids", SCHEMA_EITHER, .of = ids_shapes, .must = true },
                                         { "skip_special_tokens", SCHEMA_FLAG, .usual = "true" },
                                         { 0 } };
const schema tei_decode_body = OBJECT(decode_members);
static const schema decoded = { .kind = SCHEMA_TEXT };
const schema tei_decode_answer = LIST(decoded);

static const schema info_members[] = {
    { "model_id", SCHEMA_TEXT, .must = true },
    { "model_dtype", SCHEMA_TEXT, .must = true },
    { "served_model_name", SCHEMA_TEXT, .must = true },
    { "model_type", SCHEMA_OBJECT, .must = true },
    { "max_concurrent_requests", SCHEMA_WHOLE, .must = true },
    { "max_input_length", SCHEMA_WHOLE, .must = true },
    { "max_batch_tokens", SCHEMA_WHOLE, .must = true },
    { "max_client_batch_size", SCHEMA_WHOLE, .must = true },
    { "auto_truncate", SCHEMA_FLAG, .must = true },
    { "version", SCHEMA_TEXT, .must = true },
    { 0 }
};
const schema tei_info_answer = OBJECT(info_members);

/* ---- rerank: Cohere, Jina, vLLM ---- */

static const schema document_members[] = { { "text", SCHEMA_SAME, .of = &schema_text, .must = true }, { 0 } };
static const schema document_shapes[] = {
    { .kind = SCHEMA_SAME, .of = &schema_text }, OBJECT(document_members), { 0 }
};
static const schema document = { .kind = SCHEMA_EITHER, .of = document_shapes };
static const schema rerank_members[] = {
    { "query", SCHEMA_SAME, .of = &schema_text, .must = true },
    { "documents", SCHEMA_LIST, .of = &document, .least = 1, .limit = LIMIT_DOCUMENTS, .must = true },
    { "top_n", SCHEMA_WHOLE, .least = 1, .most = 1 << 30 },
    { "return_documents", SCHEMA_FLAG },
    { "max_tokens_per_doc", SCHEMA_WHOLE, .least = 3, .most = 1 << 30 },
    { .kind = SCHEMA_ALSO, .of = schema_clamped_options },
    { 0 }
};
const schema rerank_body = OBJECT(rerank_members);
static const schema result_members[] = { { "index", SCHEMA_WHOLE, .must = true },
                                         { "relevance_score", SCHEMA_SAME, .of = &schema_score, .must = true },
                                         { "document", SCHEMA_OBJECT, .of = document_members },
                                         { 0 } };
static const schema result = OBJECT(result_members);
static const schema rerank_answer_members[] = { { "id", SCHEMA_TEXT, .must = true },
                                                { "model", SCHEMA_TEXT, .must = true },
                                                { "results", SCHEMA_LIST, .of = &result, .must = true },
                                                { "usage", SCHEMA_OBJECT, .must = true },
                                                { "meta", SCHEMA_OBJECT, .must = true },
                                                { 0 } };
const schema rerank_answer = OBJECT(rerank_answer_members);
