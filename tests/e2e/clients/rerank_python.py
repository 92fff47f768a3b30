"""The official clients of Cohere (v2 and v1) and Ollama."""

from __future__ import annotations

import cohere
import numpy as np
import ollama
from harness import KEY, MODEL, SCORES, TEXTS, URL, VECTORS, Driver, equal, raised, same

DOCUMENTS = TEXTS[1:]
ORDER = np.argsort(-SCORES[0, 1:]).tolist()
RANKED = SCORES[0, 1:][ORDER]

v2 = cohere.ClientV2(api_key=KEY, base_url=URL)
v1 = cohere.Client(api_key=KEY, base_url=URL)


def ranked(answer: object, count: int = 4) -> None:
    results = answer.results  # type: ignore[attr-defined]
    equal([result.index for result in results], ORDER[:count])
    same([result.relevance_score for result in results], RANKED[:count], 2e-6)


def error(kind: type[BaseException], status: int, call: object) -> None:
    caught = raised(kind, call)  # type: ignore[arg-type]
    equal(caught.status_code, status)  # type: ignore[attr-defined]
    assert isinstance(caught.body["message"], str), caught.body  # type: ignore[attr-defined]


def documents_return() -> None:
    answer = v1.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS, return_documents=True)
    ranked(answer)
    equal([result.document.text for result in answer.results], [DOCUMENTS[i] for i in ORDER])


def objects() -> None:
    ranked(v1.rerank(model=MODEL, query=TEXTS[0], documents=[{"text": text} for text in DOCUMENTS]))


async def asynchronous() -> None:
    other = cohere.AsyncClientV2(api_key=KEY, base_url=URL)
    ranked(await other.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS))


def billed() -> None:
    answer = v2.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS)
    assert answer.id
    equal(answer.meta.api_version.version, "2")  # type: ignore[union-attr]
    equal(answer.meta.billed_units.search_units, 1)  # type: ignore[union-attr]


d = Driver("cohere")
d.case("cohere", "v2 rerank", lambda: ranked(v2.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS)))
d.case(
    "cohere",
    "v2 rerank, top_n",
    lambda: ranked(v2.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS, top_n=2), 2),
)
d.case(
    "cohere",
    "v2 rerank, max_tokens_per_doc and priority",
    lambda: ranked(v2.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS, max_tokens_per_doc=4096, priority=1)),
)
d.case("cohere", "v2 id and meta", billed)
d.case_async("cohere", "AsyncClientV2", asynchronous)
d.case("cohere", "v1 rerank", lambda: ranked(v1.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS)))
d.case(
    "cohere",
    "v1 rerank, top_n",
    lambda: ranked(v1.rerank(model=MODEL, query=TEXTS[0], documents=DOCUMENTS, top_n=1), 1),
)
d.case("cohere", "v1 rerank, return_documents", documents_return)
d.case("cohere", "v1 rerank of objects", objects)
d.case(
    "cohere",
    "an unknown model is NotFoundError",
    lambda: error(cohere.NotFoundError, 404, lambda: v2.rerank(model="nobody", query="a", documents=["b"])),
)
d.case(
    "cohere",
    "no documents is BadRequestError",
    lambda: error(cohere.BadRequestError, 400, lambda: v2.rerank(model=MODEL, query="a", documents=[])),
)
d.case(
    "cohere",
    "a wrong key is UnauthorizedError",
    lambda: error(
        cohere.UnauthorizedError,
        401,
        lambda: cohere.ClientV2(api_key="wrong", base_url=URL).rerank(model=MODEL, query="a", documents=["b"]),
    ),
)

d = Driver("ollama")
o = ollama.Client(host=URL, headers={"Authorization": f"Bearer {KEY}"})


def embedded() -> None:
    answer = o.embed(model=MODEL, input=TEXTS)
    same(answer.embeddings, VECTORS)
    equal(answer.model, MODEL)
    assert answer.total_duration and answer.prompt_eval_count


async def embedded_async() -> None:
    other = ollama.AsyncClient(host=URL, headers={"Authorization": f"Bearer {KEY}"})
    same((await other.embed(model=MODEL, input=TEXTS)).embeddings, VECTORS)


def shortened() -> None:
    got = np.array(o.embed(model=MODEL, input=TEXTS, dimensions=64).embeddings)
    same(got, VECTORS[:, :64] / np.linalg.norm(VECTORS[:, :64], axis=1, keepdims=True), 1e-6)


def unknown_model() -> None:
    caught = raised(ollama.ResponseError, lambda: o.embed(model="nobody", input="a"))
    equal(caught.status_code, 404)  # type: ignore[attr-defined]


d.case("ollama", "embed", embedded)
d.case(
    "ollama",
    "embed of a string, keep_alive and options",
    lambda: same(
        o.embed(model=MODEL, input=TEXTS[0], keep_alive="5m", options={"num_ctx": 512}).embeddings, VECTORS[:1]
    ),
)
d.case("ollama", "embed, dimensions", shortened)
d.case(
    "ollama",
    "embed with the tag :latest",
    lambda: same(o.embed(model=MODEL + ":latest", input=TEXTS[0]).embeddings, VECTORS[:1]),
)
d.case(
    "ollama",
    "embeddings, as it was before",
    lambda: (
        same(o.embeddings(MODEL, TEXTS[0]).embedding, VECTORS[0], 1e-6)
        if np.allclose(np.linalg.norm(o.embeddings(MODEL, TEXTS[0]).embedding), 1, atol=1e-5)
        else len(o.embeddings(MODEL, TEXTS[0]).embedding) == VECTORS.shape[1]
    ),
)
d.case("ollama", "list names the model", lambda: equal([m.model.split(":")[0] for m in o.list().models], [MODEL]))
d.case("ollama", "show", lambda: o.show(MODEL).details is not None)
d.case_async("ollama", "AsyncClient", embedded_async)
d.case("ollama", "an unknown model is ResponseError 404", unknown_model)
