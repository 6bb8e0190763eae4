from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store import schema
from firstlight.store.growing import NumberMap, ranges
from firstlight.store.hot import HotSamples
from firstlight.store.kept import Kept
from firstlight.store.runs import NO_RUNS, Runs, joined, merged, within

Row = tuple[int, int, float]
rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 9), st.integers(0, 99).map(float)), max_size=40)


def runs(given_rows: list[Row]) -> Runs:
    """Return rows as a source has them: by series and time, equal ones in their own order."""
    ordered = sorted(given_rows, key=lambda row: row[:2])
    ids, lengths = np.unique(np.array([row[0] for row in ordered], np.int64), return_counts=True)
    times_ns, values = np.array([row[1] for row in ordered], np.int64), np.array([row[2] for row in ordered])
    return Runs(ids, lengths, times_ns, values)


def rows_of(found: Runs) -> list[Row]:
    owners = np.repeat(found.ids, found.lengths)
    return list(zip(owners.tolist(), found.times_ns.tolist(), found.values.tolist(), strict=True))


@given(st.lists(rows, max_size=5))
def test_of_several_sources_the_later_one_wins_at_each_time(sources: list[list[Row]]) -> None:
    newest = {row[:2]: row[2] for source in sources for row in source}
    assert rows_of(merged([runs(source) for source in sources])) == [(*key, newest[key]) for key in sorted(newest)]


@given(rows, st.integers(0, 9), st.integers(0, 9))
def test_a_range_of_time_begins_with_its_start_and_ends_before_its_end(source: list[Row], start: int, end: int) -> None:
    whole = runs(source)
    assert rows_of(within(whole, start, end)) == [row for row in rows_of(whole) if start <= row[1] < end]


def test_a_series_that_goes_on_in_the_next_piece_is_one() -> None:
    pieces = [runs([(1, 1, 1.0), (2, 1, 2.0)]), NO_RUNS, runs([(2, 2, 3.0), (3, 1, 4.0)])]
    found = joined(pieces)
    assert (found.ids.tolist(), found.lengths.tolist()) == ([1, 2, 3], [1, 2, 1])
    assert found.values.tolist() == [1.0, 2.0, 3.0, 4.0]


def tail_rows(given_rows: list[Row]) -> pa.Table:
    columns = zip(*given_rows, strict=True) if given_rows else [()] * 3
    ids, times_ns, values = (list(column) for column in columns)
    micros, rest = [t // 1000 for t in times_ns], [t % 1000 for t in times_ns]
    return pa.table([ids, micros, rest, values], schema=schema.TAIL_SAMPLES)


@given(st.lists(st.tuples(rows, st.booleans()), max_size=12))
def test_hot_samples_are_the_same_however_they_came(pieces: list[tuple[list[Row], bool]]) -> None:
    hot = HotSamples()
    arrived: list[Row] = []
    for piece, is_asked_for in pieces:
        hot.add(tail_rows(piece))
        arrived += piece
        if is_asked_for:
            hot.blocks()
    newest = {row[:2]: row[2] for row in arrived}
    ids = np.array([-2, 0, 1, 7], np.int64)
    found = merged([block.runs(ids, 1, 8) for block in hot.blocks()])
    wanted = [(*key, value) for key, value in sorted(newest.items()) if key[0] in ids and 1 <= key[1] < 8]
    assert rows_of(found) == wanted
    assert hot.rows == len(arrived)
    columns = [hot.table()[name].to_pylist() for name in ("series_id", "time", "ns", "value")]
    shown = [
        (one, int(t.timestamp()) * 10**9 + t.microsecond * 1000 + ns, v) for one, t, ns, v in zip(*columns, strict=True)
    ]
    assert {row[:2]: row[2] for row in shown} == newest


def test_there_are_few_blocks_however_often_one_looks() -> None:
    hot = HotSamples()
    for n in range(1000):
        hot.add(tail_rows([(n % 3, n, float(n))]))
        assert len(hot.blocks()) <= 10


@given(st.lists(st.lists(st.integers(-50, 50), max_size=20), max_size=10))
def test_a_map_of_numbers_is_a_map(batches: list[list[int]]) -> None:
    made, known = NumberMap(), dict[int, int]()
    for batch in batches:
        fresh = [key for key in dict.fromkeys(batch) if key not in known]
        known.update({key: len(known) + n for n, key in enumerate(fresh)})
        made.add(np.array(fresh, np.int64), np.array([known[key] for key in fresh], np.int64))
    asked = np.arange(-60, 60)
    assert made.find(asked).tolist() == [known.get(key, -1) for key in asked.tolist()]


def test_ranges_are_written_out() -> None:
    def of(*pairs: tuple[int, int]) -> Any:
        return ranges(np.array([a for a, _ in pairs], np.int64), np.array([n for _, n in pairs], np.int64)).tolist()

    assert of((3, 2), (9, 0), (0, 3)) == [3, 4, 0, 1, 2]
    assert of() == []


def test_what_was_asked_for_last_is_kept() -> None:
    kept = Kept(100)
    for key in "abcde":
        kept.put(key, key.upper(), 20)
    assert kept.get("a") == "A"
    kept.put("f", "F", 20)
    assert (kept.get("b"), kept.get("a"), kept.bytes) == (None, "A", 100)
    kept.put("g", "too large", 26)
    assert kept.get("g") is None
    kept.put("a", "again", 10)
    assert (kept.get("a"), kept.bytes) == ("again", 90)
