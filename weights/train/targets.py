"""The target vectors: half-centred e5, joined with a second teacher of the text's own language, softly whitened.

    T = norm(S norm(h + w R c))    h = norm(e5 - (m_language - m) - m / 2), c = the second teacher's vector,
                                   R = the rotation that brings c nearest to h (orthogonal Procrustes), w = its weight,
                                   S = C^(-a/2), C = the covariance of both languages' norm(h + w R c), 0 <= a <= 1

m_language is the mean e5 vector of a language and m the mean of both. bge joins in Chinese, MiniLM in English. Both
sides of a translation pair get the normalised mean of their two targets. a = 1 with the mean taken off would be the
whitening of Su (kexue 8069) and Huang et al. (2021); a little of it makes the strongest directions, which most texts
share, count less. Means, rotations and S are fitted once, on the first chunks, and kept in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SECOND = {"zh": "bge", "en": "minilm"}      # the second teacher of each language
FLOOR = 0.02        # of the mean variance, added to each: directions of next to none are not blown up


def unit(x: Array) -> Array:
    out: Array = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return out


@dataclass(frozen=True)
class Side:
    """What turns one language's teacher vectors into targets."""

    shift: Array        # [384] taken off e5
    turn: Array         # [384][width]
    weight: float
    spread: Array       # [384][384], the soft whitening

    def target(self, e5: Array, second: Array | None) -> Array:
        out = unit(e5.astype(np.float32) - self.shift)
        if second is not None:
            out = unit(out + self.weight * second.astype(np.float32) @ self.turn.T)
        return unit(out @ self.spread)


def turn(anchor: Array, second: Array) -> Array:
    """The rotation that brings `second` nearest to `anchor`, by singular values of their cross-covariance."""
    left, _, right = np.linalg.svd((anchor - anchor.mean(0)).T @ (second - second.mean(0)), full_matrices=False)
    return (left @ right).astype(np.float32)


def fit_side(shift: Array, e5: Array, second: Array, weight: float) -> Side:
    return Side(shift, turn(unit(e5 - shift), second), weight, np.eye(len(shift), dtype=np.float32))


def soft_whitening(vectors: Array, strength: float) -> Array:
    """C^(-strength / 2) of the covariance C of [n][D] vectors, scaled so that the median direction keeps its length."""
    variance, directions = np.linalg.eigh(np.cov(vectors.T))
    variance = variance + FLOOR * variance.mean()
    scale = (variance / np.median(variance)) ** (-strength / 2)
    return ((directions * scale) @ directions.T).astype(np.float32)


def fit(vectors: dict[str, Array], weights: tuple[float, float], whitening: float) -> dict[str, Side]:
    """Both languages' sides, from the vectors of some chunks; one whitening for both, or translations would part."""
    v = {k: x.astype(np.float32) for k, x in vectors.items()}
    mean = {lang: (v[f"{lang}.e5"].mean(0) + v[f"pair_{lang}.e5"].mean(0)) / 2 for lang in ("zh", "en")}
    both = (mean["zh"] + mean["en"]) / 2
    out: dict[str, Side] = {}
    for (lang, second), weight in zip(SECOND.items(), weights):
        out[lang] = fit_side(mean[lang] - both / 2, v[f"{lang}.e5"], v[f"{lang}.{second}"], weight)
    plain = [out[lang].target(v[f"{lang}.e5"], v[f"{lang}.{second}"]) for lang, second in SECOND.items()]
    fewest = min(map(len, plain))
    spread = soft_whitening(np.concatenate([x[:fewest] for x in plain]), whitening)
    return {lang: replace(side, spread=spread) for lang, side in out.items()}


def save(path: Path, sides: dict[str, Side]) -> None:
    np.savez(path, **{f"{lang}.{name}": getattr(side, name) for lang, side in sides.items()
                      for name in ("shift", "turn", "weight", "spread")})


def load(path: Path) -> dict[str, Side]:
    raw = np.load(path)
    return {lang: Side(raw[f"{lang}.shift"], raw[f"{lang}.turn"], float(raw[f"{lang}.weight"]), raw[f"{lang}.spread"])
            for lang in ("zh", "en")}
