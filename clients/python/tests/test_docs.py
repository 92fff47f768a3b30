"""The examples of docs/clients.md and docs/web-application.md, against the running server."""

from __future__ import annotations

import os
import shutil
import sys
import unittest
from pathlib import Path

CLIENTS = Path(__file__).resolve().parents[2]
DOCS = CLIENTS.parent / "docs"
sys.path.insert(0, str(CLIENTS))
from blocks import Block, blocks_of, run  # noqa: E402

PAGES = ("clients.md", "web-application.md")
PACKAGE = CLIENTS / "typescript"


def found(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks_of(DOCS / page, language)]


class Pages(unittest.TestCase):
    def test_python(self) -> None:
        blocks = found("python")
        self.assertGreaterEqual(len(blocks), 4)
        os.environ["PYTHONPATH"] = str(CLIENTS / "python")
        for block in blocks:
            with self.subTest(block.name):
                run(block, [sys.executable], ".py")

    @unittest.skipUnless((PACKAGE / "dist/index.js").exists() and shutil.which("node"), "the package is not built")
    def test_javascript(self) -> None:
        blocks = found("js")
        self.assertGreaterEqual(len(blocks), 4)
        for block in blocks:
            with self.subTest(block.name):
                run(block, ["node"], ".mjs", str(PACKAGE))  # in the package: it may import itself by name
