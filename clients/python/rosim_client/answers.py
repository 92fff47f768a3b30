"""What comes back: plain, frozen values. Scores and vectors are NumPy arrays of float32."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import ApiError, InvalidAnswer, InvalidRequest, from_line, renamed
from .transport import Answer

Floats = NDArray[np.float32]
T = TypeVar("T")


class Options(TypedDict, total=False):
    """What every call about texts takes. The server's documentation says what each means."""

    model: str
    attention: str  # softmax, linear, auto
    truncate: str  # right, left, middle, none
    max_length: int
    timeout_ms: int
    allow_untrained: bool


class ScoreOptions(Options, total=False):
    """Those that only scores have."""

    metric: str  # cosine, dot, euclidean
    prompt_a: str
    prompt_b: str
    calibration: str
    prior: float
    adapter: str


class DedupOptions(Options, total=False):
    """Those of dedup."""

    representative: str  # central, first
    return_texts: bool
    adapter: str


class RankOptions(Options, total=False):
    """Those of rank."""

    top_k: int
    abstain_below: float
    scale: float
    return_texts: bool
    calibration: str
    prior: float
    adapter: str


@dataclass(frozen=True)
class Truncated:
    """An input that was longer than the model takes."""

    input: str
    tokens: int
    kept: int


@dataclass(frozen=True)
class Unknown:
    """An input with words that the vocabulary does not have."""

    input: str
    unknown: int
    tokens: int


@dataclass(frozen=True)
class Usage:
    """What a request cost, and what was lost of it."""

    texts: int
    tokens: int
    truncated: tuple[Truncated, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True)
class Similarity:
    """Scores as [n], or [rows][columns] of a matrix; probabilities have their shape, where a calibration was named."""

    scores: Floats
    probabilities: Floats | None
    model: str
    attention: str
    usage: Usage
    warning: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """A column that a row found, in a ranked matrix."""

    index: int
    score: float
    probability: float | None = None


@dataclass(frozen=True)
class Neighbours:
    """For each row its columns, best first."""

    rows: tuple[tuple[Neighbour, ...], ...]
    model: str
    attention: str
    usage: Usage
    request_id: str | None = None


@dataclass(frozen=True)
class Candidate:
    """One of a ranking. margin is None for a single candidate, which has no rival."""

    index: int
    cosine: float
    softmax: float
    margin: float | None
    probability: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first; abstain says that the best one's margin is below `abstain_below`."""

    results: tuple[Candidate, ...]
    abstain: bool
    model: str
    attention: str
    usage: Usage
    request_id: str | None = None


@dataclass(frozen=True)
class Scored:
    """One pair of a stream. Either score is a number, or error says why there is none."""

    index: int
    score: float
    probability: float | None = None
    error: ApiError | None = None


@dataclass(frozen=True)
class Member:
    """A text of a group: exact says that it is its representative byte for byte."""

    index: int
    score: float
    exact: bool
    text: str | None = None


@dataclass(frozen=True)
class Group:
    """Texts joined by chains of near-duplicates, nearest to the representative first."""

    representative: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Duplicates:
    """Groups of two and more; keep is one text of each group, and every text that is in none."""

    groups: tuple[Group, ...]
    keep: tuple[int, ...]
    threshold: float
    model: str
    attention: str
    usage: Usage
    request_id: str | None = None


@dataclass(frozen=True)
class Model:
    """A model that is served."""

    id: str
    attention: tuple[str, ...]
    default_attention: str
    dimensions: int
    max_length: int


@dataclass(frozen=True)
class Calibration:
    """Probabilities from labelled pairs. raw holds all that the server said: weights, log_loss, brier, ece ..."""

    id: str
    model: str
    attention: str
    matches: int
    others: int
    prior: float
    threshold: float | None
    raw: Mapping[str, Any] = field(repr=False)


def parsed(answer: Answer, parse: Callable[[Any, str | None], T]) -> T:
    """The value that parse makes of an answer; InvalidAnswer where it is none of rosim's."""
    try:
        return parse(answer.body, answer.request_id)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as failed:
        raise InvalidAnswer(f"not an answer of rosim: {type(failed).__name__}: {failed}") from failed


def _usage(body: Mapping[str, Any]) -> Usage:
    told = body["usage"]
    return Usage(
        told["texts"],
        told["tokens"],
        tuple(Truncated(t["input"], t["tokens"], t["kept"]) for t in told.get("truncated", ())),
        tuple(Unknown(u["input"], u["unknown"], u["tokens"]) for u in told.get("unknown", ())),
    )


def similarity(body: Any, request_id: str | None) -> Similarity:
    """Of /v1/similarity without top_k and threshold."""
    probabilities = body.get("probabilities")
    return Similarity(
        np.array(body["scores"], dtype=np.float32),
        None if probabilities is None else np.array(probabilities, dtype=np.float32),
        body["model"],
        body["attention"],
        _usage(body),
        body.get("warning"),
        request_id,
    )


def neighbours(body: Any, request_id: str | None) -> Neighbours:
    """Of /v1/similarity with top_k or threshold."""
    rows = tuple(
        tuple(Neighbour(found["index"], found["score"], found.get("probability")) for found in row)
        for row in body["scores"]
    )
    return Neighbours(rows, body["model"], body["attention"], _usage(body), request_id)


def ranking(body: Any, request_id: str | None) -> Ranking:
    """Of /v1/rank."""
    results = tuple(
        Candidate(c["index"], c["cosine"], c["softmax"], c["margin"], c.get("probability"), c.get("text"))
        for c in body["results"]
    )
    return Ranking(
        results, bool(body.get("abstain", False)), body["model"], body["attention"], _usage(body), request_id
    )


def duplicates(body: Any, request_id: str | None) -> Duplicates:
    """Of /v1/dedup."""
    groups = tuple(
        Group(
            group["representative"],
            tuple(Member(m["index"], m["score"], m["exact"], m.get("text")) for m in group["members"]),
        )
        for group in body["groups"]
    )
    about = body["threshold"], body["model"], body["attention"], _usage(body), request_id
    return Duplicates(groups, tuple(body["keep"]), *about)


def vectors(body: Any, _: str | None) -> Floats:
    """Of /v1/embeddings in base64, [texts][dimensions]: the bytes are the floats, nothing is parsed."""
    rows: Sequence[Any] = body["data"]
    return np.stack([np.frombuffer(base64.b64decode(row["embedding"]), dtype="<f4") for row in rows]).astype(
        np.float32, copy=False
    )


def models(body: Any, _: str | None) -> tuple[Model, ...]:
    """Of /v1/models."""
    return tuple(
        Model(m["id"], tuple(m["attention"]), m["default_attention"], m["dimensions"], m["max_length"])
        for m in body["data"]
    )


def calibration(body: Any, _: str | None) -> Calibration:
    """Of one calibration."""
    threshold = body.get("threshold") or {}
    return Calibration(
        body["id"],
        body["model"],
        body["attention"],
        body["matches"],
        body["others"],
        body["prior"],
        threshold.get("probability") if threshold.get("found") else None,
        body,
    )


def calibrations(body: Any, request_id: str | None) -> tuple[Calibration, ...]:
    """Of the list of them."""
    return tuple(calibration(one, request_id) for one in body["data"])


def _is_of_its_line(refused: ApiError) -> bool:
    return isinstance(refused, InvalidRequest) and (refused.param is None or refused.param.startswith("line["))


def take_lines(lines: Sequence[Any], asked: Sequence[int], first: int, out: dict[int, Scored]) -> ApiError | None:
    """Puts into out what NDJSON lines say about the pairs asked; line 1 was the options, so that pairs begin at 2.

    An error about its line is that pair's. Any other (options, overload) is everybody's, and returned.
    """
    try:
        for line in lines:
            error = line.get("error")
            refused = from_line(error) if error else None
            if refused and not (line["line"] > 1 and _is_of_its_line(refused)):
                return refused
            place = asked[line["line"] - 2]
            if refused:
                own = renamed(refused, "line", at=first + place, to="pairs")
                out[place] = Scored(first + place, float("nan"), None, own)
            else:
                out[place] = Scored(first + place, float(line["score"]))
    except (KeyError, TypeError, AttributeError, IndexError) as failed:
        raise InvalidAnswer(f"not an answer of rosim: {type(failed).__name__}: {failed}") from failed
    return None
