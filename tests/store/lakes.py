"""Lakes with rows of several days, and what is in them."""

from itertools import chain
from pathlib import Path
from typing import Any

from firstlight.app.lake import Lake
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Resource, Series, Span
from firstlight.store import sidecar
from firstlight.store.catalog import Catalog, Segment
from firstlight.store.compact import US_PER_DAY
from firstlight.store.layout import Layout
from tests.store.test_compact import sealed

DAY_NS = US_PER_DAY * 1000
FIRST_DAY = 20_000
SERVICES = ("shop", "bank")
ROWS = 12


def day(number: int, rows: int = ROWS, first: int = 0) -> Batch:
    """Return a batch of everything on one day, of two services, from the minute ``first`` on."""
    batch = Batch(Resource("shop", "s1", attributes={"region": "north"}))
    start_ns = (FIRST_DAY + number) * DAY_NS + 3_600_000_000_000
    for i in range(first, first + rows):
        at_ns = start_ns + i * 60_000_000_000 + i
        for service in SERVICES:
            batch.add_sample(Series("load", (("user", f"u{i % 3}"),), service), at_ns, i / 8)
        attributes = {"user.id": i % 3, "note": f'"é{i % 2}"'}
        batch.events.append(Event(at_ns, f"e{i % 4}", 9, "a", "b", f"text {i} for ada{i % 3}", attributes))
        batch.spans.append(Span(at_ns, at_ns + 5, "op", f"{i % 3:032x}", f"{number * 100 + i:016x}"))
    took = Series("took", (), "shop", kind=Kind.HISTOGRAM)
    batch.series[took.id()] = took
    batch.exponential.append(ExponentialPoint(took.id(), start_ns, 3, 4.5, 2, positive=[1, 2], min=0.5))
    return batch


def lake_of(path: Path, days: int) -> Layout:
    """Make a lake with a segment per table and day."""
    return sealed(path, *map(day, range(days)))


def segments(layout: Layout, table: str) -> tuple[Segment, ...]:
    return Catalog(layout).snapshot().segments.get(table, ())


def counts(path: Path) -> dict[str, int]:
    """Return how many rows the lake answers with, by table."""
    names = ("samples", "events", "spans", "exponential_histograms", "series")
    return {name: ask(path, f"SELECT count(*) FROM {name}")[0][0] for name in names}


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    with Lake.open(path, read_only=True) as lake:
        return list(lake.sql(query).rows)


def days_of(path: Path, table: str) -> list[int]:
    """Return the days that have rows, the first one of the lake being 0."""
    rows = ask(path, f"SELECT DISTINCT time_ns // {DAY_NS} - {FIRST_DAY} FROM {table} ORDER BY 1")
    return [number for (number,) in rows]


def files(layout: Layout) -> set[str]:
    """Return what lies among the segments."""
    return {str(path) for path in layout.data.rglob("*") if path.is_file()}


def registered(layout: Layout) -> set[str]:
    """Return what belongs there: the segments of the catalog, and a sidecar for each one of events."""
    parts = Catalog(layout).snapshot().segments
    beside = {str(sidecar.path_of(found.path)) for table in sidecar.TABLES for found in parts.get(table, ())}
    return {found.path for found in chain.from_iterable(parts.values())} | beside
