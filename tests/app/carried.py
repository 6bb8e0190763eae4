"""Rows of every kind with everything that is hard to carry, and all rows of a lake, bit for bit."""

import struct
from pathlib import Path
from typing import Any

from firstlight.app.lake import Lake
from firstlight.model import (
    Batch,
    Event,
    ExponentialPoint,
    Kind,
    Resource,
    Series,
    Span,
    SpanEvent,
    SpanLink,
)
from firstlight.store.batches import times_ns
from firstlight.store.held import hold
from firstlight.store.layout import Layout
from firstlight.store.maintain import maintain

BASE_NS = 1_577_836_800_123_456_789  # 2020
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
HARD_VALUES = (0.0, -0.0, 1.5, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), STALE, 2.0**53 + 2)
TABLES = ("samples", "exponential", "events", "spans")


def batches() -> list[Batch]:
    sender = Resource("shöp", "s-1", "höst", 4711, {"process.start_time_ns": 1, "deployment": {"zone": ["a", None]}})
    first = Batch(sender)
    for number in range(300):
        event = Event(
            BASE_NS + number * 1_000_000_007, f"event_{number % 7}", 1 + number % 24, "sub", "com", "the body"
        )
        event.attributes = {
            "z": 1,
            "tick_id": number,
            "a": [1.5, "x", {"y": None}],
            "text": 'he said "no",\nthen =left',
        }
        event.trace_id, event.span_id, event.thread_id = f"{number:032x}", f"{number:016x}", number % 3
        first.events.append(event)
    span = Span(BASE_NS, BASE_NS + 12_345, "work", "0" * 31 + "1", "0" * 15 + "2", "0" * 15 + "3", "server", "error")
    span.status_message, span.subsystem, span.component, span.attributes = "no\tway", "s", "c", {"k": 1}
    span.events = [SpanEvent(BASE_NS + 1, "moment", {"n": 1})]
    span.links = [SpanLink("0" * 31 + "9", "0" * 15 + "9", {"l": True})]
    first.spans = [span, Span(BASE_NS + 5, BASE_NS + 5, "plain", "0" * 31 + "1", "0" * 15 + "4")]
    second = Batch(Resource("other"))
    gauge = Series("temp.celsius", (("room", 'a"b\\c\nd'), ("ünit", "ß")), "shöp", "s-1", "lib", unit="Cel")
    for number, value in enumerate(HARD_VALUES):
        second.add_sample(gauge, BASE_NS + number * 1_000_000_001, value)
    described = Series("hits_total", (), "shöp", "", "", "value", Kind.COUNTER, "1", "How often it was hit.")
    for number in range(100):
        second.add_sample(described, BASE_NS + number * 10_000_000_000, float(number))
    parts = (("bucket", (("le", "0.5"),), 2), ("bucket", (("le", "+Inf"),), 3), ("count", (), 3), ("sum", (), 1.25))
    for field, labels, value in parts:
        second.add_sample(Series("took", labels, "shöp", "", "", field, Kind.HISTOGRAM, "s"), BASE_NS, value)
    spread = Series("spread", (("p", "q"),), "shöp", kind=Kind.HISTOGRAM)
    point = ExponentialPoint(spread.id(), BASE_NS, 6, 1.5, 3, 1, 0.25, -2, [1, 2], 0, [2], 0.5, None)
    second.series[spread.id()] = spread
    second.exponential.append(point)
    return [first, second]


def make(directory: Path, *, sealed: bool) -> Path:
    """Make a lake that holds ``batches``: half of them sealed, or all of them hot."""
    with Lake.open(directory, maintain=False) as lake:
        lake.append(batches()[:1])
    if sealed:
        assert maintain(Layout(directory), lambda done: None)
    with Lake.open(directory, maintain=False) as lake:
        lake.append(batches()[1:])
    return directory


def rows(directory: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows by table, sorted, doubles as their bits; those of metrics with their series."""
    with hold(Layout(directory), TABLES) as held:
        series = held.index().all()
        found: dict[str, list[tuple[Any, ...]]] = {}
        for table in TABLES:
            kept = found[table] = []
            for piece in held.pieces(table, -(2**63), 2**63 - 1):
                names = [name for name in piece.column_names if name not in ("time", "ns")]
                columns = [piece[name].to_pylist() for name in names]
                for time_ns, *cells in zip(times_ns(piece).tolist(), *columns, strict=True):
                    who = series[cells[0]] if names[0] == "series_id" else None
                    kept.append((time_ns, who, *map(_bits, cells)))
            kept.sort(key=repr)
    return found


def _bits(cell: Any) -> Any:
    return struct.pack("<d", cell) if isinstance(cell, float) else cell
