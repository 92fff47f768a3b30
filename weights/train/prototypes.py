"""Every written group's middle as the student sees it, so that one text can be held against all groups at once.

Drawn pairs meet some hundred groups a step; against the middles of all (the prototypes of Snell et al. 2017, as the
proxies of Movshovitz-Attias et al. 2017) each text meets those that are hardest to tell from its own. The middles are
not trained: they follow the vectors of the texts that are drawn. Groups with slots have none: other words mean other
things. Not kept in checkpoints: `start` makes them anew.
"""

from __future__ import annotations

import random
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import losses
import written

FIRST_TEXTS = 4         # of a group, whose mean its middle is at the start
FOLLOWS = 0.15          # how far a middle goes towards the vector of a text of its group
MAYBE_SAME = 0.9        # the cosine of a text and the middle of another file's group from which they may say the same
MAYBE_SAME_AREA = 0.85  # the same, of a file of one area

Texts = list[str]


class Prototypes:
    """The groups' middles, [groups] [D], and what they are drawn from."""

    def __init__(self, topics: list[written.Topic]) -> None:
        found = [(number, group) for number, topic in enumerate(topics) for group in topic.groups
                 if not written.has_slots(group)]
        files = [number for number, _ in found]
        self.groups = [group for _, group in found]
        areas = sorted({topic.area for topic in topics})
        self.file = torch.tensor(files)
        self.area = torch.tensor([areas.index(topics[number].area) for number in files])
        self.sizes = [len(group) for group in self.groups]
        self.middles = torch.zeros(len(self.groups), 0)

    def start(self, encode: Callable[[Texts], Tensor], rng: random.Random) -> None:
        """The middles, from `encode`: texts to unit vectors [n] [D]."""
        drawn = [(number, text) for number, group in enumerate(self.groups)
                 for text in rng.sample(group, min(FIRST_TEXTS, len(group)))]
        vectors = encode([written.filled(text, {}, rng) for _, text in drawn])
        total = torch.zeros(len(self.groups), vectors.shape[1], device=vectors.device)
        total.index_add_(0, torch.tensor([number for number, _ in drawn], device=vectors.device), vectors)
        self.middles = F.normalize(total, dim=-1)
        self.file, self.area = self.file.to(vectors.device), self.area.to(vectors.device)

    def draw(self, count: int, rng: random.Random) -> tuple[Tensor, Texts]:
        """Groups, those of many phrases more often, and a text of each."""
        drawn = rng.choices(range(len(self.groups)), self.sizes, k=count)
        texts = [written.filled(rng.choice(self.groups[number]), {}, rng) for number in drawn]
        return torch.tensor(drawn, device=self.middles.device), texts

    def loss(self, vectors: Tensor, own: Tensor) -> Tensor:
        """Each of [n] [D] unit vectors is to be nearer to the middle of its own group than to any other that surely
        says something else: those of its own file, and those that are not too near."""
        score = vectors @ self.middles.T
        limit = torch.where(self.area[own][:, None] == self.area, MAYBE_SAME_AREA, MAYBE_SAME)
        sure = (self.file[own][:, None] == self.file) | (score.detach() < limit)
        return losses.classification(score, own, sure)

    def follow(self, vectors: Tensor, own: Tensor) -> None:
        """Moves the middles towards the texts that were drawn; a new tensor, for the old one may be in a graph."""
        moved = F.normalize(self.middles[own] + FOLLOWS * (vectors - self.middles[own]), dim=-1)
        self.middles = self.middles.index_copy(0, own, moved)
