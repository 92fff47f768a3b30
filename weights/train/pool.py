"""The training pool: the chunks that prepare.py has finished, as token ids and target vectors."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Protocol

import numpy as np
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

import corpus
import targets

LONG_TOKENS = 512
NEIGHBOURS = 8            # of a text, among which its companion in a batch is chosen


class StudentTokenizer:
    """The character tokenizer of a model folder, as the server has it."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)

    def ids(self, texts: list[str], longest: int) -> list[list[int]]:
        self.tokenizer.enable_truncation(longest)
        return [e.ids for e in self.tokenizer.encode_batch(texts)]


@dataclass
class Kind:
    """Texts of one kind: what the sampler hands out are rows of these columns."""

    ids: list[tuple[list[int], ...]] = field(default_factory=list)
    target: list[np.ndarray] = field(default_factory=list)         # [sides][384] fp16 a row
    extra: list[Any] = field(default_factory=list)                 # texts, labels


class Own(Protocol):
    """Targets of a chunk's texts other than the teachers' (born_again.py); None where it has none."""

    def target(self, chunk: Path, name: str, bge: Any, texts: list[str]) -> np.ndarray | None: ...


class Pool:
    """All chunks present; call refresh() now and then to take up new ones."""

    def __init__(self, cache: Path, tokenizer: StudentTokenizer, sides: dict[str, targets.Side], longest: int,
                 seed: int, own: Own | None = None) -> None:
        self.cache, self.tokenizer, self.sides, self.longest, self.own = cache, tokenizer, sides, longest, own
        self.kinds = {k: Kind() for k in ("zh", "en", "pair", "label_zh", "label_en", "long_zh", "long_en")}
        self.seen: set[str] = set()
        self.rng = random.Random(seed)
        self.queues: dict[str, list[int]] = {}
        self.stacked: dict[str, np.ndarray] = {}        # first side's targets of a kind, [n][384] fp32
        self.refresh()

    def refresh(self) -> bool:
        """Loads the chunks not yet seen; whether there were any."""
        new = sorted(p for p in self.cache.glob("[0-9]*.npz") if "partial" not in p.name and p.name not in self.seen)
        for path in new:
            self._load(path)
            self.seen.add(path.name)
        if new:
            self.stacked.clear()
        return bool(new)

    def _target(self, vectors: Any, name: str, lang: str) -> np.ndarray:
        second = f"{name}.{targets.SECOND[lang]}"
        return self.sides[lang].target(vectors[f"{name}.e5"], vectors[second] if second in vectors else None)

    def _own(self, path: Path, vectors: Any, name: str, lang: str, texts: list[str]) -> np.ndarray:
        """The target by the start model's own vectors where there are some, by the teachers alone otherwise."""
        found = self.own.target(path, name, vectors[f"{name}.bge"], texts) if self.own and lang == "zh" else None
        return self._target(vectors, name, lang) if found is None else found

    def _load(self, path: Path) -> None:
        chunk = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        vectors = np.load(path)
        for lang in ("zh", "en"):
            for name, cut, longest in ((lang, self.longest, self.longest - 1),
                                       (f"long_{lang}", LONG_TOKENS, LONG_TOKENS)):    # where the teachers cut too
                ids = self.tokenizer.ids(chunk[name], cut)
                self._add(name, [ids], [self._own(path, vectors, name, lang, chunk[name])], chunk[name], longest)
            pairs = chunk[f"label_{lang}"]
            ids2 = [self.tokenizer.ids([p[i] for p in pairs], self.longest) for i in (0, 1)]
            self._add(f"label_{lang}", ids2,
                      [self._own(path, vectors, f"label_{lang}_{side}", lang, [p[i] for p in pairs])
                       for i, side in enumerate("ab")], pairs, self.longest - 1)
        zh, en = self._target(vectors, "pair_zh", "zh"), self._target(vectors, "pair_en", "en")
        both = targets.unit(zh + en)
        texts = chunk["pair"]
        sides = [self.tokenizer.ids([p[i] for p in texts], self.longest) for i in (0, 1)]
        self._add("pair", sides, [both, both], texts, self.longest - 1)

    def _add(self, name: str, ids: list[list[list[int]]], target: list[np.ndarray], extra: list[Any],
             longest: int) -> None:
        """Takes the rows of at most `longest` tokens a side: a target belongs to the whole text, not to a cut one."""
        kind = self.kinds[name]
        kept = [i for i, row in enumerate(zip(*ids)) if max(map(len, row)) <= longest]
        kind.ids.extend(tuple(side[i] for side in ids) for i in kept)
        kind.target.extend(np.stack(target, 1).astype(np.float16)[kept])
        kind.extra.extend(extra[i] for i in kept)

    def add_labelled(self, sets: dict[str, list[corpus.Labelled]]) -> None:
        """Labelled pairs without target vectors, one kind a source."""
        for source, pairs in sorted(sets.items()):
            kind = self.kinds[source] = Kind()
            kind.ids = list(zip(*(self.tokenizer.ids([getattr(p, side) for p in pairs], self.longest)
                                  for side in ("a", "b"))))
            kind.extra = pairs

    def draw(self, name: str, count: int) -> list[int]:
        """The next rows of a kind, each row once before any comes again."""
        queue = self.queues.setdefault(name, [])
        while len(queue) < count:
            rows = list(range(len(self.kinds[name].ids)))
            self.rng.shuffle(rows)
            queue[:0] = rows
        taken = queue[-count:]
        del queue[-count:]
        return taken

    def draw_neighbours(self, name: str, count: int) -> list[int]:
        """As draw(), but every second row is a near neighbour of the one before it, by their targets: a batch of
        strangers does not teach which of two similar texts is the more similar."""
        if name not in self.stacked:
            self.stacked[name] = np.stack([row[0] for row in self.kinds[name].target]).astype(np.float32)
        rows = self.draw(name, (count + 1) // 2)
        out: list[int] = []
        for row, near in zip(rows, nearest(self.stacked[name], rows, NEIGHBOURS)):
            out += [row, int(self.rng.choice(near))]
        return list(dict.fromkeys(out))[:count]

    def forget_queues(self) -> None:
        """Begins every kind's order anew, so that rows added by refresh() come soon."""
        self.queues.clear()


def nearest(vectors: np.ndarray, rows: list[int], count: int) -> np.ndarray:
    """Of each of the rows of [n][D] unit vectors the `count` others of the largest dot product, in no order."""
    score = vectors[rows] @ vectors.T
    score[np.arange(len(rows)), rows] = -2
    return np.argpartition(score, -count, axis=1)[:, -count:]


def micro_batches(ids: list[list[int]], tokens: int) -> Iterator[list[int]]:
    """Rows sorted by length and cut so that padded size stays below `tokens`."""
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * len(ids[order[end]]) > tokens:
            yield order[start:end]
            start = end
