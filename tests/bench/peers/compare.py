"""`make bench-peers`: rosim and the other engines and servers, side by side on the same weights and texts.

Absolute times drift with the machine's day; so every engine is asked in turn, in short rounds, and only ratios within
one run are claims. Writes results as JSON, the tables as Markdown and a plot.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import engines  # noqa: E402
import load  # noqa: E402
import numpy as np  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
import serve  # noqa: E402
import texts  # noqa: E402

LENGTHS = (16, 128, 512)
MIXED_TEXTS = 64
ACCURACY_TEXTS = 80
QUIET_LOAD = 0.3
SETTLE_SECONDS = 1.0  # in which a server finishes what wrk left unread


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"bench-peers: {text}", file=sys.stderr, flush=True)


@dataclass
class Worker:
    """An engine's process, stopped while it is not asked."""

    entry: engines.Entry
    process: subprocess.Popen[str]
    batches: list[int] = field(default_factory=list)

    def ask(self, request: dict[str, Any]) -> Any:
        """Lets it run, asks, stops it again."""
        assert self.process.stdin
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.read()
        self.process.send_signal(signal.SIGSTOP)
        return reply

    def read(self) -> Any:
        """The next line it writes."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"ended with status {self.process.wait()}"}
        return json.loads(line)

    def close(self) -> None:
        """Ends it."""
        assert self.process.stdin
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def start_worker(index: int, setting: engines.Setting) -> Worker | None:
    """None, with a line of complaint, when the engine cannot be made."""
    entry = engines.ENTRIES[index]
    values = json.dumps({key: str(value) for key, value in vars(setting).items()})
    threads = str(setting.threads)
    process = subprocess.Popen(
        [sys.executable, str(HERE / "worker.py"), str(index), values],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "RAYON_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "true",
        },
    )
    worker = Worker(entry, process)
    hello = worker.read()
    if "error" in hello:
        say(f"{entry.name} {entry.precision} is left out: {hello['error']}")
        worker.close()
        return None
    worker.batches = hello["batches"]
    process.send_signal(signal.SIGSTOP)
    return worker


def ids_of(setting: engines.Setting, language: str, length: int) -> list[int]:
    """A text of exactly this many tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(setting.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids: list[int] = tokenizer.encode(" ".join(texts.sentences(language) * 3)).ids
    return [*ids[: length - 1], ids[-1]]


def accuracy_texts(language: str, sets: Path) -> tuple[list[str], str]:
    """Texts of the STS-B development set when it is there, else our own; and which."""
    path = sets / f"stsb-{language}.dev.tsv"
    if not path.exists():
        return texts.sentences(language), "own sentences"
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    every = [text for row in rows for text in row[1:3]]
    return every[:: len(every) // ACCURACY_TEXTS][:ACCURACY_TEXTS], path.name


def summary(samples: list[dict[str, float]]) -> dict[str, float]:
    """Over the rounds: the best of the best, the middle of the middles."""
    return {
        "best_ms": min(sample["best_ms"] for sample in samples),
        "median_ms": statistics.median(sample["median_ms"] for sample in samples),
    }


def in_turn(
    asked: list[tuple[Worker, dict[str, Any]]], rounds: int
) -> dict[int, dict[str, float]]:
    """Asks every worker its request once a round, beginning with another one each time; failures leave no entry."""
    samples: dict[int, list[dict[str, float]]] = {}
    for turn in range(rounds):
        for step in range(len(asked)):
            index = (turn + step) % len(asked)
            worker, request = asked[index]
            reply = worker.ask(request)
            if "error" in reply:
                say(f"{worker.entry.name} {worker.entry.precision}: {reply['error']}")
                continue
            samples.setdefault(index, []).append(reply)
    return {index: summary(values) for index, values in samples.items()}


def add_lengths(
    workers: list[Worker],
    rows: list[dict[str, Any]],
    setting: engines.Setting,
    arguments: argparse.Namespace,
) -> None:
    """One text of each length, as ids."""
    language = texts.language_of(setting.folder.name)
    for length in LENGTHS:
        say(f"{setting.folder.name}: one text of {length} tokens")
        ids = ids_of(setting, language, length)
        request = {"ask": "ids", "ids": ids, "budget_ms": arguments.budget_ms}
        asked = [(worker, request) for worker in workers]
        for index, times in in_turn(asked, arguments.rounds).items():
            rows[index]["lengths"][str(length)] = times


def add_mixed(
    workers: list[Worker],
    rows: list[dict[str, Any]],
    setting: engines.Setting,
    arguments: argparse.Namespace,
) -> None:
    """Texts of mixed lengths, tokenizer included; each engine keeps its best batch. All batches take turns with all
    engines: on a machine whose speed drifts, those asked in another minute would not be compared."""
    mixed = texts.mixed(texts.language_of(setting.folder.name), arguments.mixed)
    choices = [(at, batch) for at, worker in enumerate(workers) for batch in worker.batches]
    asked = [
        (
            workers[at],
            {"ask": "texts", "texts": mixed, "batch": batch, "budget_ms": arguments.budget_ms},
        )
        for at, batch in choices
    ]
    say(f"{setting.folder.name}: {len(mixed)} mixed texts, every engine's batches")
    for index, times in in_turn(asked, arguments.rounds).items():
        at, batch = choices[index]
        best, median = (1000 * len(mixed) / times[key] for key in ("best_ms", "median_ms"))
        if median > rows[at].get("mixed", {"median": 0})["median"]:
            rows[at]["mixed"] = {"best": best, "median": median, "batch": batch}


def compare_engines(
    setting: engines.Setting, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Every engine on one model: lengths, mixed texts, accuracy."""
    started = [start_worker(index, setting) for index in range(len(engines.ENTRIES))]
    workers = [worker for worker in started if worker]
    rows: list[dict[str, Any]] = [
        {"name": worker.entry.name, "precision": worker.entry.precision, "lengths": {}}
        for worker in workers
    ]
    add_lengths(workers, rows, setting, arguments)
    add_mixed(workers, rows, setting, arguments)
    language = texts.language_of(setting.folder.name)
    add_accuracy(workers, rows, *accuracy_texts(language, arguments.sts))
    for worker in workers:
        worker.close()
    return rows


def add_accuracy(
    workers: list[Worker], rows: list[dict[str, Any]], sample: list[str], source: str
) -> None:
    """Cosine of each vector with that of onnxruntime in fp32, or of rosim where that is missing."""
    vectors: list[Any] = [worker.ask({"ask": "vectors", "texts": sample}) for worker in workers]
    names = [(row["name"], row["precision"]) for row in rows]
    reference = ("onnxruntime", "f32") if ("onnxruntime", "f32") in names else ("rosim", "f32")
    exact = np.array(vectors[names.index(reference)])
    for row, given in zip(rows, vectors, strict=True):
        if isinstance(given, dict):
            say(f"{row['name']} {row['precision']}: {given['error']}")
            continue
        cosines = (np.array(given) * exact).sum(axis=1)
        row["cosine"] = {
            "min": float(cosines.min()),
            "mean": float(cosines.mean()),
            "texts": source,
        }


# ---- servers ----


def server_commands(
    setting: engines.Setting, infinity: str
) -> list[tuple[str, str, list[str], str, dict[str, str]]]:
    """Name, precision, command, route, environment."""
    rows: list[tuple[str, str, list[str], str, dict[str, str]]] = [
        (
            "rosim",
            precision,
            serve.rosim_command(setting.rosim, setting.folder, precision, setting.threads),
            "/v1/embeddings",
            {},
        )
        for precision in serve.PRECISIONS
    ]
    if infinity:
        command = f"{infinity} v2 --model-id {shlex.quote(str(setting.folder))} --served-model-name {load.MODEL_NAME}"
        command += (
            " --engine torch --device cpu --host 127.0.0.1 --port {port} --no-bettertransformer"
        )
        environment = {
            "HF_HUB_OFFLINE": "1",
            "DO_NOT_TRACK": "1",
            "INFINITY_ANONYMOUS_USAGE_STATS": "0",
            "OMP_NUM_THREADS": str(setting.threads),
        }
        rows.append(("infinity", "f32", shlex.split(command), "/embeddings", environment))
    return rows


def compare_servers(
    setting: engines.Setting, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """All servers on one model, asked in turn. None is stopped meanwhile: it might take that for its own slowness."""
    language = texts.language_of(setting.folder.name)
    servers: list[load.Server] = []
    rows: list[dict[str, Any]] = []
    first_body = load.bodies(load.LOADS[0], language)[0]
    try:
        for name, precision, command, path, environment in server_commands(
            setting, arguments.infinity
        ):
            server = load.Server(name, command, path, environment)
            try:
                start = server.wait(first_body)
            except RuntimeError as error:
                say(f"server {name} {precision} is left out: {error}")
                server.close()
                continue
            row: dict[str, Any] = {"name": name, "precision": precision, "start_ms": 1000 * start}
            row["idle_mib"] = server.resident_mib()
            row["loads"] = {}
            rows.append(row)
            servers.append(server)
        for one in load.LOADS:
            say(f"{setting.folder.name}: servers, {one.name}")
            for row, results in zip(
                rows, load_in_turn(servers, one, language, arguments), strict=True
            ):
                row["loads"][one.name] = results
    finally:
        for server in servers:
            server.close()
    return rows


def load_in_turn(
    servers: list[load.Server], one: load.Load, language: str, arguments: argparse.Namespace
) -> list[dict[str, float]]:
    """One load on every server, round by round."""
    samples: list[list[load.Result]] = [[] for _ in servers]
    for turn in range(arguments.server_rounds):
        for step in range(len(servers)):
            index = (turn + step) % len(servers)
            samples[index].append(load.run(servers[index].url, one, language, arguments.seconds))
            time.sleep(SETTLE_SECONDS)
    return [load.summary(results) for results in samples]


# ---- the machine ----


def busy() -> float:
    """Processors' worth of work that others do now: measured over a second, not the average of a minute."""

    def used() -> tuple[int, int]:
        values = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = values[3] + values[4]
        return sum(values) - idle, sum(values)

    work, total = used()
    time.sleep(1.0)
    later_work, later_total = used()
    return (later_work - work) / max(1, later_total - total) * (os.cpu_count() or 1)


def machine(arguments: argparse.Namespace) -> dict[str, str]:
    """What the tables say on top."""
    name = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    flags = Path("/proc/cpuinfo").read_text()
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimd")
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = sorted({entry.package for entry in engines.ENTRIES if entry.package} | {"torch"})
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": f"{name}, {os.cpu_count()} processors ({' '.join(f for f in wanted if f in flags)})",
        "threads": str(arguments.threads),
        "rosim": revision.stdout.strip() or "unknown",
        "versions": ", ".join(versions)
        + (", infinity-emb (see requirements-infinity.txt)" if arguments.infinity else ""),
        "load": f"others used {busy():.2f} processors before the start, load average {os.getloadavg()[0]:.2f}",
        "rounds": f"{arguments.rounds} rounds of {arguments.budget_ms} ms, servers {arguments.server_rounds} of "
        f"{arguments.seconds} s",
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rosim")
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--prepared", type=Path, default=Path("weights/cache/bench"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    parser.add_argument("--sts", type=Path, default=Path("../shared/data/sts"))
    parser.add_argument(
        "--infinity", default="", help="its program; without it no other server is compared"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--budget-ms", type=int, default=1500, help="for each engine, task and round"
    )
    parser.add_argument("--mixed", type=int, default=MIXED_TEXTS, help="number of mixed texts")
    parser.add_argument("--server-rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="for each server, load and round"
    )
    parser.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
    parser.add_argument(
        "--busy", action="store_true", help="measure although other processes are running"
    )
    parser.add_argument("--part", choices=("all", "engines", "servers"), default="all")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.budget_ms, arguments.mixed = 1, 30, 8
        arguments.server_rounds, arguments.seconds = 1, 1.0
    return arguments


def main() -> int:
    """Everything, model by model."""
    arguments = parse()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: arguments.threads]))
    facts = machine(arguments)
    others = busy()
    if others > QUIET_LOAD and not (arguments.busy or arguments.quick):
        say(
            f"other processes use {others:.2f} processors: the numbers would be theirs too. Stop them, or give --busy"
        )
        return 1
    if others > QUIET_LOAD:
        facts["warning"] = (
            f"MEASURED ON A BUSY MACHINE: other processes used {others:.2f} processors"
        )
        say(facts["warning"])
    models = []
    for folder in arguments.models:
        setting = engines.Setting(
            arguments.rosim, folder, arguments.prepared / folder.name, arguments.threads
        )
        entry: dict[str, Any] = {"model": folder.name, "engines": [], "servers": []}
        if arguments.part != "servers":
            prepare.prepare(setting.folder, setting.prepared)
            entry["engines"] = compare_engines(setting, arguments)
        if arguments.part != "engines":
            entry["servers"] = compare_servers(setting, arguments)
        models.append(entry)
    facts["load at the end"] = f"{os.getloadavg()[0]:.2f}"
    report.write(
        arguments.out, {"machine": facts, "models": models}, "quick" if arguments.quick else "peers"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
