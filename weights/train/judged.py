"""Questions of the corpus beside their nearest neighbours, judged by readers: which of these ask the same.

The corpus may not be shipped, so judged/*.txt name its texts by a hash. A line is one question and what was said of
its neighbours: the question's hash, then hashes behind `+` (the same), `-` (another) or `?` (undecided).
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

import corpus

FOLDER = Path(__file__).parent / "judged"
DIGITS = 10         # hexadecimal, of a hash: of 200,000 texts two share one by chance in 2 of 100 corpora
SAME, OTHER, UNDECIDED = "+", "-", "?"


@dataclass(frozen=True)
class Block:
    """A question, texts that ask the same (it comes first), and texts that ask something else."""

    same: tuple[str, ...]
    other: tuple[str, ...]


Pairs = list[tuple[int, int]]


def pairs(blocks: list[Block]) -> tuple[Pairs, Pairs]:
    """The pairs of texts that ask the same, and those that do not: places in the blocks' texts one after the other."""
    same: Pairs = []
    different: Pairs = []
    start = 0
    for block in blocks:
        middle, end = start + len(block.same), start + len(block.same) + len(block.other)
        same += itertools.combinations(range(start, middle), 2)
        different += itertools.product(range(start, middle), range(middle, end))
        start = end
    return same, different


def digest(text: str) -> str:
    return hashlib.sha256(corpus.comparison_key(text).encode()).hexdigest()[:DIGITS]


def line(question: str, neighbours: Iterable[tuple[str, str]]) -> str:
    """The line of a question and its neighbours, each with its sign."""
    return " ".join([digest(question)] + [sign + digest(text) for text, sign in neighbours])


def read(text: str, known: dict[str, str]) -> Block | None:
    """The block of a line, without the texts that are not known; None without the question or any neighbour."""
    question, *neighbours = text.split()
    if question not in known:
        return None

    def those(sign: str) -> tuple[str, ...]:
        return tuple(known[word[1:]] for word in neighbours if word[0] == sign and word[1:] in known)

    same, other = (known[question],) + those(SAME), those(OTHER)
    return Block(same, other) if len(same) + len(other) > 1 else None


def read_all(folder: Path, texts: Iterable[str]) -> dict[str, list[Block]]:
    """By file the blocks, with the corpus' texts in place of their hashes."""
    lines = {path.stem: path.read_text(encoding="ascii").splitlines() for path in sorted(folder.glob("*.txt"))}
    wanted = {word.lstrip(SAME + OTHER + UNDECIDED) for found in lines.values() for text in found
              for word in text.split()}
    known = {key: text for text in texts if (key := digest(text)) in wanted}
    return {name: [block for text in found if (block := read(text, known))] for name, found in lines.items()}
