"""A process that uses the lake of ``lake_week``: ``python -m bench.lake_week_visit WHAT FOLDER DAYS END_NS``.

``ask`` asks for the last hour of a series, for the last value of each and then every question; ``idle`` has the lake
open and maintained until its input ends.  Where pandas is installed Arrow loads it when it first reads; ``ask`` hides
it, as ``pip install "firstlight[hub]"`` does not bring it, and ``ask-with-pandas`` does not.  It prints lines of JSON:
when it came how far by the clock that all processes share, and last its peak memory.  What it imports is part of what
is measured, so it imports no more than it needs.
"""

import json
import os
import sys
import time
from typing import Any

_HOUR_NS = 3_600_000_000_000


class _WithoutPandas:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _visit(what: str, folder: str, days: int, end_ns: int) -> None:
    if what == "ask":
        sys.meta_path.insert(0, _WithoutPandas())  # type: ignore[arg-type]
    moments = {"began": time.perf_counter()}
    from firstlight.app.lake import Lake
    from firstlight.model import named

    moments["imported"] = time.perf_counter()
    with Lake.open(folder, maintain=what == "idle") as lake:
        moments["opened"] = time.perf_counter()
        if what == "idle":
            sys.stdin.read()
            return
        (found,) = lake.select(named("gauge_01", host="host00"), end_ns - _HOUR_NS, end_ns)
        moments["answered"] = time.perf_counter()
        series = len(lake.last())
        moments["knew_all"] = time.perf_counter()
        _tell({**moments, "samples": len(found.values), "series": series})
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
    _visit(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
