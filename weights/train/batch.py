"""The texts of one training step, encoded together."""

from __future__ import annotations

import torch
from torch import Tensor

import encoding
import model
import pool


class Batch:
    """Texts gathered for one step: every call of add() says where their vectors will stand."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []

    def add(self, ids: list[list[int]]) -> slice:
        first = len(self.ids)
        self.ids.extend(ids)
        return slice(first, len(self.ids))

    def encode(self, encoder: model.Encoder, linear: bool, tokens: int) -> Tensor:
        """Vectors in the order of add(); one lookup of embeddings for all, so that their gradient is made once."""
        parts, order = [], []
        used = sorted({token for row in self.ids for token in row} | {0})
        place = {token: i for i, token in enumerate(used)}
        table = encoder.words[torch.tensor(used, device=encoder.words.device)]
        for rows in pool.micro_batches(self.ids, tokens):
            ids = [[place[token] for token in self.ids[i]] for i in rows]
            parts.append(encoding.encode(encoder, ids, linear, table))
            order.extend(rows)
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back.to(parts[0].device)]
