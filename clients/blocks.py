"""The examples of a page of docs: blocks marked python or js, and what the block behind them says must be printed.

The URL, key and model that a page writes become those of the server under test. "…" at the end of a line stands for
any rest.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^```(python|js)\n(.*?)^```\n(?:```text\n(.*?)^```$)?", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """One example."""

    name: str
    language: str
    code: str
    printed: list[str] | None


def blocks_of(page: Path, language: str, model: str = "default") -> Iterator[Block]:
    """Those in the language, ready to run against ROSIM_URL."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found[1] != language:
            continue
        code = found[2].replace("http://localhost:8080", os.environ["ROSIM_URL"])
        code = re.sub(r'"(none|KEY)"', f'"{os.environ["ROSIM_API_KEY"]}"', code)
        code = code.replace("Bearer KEY", f"Bearer {os.environ['ROSIM_API_KEY']}")
        code = code.replace('"default"', f'"{model}"')
        printed = (
            None
            if found[3] is None
            else found[3].replace("default", model).splitlines()
        )
        yield Block(
            f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}",
            language,
            code,
            printed,
        )


def run(
    block: Block, command: list[str], suffix: str, folder: str | None = None
) -> None:
    """Raises AssertionError unless it ends well and prints what it should."""
    with tempfile.NamedTemporaryFile(
        "w", suffix=suffix, prefix=".example-", dir=folder, encoding="utf-8"
    ) as program:
        program.write(block.code)
        program.flush()
        done = subprocess.run(
            [*command, program.name],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"{block.name}: {done.stderr[-800:]}"
    lines = done.stdout.splitlines()
    good = block.printed is None or (
        len(lines) == len(block.printed)
        and all(
            got.startswith(want[:-1]) if want.endswith("…") else got == want
            for got, want in zip(lines, block.printed, strict=True)
        )
    )
    assert good, f"{block.name}: printed {lines}, the page says {block.printed}"
