"""The acceptance figures of trust in scores, on public development sets, with the C code that the server runs.

`make bench-trust` runs all three (run.sh); one alone:

    OPENBLAS_NUM_THREADS=1 python3 run.py ece   ROSIM MODEL LCQMC.tsv
    OPENBLAS_NUM_THREADS=1 python3 run.py heads ROSIM MODEL LCQMC.tsv PARAPHRASE.tsv
    OPENBLAS_NUM_THREADS=1 python3 run.py drift ROSIM MODEL BQ.tsv STSB.tsv

ROSIM is the binary, MODEL a model folder; sets are `label<TAB>a<TAB>b`, PARAPHRASE has the name of its source as a
fourth column, and the last 480 pairs of STSB are captions and news. Prints tables in Markdown.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from score_library import Doubles, Drift, Floats, fit_calibration, fit_classifier, fit_pair_head, probabilities
from sklearn.linear_model import LogisticRegression

Labels = NDArray[np.int64]
DRAWS = 100


def embed(rosim: str, model: str, texts: list[str]) -> Floats:
    """Unit vectors of texts, by `rosim embed`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "vectors.npy"
        command = [rosim, "embed", "--model", model, "-o", str(target)]
        subprocess.run(command, input="\n".join(texts).encode(), check=True, stderr=subprocess.DEVNULL)
        vectors: Floats = np.load(target)
        return vectors


def read_pairs(path: str) -> tuple[list[str], list[str], Labels]:
    """Both sides and whole labels."""
    rows = [line.rstrip("\n").split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [r[1] for r in rows], [r[2] for r in rows], np.array([int(float(r[0])) for r in rows])


def calibration_error(p: Doubles, y: Labels) -> float:
    """ECE in ten bins of equal width."""
    bins = np.minimum((p * 10).astype(int), 9)
    return float(np.abs(np.bincount(bins, p - y, minlength=10)).sum() / len(y))


def run_ece(rosim: str, model: str, path: str) -> None:
    """Half to fit, half to judge, many draws."""
    a, b, y = read_pairs(path)
    vectors = embed(rosim, model, [t for pair in zip(a, b, strict=True) for t in pair])
    cosines = np.clip((vectors[0::2] * vectors[1::2]).sum(1, dtype=np.float64), -1, 1)
    x = -np.log(1.02 - cosines)
    rng = np.random.default_rng(7)
    found: dict[tuple[int, str], list[float]] = {}
    floors: list[float] = []
    for _ in range(DRAWS):
        order = rng.permutation(len(y))
        fit, judge = order[: len(y) // 2], order[len(y) // 2 :]
        for n in (50, 200, 2000):
            some = fit[:n]
            even = np.concatenate([fit[y[fit] == k][: n // 2] for k in (1, 0)])
            ways = {
                "article's form, raw cosines": (cosines, some, None, True, 0.0),
                "article's form": (x, some, None, True, 0.0),
                "ours": (x, some, None, False, 50.0),
                "ours, as many of each label": (x, even, None, False, 50.0),
                "ours, and the rest unlabelled": (x, even, x[fit], False, 50.0),
            }
            for name, (feature, rows, rest, plain, usual) in ways.items():
                made = fit_calibration(feature[rows], y[rows] == 1, rest, 0, plain, usual)
                p = probabilities(made, feature[judge])
                found.setdefault((n, name), []).append(calibration_error(p, y[judge]))
                if n == 2000 and name == "ours":
                    drawn = (rng.random(len(judge)) < p).astype(int)
                    floors.append(calibration_error(p, drawn))
    print(f"ECE on {len(y) - len(y) // 2} judged pairs over {DRAWS} draws; perfect: {np.mean(floors):.4f}\n")
    print("| pairs fitted | how | mean | median | 90 % |\n|---|---|---|---|---|")
    for (n, name), values in sorted(found.items()):
        q = np.quantile(values, [0.5, 0.9])
        print(f"| {n} | {name} | {np.mean(values):.4f} | {q[0]:.4f} | {q[1]:.4f} |")


def descend(x: Floats, y: Labels, classes: int) -> Callable[[Floats], Labels]:
    """Softmax regression by Adam, as the article's comparison has it: no penalty, batches of 32, 20 passes."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    layer = torch.nn.Linear(x.shape[1], classes)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
    rows, labels = torch.tensor(x), torch.tensor(y)
    for _ in range(20):
        for part in torch.randperm(len(rows)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layer(rows[part]), labels[part]).backward()
            optimizer.step()
    return lambda v: layer(torch.tensor(v)).argmax(1).numpy()


def closed(x: Floats, y: Labels, classes: int) -> Callable[[Floats], Labels]:
    """Ours."""
    weights, bias, _ = fit_classifier(x, y, classes)
    return lambda v: (v @ weights.T + bias).argmax(1)


def pair_head(x: Floats, y: Labels, classes: int) -> Callable[[Floats], Labels]:
    """Ours, as POST /v1/heads fits it; x as run_heads scales it."""
    d = x.shape[1] // 3
    scale = np.float32(np.sqrt(d))
    weights, bias = fit_pair_head(x[:, :d] / scale, x[:, d : 2 * d] / scale, y, classes)
    return lambda v: ((v / scale) @ weights.T + bias).argmax(1)


def penalised(x: Floats, y: Labels, _: int) -> Callable[[Floats], Labels]:
    """Logistic regression with an L2 penalty, by scikit-learn's defaults."""
    fitted = LogisticRegression(max_iter=500).fit(x, y)
    return lambda v: fitted.predict(v)


def compare(title: str, x: Floats, y: Labels, sizes: tuple[int, ...], ours: Callable[..., Any] = closed) -> None:
    """Accuracy on what is left, three draws a size."""
    classes = int(y.max()) + 1
    print(f"\n{title}\n\n| samples | closed form | gradient descent | with L2 |\n|---|---|---|---|")
    for n in sizes:
        rows: list[list[float]] = []
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(y))
            fit, judge = order[:n], order[-2000:]
            ways = (ours, descend, penalised)
            rows.append([float(np.mean(way(x[fit], y[fit], classes)(x[judge]) == y[judge])) for way in ways])
        print(f"| {n} | " + " | ".join(f"{100 * v:.1f}" for v in np.mean(rows, 0)) + " |")


def run_heads(rosim: str, model: str, pairs: str, sources: str) -> None:
    """The article's table on two public tasks: which pairs match, and which corpus a question is from."""
    a, b, y = read_pairs(pairs)
    vectors = embed(rosim, model, [t for pair in zip(a, b, strict=True) for t in pair])
    u, v = vectors[0::2], vectors[1::2]
    features = np.concatenate([u, v, np.abs(u - v)], 1).astype(np.float32) * np.float32(np.sqrt(u.shape[1]))
    compare("LCQMC, does the pair match, from [u; v; |u - v|], accuracy %", features, y, (60, 200, 1000, 5000),
            pair_head)
    if not Path(sources).exists():
        print(f"\n{sources} is not there: no sources of texts to tell apart")
        return
    rows = [line.rstrip("\n").split("\t") for line in Path(sources).read_text(encoding="utf-8").splitlines()]
    names = sorted({r[3] for r in rows})
    rng = np.random.default_rng(1)
    picked = [rows[i] for n in names for i in rng.permutation([j for j, r in enumerate(rows) if r[3] == n])[:1200]]
    texts = embed(rosim, model, [r[1] for r in picked])
    labels = np.array([names.index(r[3]) for r in picked])
    compare(f"source of a text, {len(names)} classes, accuracy %", texts, labels, (60, 200, 1000, 5000))


def run_drift(rosim: str, model: str, same: str, other: str) -> None:
    """False alarms on the same source, and how many texts another one takes to be flagged."""
    a, b, _ = read_pairs(same)
    bank = embed(rosim, model, list(dict.fromkeys(a + b)))
    a, b, _ = read_pairs(other)
    news = embed(rosim, model, a[-480:] + b[-480:])
    rng = np.random.default_rng(0)
    within = alarms = 0
    first: list[int] = []
    for base in range(20):
        order = rng.permutation(len(bank))
        drift, rest = Drift(bank[order[:2000]], base), order[2000:]
        for _ in range(5):
            drift.reset()
            drift.feed(bank[rng.choice(rest, 500, replace=False)])
            report = drift.report()
            within += report.percentiles[8] <= 95
            alarms += report.drifted
        drift.reset()
        drift.feed(bank[rng.choice(rest, 1000, replace=False)])
        fed = 0
        while not drift.report().drifted and fed < 2000:
            drift.feed(news[rng.integers(len(news), size=10)])
            fed += 10
        first.append(fed)
        drift.close()
    print(f"same source, 500 texts: {within} of 100 within the 95th percentile, {alarms} alarms")
    print(f"captions and news behind 1000 bank questions: flagged after {np.median(first):.0f} texts (median), "
          f"{max(first)} (most)")


def main() -> None:
    """Dispatches."""
    commands: dict[str, Callable[..., None]] = {"ece": run_ece, "heads": run_heads, "drift": run_drift}
    if len(sys.argv) < 5 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
