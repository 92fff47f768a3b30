"""What no official client sends: the routes of TEI, vLLM, Jina and llama.cpp as their documents and sources have them.

Statuses and shapes are those of the servers themselves (peers.md 2); where rosim differs on purpose, docs/drop-in.md
says so and the case expects rosim's way.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import numpy as np
from harness import KEY, MODEL, SCORES, TEXTS, URL, VECTORS, Driver, equal, same

Headers = Mapping[str, str]


def ask(method: str, path: str, body: object = None, key: str | None = KEY, **more: str) -> tuple[int, Headers, bytes]:
    headers = {"Content-Type": "application/json", **more}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def post(path: str, body: object, status: int = 200) -> Any:
    got, _, text = ask("POST", path, body)
    assert got == status, f"status {got}, want {status}: {text[:300]!r}"
    return json.loads(text)


def tei_error(path: str, body: object, status: int, kind: str) -> None:
    got = post(path, body, status)
    assert isinstance(got, dict) and set(got) == {"error", "error_type"}, got
    equal(got["error_type"], kind)


def ids(text: str) -> list[int]:
    return [token["id"] for token in post("/tokenize", {"inputs": text})[0]]


def tokenize() -> None:
    (tokens,) = post("/tokenize", {"inputs": TEXTS[3]})
    assert tokens[0]["special"] and tokens[0]["start"] is None and tokens[-1]["special"], tokens
    raw = TEXTS[3].encode()
    for token in tokens[1:-1]:
        equal(set(token), {"id", "text", "special", "start", "stop"})
        equal(raw[token["start"] : token["stop"]].decode(), token["text"])


def info() -> None:
    status, _, text = ask("GET", "/info")
    equal(status, 200)
    wanted = "model_id model_sha model_dtype served_model_name model_type max_concurrent_requests max_input_length "
    wanted += "max_batch_tokens max_batch_requests max_client_batch_size auto_truncate tokenization_workers version"
    missing = set(wanted.split()) - set(json.loads(text))
    assert not missing, missing


def compute_headers() -> None:
    _, headers, _ = ask("POST", "/embed", {"inputs": TEXTS})
    names = "type time characters tokens".split()
    found = [headers["x-compute-" + name] for name in names]
    found += [headers[name] for name in ("x-total-time", "x-tokenization-time", "x-queue-time", "x-inference-time")]
    assert all(found) and all(value.isdigit() for value in found[1:]), found
    equal(int(headers["x-compute-characters"]), sum(len(text) for text in TEXTS))


def metrics() -> None:
    _, headers, text = ask("GET", "/metrics", key=None)
    assert headers["Content-Type"].startswith("text/plain")
    names = "te_request_count te_request_success te_request_failure te_embed_count te_queue_size".split()
    names += ["te_request_duration_bucket", "te_request_inference_duration_bucket", "te_batch_next_tokens_bucket"]
    missing = [name for name in names if name not in text.decode()]
    assert not missing, missing


def cors_is_closed() -> None:
    _, headers, _ = ask("POST", "/embed", {"inputs": "a"}, Origin="https://app.example.com")
    assert "Access-Control-Allow-Origin" not in headers


def status_only(method: str, path: str, status: int, body: object = None, key: str | None = KEY) -> None:
    equal(ask(method, path, body, key)[0], status)


def results(path: str, body: dict, order: list[int]) -> dict:
    got = post(path, {"model": MODEL, **body})
    assert isinstance(got, dict)
    equal([result["index"] for result in got["results"]], order)
    wanted = np.array([SCORES[0, 1 + i] for i in order], dtype=np.float32)
    same([result["relevance_score"] for result in got["results"]], wanted, 2e-6)
    return got


d = Driver("numpy")
d.client = "raw HTTP"
ORDER = np.argsort(-SCORES[0, 1:]).tolist()
RERANK = {"query": TEXTS[0], "documents": TEXTS[1:]}
SIMILAR = {"source_sentence": TEXTS[0], "sentences": TEXTS[1:]}
LONG = "a " * 600

d.case("tei", "/embed: two levels for one string", lambda: same(post("/embed", {"inputs": TEXTS[0]}), VECTORS[:1]))
d.case("tei", "/embed: strings", lambda: same(post("/embed", {"inputs": TEXTS}), VECTORS))
d.case("tei", "/embed: ids", lambda: same(post("/embed", {"inputs": ids(TEXTS[0])}), VECTORS[:1]))
d.case(
    "tei",
    "/embed: strings and ids mixed",
    lambda: same(post("/embed", {"inputs": [TEXTS[1], ids(TEXTS[0])]}), VECTORS[[1, 0]]),
)
d.case(
    "tei",
    "/embed: null options",
    lambda: same(
        post("/embed", {"inputs": "a", "truncate": None, "prompt_name": None, "dimensions": None}), VECTORS[4:]
    ),
)
d.case(
    "tei",
    "/embed: normalize false",
    lambda: abs(np.linalg.norm(post("/embed", {"inputs": "a", "normalize": False})) - 1) > 1e-3,
)
d.case(
    "tei",
    "/embed: dimensions",
    lambda: same(
        post("/embed", {"inputs": TEXTS, "dimensions": 8}),
        VECTORS[:, :8] / np.linalg.norm(VECTORS[:, :8], axis=1, keepdims=True),
        1e-6,
    ),
)
for direction in ("left", "right", "Left", "Right"):
    d.case(
        "tei",
        f"/embed: truncation_direction {direction}",
        lambda way=direction: len(post("/embed", {"inputs": LONG, "truncate": True, "truncation_direction": way})) == 1,
    )
d.case("tei", "/embed: a long text is cut unless truncate is false", lambda: len(post("/embed", {"inputs": LONG})) == 1)
d.case(
    "tei",
    "/embed: too long is 422 Validation",
    lambda: tei_error("/embed", {"inputs": LONG, "truncate": False}, 422, "Validation"),
)
d.case("tei", "/embed: empty is 400 Empty", lambda: tei_error("/embed", {"inputs": ""}, 400, "Empty"))
d.case("tei", "/embed: empty in a batch is 400 Empty", lambda: tei_error("/embed", {"inputs": ["a", ""]}, 400, "Empty"))
d.case("tei", "/embed: no inputs is 400 Empty", lambda: tei_error("/embed", {"inputs": []}, 400, "Empty"))
d.case("tei", "/embed: blank is served", lambda: len(post("/embed", {"inputs": " "})) == 1)
d.case(
    "tei",
    "/embed: too many is 422 Validation",
    lambda: tei_error("/embed", {"inputs": ["a"] * 1025}, 422, "Validation"),
)
d.case(
    "tei",
    "/embed: an id outside the vocabulary is 422",
    lambda: tei_error("/embed", {"inputs": [99999999]}, 422, "Validation"),
)
d.case(
    "tei",
    "/embed: an unknown prompt is 422",
    lambda: tei_error("/embed", {"inputs": "a", "prompt_name": "none"}, 422, "Validation"),
)
d.case("tei", "/embed: malformed JSON is 400", lambda: status_only("POST", "/embed", 400, b"{"))
d.case("tei", "/embed: a missing field is 422", lambda: status_only("POST", "/embed", 422, {}))
d.case("tei", "/embed: a wrong type is 422", lambda: status_only("POST", "/embed", 422, {"inputs": 7}))
d.case(
    "tei",
    "/embed: another content type is 415",
    lambda: equal(ask("POST", "/embed", b"{}", **{"Content-Type": "text/plain"})[0], 415),
)
d.case("tei", "/embed: x-compute-* headers", compute_headers)
d.case(
    "tei",
    "/embed_all: a vector of each token",
    lambda: [len(rows) for rows in post("/embed_all", {"inputs": TEXTS})] == [len(ids(text)) for text in TEXTS],
)
d.case("tei", "/similarity", lambda: same(post("/similarity", {"inputs": SIMILAR}), SCORES[0, 1:], 2e-6))
d.case(
    "tei",
    "/similarity: parameters",
    lambda: same(post("/similarity", {"inputs": SIMILAR, "parameters": {"truncate": True}}), SCORES[0, 1:], 2e-6),
)
d.case(
    "tei",
    "/similarity: no sentences is 400 Empty",
    lambda: tei_error("/similarity", {"inputs": {"source_sentence": "a", "sentences": []}}, 400, "Empty"),
)
for path, body in (
    ("/embed_sparse", {"inputs": "a"}),
    ("/predict", {"inputs": "a"}),
    ("/rerank", {"query": "a", "texts": ["b"]}),
):
    d.case("tei", f"{path}: 424 Backend without a head", lambda p=path, b=body: tei_error(p, b, 424, "Backend"))
d.case("tei", "/tokenize: byte offsets cut the original", tokenize)
d.case(
    "tei",
    "/tokenize: without special tokens",
    lambda: len(post("/tokenize", {"inputs": "a", "add_special_tokens": False})[0]) == 1,
)
d.case("tei", "/decode", lambda: equal(post("/decode", {"ids": ids("a cat")}), ["a cat"]))
d.case(
    "tei",
    "/decode: special tokens",
    lambda: equal(post("/decode", {"ids": [ids("a")], "skip_special_tokens": False}), ["[CLS] a [SEP]"]),
)
d.case("tei", "/info: every field", info)
for path in ("/health", "/ping", "/"):
    d.case("tei", f"GET {path}: 200 without a key", lambda p=path: status_only("GET", p, 200, key=None))
d.case("tei", "/info needs the key", lambda: status_only("GET", "/info", 401, key=None))
d.case("tei", "/metrics: TEI's names", metrics)
d.case("tei", "POST /: similarity by shape", lambda: same(post("/", {"inputs": SIMILAR}), SCORES[0, 1:], 2e-6))
d.case("tei", "POST /: embeddings by shape", lambda: same(post("/", {"inputs": TEXTS}), VECTORS))
d.case("tei", "/invocations", lambda: same(post("/invocations", {"inputs": TEXTS}), VECTORS))
d.case(
    "tei",
    "/vertex",
    lambda: same(post("/vertex", {"instances": [{"inputs": TEXTS[0]}]})["predictions"][0], VECTORS[:1]),
)
d.case(
    "tei",
    "/v1/embeddings without a model",
    lambda: same([row["embedding"] for row in post("/v1/embeddings", {"input": TEXTS})["data"]], VECTORS),
)
d.case("tei", "405 with Allow", lambda: "POST" in ask("GET", "/embed")[1]["Allow"])
d.case("tei", "no origin may call unless it is named", cors_is_closed)

d.case(
    "hf",
    "options are ignored",
    lambda: same(
        post("/similarity", {"inputs": SIMILAR, "options": {"use_cache": True, "wait_for_model": True}}),
        SCORES[0, 1:],
        2e-6,
    ),
)

d.case(
    "vllm",
    "/score: N to N, with extras",
    lambda: same(
        [
            row["score"]
            for row in post(
                "/score",
                {
                    "model": MODEL,
                    "queries": TEXTS[:2],
                    "documents": TEXTS[2:4],
                    "truncate_prompt_tokens": -1,
                    "user": "u",
                    "use_activation": True,
                },
            )["data"]
        ],
        np.array([SCORES[0, 2], SCORES[1, 3]], dtype=np.float32),
        2e-6,
    ),
)
d.case(
    "vllm",
    "/pooling",
    lambda: same([row["data"] for row in post("/pooling", {"model": MODEL, "input": TEXTS})["data"]], VECTORS),
)
for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
    d.case(
        "vllm", f"{path}: query and documents", lambda p=path: results(p, RERANK, ORDER)["usage"]["total_tokens"] > 0
    )

d.case(
    "jina",
    "/v1/rerank: documents come back",
    lambda: (
        [r["document"]["text"] for r in results("/v1/rerank", {**RERANK, "top_n": 2}, ORDER[:2])["results"]]
        == [TEXTS[1 + i] for i in ORDER[:2]]
    ),
)
d.case(
    "jina",
    "/v1/rerank: return_documents false",
    lambda: all(
        "document" not in r for r in results("/v1/rerank", {**RERANK, "return_documents": False}, ORDER)["results"]
    ),
)
d.case(
    "jina",
    "/v1/rerank: usage",
    lambda: results("/v1/rerank", RERANK, ORDER)["usage"]["total_tokens"] == sum(len(ids(t)) for t in TEXTS),
)
d.case(
    "jina",
    "/v1/embeddings with task and late options",
    lambda: same(
        [
            row["embedding"]
            for row in post(
                "/v1/embeddings", {"model": MODEL, "input": TEXTS, "task": "text-matching", "embedding_type": "float"}
            )["data"]
        ],
        VECTORS,
    ),
)

d.case("llamacpp", "/embedding", lambda: same(post("/embedding", {"content": TEXTS[0]})[0]["embedding"], VECTORS[:1]))
d.case(
    "llamacpp",
    "/embedding: several",
    lambda: same([row["embedding"][0] for row in post("/embedding", {"content": TEXTS})], VECTORS),
)
d.case(
    "llamacpp",
    "/embedding: embd_normalize -1",
    lambda: abs(np.linalg.norm(post("/embedding", {"content": "a", "embd_normalize": -1})[0]["embedding"]) - 1) > 1e-3,
)
d.case(
    "llamacpp", "/tokenize", lambda: equal(post("/tokenize", {"content": TEXTS[0]}), {"tokens": ids(TEXTS[0])[1:-1]})
)
d.case(
    "llamacpp",
    "/tokenize: add_special",
    lambda: equal(post("/tokenize", {"content": "a", "add_special": True}), {"tokens": ids("a")}),
)
d.case(
    "llamacpp",
    "/tokenize: with_pieces",
    lambda: equal([t["piece"] for t in post("/tokenize", {"content": "a", "with_pieces": True})["tokens"]], ["a"]),
)
d.case(
    "llamacpp", "/detokenize", lambda: equal(post("/detokenize", {"tokens": ids("a cat")[1:-1]}), {"content": "a cat"})
)
d.case("llamacpp", "/v1/rerank", lambda: bool(results("/v1/rerank", RERANK, ORDER)))

d.case("ollama", "/api/version", lambda: status_only("GET", "/api/version", 200))
d.case(
    "ollama",
    "/api/embed: empty input gives no vector",
    lambda: equal(post("/api/embed", {"model": MODEL, "input": []})["embeddings"], []),
)
