"""The client that blocks. A method is one request; embed, duplicate_groups and stream send as many as needed."""

from __future__ import annotations

import contextvars
import os
import re
import ssl
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Any, Unpack

import numpy as np

from . import answers
from .answers import (
    Calibration,
    DedupOptions,
    Duplicates,
    Floats,
    Model,
    Neighbours,
    Options,
    Ranking,
    RankOptions,
    Scored,
    ScoreOptions,
    Similarity,
)
from .errors import ApiError, InvalidAnswer, InvalidRequest, Overloaded, renamed
from .progress import Progress
from .transport import Transport

Pair = tuple[str, str]
BATCH = 256
IN_FLIGHT = 2
DEDUP_ROWS = 512  # of a block of the matrix that is looked at at once
_JSON_ONLY = ("calibration", "prior", "adapter", "allow_untrained")
_PAIR_NAME = re.compile(r"pairs\[(\d+)\]")


def _texts(name: str, value: Iterable[str]) -> list[str]:
    """A string is a sequence of strings too, and is never meant."""
    if isinstance(value, str):
        raise TypeError(f"{name} must be several strings, not one")
    return list(value)


def _total(pairs: Iterable[Pair]) -> int | None:
    return len(pairs) if isinstance(pairs, Sized) else None


def groups_of(vectors: Floats, threshold: float) -> list[list[int]]:
    """Which rows are joined by chains of cosines of at least threshold; groups of two and more, in the rows' order."""
    parent = list(range(len(vectors)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for top in range(0, len(vectors), DEDUP_ROWS):
        block = vectors[top : top + DEDUP_ROWS] @ vectors[top:].T
        for row, column in np.argwhere(block >= threshold).tolist():
            a, b = root(top + row), root(top + column)
            parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for i in range(len(vectors)):
        groups.setdefault(root(i), []).append(i)
    return [group for group in groups.values() if len(group) > 1]


class Client:
    """Thread-safe; keep one for the life of the program.

    base_url   of the server; default: ROSIM_URL of the environment, else http://localhost:8080
    api_key    default: ROSIM_API_KEY of the environment, if any
    timeout    seconds without a sign from the server until ConnectionFailed
    retries    how often 429, 503 and a broken connection are tried again; 0: never
    max_pause  seconds that a retry waits at most, whatever Retry-After says
    tls        a context of your own, for a private authority
    headers    sent with every request, such as traceparent
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        max_pause: float = 30.0,
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Connects to nothing yet."""
        url = base_url or os.environ.get("ROSIM_URL") or "http://localhost:8080"
        key = api_key if api_key is not None else os.environ.get("ROSIM_API_KEY")
        self._transport = Transport(url, key, timeout, retries, max_pause, tls, headers)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        """Closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See close."""
        self.close()

    # ---- similarity, in three forms ----

    def _similarity(self, form: dict[str, Any], options: ScoreOptions) -> Similarity:
        return answers.parsed(self._transport.call("POST", "/v1/similarity", {**form, **options}), answers.similarity)

    def similarity(self, a: str, b: str, **options: Unpack[ScoreOptions]) -> float:
        """The score of two texts, and nothing else."""
        return float(self.pairs([(a, b)], **options).scores[0])

    def pairs(self, pairs: Iterable[Pair], **options: Unpack[ScoreOptions]) -> Similarity:
        """Each pair's score: [n]."""
        return self._similarity({"pairs": [[a, b] for a, b in pairs]}, options)

    def one_to_many(self, source: str, sentences: Iterable[str], **options: Unpack[ScoreOptions]) -> Similarity:
        """One text against many: [n]."""
        return self._similarity({"source": source, "sentences": _texts("sentences", sentences)}, options)

    def matrix(self, left: Iterable[str], right: Iterable[str], **options: Unpack[ScoreOptions]) -> Similarity:
        """Every left text against every right one: [left][right]."""
        return self._similarity({"left": _texts("left", left), "right": _texts("right", right)}, options)

    def nearest(
        self,
        left: Iterable[str],
        right: Iterable[str],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Neighbours:
        """For every left text its best right ones: at most top_k, of at least threshold."""
        if top_k is None and threshold is None:
            raise ValueError("nearest needs top_k, threshold or both")
        body: dict[str, Any] = {"left": _texts("left", left), "right": _texts("right", right), **options}
        body.update({k: v for k, v in (("top_k", top_k), ("threshold", threshold)) if v is not None})
        return answers.parsed(self._transport.call("POST", "/v1/similarity", body), answers.neighbours)

    # ---- vectors and what is made of them ----

    def embed(self, texts: Iterable[str], *, batch: int = BATCH, **options: Unpack[Options]) -> Floats:
        """Unit vectors, [texts][dimensions]. Any number of texts; the same bytes whatever the batch."""
        given = _texts("texts", texts)
        if not given:
            raise ValueError("texts is empty")
        parts = []
        for start in range(0, len(given), batch):
            body = {"encoding_format": "base64", **options, "input": given[start : start + batch]}
            try:
                answer = self._transport.call("POST", "/v1/embeddings", body)
            except ApiError as failed:
                raise renamed(failed, "input", by=start) from failed
            parts.append(answers.parsed(answer, answers.vectors))
        return np.concatenate(parts)

    def rank(self, query: str, candidates: Iterable[str], **options: Unpack[RankOptions]) -> Ranking:
        """Candidates, best first, with margins that go on growing where a softmax reads 1.000."""
        body = {"query": query, "candidates": _texts("candidates", candidates), **options}
        return answers.parsed(self._transport.call("POST", "/v1/rank", body), answers.ranking)

    def dedup(
        self, texts: Iterable[str], *, threshold: float | None = None, **options: Unpack[DedupOptions]
    ) -> Duplicates:
        """Groups of near-duplicates, one request: as many texts as the server takes in one."""
        body: dict[str, Any] = {"texts": _texts("texts", texts), **options}
        if threshold is not None:
            body["threshold"] = threshold
        return answers.parsed(self._transport.call("POST", "/v1/dedup", body), answers.duplicates)

    def duplicate_groups(
        self, texts: Iterable[str], *, threshold: float = 0.9, **options: Unpack[Options]
    ) -> list[list[int]]:
        """The same groups for any number of texts, as indices.

        The vectors come from the server in batches, the groups are made here: memory for one block of the matrix.
        """
        return groups_of(self.embed(texts, **options), threshold)

    # ---- calibrations ----

    def calibrate(
        self,
        pairs: Iterable[tuple[str, str, int | None]],
        *,
        id: str | None = None,
        precision: float | None = None,
        features: str | None = None,
        prior: float | None = None,
        adapter: str | None = None,
        **options: Unpack[Options],
    ) -> Calibration:
        """Probabilities from labelled pairs: 1 they match, 0 they do not, None unknown. Then name its id in a call."""
        body: dict[str, Any] = {"pairs": [list(pair) for pair in pairs], **options}
        named = (("id", id), ("precision", precision), ("features", features), ("prior", prior), ("adapter", adapter))
        body.update({k: v for k, v in named if v is not None})
        return answers.parsed(self._transport.call("POST", "/v1/calibrations", body), answers.calibration)

    def calibrations(self) -> tuple[Calibration, ...]:
        """All that the server has."""
        return answers.parsed(self._transport.call("GET", "/v1/calibrations"), answers.calibrations)

    def calibration(self, id: str) -> Calibration:
        """One of them; NotFound."""
        return answers.parsed(self._transport.call("GET", f"/v1/calibrations/{_id(id)}"), answers.calibration)

    def delete_calibration(self, id: str) -> None:
        """NotFound when there is none."""
        self._transport.call("DELETE", f"/v1/calibrations/{_id(id)}")

    # ---- the server ----

    def models(self) -> tuple[Model, ...]:
        """What is served; the first one is the default."""
        return answers.parsed(self._transport.call("GET", "/v1/models"), answers.models)

    # ---- bulk ----

    def stream(
        self,
        pairs: Iterable[Pair],
        *,
        batch: int = BATCH,
        in_flight: int = IN_FLIGHT,
        progress: bool | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Iterator[Scored]:
        """The score of every pair, in order, for any number of them: at most batch * in_flight pairs are in memory.

        The next pairs are taken only as scores are: what reads slowly slows the reading. A pair that the server
        refuses comes back with its error and a score of NaN; the others of its batch are scored. Whatever stops the
        whole (no server, no key) is raised.
        progress: a bar on stderr; None: when stderr is a terminal.
        """
        if batch < 1 or in_flight < 1:
            raise ValueError("batch and in_flight must be at least 1")
        shown = Progress(_total(pairs)) if (sys.stderr.isatty() if progress is None else progress) else None
        return self._stream(iter(pairs), batch, in_flight, shown, options)

    def _stream(
        self, rest: Iterator[Pair], batch: int, in_flight: int, shown: Progress | None, options: ScoreOptions
    ) -> Iterator[Scored]:
        waiting: deque[Future[list[Scored]]] = deque()
        pool = ThreadPoolExecutor(in_flight, thread_name_prefix="rosim-stream")
        sent = 0
        try:
            while True:
                while len(waiting) < in_flight and (taken := list(islice(rest, batch))):
                    context = contextvars.copy_context()
                    waiting.append(pool.submit(context.run, self._score_batch, taken, sent, options))
                    sent += len(taken)
                if not waiting:
                    return
                done = waiting.popleft().result()
                if shown:
                    shown.step(len(done))
                yield from done
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            if shown:
                shown.close()

    def _score_batch(self, batch: Sequence[Pair], first: int, options: ScoreOptions) -> list[Scored]:
        """In NDJSON, where a bad pair is an error of its own; in JSON what NDJSON does not take."""
        if not options.keys().isdisjoint(_JSON_ONLY):
            return self._score_in_json(batch, first, options)
        out: dict[int, Scored] = {}
        left = list(range(len(batch)))
        for attempt in range(self._transport.retries + 1):
            lines: list[object] = [{"options": dict(options)}, *([*batch[i]] for i in left)]
            found = self._transport.call_lines("/v1/similarity", lines)
            refused = answers.take_lines(found, left, first, out)
            left = [i for i in left if i not in out]
            if not left:
                return [out[i] for i in range(len(batch))]
            if not isinstance(refused, Overloaded) or attempt == self._transport.retries:
                break
            self._transport.pause(attempt)
        raise refused or InvalidAnswer("the answer lacks lines")

    def _score_in_json(self, batch: Sequence[Pair], first: int, options: ScoreOptions) -> list[Scored]:
        """Leaves out a pair that is refused by name, and asks again for the rest."""
        out: dict[int, Scored] = {}
        left = list(range(len(batch)))
        while left:
            try:
                found = self.pairs([batch[i] for i in left], **options)
            except InvalidRequest as refused:
                named = _PAIR_NAME.match(refused.param or "")
                if not named:
                    raise
                bad = left.pop(int(named.group(1)))
                out[bad] = Scored(first + bad, float("nan"), None, renamed(refused, "pairs", at=first + bad))
                continue
            for place, i in enumerate(left):
                chance = None if found.probabilities is None else float(found.probabilities[place])
                out[i] = Scored(first + i, float(found.scores[place]), chance)
            break
        return [out[i] for i in sorted(out)]


def _id(id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", id):
        raise ValueError(f"id is {id!r}; it must be of a-z A-Z 0-9 . _ -")
    return id
