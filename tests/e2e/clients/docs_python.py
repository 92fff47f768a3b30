"""The Python of docs/drop-in.md, as it stands there."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "clients"))
from blocks import blocks_of, run  # noqa: E402
from harness import MODEL, Driver  # noqa: E402

d = Driver("numpy")
d.client = "docs/drop-in.md"
for block in blocks_of(ROOT / "docs/drop-in.md", "python", MODEL):
    d.case("docs", block.name, lambda block=block: run(block, [sys.executable], ".py"))
