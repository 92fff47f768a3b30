/* schemas_openai.c - see schemas.h: OpenAI, vLLM, llama.cpp, Ollama (peers.md 2.4, 2.6, 2.7). */
#include "server/routes/schemas.h"

#define OBJECT(members) { .kind = SCHEMA_OBJECT, .of = members }
#define LIST(element) { .kind = SCHEMA_LIST, .of = &(element) }

static const schema usage_members[] = { { "prompt_tokens", SCHEMA_WHOLE, .must = true },
                                        { "total_tokens", SCHEMA_WHOLE, .must = true },
                                        { 0 } };
static const schema floats_or_base64[] = { { .kind = SCHEMA_SAME, .of = &schema_vector },
                                           { .kind = SCHEMA_TEXT, .about = "float32, little-endian, in base64" },
                                           { 0 } };

/* ---- OpenAI ---- */

static const schema embeddings_members[] = {
    { "input", SCHEMA_SAME, .of = &schema_inputs, .must = true },
    { "encoding_format", SCHEMA_CHOICE, .words = "float base64", .usual = "\"float\"" },
    { "dimensions", SCHEMA_WHOLE, .least = 1, .limit = LIMIT_DIMENSIONS, .about = "cut, then normalised again" },
    { "normalize", SCHEMA_FLAG, .usual = "true" },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema openai_embeddings_body = OBJECT(embeddings_members);

static const schema embedding_members[] = {
    { "object", SCHEMA_CHOICE, .words = "embedding", .must = true },
    { "index", SCHEMA_WHOLE, .must = true },
    { "embedding", SCHEMA_EITHER, .of = floats_or_base64, .must = true },
    { 0 }
};
static const schema embedding = OBJECT(embedding_members);
static const schema embeddings_answer_members[] = {
    { "object", SCHEMA_CHOICE, .words = "list", .must = true },
    { "data", SCHEMA_LIST, .of = &embedding, .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema openai_embeddings_answer = OBJECT(embeddings_answer_members);

static const schema model_members[] = {
    { "id", SCHEMA_TEXT, .must = true },
    { "object", SCHEMA_CHOICE, .words = "model", .must = true },
    { "created", SCHEMA_WHOLE, .must = true },
    { "owned_by", SCHEMA_TEXT, .must = true },
    { "attention", SCHEMA_LIST, .of = &schema_text, .must = true },
    { "default_attention", SCHEMA_TEXT, .must = true },
    { "attention_approx", SCHEMA_LIST, .of = &schema_text, .must = true, .about = "served besides, with a warning" },
    { "dimensions", SCHEMA_WHOLE, .must = true },
    { "max_length", SCHEMA_WHOLE, .must = true },
    { "languages", SCHEMA_TEXT, .must = true },
    { 0 }
};
const schema openai_model_answer = OBJECT(model_members);
static const schema models_members[] = { { "object", SCHEMA_CHOICE, .words = "list", .must = true },
                                         { "data", SCHEMA_LIST, .of = &openai_model_answer, .must = true },
                                         { 0 } };
const schema openai_models_answer = OBJECT(models_members);

/* ---- vLLM ---- */

static const schema length_field[] = {
    { "truncate_prompt_tokens", SCHEMA_WHOLE, .least = 3, .most = 1 << 30, .about = "-1: the model's length" },
    { 0 }
};
static const schema score_members[] = {
    { "queries", SCHEMA_SAME, .of = &schema_one_or_many, .must = true, .about = "or text_1" },
    { "documents", SCHEMA_SAME, .of = &schema_one_or_many, .must = true, .about = "or text_2; 1:1, 1:N or N:N" },
    { .kind = SCHEMA_ALSO, .of = length_field },
    { .kind = SCHEMA_ALSO, .of = schema_clamped_options },
    { 0 }
};
const schema vllm_score_body = OBJECT(score_members);

static const schema one_score_members[] = { { "index", SCHEMA_WHOLE, .must = true },
                                            { "object", SCHEMA_CHOICE, .words = "score", .must = true },
                                            { "score", SCHEMA_SAME, .of = &schema_score, .must = true },
                                            { 0 } };
static const schema one_score = OBJECT(one_score_members);
static const schema score_answer_members[] = {
    { "id", SCHEMA_TEXT, .must = true },
    { "object", SCHEMA_CHOICE, .words = "list", .must = true },
    { "created", SCHEMA_WHOLE, .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "data", SCHEMA_LIST, .of = &one_score, .must = true },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema vllm_score_answer = OBJECT(score_answer_members);

static const schema pooling_members[] = {
    { "input", SCHEMA_SAME, .of = &schema_inputs, .must = true },
    { "task", SCHEMA_CHOICE, .words = "embed token_embed", .usual = "\"embed\"" },
    { "encoding_format", SCHEMA_CHOICE, .words = "float base64", .usual = "\"float\"" },
    { "normalize", SCHEMA_FLAG, .usual = "true" },
    { "use_activation", SCHEMA_FLAG, .about = "the same as normalize" },
    { "dimensions", SCHEMA_WHOLE, .least = 1, .limit = LIMIT_DIMENSIONS },
    { .kind = SCHEMA_ALSO, .of = length_field },
    { .kind = SCHEMA_ALSO, .of = schema_clamped_options },
    { 0 }
};
const schema vllm_pooling_body = OBJECT(pooling_members);

static const schema pooled_shapes[] = { { .kind = SCHEMA_SAME, .of = &schema_vector },
                                        { .kind = SCHEMA_SAME, .of = &schema_vectors },
                                        { .kind = SCHEMA_TEXT },
                                        { 0 } };
static const schema pooled_members[] = { { "index", SCHEMA_WHOLE, .must = true },
                                         { "object", SCHEMA_CHOICE, .words = "pooling", .must = true },
                                         { "data", SCHEMA_EITHER, .of = pooled_shapes, .must = true },
                                         { 0 } };
static const schema pooled = OBJECT(pooled_members);
static const schema pooling_answer_members[] = {
    { "id", SCHEMA_TEXT, .must = true },
    { "object", SCHEMA_CHOICE, .words = "list", .must = true },
    { "created", SCHEMA_WHOLE, .must = true },
    { "model", SCHEMA_TEXT, .must = true },
    { "data", SCHEMA_LIST, .of = &pooled, .must = true },
    { "usage", SCHEMA_OBJECT, .of = usage_members, .must = true },
    { "warning", SCHEMA_TEXT },
    { 0 }
};
const schema vllm_pooling_answer = OBJECT(pooling_answer_members);

/* ---- llama.cpp ---- */

static const schema llama_embedding_members[] = {
    { "content", SCHEMA_SAME, .of = &schema_inputs, .must = true, .about = "or input" },
    { .kind = SCHEMA_ALSO, .of = schema_encode_options },
    { 0 }
};
const schema llamacpp_embedding_body = OBJECT(llama_embedding_members);
static const schema llama_row_members[] = { { "index", SCHEMA_WHOLE, .must = true },
                                            { "embedding", SCHEMA_SAME, .of = &schema_vectors, .must = true },
                                            { 0 } };
static const schema llama_row = OBJECT(llama_row_members);
const schema llamacpp_embedding_answer = LIST(llama_row);
static const schema detokenize_members[] = { { "tokens", SCHEMA_SAME, .of = &schema_ids, .must = true }, { 0 } };
const schema llamacpp_detokenize_body = OBJECT(detokenize_members);
static const schema content_members[] = { { "content", SCHEMA_TEXT, .must = true }, { 0 } };
const schema llamacpp_detokenize_answer = OBJECT(content_members);

/* ---- Ollama ---- */

static const schema any_text = { .kind = SCHEMA_TEXT };
static const schema prompts = { .kind = SCHEMA_LIST, .of = &schema_text, .limit = LIMIT_TEXTS };
static const schema prompt_shapes[] = { { .kind = SCHEMA_TEXT }, { .kind = SCHEMA_SAME, .of = &prompts }, { 0 } };
static const schema ollama_embed_members[] = {
    { "model", SCHEMA_TEXT, .least = 1, .must = true, .about = "with or without :latest" },
    { "input", SCHEMA_EITHER, .of = prompt_shapes, .about = "nothing: the model is named, nothing embedded" },
    { "truncate", SCHEMA_FLAG, .usual = "true" },
    { "dimensions", SCHEMA_WHOLE, .least = 1, .limit = LIMIT_DIMENSIONS },
    { 0 }
};
const schema ollama_embed_body = OBJECT(ollama_embed_members);
static const schema ollama_embed_answer_members[] = {
    { "model", SCHEMA_TEXT, .must = true },
    { "embeddings", SCHEMA_SAME, .of = &schema_vectors, .must = true },
    { "total_duration", SCHEMA_WHOLE, .about = "nanoseconds" },
    { "load_duration", SCHEMA_WHOLE },
    { "prompt_eval_count", SCHEMA_WHOLE },
    { 0 }
};
const schema ollama_embed_answer = OBJECT(ollama_embed_answer_members);
static const schema ollama_prompt_members[] = { { "model", SCHEMA_TEXT, .least = 1, .must = true },
                                                { "prompt", SCHEMA_SAME, .of = &any_text },
                                                { 0 } };
const schema ollama_embeddings_body = OBJECT(ollama_prompt_members);
static const schema ollama_vector_members[] = { { "embedding", SCHEMA_SAME, .of = &schema_vector, .must = true },
                                                { 0 } };
const schema ollama_embeddings_answer = OBJECT(ollama_vector_members);
static const schema show_members[] = { { "model", SCHEMA_TEXT, .least = 1, .must = true }, { 0 } };
const schema ollama_show_body = OBJECT(show_members);
static const schema show_answer_members[] = { { "details", SCHEMA_OBJECT, .must = true },
                                              { "model_info", SCHEMA_OBJECT, .must = true },
                                              { "capabilities", SCHEMA_LIST, .of = &any_text, .must = true },
                                              { 0 } };
const schema ollama_show_answer = OBJECT(show_answer_members);
static const schema tag_members[] = { { "name", SCHEMA_TEXT, .must = true },
                                      { "model", SCHEMA_TEXT, .must = true },
                                      { "modified_at", SCHEMA_TEXT, .must = true },
                                      { "size", SCHEMA_WHOLE, .must = true },
                                      { "digest", SCHEMA_TEXT, .must = true },
                                      { "details", SCHEMA_OBJECT, .must = true },
                                      { 0 } };
static const schema tag = OBJECT(tag_members);
static const schema tags_members[] = { { "models", SCHEMA_LIST, .of = &tag, .must = true }, { 0 } };
const schema ollama_tags_answer = OBJECT(tags_members);
static const schema version_members[] = { { "version", SCHEMA_TEXT, .must = true }, { 0 } };
const schema ollama_version_answer = OBJECT(version_members);
