"""A rosim server and a headless Chromium that looks at its page: what page_test.py and shots.py share."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

VIEWS = ["compare", "rank", "matrix", "trust"]
LABELLED = [
    ["How do I reset my password?", "I forgot my password", 1], ["Where is my order?", "Track my parcel", 1],
    ["Can I pay by card?", "Do you take credit cards?", 1], ["How do I close my account?", "Delete my account", 1],
    ["When do you open?", "What are your opening hours?", 1], ["Is the shop open on Sundays?", "Sunday hours?", 1],
    ["Where is my order?", "Can I change my order?", 0], ["When do you open?", "Where are you?", 0],
    ["How do I reset my password?", "How do I close my account?", 0], ["Can I pay by card?", "I lost my card", 0],
    ["Delete my account", "Open an account", 0], ["Do you ship abroad?", "Who pays for shipping?", 0],
]


class Server:
    """rosim serve on a free port of 127.0.0.1; ended by stop."""

    def __init__(self, binary: str, *options: str) -> None:
        self.log = tempfile.TemporaryFile("w+")
        command = [binary, "serve", "--port", "0", "--model", "weights/default", *options]
        self.process = subprocess.Popen(command, stderr=self.log)
        self.key = options[options.index("--api-key") + 1] if "--api-key" in options else ""
        self.address = self._address()

    def _address(self) -> str:
        for _ in range(600):
            self.log.seek(0)
            found = re.search(r"listening on (http:\S+)", self.log.read())
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.log.seek(0)
        raise RuntimeError(f"the server does not come up:\n{self.log.read()}")

    def ask(self, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, headers), timeout=60) as answer:
            return json.load(answer)

    def fill(self) -> None:
        """A calibration, and a baseline with texts of another kind behind it and one with its own."""
        self.ask("/v1/calibrations", {"id": "questions", "precision": 0.9, "pairs": LABELLED})
        for name, text in (("loans", "How do I repay loan number {}, and when?"),
                           ("storms", "The {}th storm of the year hit the coast")):
            self.ask("/v1/drift/baselines", {"id": name, "texts": [text.format(i) for i in range(1, 81)]})
        self.ask("/v1/embeddings", {"input": [f"The {i}th storm of the year hit the coast" for i in range(81, 141)]})

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Visit:
    """One page in a context of its own, which notes whatever it complains about and whom it calls."""

    def __init__(self, browser: Browser, server: Server, width: int = 1280, height: int = 900, **options: Any) -> None:
        self.server = server
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.complaints.append(f"error: {e}"))
        self.page.on("request", lambda r: r.url.startswith(server.address + "/") or self.strangers.append(r.url))

    def open(self, view: str = "compare") -> Page:
        self.page.goto(f"{self.server.address}/" + ("" if view == "compare" else f"#{view}"))
        self.page.locator(f"#tab-{view}[aria-selected=true]").wait_for()
        return self.page

    def settled(self, text: str = "") -> str:
        """The score, once it belongs to what stands in the fields."""
        self.page.wait_for_function(
            "(old) => { const s = document.getElementById('score');"
            " return /[0-9]/.test(s.textContent) && !s.classList.contains('stale') && s.textContent !== old; }",
            arg=text)
        return self.page.locator("#score").inner_text()

    def close(self) -> None:
        self.context.close()
