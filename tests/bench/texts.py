"""The texts of the benchmarks: our own sentences, short as they are or joined to longer ones, the same in every run."""

from __future__ import annotations

import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
MIXED_TOKENS = (8, 256)
CHARACTERS_PER_TOKEN = {"en": 4.6, "zh": 1.0}  # roughly, for the two tokenizers in use


def language_of(model: str) -> str:
    """The language that a model's texts are taken from."""
    return "zh" if "zh" in model or model == "default" else "en"


def sentences(language: str) -> list[str]:
    """Short texts, about 16 tokens each."""
    path = HERE / f"sentences.{language}.txt"
    return path.read_text(encoding="utf-8").splitlines()


def mixed(language: str, count: int) -> list[str]:
    """Texts whose lengths spread evenly over MIXED_TOKENS: sentences joined until a text is long enough, then cut."""
    source = sentences(language)
    chance = random.Random(1)
    joint = " " if language == "en" else ""
    texts = []
    for index in range(count):
        share = (index + 0.5) / count
        tokens = MIXED_TOKENS[0] + share * (MIXED_TOKENS[1] - MIXED_TOKENS[0])
        length = max(4, int((tokens - 2) * CHARACTERS_PER_TOKEN[language]))
        text = ""
        while len(text) < length:
            text += (joint if text else "") + chance.choice(source)
        texts.append(text[:length].strip())
    chance.shuffle(texts)
    return texts
