"""Servers under load: starts one on the loopback, lets wrk ask it, stops it. Every server gets the same requests."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import texts

HERE = Path(__file__).resolve().parent
MODEL_NAME = "bench"
MIXED_BATCH = 32
START_SECONDS = 180.0


@dataclass(frozen=True)
class Load:
    """What the clients do: how many there are, and how many texts each request holds."""

    name: str
    connections: int
    texts_per_request: int


LOADS = (
    Load("1 client", 1, 1),
    Load("8 clients", 8, 1),
    Load("32 clients", 32, 1),
    Load("4 clients x 32 mixed", 4, MIXED_BATCH),
)


@dataclass(frozen=True)
class Result:
    """Of one run of wrk; failed counts refusals and broken connections."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bodies(load: Load, language: str) -> list[str]:
    """Requests of OpenAI's embeddings route, which all of these servers speak."""
    short = texts.sentences(language)
    if load.texts_per_request == 1:
        inputs: list[list[str]] = [[text] for text in short]
    else:
        every = texts.mixed(language, 4 * load.texts_per_request)
        inputs = [every[i :: len(every) // load.texts_per_request] for i in range(4)]
    return [json.dumps({"model": MODEL_NAME, "input": one}, ensure_ascii=False) for one in inputs]


class Server:
    """A server of its own process. {port} in the command is replaced; path is its embeddings route."""

    def __init__(
        self, name: str, command: Sequence[str], path: str, environment: dict[str, str]
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{path}"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [part.replace("{port}", str(self.port)) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server and what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def last_words(self) -> str:
        """The end of what it printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def ask(self, body: str) -> bytes:
        """One request, as a test of life."""
        request = urllib.request.Request(
            self.url, body.encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def wait(self, body: str) -> float:
        """Seconds from now until the first answer."""
        start = time.monotonic()
        while time.monotonic() - start < START_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.last_words()}")
            try:
                self.ask(body)
                return time.monotonic() - start
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise RuntimeError(
                        f"{self.name}: {error.read().decode(errors='replace')}"
                    ) from error
            except OSError:
                pass
            time.sleep(0.005)
        raise RuntimeError(f"{self.name} gives no answer: {self.last_words()}")

    def resident_mib(self) -> float:
        """Resident memory of the server's first process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


def summary(results: Sequence[Result]) -> dict[str, float]:
    """The middle of each figure over some runs, and the best."""
    return {
        "requests_per_s": statistics.median(result.requests_per_s for result in results),
        "p50_ms": statistics.median(result.p50_ms for result in results),
        "p99_ms": statistics.median(result.p99_ms for result in results),
        "best_requests_per_s": max(result.requests_per_s for result in results),
        "best_p50_ms": min(result.p50_ms for result in results),
        "failed": sum(result.failed for result in results),
    }


def run(url: str, load: Load, language: str, seconds: float) -> Result:
    """wrk for some seconds, with one thread of its own; longer where a request takes long, as wrk counts whole ones."""
    seconds *= 3 if load.texts_per_request > 1 else 1
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(bodies(load, language)) + "\n")
        file.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{load.connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "60s",
        ]
        command += ["-s", str(HERE / "load.lua"), url, "--", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    values = json.loads(done.stdout.strip().splitlines()[-1])
    return Result(
        values["requests"] / values["seconds"], values["p50_ms"], values["p99_ms"], values["failed"]
    )
