"""Batches of token ids through the student, and its scores on the development sets without a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import autocast
import evaluate
import model
import pool


def encode(encoder: model.Encoder, ids: list[list[int]], linear: bool,
           table: torch.Tensor | None = None) -> torch.Tensor:
    """One padded batch through the encoder, in bf16 where the device has it."""
    device = encoder.words.device
    longest = max(map(len, ids))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in ids], device=device)
    mask = torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in ids], device=device)
    with autocast.autocast(device):
        out: torch.Tensor = encoder(tokens, mask, linear, table)
    return out


@torch.no_grad()
def vectors(encoder: model.Encoder, ids: list[list[int]], linear: bool, tokens: int = 3000) -> np.ndarray:
    """The vectors of many texts, in their order."""
    out = np.zeros((len(ids), encoder.shape.width), np.float32)
    for rows in pool.micro_batches(ids, tokens):
        out[rows] = encode(encoder, [ids[i] for i in rows], linear).cpu().numpy()
    return out


def quick_scores(encoder: model.Encoder, tokenizer: pool.StudentTokenizer, folder: Path, limit: int | None,
                 longest: int = 128) -> dict[str, tuple[float, float]]:
    """Spearman x 100 per set, softmax and linear; `make eval` measures the real thing."""
    out: dict[str, tuple[float, float]] = {}
    for path in sorted(folder.glob("*.tsv")):
        data = evaluate.read_set(path, limit)
        ids = [tokenizer.ids([p[side] for p in data.pairs], longest) for side in (0, 1)]
        found = []
        for linear in (False, True):
            u, v = (vectors(encoder, side, linear) for side in ids)
            found.append(100 * evaluate.spearman((u * v).sum(1).tolist(), data.scores))
        out[data.name] = (found[0], found[1])
    return out
