"""Step 1 of `make train`: chooses texts and caches their teachers' vectors in chunks.

Every chunk holds texts of every kind in the same mixture, so training may begin with the first chunk and take the
others as they come. A chunk is texts (JSON) and vectors (fp16, .npz); it is written under another name and renamed, so
what is there is whole, and a second run goes on behind the last one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import born_again
import corpus
import settings
import teachers
import written

Chunk = dict[str, list[Any]]


class Source:
    """The corpus in a fixed random order, handed out chunk by chunk, evaluation texts left out."""

    def __init__(self, folder: Path, banned: set[str], mixture: dict[str, int], seed: int) -> None:
        self.mixture = mixture
        self.seed = seed
        self.topics = written.read_all(written.FOLDER)
        kept = self.kept = partial(corpus.is_free, banned)
        zh = [t for t in corpus.lines(folder / "zh.txt.xz") if kept(t)]
        asked = corpus.shuffled((t for t in zh if corpus.is_question(t)), seed)
        general = [t for t in asked if not corpus.is_finance(t)]
        finance = [t for t in asked if corpus.is_finance(t)]
        self.questions = corpus.shuffled(general + finance[:len(general) // 4], seed)
        self.zh = corpus.shuffled((t for t in zh if not corpus.is_question(t)), seed)
        self.en = corpus.shuffled((t for t in corpus.lines(folder / "en.txt.xz") if kept(t)), seed)
        pairs = [line.split("\t") for line in corpus.lines(folder / "pairs.zh-en.tsv.xz")]
        rng = random.Random(seed)
        rng.shuffle(pairs)
        pairs = [p for p in pairs if kept(*p)]
        everyday = [p for p in pairs if not corpus.is_technical(*p)]
        other = [p for p in pairs if corpus.is_technical(*p)]
        self.pairs = everyday + other[:len(everyday) // 4]
        rng.shuffle(self.pairs)
        self.labelled = {name: [p for p in corpus.read_labelled(folder / file) if kept(p.a, p.b)]
                         for name, file in (("zh", "zh-paraphrase.tsv.xz"), ("en", "en-pairs.tsv.xz"))}
        for value in self.labelled.values():
            rng.shuffle(value)
        print(f"texts: {len(self.questions)} zh questions, {len(self.zh)} other zh, {len(self.en)} en, "
              f"{len(self.pairs)} pairs ({len(everyday)} everyday), {len(self.labelled['zh'])} + "
              f"{len(self.labelled['en'])} labelled", flush=True)

    def chunk(self, number: int) -> Chunk:
        """Chunk `number` (from 0): the next slice of every kind; a kind that runs out starts again."""

        def part(items: list[Any], name: str) -> list[Any]:
            n = self.mixture[name]
            return [items[i % len(items)] for i in range(number * n, (number + 1) * n)]

        rng = random.Random(self.seed * 1000 + number)
        zh, en = part(self.zh, "zh"), part(self.en, "en")
        own = filter(self.kept, written.texts(self.topics, self.mixture["written"], rng))
        return {"zh": part(self.questions, "questions") + zh + list(own), "en": en,
                "pair": part(self.pairs, "pairs"),
                "label_zh": [[p.a, p.b, p.label, p.source] for p in part(self.labelled["zh"], "labelled_zh")],
                "label_en": [[p.a, p.b, p.label, p.source] for p in part(self.labelled["en"], "labelled_en")],
                "long_zh": [self._long(zh, "", rng.randint(90, 460), rng) for _ in range(self.mixture["long_zh"])],
                "long_en": [self._long(en, " ", rng.randint(350, 1700), rng)
                            for _ in range(self.mixture["long_en"])]}

    @staticmethod
    def _long(texts: list[str], joint: str, characters: int, rng: random.Random) -> str:
        out = rng.choice(texts)
        while len(out) < characters:
            out += joint + rng.choice(texts)
        return out


def vectors_of(chunk: Chunk, e5: teachers.Teacher, bge: teachers.Teacher,
               minilm: teachers.Teacher) -> dict[str, np.ndarray]:
    """Teacher vectors of a chunk: e5 for all, bge for Chinese, MiniLM for English that fits it."""
    texts = {"zh": chunk["zh"], "en": chunk["en"], "long_zh": chunk["long_zh"], "long_en": chunk["long_en"],
             "pair_zh": [p[0] for p in chunk["pair"]], "pair_en": [p[1] for p in chunk["pair"]]}
    for side, at in (("a", 0), ("b", 1)):
        texts[f"label_zh_{side}"] = [p[at] for p in chunk["label_zh"]]
        texts[f"label_en_{side}"] = [p[at] for p in chunk["label_en"]]
    out: dict[str, np.ndarray] = {}
    for name, part in texts.items():
        out[f"{name}.e5"] = e5.vectors(part).astype(np.float16)
        if "zh" in name:
            out[f"{name}.bge"] = bge.vectors(part).astype(np.float16)
        elif not name.startswith("long"):
            out[f"{name}.minilm"] = minilm.vectors(part).astype(np.float16)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    config = settings.load(args.config)
    torch.set_num_threads(args.threads)
    cache = config.cache / "chunks"
    cache.mkdir(parents=True, exist_ok=True)
    source = Source(config.corpus, corpus.evaluation_keys(config.evaluation), config.mixture, config.seed)
    e5 = teachers.load_e5(config.e5)
    bge = teachers.load_bert("bge", config.bge, "cls", 512)
    minilm = teachers.load_bert("minilm", config.minilm, "mean", 256)
    began, made = time.monotonic(), 0
    for number in range(config.chunks):
        target = cache / f"{number:04d}.npz"
        if target.exists():
            continue
        chunk = source.chunk(number)
        vectors = vectors_of(chunk, e5, bge, minilm)
        (cache / f"{number:04d}.json").write_text(json.dumps(chunk, ensure_ascii=False), encoding="utf-8")
        partial = cache / f"{number:04d}.partial.npz"
        np.savez(partial, **vectors)  # type: ignore[arg-type]
        partial.rename(target)
        made += 1
        each = (time.monotonic() - began) / made
        print(f"chunk {number + 1} of {config.chunks}: {each:.0f} s each, "
              f"{each * (config.chunks - number - 1) / 60:.0f} minutes left", flush=True)
    print(f"{born_again.update(config.cache, config.start)} chunks with the start model's own vectors", flush=True)


if __name__ == "__main__":
    main()
