"""`make train STEP=long`: how the vectors hold on texts longer than those of the training.

Long texts are joined from sentences of the corpus that training did not see. For each length in tokens
    teacher   mean cosine between the student's vector and its target from the teachers, on the same text
    found     share of extracts that find their text among all by the nearest vector; an extract is every second
              sentence, from the last to the first
    cut       the same when texts and extracts are cut to 64 tokens, as a server without long texts would
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch

import corpus
import encoding
import model
import pool
import prepare
import settings
import targets
import teachers

LENGTHS = (32, 64, 128, 256, 512, 1024)
E5_SEES = 512             # tokens; there is no target for longer texts
CUT = 64
TEXTS = 100               # of one language and length


def joined(sentences: list[str], joint: str, tokens: int, tokenizer: pool.StudentTokenizer,
           rng: random.Random) -> list[str]:
    """Sentences that together have about so many tokens, at least two of them."""
    out = rng.sample(sentences, 2)
    while len(tokenizer.ids([joint.join(out)], 1 << 16)[0]) < tokens * 0.92:
        out.append(rng.choice(sentences))
    return out


def found(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a @ b.T).argmax(1) == np.arange(len(a))).mean())


def measure(folder: Path, config: settings.Settings) -> None:
    torch.set_num_threads(2)
    encoder, tokenizer = model.load(folder).eval(), pool.StudentTokenizer(folder)
    sides = targets.load(config.cache / "targets.npz")
    e5 = teachers.load_e5(config.e5)
    bge = teachers.load_bert("bge", config.bge, "cls", 512)
    source = prepare.Source(config.corpus, corpus.evaluation_keys(config.evaluation), config.mixture, config.seed)
    fresh = {"zh": source.zh[-20000:], "en": source.en[-20000:]}    # the last chunks of any run are far before these
    print("| language | tokens | teacher, softmax | linear | found, softmax | linear | cut, softmax | linear |")
    print("|" + "---|" * 8)
    for lang, joint in (("zh", ""), ("en", " ")):
        for length in LENGTHS:
            rng = random.Random(length)
            texts = [joined(fresh[lang], joint, length, tokenizer, rng) for _ in range(TEXTS)]
            whole = [joint.join(t) for t in texts]
            both = whole, [joint.join(t[::-2]) for t in texts]
            second = bge.vectors(whole) if lang == "zh" else None
            target = sides[lang].target(e5.vectors(whole), second) if length <= E5_SEES else None
            cells = [[], [], []]
            for linear in (False, True):
                def vectors(part: list[str], longest: int) -> np.ndarray:
                    return encoding.vectors(encoder, tokenizer.ids(part, longest), linear)

                cells[0].append("" if target is None else f"{(vectors(whole, length) * target).sum(1).mean():.3f}")
                cells[1].append(f"{found(*(vectors(h, 1 << 16) for h in both)):.2f}")
                cells[2].append(f"{found(*(vectors(h, CUT) for h in both)):.2f}")
            print(f"| {lang} | {length} | " + " | ".join(c for pair in cells for c in pair) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    args = parser.parse_args()
    measure(args.model, settings.load(args.config))


if __name__ == "__main__":
    main()
