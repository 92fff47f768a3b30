"""What a comparison found, as tables for a README, as JSON, and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PRECISIONS = ("f32", "bf16", "int8")
# The least ratio asked for, by work and precision.
WANTED = {
    "16": {"f32": 1.4, "bf16": 1.5, "int8": 1.6},
    "128": {"f32": 1.2, "bf16": 1.3, "int8": 1.5},
    "512": {"f32": 1.15, "bf16": 1.25, "int8": 1.4},
    "mixed": {"f32": 1.3, "bf16": 1.4, "int8": 1.6},
    "1 client": {"f32": 2.0, "int8": 2.0},
    "32 clients": {"f32": 2.0, "int8": 2.0},
    "4 clients x 32 mixed": {"f32": 3.0, "int8": 3.0},
}
OURS = "rosim"


def speed(row: dict[str, Any], work: str, kind: str) -> float | None:
    """Larger is faster: calls a second, or texts a second; kind is best or median."""
    if work == "mixed":
        value = row.get("mixed")
        return float(value[kind]) if value else None
    times = row["lengths"].get(work)
    return 1000 / float(times[f"{kind}_ms"]) if times else None


def server_speed(row: dict[str, Any], work: str, kind: str) -> float | None:
    """Requests a second; for one client, turned from its p50."""
    result = row["loads"].get(work)
    if not result or not result["p50_ms"]:  # not one request was answered in time
        return None
    prefix = "best_" if kind == "best" else ""
    if work == "1 client":
        return 1000 / float(result[prefix + "p50_ms"])
    return float(result[prefix + "requests_per_s"])


def ratios(
    rows: list[dict[str, Any]], works: list[str], measure: Any, same_precision: bool
) -> list[list[str]]:
    """For each work and precision: ours against the fastest of the others."""
    lines = []
    for work in works:
        for precision in PRECISIONS:
            ours = [r for r in rows if r["name"] == OURS and r["precision"] == precision]
            others = [
                r
                for r in rows
                if r["name"] != OURS and (not same_precision or r["precision"] == precision)
            ]
            pairs = []
            for kind in ("median", "best"):
                mine = measure(ours[0], work, kind) if ours else None
                theirs = [
                    (measure(r, work, kind), r["name"]) for r in others if measure(r, work, kind)
                ]
                if mine and theirs:
                    top, name = max(theirs)
                    pairs.append((mine / top, name))
            if len(pairs) < 2:
                continue
            wanted = WANTED.get(work, {}).get(precision)
            verdict = "" if wanted is None else ("yes" if pairs[0][0] >= wanted else "NO")
            lines.append(
                [
                    work,
                    precision,
                    pairs[0][1],
                    f"{pairs[0][0]:.2f}",
                    f"{pairs[1][0]:.2f}",
                    f"{wanted or ''}",
                    verdict,
                ]
            )
    return lines


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def engine_row(row: dict[str, Any]) -> list[str]:
    """Times as median (best)."""
    cells = [row["name"], row["precision"]]
    for times in (row["lengths"].get(length) for length in ("16", "128", "512")):
        cells.append(f"{times['median_ms']:.2f} ({times['best_ms']:.2f})" if times else "-")
    mixed = row.get("mixed")
    batch = f", batch {mixed['batch']}" if mixed and row["name"] != OURS else ""
    cells.append(f"{mixed['median']:.0f} ({mixed['best']:.0f}){batch}" if mixed else "-")
    cosine = row.get("cosine")
    cells.append(f"{cosine['min']:.5f} / {cosine['mean']:.5f}" if cosine else "-")
    return cells


def server_row(row: dict[str, Any]) -> list[str]:
    """Each load as p50/p99 and requests a second."""
    cells = [row["name"], row["precision"]]
    for name, result in row["loads"].items():
        rate = result["requests_per_s"] * (32 if "mixed" in name else 1)
        failed = f", {result['failed']:.0f} FAILED" if result["failed"] else ""
        cells.append(f"{result['p50_ms']:.2f}/{result['p99_ms']:.2f}, {rate:.0f}{failed}")
    return [*cells, f"{row['start_ms']:.0f}", f"{row['idle_mib']:.0f}"]


def markdown(result: dict[str, Any]) -> str:
    """The whole report."""
    parts = ["# rosim beside other engines, one machine, one run\n"]
    parts.append("".join(f"- {key}: {value}\n" for key, value in result["machine"].items()))
    for model in result["models"]:
        parts.append(f"## {model['model']}\n")
        if model["engines"]:
            rows = model["engines"]
            parts.append(
                "How many times faster than the fastest other engine of the same precision.\n"
            )
            head = [
                "work",
                "precision",
                "fastest other",
                "by median",
                "by best",
                "wanted",
                "reached",
            ]
            parts.append(table(head, ratios(rows, ["16", "128", "512", "mixed"], speed, True)))
            parts.append(
                "One text of so many tokens: ms, median (best). Mixed: texts/s, median (best).\n"
            )
            head = [
                "engine",
                "precision",
                "16",
                "128",
                "512",
                "mixed 8-256",
                "cosine to fp32, min / mean",
            ]
            parts.append(table(head, [engine_row(row) for row in rows]))
        if model["servers"]:
            rows = model["servers"]
            head = [
                "load",
                "precision",
                "fastest other",
                "by median",
                "by best",
                "wanted",
                "reached",
            ]
            works = ["1 client", "8 clients", "32 clients", "4 clients x 32 mixed"]
            lines = ratios(rows, works, server_speed, False)
            if lines:
                parts.append(
                    "How many times faster than the fastest other server (1 client: p50).\n"
                )
                parts.append(table(head, lines))
            parts.append("Servers: p50/p99 ms, texts/s.\n")
            head = ["server", "precision", *rows[0]["loads"], "first answer ms", "idle MiB"]
            parts.append(table(head, [server_row(row) for row in rows]))
    return "\n".join(parts)


def plot(result: dict[str, Any], path: Path) -> None:
    """Bars: how many texts a second each engine encodes, by model and work."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "rosim", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot

    works = ["16", "128", "512", "mixed"]
    models = [model for model in result["models"] if model["engines"]]
    figure, grid = pyplot.subplots(
        len(models), len(works), figsize=(11, 3.2 * len(models)), squeeze=False
    )
    for model, axes_row in zip(models, grid, strict=True):
        for work, axes in zip(works, axes_row, strict=True):
            rows = [(speed(r, work, "median") or 0.0, r) for r in model["engines"]]
            rows.sort(key=lambda pair: pair[0])
            names = [f"{row['name']} {row['precision']}" for _, row in rows]
            colours = ["#c0392b" if row["name"] == OURS else "#9aa5b1" for _, row in rows]
            axes.barh(names, [value for value, _ in rows], color=colours)
            axes.set_title(
                f"{model['model']}\n"
                + ("mixed, texts/s" if work == "mixed" else f"{work} tokens, texts/s")
            )
            axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    pyplot.close(figure)


def write(out: Path, result: dict[str, Any], name: str) -> None:
    """name.json, name.md, name.svg; the tables also on stdout."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = markdown(result)
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    if any(model["engines"] for model in result["models"]):
        plot(result, out / f"{name}.svg")
    print(text)
