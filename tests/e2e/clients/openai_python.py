"""The official openai client, and others that speak its dialect: langchain's OpenAIEmbeddings, llama-index."""

from __future__ import annotations

import math

import numpy as np
import openai
from harness import KEY, MODEL, SCORES, TEXTS, URL, VECTORS, Driver, command_line_vectors, equal, raised, same
from langchain_openai import OpenAIEmbeddings
from llama_index.embeddings.openai_like import OpenAILikeEmbedding

BASE = URL + "/v1"
client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
create = client.embeddings.create


def vectors_of(answer: openai.types.CreateEmbeddingResponse) -> list[list[float]]:
    equal([entry.index for entry in answer.data], list(range(len(answer.data))))
    return [entry.embedding for entry in answer.data]


def error(kind: type[openai.APIStatusError], status: int, code: str, **request: object) -> None:
    caught = raised(kind, lambda: create(**{"model": MODEL, **request}))
    assert isinstance(caught, openai.APIStatusError)
    equal((caught.status_code, caught.code), (status, code))
    assert caught.request_id, "no request id"


def token_ids(text: str) -> list[int]:
    answer = client.with_options(base_url=URL).post("/tokenize", cast_to=object, body={"inputs": text})
    return [token["id"] for token in answer[0]]  # type: ignore[index]


def dimensions_are_normalised() -> None:
    got = np.array(vectors_of(create(model=MODEL, input=TEXTS, dimensions=64)))
    wanted = VECTORS[:, :64] / np.linalg.norm(VECTORS[:, :64], axis=1, keepdims=True)
    same(got, wanted, 1e-6)


def usage_counts() -> None:
    usage = create(model=MODEL, input=TEXTS).usage
    equal(usage.prompt_tokens, sum(len(token_ids(text)) for text in TEXTS))
    equal(usage.total_tokens, usage.prompt_tokens)


def raw_response() -> None:
    answer = client.embeddings.with_raw_response.create(model=MODEL, input="a")
    assert answer.headers["x-request-id"] == answer.request_id


def many_texts() -> None:
    texts = [TEXTS[i % 5] for i in range(1000)]
    same(vectors_of(create(model=MODEL, input=texts)), VECTORS[[i % 5 for i in range(1000)]])


async def asynchronous() -> None:
    async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY) as other:
        same(vectors_of(await other.embeddings.create(model=MODEL, input=TEXTS)), VECTORS)
        equal([model.id async for model in other.models.list()], [MODEL])


def stranger() -> None:
    other = openai.OpenAI(base_url=BASE, api_key="sk-wrong", max_retries=0)
    caught = raised(openai.AuthenticationError, lambda: other.embeddings.create(model=MODEL, input="a"))
    equal((caught.status_code, caught.code), (401, "unauthorized"))  # type: ignore[attr-defined]


def score(route: str, body: dict[str, object], wanted: list[float]) -> None:
    root = client.with_options(base_url=URL)
    answer: dict = root.post(route, cast_to=object, body={"model": MODEL, **body})  # type: ignore[assignment]
    equal((answer["object"], answer["model"]), ("list", MODEL))
    equal([row["index"] for row in answer["data"]], list(range(len(wanted))))
    same([row["score"] for row in answer["data"]], np.array(wanted, dtype=np.float32), 2e-6)


d = Driver("openai")
d.case("openai", "models.list", lambda: equal([model.id for model in client.models.list()], [MODEL]))
d.case("openai", "models.retrieve", lambda: equal(client.models.retrieve(MODEL).id, MODEL))
d.case(
    "openai",
    "models.retrieve of an unknown model is NotFoundError",
    lambda: raised(openai.NotFoundError, lambda: client.models.retrieve("nobody")),
)
d.case(
    "openai",
    "base64 vectors equal the command line's, bit for bit",
    lambda: same(vectors_of(create(model=MODEL, input=TEXTS)), VECTORS),
)
d.case(
    "openai",
    "float vectors equal the command line's, bit for bit",
    lambda: same(vectors_of(create(model=MODEL, input=TEXTS, encoding_format="float")), VECTORS),
)
d.case("openai", "a single string", lambda: same(vectors_of(create(model=MODEL, input=TEXTS[0])), VECTORS[:1]))
d.case(
    "openai",
    "token ids, one text",
    lambda: same(vectors_of(create(model=MODEL, input=token_ids(TEXTS[0]))), VECTORS[:1]),
)
d.case(
    "openai",
    "token ids, several texts",
    lambda: same(vectors_of(create(model=MODEL, input=[token_ids(text) for text in TEXTS])), VECTORS),
)
d.case("openai", "dimensions, normalised again", dimensions_are_normalised)
d.case("openai", "user is accepted", lambda: same(vectors_of(create(model=MODEL, input="a", user="u")), VECTORS[4:]))
d.case(
    "openai",
    "attention through extra_body",
    lambda: same(
        vectors_of(create(model=MODEL, input=TEXTS, extra_body={"attention": "linear"})),
        command_line_vectors(TEXTS, "--attention", "linear"),
    ),
)
d.case("openai", "usage counts tokens", usage_counts)
d.case("openai", "the answer names the model", lambda: equal(create(model=MODEL, input="a").model, MODEL))
d.case("openai", "1000 texts", many_texts)
d.case("openai", "raw response and request id", raw_response)
d.case_async("openai", "AsyncOpenAI", asynchronous)
d.case(
    "openai",
    "an unknown model is NotFoundError",
    lambda: error(openai.NotFoundError, 404, "model_not_found", model="nobody", input="a"),
)
d.case(
    "openai", "an empty text is BadRequestError", lambda: error(openai.BadRequestError, 400, "empty_input", input="")
)
d.case(
    "openai", "an empty list is BadRequestError", lambda: error(openai.BadRequestError, 400, "empty_input", input=[])
)
d.case(
    "openai",
    "too many texts are BadRequestError",
    lambda: error(openai.BadRequestError, 400, "too_many_inputs", input=["a"] * 5000),
)
d.case(
    "openai",
    "too many dimensions are BadRequestError",
    lambda: error(openai.BadRequestError, 400, "out_of_range", input="a", dimensions=100000),
)
d.case(
    "openai",
    "an id outside the vocabulary is BadRequestError",
    lambda: raised(openai.BadRequestError, lambda: create(model=MODEL, input=[99999999])),
)
d.case("openai", "a wrong key is AuthenticationError", stranger)
for name in ("/score", "/v1/score"):
    d.case(
        "vllm",
        f"{name}: one to many",
        lambda name=name: score(name, {"queries": TEXTS[0], "documents": TEXTS[1:]}, SCORES[0, 1:].tolist()),
    )
    d.case(
        "vllm",
        f"{name}: pairs, old names",
        lambda name=name: score(name, {"text_1": TEXTS[:2], "text_2": TEXTS[2:4]}, [SCORES[0, 2], SCORES[1, 3]]),
    )
d.case(
    "vllm",
    "/score: 2 to 3 is BadRequestError",
    lambda: raised(openai.BadRequestError, lambda: score("/score", {"text_1": ["a"] * 2, "text_2": ["b"] * 3}, [])),
)

d = Driver("langchain-openai")
chain = OpenAIEmbeddings(base_url=BASE, api_key=KEY, model=MODEL, check_embedding_ctx_length=False)
d.case("openai", "embed_documents", lambda: same(chain.embed_documents(TEXTS), VECTORS))
d.case("openai", "embed_query", lambda: same(chain.embed_query(TEXTS[1]), VECTORS[1]))


async def chained() -> None:
    same(await chain.aembed_documents(TEXTS), VECTORS)


d.case_async("openai", "aembed_documents", chained)
short = OpenAIEmbeddings(base_url=BASE, api_key=KEY, model=MODEL, check_embedding_ctx_length=False, dimensions=32)
d.case("openai", "dimensions", lambda: math.isclose(np.linalg.norm(short.embed_query("a")), 1, abs_tol=1e-6))

d = Driver("llama-index-embeddings-openai-like")
like = OpenAILikeEmbedding(api_base=BASE, api_key=KEY, model_name=MODEL, max_retries=0)
d.case("openai", "get_text_embedding", lambda: same(like.get_text_embedding(TEXTS[0]), VECTORS[0]))
d.case("openai", "get_text_embedding_batch", lambda: same(like.get_text_embedding_batch(TEXTS), VECTORS))
d.case("openai", "get_query_embedding", lambda: same(like.get_query_embedding(TEXTS[2]), VECTORS[2]))


async def liked() -> None:
    same(await like.aget_text_embedding_batch(TEXTS), VECTORS)


d.case_async("openai", "aget_text_embedding_batch", liked)
