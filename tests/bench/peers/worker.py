"""One engine in a process of its own: a JSON request a line in, a JSON answer a line out.

Libraries keep threads that spin for a while after a call, so the driver stops this process while another is measured.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import engines


def answer(engine: engines.Engine, request: dict[str, Any]) -> Any:
    """What is asked for, as JSON."""
    if request["ask"] == "ids":
        return asdict(engine.time_ids(request["ids"], request["budget_ms"]))
    if request["ask"] == "texts":
        return asdict(engine.time_texts(request["texts"], request["batch"], request["budget_ms"]))
    return engine.vectors(request["texts"]).tolist()


def main() -> None:
    """Arguments: the index of an entry, and the setting as JSON."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    entry = engines.ENTRIES[int(sys.argv[1])]
    values = json.loads(sys.argv[2])
    setting = engines.Setting(
        values["rosim"], Path(values["folder"]), Path(values["prepared"]), int(values["threads"])
    )
    try:
        engine = entry.make(setting)
        hello: dict[str, Any] = {"batches": engine.batches}
    except Exception as error:  # whatever a library throws is a reason to leave it out
        hello = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(hello), file=replies, flush=True)
    if "error" in hello:
        return
    for line in sys.stdin:
        try:
            reply: Any = answer(engine, json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
