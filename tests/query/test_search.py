import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import QueryError
from firstlight.model import Batch, Event, Resource
from firstlight.store import sidecar
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter

START_NS = 1_760_000_000_000_000_123
STEP_NS = 1_000_001
MINUTE_NS = 60_000_000_000
WORDS = [
    "order",
    "Order",
    "shard_7",
    "Ärger",
    "ärger",
    "日本語",
    "naïve",
    "disk",
    "x",
    "K\u212a",
    "\u017f",
    "a-b",
    "né",
]
MARKS = [" ", ".", ": ", "\n", "", '"', "\\", "☃", "\x00"]
Row = dict[str, Any]


def made(rng: random.Random, number: int) -> Event:
    words = [rng.choice(WORDS) + rng.choice(MARKS) for _ in range(rng.randrange(5))]
    body = "".join(words) + (f"Xid {number}" if number % 977 == 0 else "")
    place = f"s{number % 3}", f"c{number % 5}"
    attributes = {"n": number, "what": rng.choice(WORDS)}
    when_ns = START_NS + (number + rng.randrange(-50, 50)) * STEP_NS
    return Event(when_ns, rng.choice(WORDS), 9 + number % 3 * 4, *place, body, attributes)


def appended(layout: Layout, events: list[Event]) -> None:
    batch = Batch(Resource("shop" if len(events) % 2 else "store", "s1", "h1", 7))
    batch.events.extend(events)
    wal = WalWriter(layout, "never")
    wal.append([batch])
    wal.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake with a merged segment, two fresh ones that overlap it, and a tail."""
    path = tmp_path_factory.mktemp("lake")
    rng = random.Random(1)
    with Lake.open(path, maintain=False) as opened:
        layout = Layout(path)
        for begin, end in ((0, 1501), (1500, 3000), (-1, -1), (2800, 4201), (4000, 5000), (4990, 6001)):
            if begin < 0:
                Maintenance(layout, bool).compact_all()
                continue
            appended(layout, [made(rng, number) for number in range(begin, end)])
            if end < 6000:
                Sealer(layout).seal()
        yield opened


@pytest.fixture(scope="module")
def everything(lake: Lake) -> list[Row]:
    return lake.sql("SELECT * FROM events ORDER BY time_ns DESC").dicts()


def agree(found: list[Row], expected: list[Row], limit: int) -> None:
    """Assert that ``found`` are the newest of ``expected``; those of one moment may come in any order."""
    assert [row["time_ns"] for row in found] == [row["time_ns"] for row in expected[:limit]]
    kept, had = (Counter(tuple(row.values()) for row in rows) for rows in (found, expected))
    assert kept <= had
    assert len(expected) > limit or kept == had


def test_the_lake_has_all_kinds_of_places(lake: Lake) -> None:
    view = lake._reader.view()
    segments = view.snapshot.segments["events"]
    assert len(segments) == 3
    assert all(sidecar.path_of(found.path).exists() for found in segments)
    assert lake._reader.tail_table("events", view).num_rows > 500


@given(st.data(), st.sampled_from([1, 7, 100, 10_000]))
def test_parts_of_texts(lake: Lake, everything: list[Row], data: st.DataObject, limit: int) -> None:
    text = data.draw(st.sampled_from([row["body"] for row in everything[::13] if row["body"]]))
    begin = data.draw(st.integers(0, len(text) - 1))
    needle = text[begin : data.draw(st.integers(begin + 1, len(text)))]
    expected = [row for row in everything if needle in row["body"] or needle in row["name"]]
    found = lake.search(needle, limit=limit)
    assert found.truncated == (len(expected) > limit)
    agree(found.dicts(), expected, limit)


@given(st.lists(st.sampled_from([*WORDS, "ord", "Xid", "977", "7"]), min_size=1, max_size=3), st.booleans())
def test_words(lake: Lake, everything: list[Row], words: list[str], attributes: bool) -> None:
    def columns(row: Row) -> list[str]:
        return [row["name"], row["body"]] + [row["attributes"]] * attributes

    asked = [re.compile(rf"(?<!\w){word}(?!\w)") for word in re.findall(r"\w+", " ".join(words))]
    expected = [row for row in everything if all(any(map(word.search, columns(row))) for word in asked)]
    found = lake.search(" ".join(words), words=True, attributes=attributes, limit=10_000)
    agree(found.dicts(), expected, 10_000)


@given(st.sampled_from(["ORDER", "ärGER", "k", "S", "xid 9", "日本", "NAÏVE", "shard_7 "]))
def test_case_is_ignored(lake: Lake, everything: list[Row], needle: str) -> None:
    wanted = re.compile(re.escape(needle), re.IGNORECASE)
    expected = [row for row in everything if wanted.search(row["body"]) or wanted.search(row["name"])]
    assert expected
    agree(lake.search(needle, ignore_case=True, limit=10_000).dicts(), expected, 10_000)


@given(st.integers(-10, 6100), st.integers(0, 3000), st.sampled_from([5, 1000]))
def test_times(lake: Lake, everything: list[Row], begin: int, steps: int, limit: int) -> None:
    start_ns, end_ns = START_NS + begin * STEP_NS, START_NS + (begin + steps) * STEP_NS
    expected = [
        row for row in everything if "disk" in row["body"] + row["name"] and start_ns <= row["time_ns"] < end_ns
    ]
    agree(lake.search("disk", start_ns, end_ns, limit=limit).dicts(), expected, limit)


FILTERS: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
    ({"level": 13}, lambda row: row["level_number"] >= 13),
    ({"subsystem": "s1"}, lambda row: row["subsystem"] == "s1"),
    ({"service": "shop"}, lambda row: row["service"] == "shop"),
    ({"level": 17, "subsystem": "s2", "service": "store"}, lambda row: False),
]


@pytest.mark.parametrize(("options", "passes"), FILTERS[:3])
def test_filters(lake: Lake, everything: list[Row], options: Any, passes: Callable[[Row], bool]) -> None:
    expected = [row for row in everything if "order" in row["body"] + "\x01" + row["name"] and passes(row)]
    assert expected
    agree(lake.search("order", limit=10_000, **options).dicts(), expected, 10_000)


def test_columns_are_those_of_sql(lake: Lake) -> None:
    sql = lake.sql("SELECT * FROM events WHERE contains(body, 'Xid') ORDER BY time_ns DESC")
    found = lake.search("Xid")
    assert (found.columns, found.types, found.rows) == (sql.columns, sql.types, sql.rows)
    nothing = lake.search("nowhere to be found")
    assert (nothing.columns, nothing.rows, nothing.truncated) == (sql.columns, [], False)


def test_damaged_and_missing_sidecars_change_no_answer(lake: Lake, everything: list[Row], tmp_path: Path) -> None:
    segments = lake._reader.view().snapshot.segments["events"]
    kept = {path: path.read_bytes() for path in (sidecar.path_of(found.path) for found in segments)}
    one, other, third = kept
    try:
        one.unlink()
        other.write_bytes(kept[other][:100] + b"?" + kept[other][101:])
        third.write_bytes(kept[one])
        with Lake.open(lake._layout.root, read_only=True) as fresh:
            for needle in ("Xid", "order", "日本語"):
                expected = [row for row in everything if needle in row["body"] or needle in row["name"]]
                agree(fresh.search(needle, limit=10_000).dicts(), expected, 10_000)
                agree(fresh.search(needle, limit=10).dicts(), expected, 10)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.mark.parametrize(
    ("text", "options"),
    [("", {}), (" . ", {"words": True}), ("\ud83d", {}), ("x", {"limit": 0}), ("x", {"limit": 10**9})],
)
def test_what_cannot_be_looked_for(lake: Lake, text: str, options: Any) -> None:
    with pytest.raises(QueryError):
        lake.search(text, **options)


def test_a_search_can_be_stopped(lake: Lake) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(QueryError, match="cancelled"):
        lake.search("order", cancel=cancel)
    with (
        Lake.open(lake._layout.root, read_only=True, limits=LakeLimits(time_limit_s=0.0)) as hasty,
        pytest.raises(QueryError, match="longer than 0 s"),
    ):
        hasty.search("order")


def test_a_segment_that_was_merged_meanwhile_is_found_again(tmp_path: Path) -> None:
    rng = random.Random(2)
    with Lake.open(tmp_path, maintain=False) as lake:
        layout = Layout(tmp_path)
        for begin in (0, 1000):
            appended(layout, [made(rng, number) for number in range(begin, begin + 1000)])
            Sealer(layout).seal()
        before = lake._reader.view()
        looks = iter([before])
        expected = lake.search("order", limit=5000).rows
        Maintenance(layout, bool).compact_all()
        for found in before.snapshot.segments["events"]:
            Path(found.path).unlink()
        fresh = lake._reader.view
        lake._reader.view = lambda: next(looks, None) or fresh()  # type: ignore[method-assign]
        assert sorted(map(repr, lake.search("order", limit=5000).rows)) == sorted(map(repr, expected))


def test_a_segment_that_is_damaged_is_left_out_and_named(tmp_path: Path) -> None:
    rng = random.Random(3)
    with Lake.open(tmp_path, maintain=False) as lake:
        layout = Layout(tmp_path)
        for begin in (0, 3000):
            appended(layout, [made(rng, number) for number in range(begin, begin + 3000)])
            Sealer(layout).seal()
        whole = lake.search("order", limit=9000)
        assert not whole.warnings
        found = lake._reader.view().snapshot.segments["events"][0]
        known = sidecar.decode(sidecar.path_of(found.path).read_bytes())
        at, size, _ = known.pages.pages[1, [name for name, _ in known.pages.columns].index("body")].tolist()
        with open(found.path, "r+b") as file:
            file.seek(at + size - 5)
            file.write(b"\xff\x00")
        rest = lake.search("order", limit=9000)
        assert Path(found.path).name in rest.warnings[0]
        later = [row for row in whole.dicts() if json.loads(row["attributes"])["n"] >= 3000]
        assert Counter(map(repr, rest.dicts())) == Counter(map(repr, later))
