"""One configuration file per model (TOML), read into a dataclass; relative paths count from the repository's root."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """What a training run needs to know; configs/default.toml says what each value means."""

    corpus: Path
    evaluation: Path | None
    cache: Path
    start: Path
    e5: Path
    bge: Path
    minilm: Path
    seed: int
    chunks: int
    mixture: dict[str, int]
    train: dict[str, float]


def load(path: Path) -> Settings:
    """Reads a configuration; environment variables in paths ($NAME) are expanded."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))

    def place(name: str) -> Path:
        return ROOT / os.path.expandvars(str(raw["paths"][name]))

    evaluation = place("evaluation")
    return Settings(corpus=place("corpus"), evaluation=evaluation if evaluation.is_dir() else None,
                    cache=place("cache"), start=place("start"), e5=place("e5"), bge=place("bge"),
                    minilm=place("minilm"), seed=int(raw["seed"]), chunks=int(raw["chunks"]),
                    mixture=dict(raw["mixture"]), train=dict(raw["train"]))
