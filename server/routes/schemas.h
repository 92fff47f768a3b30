/* schemas.h - bodies and answers of the dialects, and of what users make, for /openapi.json; our own routes have theirs
 * beside the handler.
 *
 * Owns     nothing: constant data.    Borrows  nothing.
 * Threads  pure.
 * Limits   none.
 */
#ifndef ROSIM_SCHEMAS_H
#define ROSIM_SCHEMAS_H

#include "server/schema.h"

/* schemas_openai.c */
extern const schema openai_embeddings_body, openai_embeddings_answer, openai_models_answer,
    openai_model_answer;
extern const schema vllm_score_body, vllm_score_answer, vllm_pooling_body, vllm_pooling_answer;
extern const schema llamacpp_embedding_body, llamacpp_embedding_answer, llamacpp_detokenize_body,
    llamacpp_detokenize_answer;
extern const schema ollama_embed_body, ollama_embed_answer, ollama_embeddings_body, ollama_embeddings_answer,
    ollama_show_body, ollama_show_answer, ollama_tags_answer, ollama_version_answer;

/* schemas_tei.c */
extern const schema tei_embed_body, tei_embed_all_body, tei_embed_all_answer, tei_similarity_body, tei_root_body,
    tei_root_answer, tei_vertex_body, tei_vertex_answer, tei_tokenize_body, tei_tokenize_answer, tei_decode_body,
    tei_decode_answer, tei_info_answer;
extern const schema rerank_body, rerank_answer;

/* schemas_trust.c */
extern const schema rank_body, rank_answer, classify_body, classify_answer, drift_answer;
extern const schema calibration_body, classifier_body, adapter_body, baseline_body, head_body,
    artifact_answer, artifact_list_answer;
extern const schema status_answer;        /* /livez, /readyz */

#endif
