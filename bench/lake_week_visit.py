"""A process that uses the lake of ``lake_week``: ``python -m bench.lake_week_visit FOLDER DAYS WHAT``.

``ask`` asks a first question and then every one; ``idle`` has the lake open and maintained until its input ends.  It
prints lines of JSON: when it came how far by the clock that all processes share, and in the end its peak memory.  What
it imports is part of what is measured, so it imports no more than it needs.
"""

import json
import os
import sys
import time
from typing import Any


def _visit(folder: str, days: int, what: str) -> None:
    moments = {"began": time.perf_counter()}
    from firstlight.app.lake import Lake

    moments["imported"] = time.perf_counter()
    with Lake.open(folder, maintain=what == "idle") as lake:
        moments["opened"] = time.perf_counter()
        found = lake.last()
        moments["answered"] = time.perf_counter()
        _tell({**moments, "found": len(found)})
        if what == "idle":
            sys.stdin.read()
            return
        _ask_everything(lake, days)


def _ask_everything(lake: Any, days: int) -> None:
    from bench.lake_servers import peak_bytes
    from bench.lake_week_questions import QUESTIONS, Asked

    for number in range(3):
        for question in QUESTIONS:
            question.lake(lake, Asked(days, number))
    _tell({"peak_bytes": peak_bytes(os.getpid())})


def _tell(figures: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _visit(sys.argv[1], int(sys.argv[2]), sys.argv[3])
