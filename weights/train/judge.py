"""Work for the readers of judged.py, by hand: `draw` writes questions of the corpus beside their neighbours into files,
`merge` takes up what was said of them.

    judge.py draw  everyday|lending FOLDER [--count 1200] [--other-words]
    judge.py merge everyday|lending FOLDER

FOLDER gets files NN.txt: numbered questions, each with up to six others lettered a to f. The reader's answer is NN.ans
beside it, one line for every question: its number, the letters that ask the same or -, and behind a ? those undecided
(`3 ac`, `4 -`, `5 b?d`). What asks the same is said in README.md. Questions that were judged already do not come again.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from pathlib import Path
from typing import Iterator

import numpy as np

import corpus
import encoding
import judged
import model
import pool
import settings

LETTERS = "abcdef"
BLOCKS = 120                # of a file
SAME_TEXT = 0.97            # the cosine from which on a neighbour is only another spelling
TOO_FAR = 0.6               # the cosine below which nobody would ask whether it is the same
FEWEST = 3                  # neighbours of a block
AMONG = 400                 # nearest texts, among which neighbours are chosen
SHARED = 0.3                # of the shorter's pairs of characters: more are not other words
ALIKE = 0.5                 # the same, of two neighbours: the block shows the first
QUESTION = re.compile(r"(\d+) (.+)")
NEIGHBOUR = re.compile(r"  ([a-f]) (.+)")
ANSWER = re.compile(r"(\d+) (-|[a-f]*) ?(?:\? ?([a-f]+))?")

Judged = list[tuple[str, list[tuple[str, str]]]]        # questions, each with its neighbours and their signs


def questions(config: settings.Settings, lending: bool) -> list[str]:
    banned = corpus.evaluation_keys(config.evaluation)
    found = {corpus.comparison_key(text): text for text in corpus.lines(config.corpus / "zh.txt.xz")
             if corpus.is_question(text) and corpus.is_finance(text) == lending and corpus.is_free(banned, text)}
    return sorted(found.values())


def character_pairs(text: str) -> set[str]:
    key = corpus.comparison_key(text)
    return {key[i:i + 2] for i in range(len(key) - 1)}


def overlap(a: set[str], b: set[str]) -> float:
    return len(a & b) / max(1, min(len(a), len(b)))


def neighbours(texts: list[str], scores: np.ndarray, own: int, other_words: bool) -> list[int]:
    """Up to six rows of one row of scores, nearest first."""
    out: list[int] = []
    shown: list[set[str]] = []
    mine = character_pairs(texts[own])
    for row in np.argsort(-scores)[:AMONG]:
        if scores[row] < TOO_FAR or len(out) == len(LETTERS):
            break
        pairs = character_pairs(texts[row])
        said = other_words and (overlap(pairs, mine) > SHARED or any(overlap(pairs, seen) > ALIKE for seen in shown))
        if row != own and scores[row] < SAME_TEXT and not said:
            out.append(int(row))
            shown.append(pairs)
    return out


def draw(config: settings.Settings, name: str, count: int, other_words: bool) -> Iterator[tuple[str, list[str]]]:
    """Questions that nobody has judged, each with its neighbours in random order."""
    texts = questions(config, name == "lending")
    encoder, tokenizer = model.load(config.start).eval(), pool.StudentTokenizer(config.start)
    vectors = encoding.vectors(encoder, tokenizer.ids(texts, int(config.train["longest"])), False)
    path = judged.FOLDER / f"{name}.txt"
    known = {line.split()[0] for line in path.read_text(encoding="ascii").splitlines()} if path.exists() else set()
    rng = random.Random(config.seed + len(known))
    rows = [i for i, text in enumerate(texts) if judged.digest(text) not in known]
    rng.shuffle(rows)
    for row in rows:
        near = neighbours(texts, vectors @ vectors[row], row, other_words)
        if len(near) >= FEWEST:
            rng.shuffle(near)
            yield texts[row], [texts[i] for i in near]
            count -= 1
        if not count:
            return


def written_blocks(blocks: list[tuple[str, list[str]]]) -> str:
    return "".join(f"{number} {question}\n" + "".join(f"  {letter} {text}\n" for letter, text in zip(LETTERS, near))
                   for number, (question, near) in enumerate(blocks, 1))


def read_blocks(text: str) -> dict[int, tuple[str, dict[str, str]]]:
    """By number the question and its neighbours by letter."""
    out: dict[int, tuple[str, dict[str, str]]] = {}
    number = 0
    for line in text.splitlines():
        if found := NEIGHBOUR.fullmatch(line):
            out[number][1][found[1]] = found[2]
        elif found := QUESTION.fullmatch(line):
            number = int(found[1])
            out[number] = (found[2], {})
    return out


def answered(blocks: dict[int, tuple[str, dict[str, str]]], answers: str) -> tuple[Judged, list[str]]:
    """What was said, and what is wrong with how it was said."""
    out: Judged = []
    faults: list[str] = []
    missing = dict(blocks)
    for line in filter(str.strip, answers.splitlines()):
        found = ANSWER.fullmatch(line.strip())
        block = missing.pop(int(found[1]), None) if found else None
        same, undecided = (set(found[2]) - {"-"}, set(found[3] or "")) if found else (set(), set())
        if block is None or not same | undecided <= set(block[1]) or same & undecided:
            faults.append(f"not an answer to a question here: {line}")
            continue
        sign = {letter: judged.OTHER for letter in block[1]}
        sign |= {letter: judged.SAME for letter in same} | {letter: judged.UNDECIDED for letter in undecided}
        out.append((block[0], [(text, sign[letter]) for letter, text in block[1].items()]))
    return out, faults + [f"no answer to {number}" for number in missing]


def merge(name: str, folder: Path) -> list[str]:
    """Adds the answers of a folder to judged/NAME.txt, and says what is wrong with them; nothing is added then."""
    path = judged.FOLDER / f"{name}.txt"
    lines = set(path.read_text(encoding="ascii").splitlines()) if path.exists() else set()
    faults: list[str] = []
    for answers in sorted(folder.glob("*.ans")):
        blocks = read_blocks(answers.with_suffix(".txt").read_text(encoding="utf-8"))
        found, wrong = answered(blocks, answers.read_text(encoding="utf-8"))
        faults += [f"{answers.name}: {fault}" for fault in wrong]
        lines |= {judged.line(question, said) for question, said in found}
    if not faults:
        path.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="ascii")
        print(f"{path.name}: {len(lines)} questions")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=("draw", "merge"))
    parser.add_argument("name", choices=("everyday", "lending"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1200, help="questions to draw")
    parser.add_argument("--other-words", action="store_true", help="only neighbours that are put in other words")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    args = parser.parse_args()
    if args.job == "merge":
        faults = merge(args.name, args.folder)
        print("".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
        return int(bool(faults))
    blocks = list(draw(settings.load(args.config), args.name, args.count, args.other_words))
    args.folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(blocks), BLOCKS)):
        (args.folder / f"{number:02d}.txt").write_text(written_blocks(blocks[start:start + BLOCKS]), encoding="utf-8")
    print(f"{len(blocks)} questions in {args.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
