"""The target vectors: half-centred e5, joined with a second teacher of the text's own language.

    T = norm(h + w R c)    h = norm(e5 - (m_language - m) - m / 2), c = the second teacher's vector,
                           R = the rotation that brings c nearest to h (orthogonal Procrustes), w = its weight

m_language is the mean e5 vector of a language and m the mean of both. bge joins in Chinese, MiniLM in English. Both
sides of a translation pair get the normalised mean of their two targets. Means and rotations are fitted once, on the
first chunks, and kept in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def unit(x: Array) -> Array:
    out: Array = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return out


@dataclass(frozen=True)
class Side:
    """What turns one language's teacher vectors into targets."""

    shift: Array        # [384] taken off e5
    turn: Array         # [384][width]
    weight: float

    def target(self, e5: Array, second: Array | None) -> Array:
        out = unit(e5.astype(np.float32) - self.shift)
        if second is None:
            return out
        return unit(out + self.weight * second.astype(np.float32) @ self.turn.T)


def fit_side(shift: Array, e5: Array, second: Array, weight: float) -> Side:
    """The rotation by singular values of the cross-covariance."""
    anchor = unit(e5 - shift)
    left, _, right = np.linalg.svd((anchor - anchor.mean(0)).T @ (second - second.mean(0)), full_matrices=False)
    return Side(shift, (left @ right).astype(np.float32), weight)


def fit(vectors: dict[str, Array], weights: tuple[float, float]) -> dict[str, Side]:
    """Both languages' sides, from the vectors of some chunks."""
    v = {k: x.astype(np.float32) for k, x in vectors.items()}
    mean = {lang: (v[f"{lang}.e5"].mean(0) + v[f"pair_{lang}.e5"].mean(0)) / 2 for lang in ("zh", "en")}
    both = (mean["zh"] + mean["en"]) / 2
    out: dict[str, Side] = {}
    for lang, second, weight in (("zh", "bge", weights[0]), ("en", "minilm", weights[1])):
        out[lang] = fit_side(mean[lang] - both / 2, v[f"{lang}.e5"], v[f"{lang}.{second}"], weight)
    return out


def save(path: Path, sides: dict[str, Side]) -> None:
    np.savez(path, **{f"{lang}.{name}": getattr(side, name) for lang, side in sides.items()
                      for name in ("shift", "turn", "weight")})


def load(path: Path) -> dict[str, Side]:
    raw = np.load(path)
    return {lang: Side(raw[f"{lang}.shift"], raw[f"{lang}.turn"], float(raw[f"{lang}.weight"]))
            for lang in ("zh", "en")}
