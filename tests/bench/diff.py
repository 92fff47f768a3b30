"""Two JSON files of `rosim bench --json`, side by side: how many times faster the second is, by the best windows.

Only runs on the same machine compare; and the peaks of both, which stand on top, should agree.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# Section: the columns that name a row, the column compared, and whether more of it is better.
SECTIONS = {
    "peak": (("loop",), "all_threads", True),
    "dense": (("precision", "weight", "rows"), "min_us", False),
    "attention": (("precision", "attention", "tokens"), "min_us", False),
    "encoder": (("precision", "attention", "texts", "tokens"), "min_ms", False),
    "ids": (("line", "tokens"), "min_ms", False),
    "texts": (("texts",), "best_texts_per_s", True),
}


def compare(section: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """Prints the rows that both have."""
    names, value, more_is_better = SECTIONS[section]
    old = {tuple(row[name] for name in names): row[value] for row in before}
    print(f"\n{section}: {value}")
    for row in after:
        key = tuple(row[name] for name in names)
        if key in old and old[key] and row[value]:
            ratio = row[value] / old[key] if more_is_better else old[key] / row[value]
            print(f"{' '.join(map(str, key)):40} {old[key]:12.3f} {row[value]:12.3f} {ratio:8.2f}x")


def main() -> int:
    """Arguments: the file before and the file after."""
    if len(sys.argv) != 3:
        print("usage: diff.py BEFORE.json AFTER.json", file=sys.stderr)
        return 2
    before, after = (json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:])
    for fact in ("date", "processor", "threads", "kernels", "compiler", "load", "model"):
        print(f"{fact:10} {before.get(fact, '-')}  ->  {after.get(fact, '-')}")
    for section in SECTIONS:
        if section in before and section in after:
            compare(section, before[section], after[section])
    return 0


if __name__ == "__main__":
    sys.exit(main())
