"""Series for the tests of PromQL, written briefly."""

import struct
from typing import Any

from firstlight.errors import QueryError
from firstlight.query.promql.answer import Answer
from firstlight.query.promql.engine import Engine, Options
from firstlight.query.promql.language.parser import selector_of
from firstlight.query.promql.sources.memory import MemorySource
from firstlight.query.promql.windows.ranges import STALE_BITS

S = 10**9
STALE: float = struct.unpack("<d", STALE_BITS.to_bytes(8, "little"))[0]


def source(step_s: float = 60, **lines: list[float | None]) -> MemorySource:
    """Return series ``{"up{job='a'}": [1, 2, None]}`` with a sample every ``step_s`` from 0 on."""
    found = MemorySource()
    for text, values in lines.items():
        labels = {matcher.label: matcher.value for matcher in selector_of(text).matchers}
        found.add(labels, [(round(at * step_s * S), value) for at, value in enumerate(values) if value is not None])
    return found


def shown(answer: Answer) -> dict[str, Any]:
    """Return ``{"job=a": {seconds: value}}``; just the value for an instant vector."""
    found: dict[str, Any] = {}
    at = 0
    for labels, length in zip(answer.labels, answer.lengths.tolist(), strict=True):
        points = zip(answer.times_ns[at : at + length].tolist(), answer.values[at : at + length].tolist(), strict=True)
        name = ",".join(f"{key}={value}" for key, value in labels)
        line = {time_ns / S: value for time_ns, value in points}
        found[name] = line if answer.kind == "matrix" else next(iter(line.values()))
        at += length
    return found


def instant(held: MemorySource, text: str, at_s: float = 0, options: Options | None = None) -> dict[str, Any]:
    return shown(Engine(held, options or Options()).instant(text, round(at_s * S)))


def ranged(held: MemorySource, text: str, start_s: float, end_s: float, step_s: float) -> dict[str, Any]:
    return shown(Engine(held).range(text, round(start_s * S), round(end_s * S), round(step_s * S)))


def problem(held: MemorySource, text: str, at_s: float = 0) -> str:
    """Return what the engine says against a query."""
    try:
        Engine(held).instant(text, round(at_s * S))
    except QueryError as error:
        return str(error)
    return ""
