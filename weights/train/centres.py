"""The middle of what each written group's phrases mean to the teachers: a target that all its phrases share.

A teacher's vector of one phrase also says how it was put; the mean over paraphrases says less of that (the class means
of prototypical networks, Snell et al. 2017). Groups with slots have none: other words mean other things.
prepare.py caches the teachers' vectors of some phrases of each group, by the group's key; train.py makes the means.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Callable

import numpy as np

import targets
import teachers
import written

FEWEST = 6          # phrases of a group that are encoded, if it has as many
PART = 4            # of a large group a PART-th

Texts = list[tuple[int, str]]       # the key of a group, a text of it


def missing(topics: list[written.Topic], known: set[int], kept: Callable[[str], bool], rng: random.Random) -> Texts:
    """Texts of the groups that are not known yet."""
    out: Texts = []
    for group in (group for topic in topics for group in topic.groups if not written.has_slots(group)):
        key = written.key(group)
        if key in known:
            continue
        count = min(len(group), max(FEWEST, len(group) // PART))
        texts = [written.filled(phrase, {}, rng) for phrase in rng.sample(group, count)]
        out += [(key, text) for text in texts if kept(text)]
    return out


def update(path: Path, topics: list[written.Topic], kept: Callable[[str], bool], e5: teachers.Teacher,
           bge: teachers.Teacher, seed: int) -> int:
    """Adds the vectors of the groups that the file lacks; how many texts those were."""
    old = dict(np.load(path)) if path.exists() else {}
    added = missing(topics, set(old.get("key", np.zeros(0, np.int64)).tolist()), kept, random.Random(seed))
    if added:
        texts = [text for _, text in added]
        new = {"key": np.array([key for key, _ in added], np.int64), "e5": e5.vectors(texts).astype(np.float16),
               "bge": bge.vectors(texts).astype(np.float16)}
        partial = path.with_suffix(".partial.npz")
        joined = {name: np.concatenate([old[name], part]) if old else part for name, part in new.items()}
        np.savez(partial, **joined)  # type: ignore[arg-type]
        partial.rename(path)
    return len(added)


def load(path: Path, side: targets.Side) -> dict[int, np.ndarray]:
    """By the key of a group the normalised mean of its phrases' targets, [384] fp32."""
    if not path.exists():
        return {}
    raw = np.load(path)
    keys, row = np.unique(raw["key"], return_inverse=True)
    total = np.zeros((len(keys), raw["e5"].shape[1]), np.float32)
    np.add.at(total, row, side.target(raw["e5"], raw["bge"]))
    return dict(zip(keys.tolist(), targets.unit(total)))
