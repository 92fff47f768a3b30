"""Targets of a schedule that begins with a trained student: its own vectors, joined with the second teacher's.

    T = norm(v + w R c)     v = the start model's vector (the mean of both attentions'), c = bge's vector,
                            R = the rotation that brings c nearest to v, w = 0 for what asks nothing

After some schedules the student orders Chinese questions better than the target it was first distilled from, and that
target holds it back; what it has learnt and its teacher together order them better than either (born-again networks,
Furlanello et al. 2018). Only Chinese texts: English ones and translations keep their first targets.
prepare.py caches the own vectors chunk by chunk, in a folder named by the start model's weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import corpus
import encoding
import model
import pool
import targets

KINDS = {"zh": lambda chunk: chunk["zh"],
         "label_zh_a": lambda chunk: [pair[0] for pair in chunk["label_zh"]],
         "label_zh_b": lambda chunk: [pair[1] for pair in chunk["label_zh"]]}
LONGEST = 64            # tokens of a text that are encoded
FIT_CHUNKS = 4          # from which the rotation is fitted


def folder(cache: Path, start: Path) -> Path:
    with (start / "model.safetensors").open("rb") as file:
        return cache / f"own-{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"


def update(cache: Path, start: Path) -> int:
    """Encodes the chunks that the folder lacks with the start model; how many those were."""
    place = folder(cache, start)
    missing = [path for path in sorted((cache / "chunks").glob("[0-9]*.json"))
               if not (place / f"{path.stem}.npz").exists()]
    if missing:
        place.mkdir(exist_ok=True)
        encoder, tokenizer = model.load(start).eval(), pool.StudentTokenizer(start)
    for path in missing:
        chunk = json.loads(path.read_text(encoding="utf-8"))
        ids = {name: tokenizer.ids(texts(chunk), LONGEST) for name, texts in KINDS.items()}
        out = {name: targets.unit(sum(encoding.vectors(encoder, rows, linear) for linear in (False, True)))
               for name, rows in ids.items()}
        partial = place / f"{path.stem}.partial.npz"
        np.savez(partial, **{name: v.astype(np.float16) for name, v in out.items()})  # type: ignore[arg-type]
        partial.rename(partial.with_name(f"{path.stem}.npz"))
    return len(missing)


class BornAgain:
    """Reads the own vectors of a chunk and joins them with bge's."""

    def __init__(self, cache: Path, start: Path, weight: float) -> None:
        self.folder, self.weight = folder(cache, start), weight
        paths = sorted(self.folder.glob("[0-9]*.npz"))[:FIT_CHUNKS] if self.folder.exists() else []
        self.turn = targets.turn(*(np.concatenate(side) for side in zip(*(
            (_fp32(path, "zh"), _fp32(cache / "chunks" / path.name, "zh.bge")) for path in paths)))) if paths else None

    def target(self, chunk: Path, name: str, bge: Any, texts: list[str]) -> targets.Array | None:
        """[n][384], or None where there are no own vectors."""
        path = self.folder / chunk.name
        if self.turn is None or name not in KINDS or not path.exists():
            return None
        weight = np.array([self.weight * corpus.is_question(text) for text in texts], np.float32)
        return targets.unit(_fp32(path, name) + weight[:, None] * bge.astype(np.float32) @ self.turn.T)


def _fp32(path: Path, name: str) -> targets.Array:
    return np.load(path)[name].astype(np.float32)
