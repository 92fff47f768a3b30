"""What `uncertainty` is worth, through a server: does it find wrong decisions, does it know foreign texts?

    python3 uncertainty.py ROSIM MODEL LCQMC.tsv BQ.tsv STSB.tsv

Fits a calibration on the first pairs of LCQMC, asks for the next ones with 16 copies, and prints how well each figure
tells wrong decisions (probability on the wrong side of one half) from right ones, as area under ROC; then the mean
spread of the texts of each set, of LCQMC's with their characters shuffled, and of random ones.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

FITTED, JUDGED, PER_REQUEST, COPIES, SAMPLE = 1000, 1000, 50, 16, 300
Pair = tuple[str, str, int]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def ask(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        out: dict[str, Any] = json.load(answer)
        return out


def wait_ready(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url + "/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    sys.exit("the server did not come up")


def read_pairs(path: str) -> list[Pair]:
    rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(r[1], r[2], int(float(r[0]))) for r in rows]


def measure(url: str, pairs: list[Pair], calibration: str | None, dropout: float) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for first in range(0, len(pairs), PER_REQUEST):
        part = pairs[first : first + PER_REQUEST]
        body: dict[str, Any] = {"pairs": [p[:2] for p in part], "uncertainty": COPIES, "dropout": dropout}
        if calibration:
            body["calibration"] = calibration
        answer = ask(url, "/v1/similarity", body)
        texts = answer["uncertainty"]["texts"]
        out.setdefault("spread", []).extend(t["spread"] for t in texts)
        for key in ("deviation", "divergence", "probability"):
            out.setdefault(key, []).extend(s.get(key, 0) for s in answer["uncertainty"]["scores"])
        out.setdefault("plain", []).extend(answer.get("probabilities", []))
    return out


def judge(url: str, pairs: list[Pair]) -> None:
    fit, rest = pairs[:FITTED], pairs[FITTED : FITTED + JUDGED]
    ask(url, "/v1/calibrations", {"id": "bench", "pairs": fit})
    labels = np.array([p[2] for p in rest])
    print("| dropout | wrong, of all | distance to 1/2 | deviation | divergence | spread of both texts |")
    print("|---|---|---|---|---|---|")
    for dropout in (0.05, 0.1, 0.2):
        m = measure(url, rest, "bench", dropout)
        plain = np.array(m["plain"])
        wrong = (plain > 0.5) != (labels == 1)
        spread = np.array(m["spread"]).reshape(-1, 2).sum(1)
        figures = (-np.abs(plain - 0.5), m["deviation"], m["divergence"], spread)
        row = " | ".join(f"{roc_auc_score(wrong, f):.3f}" for f in figures)
        print(f"| {dropout} | {wrong.sum()} of {len(wrong)} | {row} |", flush=True)


def strangers(url: str, sets: dict[str, list[Pair]]) -> None:
    print("\n| texts | mean spread at 0.1 | 10 % | 90 % |\n|---|---|---|---|")
    for name, pairs in sets.items():
        spread = measure(url, pairs[:SAMPLE], None, 0.1)["spread"]
        low, high = np.quantile(spread, (0.1, 0.9))
        print(f"| {name} | {np.mean(spread):.4f} | {low:.4f} | {high:.4f} |", flush=True)


def main() -> None:
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    rosim, model, lcqmc, bq, stsb = sys.argv[1:]
    port = free_port()
    rng = random.Random(1)
    questions = read_pairs(lcqmc)
    rng.shuffle(questions)
    shuffled = [("".join(rng.sample(a, len(a))), "".join(rng.sample(b, len(b))), 0) for a, b, _ in questions[:SAMPLE]]
    noise = [("".join(chr(rng.randrange(0x4E00, 0x9FA0)) for _ in range(10)),) * 2 + (0,) for _ in range(SAMPLE)]
    server = subprocess.Popen([rosim, "serve", "--model", model, "--port", str(port), "--log-level", "error",
                               "--timeout", "600"])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_ready(url)
        judge(url, questions)
        strangers(url, {"LCQMC (everyday questions)": questions, "BQ (bank questions)": read_pairs(bq),
                        "STS-B (captions, forums, news; English)": read_pairs(stsb),
                        "LCQMC, characters shuffled": shuffled, "random characters": noise})
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
