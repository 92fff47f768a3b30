"""The training texts: reading the corpus, choosing from it, and keeping evaluation texts out.

The corpus folder holds zh.txt.xz, en.txt.xz, pairs.zh-en.tsv.xz, zh-paraphrase.tsv.xz and en-pairs.tsv.xz (its README
says what they are). A text counts as an evaluation text when it is equal to one after normalisation: NFKC, lower case,
nothing but letters and digits.
"""

from __future__ import annotations

import lzma
import random
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

QUESTION = re.compile("吗|怎|什么|如何|为何|哪|几|多少|能不能|是不是|可以|有没有|谁|呢|？|\\?")
TECHNICAL = re.compile(r"[`_%|{}\[\]<>=\\/#$&~^*@]|\b[a-z]+[A-Z]|\.\w|--|:$|\d{4,}")
FINANCE = re.compile("花呗|花贝|借呗|蚂蚁|支付宝|还款|贷款|额度|账单|余额|银行|信用卡|分期|逾期|微粒贷|提现|转账|扫码|付款|红包|"
                     "微众|借款|利息|开通|收钱|绑定")
SHORT_QUESTION = 20       # characters


@dataclass(frozen=True)
class Labelled:
    """Two texts of one language and a label between 0 and 1."""

    a: str
    b: str
    label: float
    source: str


def comparison_key(text: str) -> str:
    """The form in which two texts count as equal."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if unicodedata.category(c)[0] in "LN")


def evaluation_keys(folder: Path | None) -> set[str]:
    """The keys of every text in the score<TAB>a<TAB>b files of a folder; empty without a folder."""
    keys: set[str] = set()
    for path in sorted(folder.glob("*.tsv")) if folder else []:
        for line in path.read_text(encoding="utf-8").splitlines():
            keys.update(comparison_key(text) for text in line.split("\t")[1:3])
    return keys - {""}


def is_free(banned: set[str], *texts: str) -> bool:
    """Whether none of the texts is one of the evaluation's."""
    return not banned or not any(comparison_key(text) in banned for text in texts)


def lines(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def read_labelled(path: Path) -> list[Labelled]:
    """Labelled pairs, every scale brought to 0..1."""
    out: list[Labelled] = []
    for line in lines(path):
        label, a, b, source = line.split("\t")
        scale = 5.0 if source.startswith(("stsb", "sick")) else 1.0
        out.append(Labelled(a, b, float(label) / scale, source))
    return out


def labelled_sets(folder: Path, banned: set[str]) -> dict[str, list[Labelled]]:
    """Every labelled pair by its source, and one set across languages: English STS-B pairs whose first side has a
    Chinese translation among the translation pairs."""
    found = read_labelled(folder / "zh-paraphrase.tsv.xz") + read_labelled(folder / "en-pairs.tsv.xz")
    out: dict[str, list[Labelled]] = {}
    for pair in found:
        if is_free(banned, pair.a, pair.b):
            out.setdefault(pair.source, []).append(pair)
    english = {text for pair in out.get("stsb-en-train", []) for text in (pair.a, pair.b)}
    translated: dict[str, str] = {}
    for line in lines(folder / "pairs.zh-en.tsv.xz"):
        zh, en = line.split("\t")
        if en in english:
            translated[en] = zh
    for pair in out.get("stsb-en-train", []):
        for first, second in ((pair.a, pair.b), (pair.b, pair.a)):
            if first in translated:
                out.setdefault("stsb-zh-en", []).append(Labelled(translated[first], second, pair.label, "stsb-zh-en"))
    return out


def is_question(text: str) -> bool:
    return len(text) <= SHORT_QUESTION and QUESTION.search(text) is not None


def is_finance(text: str) -> bool:
    """Whether a Chinese question looks like one to a bank or a payment service: two in five of the corpus are."""
    return FINANCE.search(text) is not None


def is_technical(zh: str, en: str) -> bool:
    """Whether a translation pair looks like documentation or interface text rather than a sentence."""
    return bool(TECHNICAL.search(zh) or TECHNICAL.search(en)) or en[-1:] not in ".?!\"'" or len(en.split()) < 4


def shuffled(items: Iterable[str], seed: int) -> list[str]:
    out = list(items)
    random.Random(seed).shuffle(out)
    return out
