"""The losses of the training: towards teacher vectors, relations, labelled pairs and hard negatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cosine_loss(student: Tensor, target: Tensor) -> Tensor:
    """mean(1 - cos); both sides have length one."""
    return 1 - (student * target).sum(-1).mean()


def relation_loss(student: Tensor, target: Tensor, temperature: float) -> Tensor:
    """KL of the softmax over each row of the similarity matrix, the text itself left out."""
    own = torch.eye(len(student), dtype=torch.bool, device=student.device)
    s = (student @ student.T / temperature).masked_fill(own, -1e4).log_softmax(-1)
    t = (target @ target.T / temperature).masked_fill(own, -1e4).log_softmax(-1)
    return F.kl_div(s, t, reduction="batchmean", log_target=True)


def cosent(score: Tensor, label: Tensor, scale: float = 20.0) -> Tensor:
    """log(1 + sum of e^(scale (s_i - s_j)) over all pairs i, j of which j has the greater label)."""
    wrong = scale * (score[:, None] - score[None, :])
    wrong = wrong.masked_fill(label[:, None] >= label[None, :], -1e4)
    return torch.cat([wrong.flatten(), wrong.new_zeros(1)]).logsumexp(0)


def separation(score: Tensor, same: Tensor, different: Tensor, scale: float = 20.0) -> Tensor:
    """CoSENT of two labels, of each row: log(1 + sum of e^(scale (s_i - s_j)), i over different, j over same pairs)."""
    wrong = (scale * score).masked_fill(~different, -1e4).logsumexp(-1)
    right = (-scale * score).masked_fill(~same, -1e4).logsumexp(-1)
    return F.softplus(wrong + right)


def ranking(same: Tensor, different: Tensor, scale: float = 20.0) -> Tensor:
    """softplus(scale (d - s)), the mean over all scores d of different pairs and s of same ones: smooth for 1 less the
    area under the ROC curve, of which Spearman's rank correlation with two labels is a linear function."""
    return F.softplus(scale * (different[:, None] - same[None, :])).mean()


def classification(score: Tensor, own: Tensor, counts: Tensor, scale: float = 30.0) -> Tensor:
    """Cross-entropy of softmax(scale score), [n][classes], for the class `own` of each row among those that count."""
    counts = counts.scatter(1, own[:, None], True)
    return F.cross_entropy((scale * score).masked_fill(~counts, -1e4), own)


def flat_nce(a: Tensor, b: Tensor, scale: float = 20.0) -> Tensor:
    """FlatNCE in both directions: mean of (logsumexp over the negatives - the positive)."""
    score = scale * a @ b.T
    own = torch.eye(len(a), dtype=torch.bool, device=a.device)
    others = score.masked_fill(own, -1e4)
    positive = score.diagonal()
    return ((others.logsumexp(1) - positive).mean() + (others.logsumexp(0) - positive).mean()) / 2
