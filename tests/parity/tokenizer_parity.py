"""Compares rosim's tokenizers with Hugging Face's, token by token: ids and offsets in code points.

Usage: python tests/parity/tokenizer_parity.py DRIVER [--sts DIR] [--cache DIR] [--mixes N] [--only NAME]
DRIVER is the program made from tokenize_stream.c. Text sets: every Unicode scalar value in four contexts; random mixes
of scripts (fixed seed); every text below --sts. Models: weights/default as it is and cased; a small one with added
tokens of every flag; RoFormer's word tokenizer over a synthetic vocabulary; and those in --cache. Prints the number of
differences and fails when there is one. Needs requirements-tokenizer.txt.
"""

from __future__ import annotations

import argparse
import array
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from transformers import BertTokenizer, RoFormerTokenizer

DEFAULT = Path("weights/default")
DICTIONARY = Path("model/text/jieba/dictionary.txt")
BATCH = 50000
Tokens = tuple[list[int], list[int], list[int]]


@dataclass
class Case:
    name: str
    folder: Path
    oracle: Tokenizer


def scalars() -> Iterator[str]:
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            yield chr(code)


def every_scalar() -> Iterator[str]:
    for c in scalars():
        yield from (f"a{c}b", f"{c}b", f"a{c}", c + c)


SCRIPTS: Sequence[tuple[int, int]] = (
    (0x20, 0x7F), (0x20, 0x7F), (0x61, 0x7B), (0x61, 0x7B), (0xA0, 0x180), (0x180, 0x370), (0x300, 0x370),
    (0x370, 0x530), (0x531, 0x600), (0x600, 0x780), (0x900, 0xE00), (0xE00, 0x1000), (0x1000, 0x1400),
    (0x1AB0, 0x1B00), (0x1D00, 0x2000), (0x2000, 0x2070), (0x2100, 0x2400), (0x2E80, 0x3100), (0x3040, 0x3100),
    (0x302A, 0x3030), (0x3400, 0x3500), (0x4E00, 0x9FFF), (0x4E00, 0x9FFF), (0x4E00, 0x9FFF), (0xA000, 0xAC00),
    (0xAC00, 0xD7B0), (0xE000, 0xE100), (0xF900, 0xFB00), (0xFB00, 0xFE00), (0xFE00, 0x10000), (0x10300, 0x10A60),
    (0x11000, 0x11900), (0x1D100, 0x1D250), (0x1F300, 0x1FB00), (0x20000, 0x20100), (0x2B700, 0x2B9A0),
    (0x2F800, 0x2FA20), (0xE0100, 0xE01F0), (0, 0x110000),
)
PHRASES: Sequence[str] = (
    " ", "  ", "\t", "\r\n", "\u3000", "\u200d", "\ufe0f", "\u0301", "\u0323\u0307", "\u0344\u0316",
    "\U0001d165\u0316", "\u302e\u0301", "\U0001d15e\U0001d16d\u0301", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]",
    "[sep]", "[SEP", "[MASK ]", "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "don't", "U.S.A.", "C++", "AT&T", "3.14%", "İstanbul",
    "ΣΑΣ", "Straße", "ﬁne", "ⅷ", "今天天气非常好", "北京大学", "我们", "有限公司", "（中国）", "，", "。", "T恤", "卡拉OK", "the ", "running ",
    "##ing", "unaffable", "a" * 99, "b" * 100, "c" * 101, "é" * 100, "e\u0301" * 101, "한국어", "가각", "\x00", "\x7f",
    "\x85", "\xad", "\ufeff", "\ufffd", "\u2028", "<mark>", "<MARK>", "New York", "new york", "[X]", "Ünï",
    "\U00016ff0\u0301", "\u09cb", "\u0f73\u0f71",
)


def random_mixes(count: int, seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    for _ in range(count):
        parts: list[str] = []
        scripts = dice.choices(SCRIPTS, k=dice.randint(1, 3))
        for _ in range(dice.randint(1, 14)):
            if dice.random() < 0.35:
                parts.append(dice.choice(PHRASES))
                continue
            first, last = dice.choice(scripts)
            codes = (dice.randrange(first, last) for _ in range(dice.randint(1, 5)))
            parts.append("".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000))
        yield "".join(parts)


def texts_below(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.tsv")):
        for line in file.read_text(encoding="utf-8").split("\n"):
            yield from (field for field in line.split("\t") if field)
            yield line


def ours(driver: str, folder: Path, texts: Sequence[str]) -> Iterator[Tokens]:
    encoded = [text.encode() for text in texts]
    sent = b"".join(len(e).to_bytes(4, sys.byteorder) + e for e in encoded)
    done = subprocess.run([driver, str(folder)], input=sent, stdout=subprocess.PIPE, check=True)
    words = array.array("I", done.stdout)
    at = 0
    for _ in texts:
        n = words[at]
        at += 1
        yield words[at : at + n].tolist(), words[at + n : at + 2 * n].tolist(), words[at + 2 * n : at + 3 * n].tolist()
        at += 3 * n
    assert at == len(words)


def compare(driver: str, case: Case, name: str, texts: Iterable[str], batch: int = BATCH) -> int:
    source, seen, differences = iter(texts), 0, 0
    while part := list(islice(source, batch)):
        wanted = case.oracle.encode_batch(part)
        for text, got, want in zip(part, ours(driver, case.folder, part), wanted, strict=True):
            starts, ends = [o[0] for o in want.offsets], [o[1] for o in want.offsets]
            if got != (want.ids, starts, ends):
                differences += 1
                if differences <= 3:
                    print(f"  {text!a}\n    ours   {got}\n    theirs {(want.ids, starts, ends)}")
        seen += len(part)
    print(f"{case.name:24} {name:16} {seen:9} texts {differences:7} differences", flush=True)
    return differences


def write(folder: Path, vocabulary: Sequence[str], config: dict[str, object]) -> Path:
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def bert(name: str, root: Path, vocabulary: Sequence[str], **config: object) -> Case:
    folder = write(root / name, vocabulary, {"tokenizer_class": "BertTokenizer", **config})
    return Case(name, folder, BertTokenizer.from_pretrained(folder).backend_tokenizer)


def with_added_tokens(root: Path, vocabulary: Sequence[str]) -> Case:
    """tokenizer.json with an added token for every flag, some of them new."""
    tokenizer = bert("plain", root, vocabulary).oracle
    tokenizer.add_tokens(
        [
            AddedToken("<MARK>", normalized=True),
            AddedToken("New York", normalized=True, single_word=True),
            AddedToken("Ünï", normalized=True, lstrip=True),
            AddedToken("[X]", normalized=False, single_word=True, lstrip=True, rstrip=True),
            AddedToken("we", normalized=False, rstrip=True),
            AddedToken("今天", normalized=False),
        ]
    )
    folder = root / "added"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return Case("added tokens", folder, tokenizer)


def roformer(root: Path) -> Case:
    """Jieba's words, their characters and some English pieces, fifty thousand in all."""
    dice = random.Random(7)
    words = [line.split(" ")[0] for line in DICTIONARY.read_text(encoding="utf-8").splitlines()[1:]]
    default = (DEFAULT / "vocab.txt").read_text(encoding="utf-8").splitlines()
    pieces = dict.fromkeys(default)
    pieces.update(dict.fromkeys(sorted({c for word in words for c in word})))
    pieces.update(dict.fromkeys(dice.sample(words, 50000 - len(pieces))))
    folder = write(root / "roformer", list(pieces), {"tokenizer_class": "RoFormerTokenizer", "do_lower_case": True})
    # Not from_pretrained: transformers 5.23 hands the file's path to the segmenter as its vocabulary, so that no word
    # is found.
    oracle = RoFormerTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})
    return Case("roformer words", folder, oracle.backend_tokenizer)


def cached(folder: Path) -> Case:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Case(folder.name, folder, tokenizer)


def cases(root: Path, cache: Path | None) -> Iterator[Case]:
    vocabulary = (DEFAULT / "vocab.txt").read_text(encoding="utf-8").splitlines()
    yield Case("default", DEFAULT, BertTokenizer.from_pretrained(DEFAULT).backend_tokenizer)
    cased = vocabulary + [piece.upper() for piece in vocabulary[:4000] if piece.upper() not in vocabulary]
    cased = list(dict.fromkeys(cased))
    yield bert("cased", root, cased, do_lower_case=False)
    yield bert("cased stripped", root, cased, do_lower_case=False, strip_accents=True)
    yield bert("lower with accents", root, vocabulary, strip_accents=False, tokenize_chinese_chars=False)
    yield with_added_tokens(root, vocabulary)
    yield roformer(root)
    for folder in sorted(cache.iterdir()) if cache and cache.is_dir() else ():
        if (folder / "tokenizer.json").is_file():
            yield cached(folder)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--sts", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("weights/cache"))
    parser.add_argument("--mixes", type=int, default=100000)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    if chosen.sts and not chosen.sts.is_dir():
        parser.error(f"{chosen.sts} is not a folder")
    differences = 0
    with tempfile.TemporaryDirectory() as root:
        for case in cases(Path(root), chosen.cache):
            if chosen.only not in case.name:
                continue
            # RoFormer's segmenter calls back into Python for every text: one context is enough there.
            contexts = (f"a{c}b" for c in scalars()) if case.name == "roformer words" else every_scalar()
            differences += compare(chosen.driver, case, "random mixes", random_mixes(chosen.mixes, seed=3))
            if chosen.sts:
                differences += compare(chosen.driver, case, "sts", texts_below(chosen.sts))
            differences += compare(chosen.driver, case, "every scalar", contexts)
    print(f"{differences} differences")
    return differences > 0


if __name__ == "__main__":
    sys.exit(main())
