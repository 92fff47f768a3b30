"""`make eval`: Spearman's correlation of a model's similarities with human scores, measured through the real server.

For each precision one server on a loopback port of its own; for each set and attention its pairs through POST
/v1/similarity, and the table in Markdown on stdout. A set is a file score<TAB>a<TAB>b (NAME.tsv). The last column is
the published behaviour of RoFormer-Sim-FT as an order: how many texts are nearer to a paraphrase than to a text that a
word turns into something else. Needs nothing beyond Python's standard library.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

PAIRS_A_REQUEST = 200
START_SECONDS = 60

# A text, the same in other words, and with another meaning; texts and order of kexue 8541.
PUBLISHED = (("今天天气不错", "今天天气很好", "今天天气不好"), ("我喜欢北京", "我很喜欢北京", "我不喜欢北京"),
             ("电影不错", "电影很好", "电影不好"), ("红色的苹果", "红苹果", "绿色的苹果"),
             ("给我推荐一款红色的车", "推荐一辆红车", "给我推荐一款黑色的车"),
             ("给我推荐一款红色的车", "麻烦来一辆红车", "给我推荐一款黑色的车"))


@dataclass(frozen=True)
class PairSet:
    name: str
    scores: list[float]
    pairs: list[list[str]]


def read_set(path: Path, limit: int | None) -> PairSet:
    """The pairs of a file; with a limit the same random part every time."""
    rows = [line.split("\t")[:3] for line in path.read_text(encoding="utf-8").split("\n") if line]
    if limit is not None and limit < len(rows):
        rows = random.Random(1).sample(rows, limit)
    name = path.name.removesuffix(".tsv").removesuffix(".dev")
    return PairSet(name, [float(r[0]) for r in rows], [r[1:] for r in rows])


def ranks(values: list[float]) -> list[float]:
    """Ranks from 0; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for i in order[start:end]:
            out[i] = (start + end - 1) / 2
        start = end
    return out


def spearman(a: list[float], b: list[float]) -> float:
    """Pearson's correlation of the ranks; 0 where one side is constant."""
    x, y = ranks(a), ranks(b)
    mean = (len(x) - 1) / 2
    top = sum((p - mean) * (q - mean) for p, q in zip(x, y))
    below = sum((p - mean) ** 2 for p in x) * sum((q - mean) ** 2 for q in y)
    return top / below ** 0.5 if below else 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(binary: str, model: str, precision: str, threads: int) -> Iterator[str]:
    """A server that is ready, and has ended when the block is left."""
    port = free_port()
    process = subprocess.Popen([binary, "serve", "--model", model, "--precision", precision, "--port", str(port),
                                "--threads", str(threads)], stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, base)
        yield base
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(process: subprocess.Popen[bytes], base: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with status {process.returncode}")
        try:
            urllib.request.urlopen(base + "/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise SystemExit("the server does not get ready")


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


def similarities(base: str, pairs: list[list[str]], attention: str) -> list[float]:
    """The server's score of every pair."""
    out: list[float] = []
    for start in range(0, len(pairs), PAIRS_A_REQUEST):
        part = pairs[start:start + PAIRS_A_REQUEST]
        out += post(base + "/v1/similarity", {"pairs": part, "attention": attention})["scores"]
    return out


def kept_order(base: str, attention: str) -> int:
    """How many of PUBLISHED come out in their order."""
    pairs = [[text, other] for text, *others in PUBLISHED for other in others]
    scores = similarities(base, pairs, attention)
    return sum(same > other for same, other in zip(scores[::2], scores[1::2]))


def attentions(base: str) -> list[str]:
    """The kinds the served model was trained for."""
    with urllib.request.urlopen(base + "/v1/models", timeout=10) as answer:
        return list(json.load(answer)["data"][0]["attention"])


def rows_of(args: argparse.Namespace, sets: list[PairSet], precision: str) -> Iterator[str]:
    """One line of the table per attention."""
    with server(args.binary, args.model, precision, args.threads) as base:
        for attention in args.attention.split(",") if args.attention else attentions(base):
            found = [100 * spearman(similarities(base, s.pairs, attention), s.scores) for s in sets]
            cells = [f"{f:.1f}" for f in found] + [f"{sum(found) / len(found):.1f}"]
            cells.append(f"{kept_order(base, attention)} of {len(PUBLISHED)}")
            yield f"| {attention} | {precision} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder")
    parser.add_argument("data", type=Path, help="folder of the sets")
    parser.add_argument("--binary", default="build/release/rosim")
    parser.add_argument("--precision", default="f32,bf16,int8", help="separated by commas")
    parser.add_argument("--attention", default="", help="separated by commas; default: those the model was trained for")
    parser.add_argument("--limit", type=int, help="pairs of a set, to try it out; default: all")
    parser.add_argument("--threads", type=int, default=0, help="compute threads; 0: all processors")
    args = parser.parse_args()
    sets = [read_set(path, args.limit) for path in sorted(args.data.glob("*.tsv"))]
    if not sets:
        raise SystemExit(f"{args.data}: no .tsv files")
    print("| attention | precision | " + " | ".join(s.name for s in sets) + " | mean | order |")
    print("|" + "---|" * (len(sets) + 4))
    for precision in args.precision.split(","):
        for row in rows_of(args, sets, precision):
            print(row, flush=True)
    print(f"{sum(len(s.scores) for s in sets)} pairs, Spearman x 100", file=sys.stderr)


if __name__ == "__main__":
    main()
