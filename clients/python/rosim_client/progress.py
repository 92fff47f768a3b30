"""A bar on stderr: how many, how fast, how long still."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 24
REDRAW_S = 0.1


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
    )


class Progress:
    """Draws at most ten times a second. Without a total there is no bar, only the count."""

    def __init__(self, total: int | None, out: TextIO | None = None) -> None:
        """Nothing is drawn before the first step."""
        self._total = total
        self._out = out or sys.stderr
        self._begun = self._drawn = time.monotonic()
        self._done = 0

    def step(self, count: int) -> None:
        """Adds to what is done."""
        self._done += count
        if time.monotonic() - self._drawn >= REDRAW_S:
            self._draw()

    def close(self) -> None:
        """The last state stays on the terminal."""
        self._draw()
        self._out.write("\n")
        self._out.flush()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        rate = self._done / max(self._drawn - self._begun, 1e-9)
        line = f"{self._done:,} pairs  {rate:,.0f}/s"
        if self._total:
            share = min(self._done / self._total, 1.0)
            filled = int(share * WIDTH)
            left = max(self._total - self._done, 0) / rate if rate else 0.0
            line = f"{'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}  {line}  {_duration(left)} left"
        self._out.write("\r" + line + "\x1b[K")
        self._out.flush()
