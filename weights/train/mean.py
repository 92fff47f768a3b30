"""The weighted mean of two models of one run, with a soft whitening of its own vectors folded into the pooler.

What one schedule learns on top of another is half kept in their mean, and so is what it forgets (Wortsman et al. 2022,
model soups). The pooler is linear and the last layer, so norm(S v) costs nothing: weight and bias are multiplied by S.
S is that of targets.py, over vectors of short texts of a chunk, as many Chinese as English.

Sharper softmax attention tells apart who did what to whom (PAWS-X), softer one what texts are about; it can be chosen
for softmax alone, after the training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

import encoding
import model
import pool
import settings
import targets
from export import tensors_of

TEXTS = 1100                # of each language
LONGEST = {"zh": 40, "en": 150}         # characters


def short_texts(chunk: Path) -> list[str]:
    texts = json.loads(chunk.read_text(encoding="utf-8"))
    out: list[str] = []
    for lang, longest in LONGEST.items():
        out += [text for text in texts[lang] if len(text) < longest][:TEXTS]
    return out


def fold(weights: dict[str, Tensor], spread: Tensor) -> dict[str, Tensor]:
    """The weights of an encoder whose vectors are norm(S v), v those of the first; S is [width][width]."""
    return {name: spread @ w if name.startswith("pooler.dense.") else w for name, w in weights.items()}


def sharpened(weights: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """The weights with every score of softmax attention times the factor; linear attention, whose map of the queries
    is divided by it, stays as it was."""
    scale = {".query.": factor, ".linear_query_map": 1 / factor}
    return {name: w * next((by for part, by in scale.items() if part in name), 1.0) for name, w in weights.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path, help="a checkpoint, whose optimiser state is kept")
    parser.add_argument("second", type=Path, help="another, or a model folder")
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.7, help="of the first")
    parser.add_argument("--whitening", type=float, default=0.25, help="0 none, 1 all of it, below 0 the contrary")
    parser.add_argument("--sharpness", type=float, default=1.0, help="a factor of softmax attention's scores")
    parser.add_argument("--chunk", type=Path, required=True, help="a chunk's json, for its texts")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "default.toml")
    args = parser.parse_args()
    start = settings.load(args.config).start
    state = torch.load(args.first, weights_only=False, map_location="cpu")
    first, second = state["model"], tensors_of(args.second)
    mean = sharpened({name: args.share * first[name] + (1 - args.share) * second[name] for name in first},
                     args.sharpness)
    encoder = model.load(start)
    encoder.load_state_dict(mean)
    encoder.eval()
    ids = pool.StudentTokenizer(start).ids(short_texts(args.chunk), 64)
    spread = torch.tensor(targets.soft_whitening(encoding.vectors(encoder, ids, False), args.whitening))
    torch.save({**state, "model": fold(mean, spread)}, args.out)


if __name__ == "__main__":
    main()
