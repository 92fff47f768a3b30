"""Writes the golden files of the text room from Hugging Face tokenizers and rjieba, so that CI needs no Python.

Run in the repository's root: python tests/golden/text/make_golden.py (tests/parity/requirements-tokenizer.txt). Each line of
a *.golden file is a text, its ids, and starts+lengths in bytes of the text; jieba.golden has a text's words, decode.golden ids
and two texts. Fields are parted by tabs; what is not printable ASCII or a letter is written as \\u{hex}.
"""

from __future__ import annotations

import json
import random
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import rjieba
from tokenizers import AddedToken, Tokenizer
from transformers import BertTokenizer, RoFormerTokenizer

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))

from tokenizer_parity import PHRASES, random_mixes, scalars  # noqa: E402

SENTENCES = (
    "今天天气非常好。",
    "我们中出了一个叛徒",
    "南京市长江大桥",
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造",
    "永和服装饰品有限公司,今天天气非常好",
    "abc网球拍卖会def！！？\r\n\t",
    "iPhone13是C++写的 3.14% a_b.c-d AT&T T恤 B超 b超 c# 卡拉OK",
    "工信处女干事每月经过下属科室都要亲口交代24口交换机等技术性器件的安装工作",
    "1号店 4G手机 2026年11月24日 5G网络",
    "讥䶯䶰䶱䶲䶳䶴䶵𦡦 龥龦鿿 豈更",
    "한국어カタカナひらがな éa İx",
    "The quick brown fox doesn't jump over the lazy dog.",
    "北京 大学 生前 来 应聘",
    "乒乓球拍卖完了",
)


def escaped(text: str) -> str:
    out = []
    for c in text:
        plain = c == " " or (c.isprintable() and unicodedata.category(c)[0] in "LNPS" and unicodedata.is_normalized("NFC", c))
        out.append(c if plain and c != "\\" else f"\\u{{{ord(c):x}}}")
    return "".join(out)


def byte_offsets(text: str) -> list[int]:
    offsets = [0]
    for c in text:
        offsets.append(offsets[-1] + len(c.encode()))
    return offsets


def write_cases(name: str, oracle: Tokenizer, texts: Iterable[str]) -> None:
    lines = []
    for text in dict.fromkeys(texts):
        if not text:
            continue
        encoding, bytes_at = oracle.encode(text), byte_offsets(text)
        spans = (f"{bytes_at[start]}+{bytes_at[end] - bytes_at[start]}" for start, end in encoding.offsets)
        lines.append(f"{escaped(text)}\t{' '.join(map(str, encoding.ids))}\t{' '.join(spans)}\n")
    (HERE / name).write_text("".join(lines), encoding="utf-8")
    print(name, len(lines))


def classes() -> Iterator[str]:
    """Characters of every general category and block of a thousand, in the contexts of the parity script."""
    seen: set[tuple[str, int, bool]] = set()
    for c in scalars():
        key = (unicodedata.category(c), ord(c) // 4096, bool(unicodedata.decomposition(c)))
        if c == "\x00" or key in seen or (key[0] == "Cn" and ord(c) > 0x3000 and ord(c) % 0x10000):
            continue
        seen.add(key)
        yield f"a{c}b {c}{c} {c}"


def short_mixes(count: int, seed: int) -> Iterator[str]:
    for text in random_mixes(4 * count, seed):
        if "\x00" not in text and len(text) <= 60:
            count -= 1
            yield text
        if count == 0:
            return


def write_folder(name: str, pieces: list[str], config: dict[str, object]) -> Path:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return folder


def small_vocabulary() -> list[str]:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(0x21, 0x7F)), *"，。！？（）【】·、…—“”"]
    pieces += [f"##{chr(c)}" for c in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))]
    pieces += "The the run ##ning ##ing un ##aff ##able Straße stra ##ße İ ##stanbul New York new york don mark MARK".split()
    pieces += [c for phrase in (*PHRASES, *SENTENCES) for c in phrase if "\u4e00" <= c <= "\u9fff"]
    return list(dict.fromkeys(pieces))


def added_tokens(pieces: list[str]) -> Tokenizer:
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}).backend_tokenizer
    tokenizer.add_tokens(
        [
            AddedToken("<MARK>", normalized=True),
            AddedToken("New York", normalized=True, single_word=True),
            AddedToken("Ünï", normalized=True, lstrip=True),
            AddedToken("[X]", normalized=False, single_word=True, lstrip=True, rstrip=True),
            AddedToken("now", normalized=False, rstrip=True),
            AddedToken("今天", normalized=False),
        ]
    )
    folder = HERE / "added"
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return tokenizer


ADDED_TEXTS = (
    "<mark>a<MARK> <Mark>", "in New York, NEW YORK New Yorks xNew York", "a Ünï b  ÜNÏb", "é [X] [X]", "a[X]b [X]",
    " \t[X]\u3000 [X]\u3000", "now  then nowadays now", "今天天气今天", "[SEP][SEP] [CLS]x[MASK] [mask]", "und u\u0308nï",
)


def write_jieba(pieces: list[str]) -> None:
    dice = random.Random(11)
    lines = []
    words = [w for w in (ROOT / "model/text/jieba/dictionary.txt").read_text(encoding="utf-8").splitlines()[1:]]
    for _ in range(600):
        picked = (dice.choice(words).split(" ")[0] for _ in range(dice.randint(2, 9)))
        text = "".join(picked)
        start = dice.randint(0, 1)
        lines.append(text[start : len(text) - dice.randint(0, 1)])
    texts = dict.fromkeys([*SENTENCES, *lines])
    rows = ("\t".join(map(escaped, rjieba.cut(text, False))) + "\n" for text in texts)
    (HERE / "jieba.golden").write_text("".join(rows), encoding="utf-8")


def write_decode(tokenizer: Tokenizer, pieces: list[str]) -> None:
    dice = random.Random(5)
    rows = []
    extra = [tokenizer.token_to_id(p) for p in (".", "?", "!", ",", "'", "##s", "##ing", "don", "[SEP]", "[PAD]", "t", "m")]
    for _ in range(300):
        ids = [dice.choice(extra) if dice.random() < 0.6 else dice.randrange(len(pieces)) for _ in range(dice.randint(0, 10))]
        whole = tokenizer.decode(ids, skip_special_tokens=False)
        plain = tokenizer.decode(ids, skip_special_tokens=True)
        rows.append(f"{' '.join(map(str, ids))}\t{escaped(whole)}\t{escaped(plain)}\n")
    (HERE / "decode.golden").write_text("".join(rows), encoding="utf-8")


def main() -> None:
    pieces = small_vocabulary()
    default = BertTokenizer.from_pretrained(ROOT / "weights" / "default").backend_tokenizer
    write_cases("default.golden", default, [*classes(), *PHRASES, *SENTENCES, *short_mixes(1200, seed=1)])
    cased = write_folder("cased", pieces, {"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    write_cases(
        "cased.golden", BertTokenizer.from_pretrained(cased).backend_tokenizer, [*PHRASES, *SENTENCES, *short_mixes(800, seed=2)]
    )
    write_cases("added.golden", added_tokens(pieces), [*ADDED_TEXTS, *PHRASES, *short_mixes(300, seed=4)])
    dice = random.Random(9)
    words = list(dict.fromkeys(word for text in SENTENCES for word in rjieba.cut(text.lower(), False) if word.strip()))
    roformer = pieces + [word for word in words if word not in pieces and dice.random() < 0.7]
    write_folder("roformer", roformer, {"tokenizer_class": "RoFormerTokenizer", "do_lower_case": True})
    oracle = RoFormerTokenizer(vocab={piece: i for i, piece in enumerate(roformer)}).backend_tokenizer
    mixes = ("".join(random.Random(i).sample(SENTENCES, 2)) for i in range(60))
    write_cases("roformer.golden", oracle, [*SENTENCES, *PHRASES, *mixes, *short_mixes(200, seed=6)])
    write_jieba(pieces)
    write_decode(default, default.get_vocab() and sorted(default.get_vocab()))


if __name__ == "__main__":
    main()
