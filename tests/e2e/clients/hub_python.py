"""huggingface_hub's InferenceClient, which posts to the bare URL. Runs with huggingface_hub 1 and 2."""

from __future__ import annotations

import json

import numpy as np
from harness import KEY, SCORES, TEXTS, URL, VECTORS, Driver, equal, raised, same
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

client = InferenceClient(URL, token=KEY)
named = InferenceClient(token=KEY)
served = InferenceClient(URL, provider="hf-inference", token=KEY)
d = Driver("huggingface_hub")


def similarity(at: InferenceClient, **more: object) -> None:
    got = at.sentence_similarity(TEXTS[0], other_sentences=TEXTS[1:], **more)  # type: ignore[arg-type]
    same(got, SCORES[0, 1:], 2e-6)


def error(status: int, call: object) -> None:
    caught = raised(HfHubHTTPError, call)  # type: ignore[arg-type]
    assert isinstance(caught, HfHubHTTPError) and caught.response is not None
    equal(caught.response.status_code, status)
    body = json.loads(caught.response.text)
    assert set(body) == {"error", "error_type"}, body


def unnormalised() -> None:
    got = np.asarray(client.feature_extraction(TEXTS[0], normalize=False))[0]
    assert abs(float(np.linalg.norm(got)) - 1) > 1e-3, "still normalised"
    same(got / np.linalg.norm(got), VECTORS[0], 1e-6)


async def asynchronous() -> None:
    async with AsyncInferenceClient(URL, token=KEY) as other:
        same(await other.sentence_similarity(TEXTS[0], other_sentences=TEXTS[1:]), SCORES[0, 1:], 2e-6)
        same(await other.feature_extraction(TEXTS[0]), VECTORS[:1])


d.case("hf", "sentence_similarity at the bare URL", lambda: similarity(client))
d.case("hf", "sentence_similarity at /similarity", lambda: similarity(InferenceClient(URL + "/similarity", token=KEY)))
d.case("hf", "sentence_similarity with model=URL", lambda: similarity(named, model=URL))
d.case("hf", "feature_extraction of a string", lambda: same(client.feature_extraction(TEXTS[0]), VECTORS[:1]))
d.case("hf", "feature_extraction of a list", lambda: same(client.feature_extraction(TEXTS), VECTORS))
d.case(
    "hf",
    "feature_extraction at /embed",
    lambda: same(InferenceClient(URL + "/embed", token=KEY).feature_extraction(TEXTS[0]), VECTORS[:1]),
)
d.case("hf", "feature_extraction, normalize=False", unnormalised)
d.case(
    "hf",
    "feature_extraction, normalize, truncate and direction",
    lambda: same(
        client.feature_extraction(TEXTS[0], normalize=True, truncate=True, truncation_direction="Left"), VECTORS[:1]
    ),
)
d.case(
    "hf",
    "feature_extraction of a long text with truncate=False is 422",
    lambda: error(422, lambda: client.feature_extraction("a " * 600, truncate=False)),
)
d.case(
    "hf",
    "an unknown prompt_name is 422",
    lambda: error(422, lambda: client.feature_extraction("a", prompt_name="nothing")),
)
d.case("hf", "an empty text is 400", lambda: error(400, lambda: client.feature_extraction("")))
d.case("hf", "no sentences is 400", lambda: error(400, lambda: client.sentence_similarity("a", other_sentences=[])))
d.case(
    "hf",
    "a wrong key is 401",
    lambda: error(401, lambda: InferenceClient(URL, token="hf_wrong").feature_extraction("a")),
)
d.case("hf", "get_endpoint_info", lambda: equal(served.get_endpoint_info()["model_id"], "sample"))
d.case("hf", "health_check", lambda: served.health_check())
d.case_async("hf", "AsyncInferenceClient", asynchronous)
