"""What applications reach text-embeddings-inference with: langchain's endpoint embeddings, llama-index's TEI class."""

from __future__ import annotations

from harness import KEY, TEXTS, URL, VECTORS, Driver, equal, same
from huggingface_hub import AsyncInferenceClient, InferenceClient
from langchain_huggingface import HuggingFaceEndpointEmbeddings
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
from llama_index.postprocessor.jinaai_rerank import JinaRerank

d = Driver("langchain-huggingface")
chain = HuggingFaceEndpointEmbeddings(model="sample/sample", huggingfacehub_api_token=KEY)
chain.client = InferenceClient(URL, token=KEY)  # its constructor refuses URLs nowadays
chain.async_client = AsyncInferenceClient(URL, token=KEY)


async def chained() -> None:
    same(await chain.aembed_documents(TEXTS), VECTORS)
    same(await chain.aembed_query(TEXTS[1]), VECTORS[1])


d.case("tei", "embed_documents", lambda: same(chain.embed_documents(TEXTS), VECTORS))
d.case("tei", "embed_query", lambda: same(chain.embed_query(TEXTS[1]), VECTORS[1]))
d.case_async("tei", "aembed_documents, aembed_query", chained)

d = Driver("llama-index-embeddings-text-embeddings-inference")
index = TextEmbeddingsInference(model_name="sample", base_url=URL, auth_token=f"{KEY}")


async def indexed() -> None:
    same(await index.aget_text_embedding_batch(TEXTS), VECTORS)
    same(await index.aget_query_embedding(TEXTS[2]), VECTORS[2])


d.case("tei", "get_text_embedding", lambda: same(index.get_text_embedding(TEXTS[0]), VECTORS[0]))
d.case("tei", "get_text_embedding_batch", lambda: same(index.get_text_embedding_batch(TEXTS), VECTORS))
d.case("tei", "get_query_embedding", lambda: same(index.get_query_embedding(TEXTS[2]), VECTORS[2]))
d.case_async("tei", "aget_text_embedding_batch, aget_query_embedding", indexed)

d = Driver("llama-index-postprocessor-jinaai-rerank")


def reranked() -> None:
    rerank = JinaRerank(base_url=URL + "/v1", api_key=KEY, model="sample", top_n=2)
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in [TEXTS[2], TEXTS[0], TEXTS[4]]]
    found = rerank.postprocess_nodes(nodes, query_bundle=QueryBundle(TEXTS[1]))
    equal(len(found), 2)
    equal(found[0].node.get_content(), TEXTS[0])


d.case("jina", "postprocess_nodes", reranked)
