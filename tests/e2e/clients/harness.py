"""What every driver shares: the running server, texts with vectors known from elsewhere, and a line for each case.

A line is dialect, client, case, ok or FAILED, and what was found; run.sh counts them. The vectors come from
`rosim embed` (the command line, another way into the same model), so that a client that mangles them is noticed to the
bit.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

URL = os.environ["ROSIM_URL"]
KEY = os.environ["ROSIM_API_KEY"]
MODEL = "sample"
TEXTS = ["今天天气不错", "今天天气很好", "A man is playing a guitar.", "naïve café 🎸", "a"]


def command_line_vectors(texts: list[str], *options: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "vectors.npy"
        command = [os.environ["ROSIM"], "embed", "--model", os.environ["ROSIM_MODEL"], "--precision", "f32", *options]
        lines = "".join(text + "\n" for text in texts).encode()
        subprocess.run([*command, "-o", str(output)], input=lines, check=True, stderr=subprocess.DEVNULL)
        return np.load(output)


VECTORS = command_line_vectors(TEXTS)
SCORES = VECTORS @ VECTORS.T


class Driver:
    """Runs the cases of one client and prints their lines."""

    def __init__(self, package: str) -> None:
        self.client = f"{package} {version(package)}"

    def case(self, dialect: str, what: str, run: Callable[[], object]) -> None:
        """run raises, or returns something false, when the case fails."""
        try:
            found = run()
            good, detail = found is None or bool(found), repr(found)
        except Exception as raised:  # noqa: BLE001  whatever a client may raise is a failed case
            good, detail = False, f"{type(raised).__name__}: {raised}"
        line = [dialect, self.client, what, "ok" if good else "FAILED", "" if good else " ".join(detail.split())[:600]]
        print("\t".join(line), flush=True)

    def case_async(self, dialect: str, what: str, run: Callable[[], Awaitable[object]]) -> None:
        self.case(dialect, what, lambda: asyncio.run(run()))  # type: ignore[arg-type]


def same(got: object, wanted: np.ndarray, tolerance: float = 0.0) -> None:
    """The same floats; float32 to the bit unless a tolerance is given."""
    found = np.asarray(got, dtype=np.float32)
    assert found.shape == wanted.shape, f"shape {found.shape}, want {wanted.shape}"
    off = float(np.abs(found - wanted).max())
    assert off <= tolerance, f"off by {off}"


def equal(got: object, wanted: object) -> None:
    assert got == wanted, f"{got!r}, want {wanted!r}"


def raised(error: type[BaseException], call: Callable[[], object]) -> BaseException:
    """The error that the call must raise."""
    try:
        answer = call()
    except error as caught:
        return caught
    raise AssertionError(f"no {error.__name__} but {answer!r}")
