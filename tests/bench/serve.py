"""The server part of `make bench`: rosim under 1, 8, 32 clients with a short text each, and 4 clients with 32 mixed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import load
import texts

PRECISIONS = ("f32", "bf16", "int8")


def rosim_command(binary: str, folder: Path, precision: str, threads: int) -> list[str]:
    """How rosim is started for a measurement."""
    command = [binary, "serve", "--model", f"{load.MODEL_NAME}={folder}", "--port", "{port}"]
    return command + ["--precision", precision, "--threads", str(threads), "--log-level", "error"]


def measure(
    binary: str, folder: Path, precision: str, threads: int, seconds: float, rounds: int
) -> dict[str, object]:
    """All loads on one server; the middle and the best of some rounds."""
    language = texts.language_of(folder.name)
    command = rosim_command(binary, folder, precision, threads)
    with load.Server(f"rosim {precision}", command, "/v1/embeddings", {}) as server:
        start = server.wait(load.bodies(load.LOADS[0], language)[0])
        idle_mib = server.resident_mib()
        table: dict[str, object] = {}
        for one in load.LOADS:
            table[one.name] = load.summary(
                [load.run(server.url, one, language, seconds) for _ in range(rounds)]
            )
        return {
            "model": folder.name,
            "precision": precision,
            "start_ms": 1000 * start,
            "idle_mib": idle_mib,
            "loads": table,
        }


def print_table(report: dict[str, object]) -> None:
    """One line for each load."""
    print(
        f"\nserver: {report['model']} {report['precision']}, first answer after {report['start_ms']:.0f} ms, "
        f"{report['idle_mib']:.0f} MiB resident"
    )
    print(f"{'load':22}{'p50_ms':>10}{'p99_ms':>10}{'requests_per_s':>16}{'best':>10}{'failed':>8}")
    loads = report["loads"]
    assert isinstance(loads, dict)
    for name, row in loads.items():
        print(
            f"{name:22}{row['p50_ms']:10.3f}{row['p99_ms']:10.3f}{row['requests_per_s']:16.1f}"
            f"{row['best_requests_per_s']:10.1f}{row['failed']:8.0f}",
            flush=True,
        )


def main() -> int:
    """Measures every model in every precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rosim")
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=0, help="0: all usable processors")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each load and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the numbers too")
    arguments = parser.parse_args()
    reports = []
    for folder in arguments.models:
        for precision in arguments.precision or PRECISIONS:
            report = measure(
                arguments.rosim,
                folder,
                precision,
                arguments.threads,
                arguments.seconds,
                arguments.rounds,
            )
            print_table(report)
            reports.append(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
