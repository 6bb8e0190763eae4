from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import StorageError
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Resource, Series, Span
from firstlight.store import compact, lakehouse, schema
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter

DAY_NS = compact.US_PER_DAY * 1000
START_NS = 20_000 * DAY_NS
S_NS = 1_000_000_000
CPUS = [Series("cpu", (("core", str(core)),), "shop") for core in range(5)]
HIST = Series("took", (), "shop", kind=Kind.HISTOGRAM)


def sealed(path: Path, *batches: Batch) -> Layout:
    """Make a lake with a segment, per table and day, of each batch."""
    layout = Layout(path)
    layout.create()
    lakehouse.create(layout)
    for batch in batches:
        wal = WalWriter(layout, "never")
        wal.append([batch])
        wal.close()
        Sealer(layout).seal()
    return layout


def samples(*rows: tuple[int, int, float]) -> Batch:
    batch = Batch(Resource("shop"))
    for core, time_ns, value in rows:
        batch.add_sample(CPUS[core], START_NS + time_ns, value)
    return batch


def everything(number: int) -> Batch:
    batch = samples(*((core, (number + 10 * i) * S_NS, number / 4) for core in range(5) for i in range(20)))
    for i in range(20):
        at_ns = START_NS + (number + 10 * i) * S_NS + i
        batch.events.append(Event(at_ns, f"e{number}", 9, "a", "b", f"text {i}", {"i": i}))
        batch.spans.append(Span(at_ns, at_ns + 5, "op", "ab" * 16, f"{i:016x}"))
    batch.series[HIST.id()] = HIST
    batch.exponential.append(ExponentialPoint(HIST.id(), START_NS + number, 3, 4.5, 2, positive=[1, 2], min=0.5))
    return batch


def compact_all(layout: Layout) -> list[compact.Merged]:
    return [compact.run(layout, work) for work in compact.possible(Catalog(layout).snapshot())]


QUESTIONS = [
    "SELECT time_ns, name, labels, value FROM metrics ORDER BY ALL",
    "SELECT * FROM events ORDER BY time_ns, name",
    "SELECT * FROM spans ORDER BY time_ns, span_id",
    "SELECT * FROM series ORDER BY series_id",
    "SELECT * FROM exponential_histograms ORDER BY time_ns",
]


def test_answers_are_the_same_before_and_after_a_merge(tmp_path: Path) -> None:
    layout = sealed(tmp_path, *map(everything, range(4)))
    with Lake.open(tmp_path, read_only=True) as lake:
        before = [lake.sql(question).rows for question in QUESTIONS]
        merged = compact_all(layout)
        assert [lake.sql(question).rows for question in QUESTIONS] == before
    assert {(work.table, work.segments) for work in merged} == {
        (table, 4) for table in ("samples", "events", "spans", "exponential")
    }
    assert all(len(found) == 1 for found in Catalog(layout).snapshot().segments.values())


def test_merged_segments_are_sorted(tmp_path: Path) -> None:
    layout = sealed(tmp_path, *map(everything, range(4)))
    compact_all(layout)
    for table, (found,) in Catalog(layout).snapshot().segments.items():
        rows = pq.read_table(found.path).select(schema.SORT_KEYS[table])
        assert rows.equals(rows.sort_by([(key, "ascending") for key in rows.column_names]))


def test_of_two_samples_of_one_moment_the_later_written_stays(tmp_path: Path) -> None:
    batches = [samples((0, 0, 1.0), (1, 0, 7.0)), samples((0, 0, 2.0), (0, 1, 3.0)), samples((0, 0, 4.0))]
    layout = sealed(tmp_path, *batches)
    (work,) = compact.possible(Catalog(layout).snapshot())
    # The newest two first: what comes of them must still count as newer than the oldest.
    compact.run(layout, work._replace(segments=work.segments[1:]))
    merged = compact_all(layout)
    assert merged[0].rows == 3
    with Lake.open(tmp_path, read_only=True) as lake:
        rows = lake.sql("SELECT labels['core'], time_ns, value FROM metrics ORDER BY ALL").rows
    assert rows == [("0", START_NS, 4.0), ("0", START_NS + 1, 3.0), ("1", START_NS, 7.0)]


def test_every_bit_of_a_value_survives(tmp_path: Path) -> None:
    odd = np.array([0x7FF0000000000002, 0x7FF8DEAD0000BEEF, 0x8000000000000000, 0x0000000000000001], np.uint64)
    values = [*odd.view(np.float64).tolist(), np.inf, -np.inf, 0.1, 1e300, 3.0, 2.0**53 + 2, -7.25]
    rows = [(0, i * S_NS, value) for i, value in enumerate(values)]
    layout = sealed(tmp_path, samples(*rows[::2]), samples(*rows[1::2], (1, 5, 1.0)))
    compact_all(layout)
    with Lake.open(tmp_path, read_only=True) as lake:
        ((_, _, found),) = lake.window("cpu", START_NS, START_NS + DAY_NS, {"core": "0"})
    assert np.array(found).view(np.uint64).tolist() == np.array(values).view(np.uint64).tolist()


def test_a_merge_goes_on_where_stretches_end_inside_row_groups(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(compact.merge.STRETCH_ROWS, "samples", 7)
    monkeypatch.setattr("firstlight.store.segment.ROW_GROUP_ROWS", 9)
    layout = sealed(tmp_path, *map(everything, range(6)))
    compact_all(layout)
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*), count(DISTINCT (series_id, time_ns)) FROM samples").rows == [(600, 600)]


def test_a_segment_that_is_gone_stops_a_merge_and_nothing_changes(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples((0, 0, 1.0)), samples((0, 1, 2.0)))
    stale = compact.possible(Catalog(layout).snapshot())
    compact_all(layout)
    before = Catalog(layout).snapshot()
    with pytest.raises(StorageError, match="not part of the lake any more"):
        compact.run(layout, stale[0])
    assert Catalog(layout).snapshot() == before


def segment_of(megabytes: float, age_s: float, now_us: int) -> Segment:
    return Segment("x", 1, int(megabytes * 1e6), now_us, now_us, 0, now_us - int(age_s * 1e6))


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ([1] * 7, 0),
        ([1] * 8, 8),
        ([30, *[1] * 7], 0),
        ([30, *[1] * 8], 8),
        ([30, *[4] * 8], 9),
        ([300, 30, *[4] * 8], 9),
    ],
)
def test_segments_of_today_are_merged_with_their_like(sizes: list[float], merged: int) -> None:
    now_us = 20_000 * compact.US_PER_DAY + 5
    parts = tuple(segment_of(size, 1, now_us) for size in sizes)
    found = compact.due(Snapshot(1, {"samples": parts}, frozenset(), frozenset()), now_us)
    assert [len(work.segments) for work in found] == ([merged] if merged else [])


@pytest.mark.parametrize(("age_s", "merges"), [(compact.QUIET_S + 1, 1), (compact.QUIET_S - 1, 0)])
def test_a_day_that_is_over_becomes_one_segment_when_nothing_comes_any_more(age_s: float, merges: int) -> None:
    now_us = 20_000 * compact.US_PER_DAY + 5
    parts = tuple(replace(segment_of(size, age_s, now_us), begin_us=now_us - 10) for size in (300, 1))
    assert len(compact.due(Snapshot(1, {"samples": parts}, frozenset(), frozenset()), now_us)) == merges


def test_a_day_that_is_not_over_is_left_alone() -> None:
    now_us = 20_000 * compact.US_PER_DAY + 5
    parts = tuple(segment_of(size, compact.QUIET_S + 1, now_us) for size in (300, 1))
    assert compact.due(Snapshot(1, {"samples": parts}, frozenset(), frozenset()), now_us) == []
