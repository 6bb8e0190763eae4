import random
import sqlite3
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.errors import StorageError
from firstlight.store import catalog, damage, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.checksum import noted_sum, sum_of
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance, is_due
from firstlight.store.policy import Policy, SeriesRule
from firstlight.store.upkeep_events import event_of
from firstlight.store.verify import Verified, verify
from firstlight.store.wal import WalWriter
from tests.store.lakes import ROWS, counts, day, lake_of, segments

FLIPS = 100
QUERIED = 4
"""One of so many flipped bits is asked about, too; opening a lake takes longer than verifying a small one."""


def flip(path: str, at: int, bit: int = 0) -> None:
    data = bytearray(Path(path).read_bytes())
    data[at] ^= 1 << bit
    Path(path).write_bytes(data)


def damaged(found: Verified) -> list[str]:
    return [problem.path for problem in found.problems if problem.damaged]


def test_a_lake_that_is_right_has_no_problems_and_is_read_to_its_end(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    wal = WalWriter(layout, "never")
    wal.append([day(3)])
    told: list[tuple[str, int, int]] = []
    found = verify(layout, lambda *how_far: told.append(how_far))
    assert (found.problems, found.segments, found.rows) == ([], 3 * 4 + 1, 3 * (4 * ROWS + 1) + 7)
    assert (found.logs, found.frames) == (1, 1)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == told[-1][2] == found.bytes
    wal.close()


def test_the_name_of_a_segment_has_the_sum_of_its_bytes(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    for table in ("samples", "series", "events", "spans", "exponential"):
        for found in segments(layout, table):
            assert noted_sum(found.path) == sum_of(found.path)
    assert noted_sum("2026-01-01-abc.parquet") is None


def test_each_of_many_flipped_bits_is_found_and_no_query_fails_or_tells_a_lie(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    everything = [found for parts in Catalog(layout).snapshot().segments.values() for found in parts]
    truth = counts(tmp_path)
    query = "SELECT sum(hash(series_id, time_ns, value)) FROM samples"
    with Lake.open(tmp_path, read_only=True) as lake:
        sound = lake.sql(query).rows
    rng = random.Random(4)
    for number in range(FLIPS):
        found = rng.choice(everything)
        at, bit = rng.randrange(found.bytes), rng.randrange(8)
        flip(found.path, at, bit)
        assert damaged(verify(layout, repair=False)) == [found.path]
        if number % QUERIED:
            flip(found.path, at, bit)
            continue
        with Lake.open(tmp_path, read_only=True) as lake:
            answer = lake.sql(query)
            assert (answer.rows == sound) == (found not in segments(layout, "samples"))
            asked = (*segments(layout, "samples"), *segments(layout, "series"))
            assert bool(answer.warnings) == (found in asked)
            events = lake.sql("SELECT count(*) FROM events")
            assert events.rows == [(truth["events"] - (found.rows if found in segments(layout, "events") else 0),)]
        flip(found.path, at, bit)
    assert verify(layout, repair=False).problems == []


def test_a_damaged_segment_is_set_aside_with_a_note_and_the_rest_answers(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    bad = segments(layout, "events")[1]
    flip(bad.path, bad.bytes // 2)
    found = verify(layout)
    (lost,) = found.lost
    assert (lost.table, lost.rows, lost.begin_us, lost.end_us) == ("events", ROWS, bad.begin_us, bad.end_us)
    assert Path(lost.kept).read_bytes() == Path(bad.path).read_bytes()
    assert '"rows": 12' in Path(lost.kept).with_suffix(damage.NOTE).read_text()
    assert counts(tmp_path)["events"] == 2 * ROWS
    with catalog.opened(layout) as database:
        (word,) = database.execute("SELECT commit_message FROM ducklake_snapshot_changes ORDER BY 1 DESC").fetchone()
    assert word.startswith("seal") or "12 rows" in word
    assert verify(layout).problems == []
    sweep.sweep(layout, 0.0)
    assert not Path(bad.path).exists()
    assert Path(lost.kept).exists()


@pytest.mark.parametrize("how", ["missing", "short", "empty", "long"])
def test_what_else_may_be_wrong_with_a_file(tmp_path: Path, how: str) -> None:
    layout = lake_of(tmp_path, 2)
    path = Path(segments(layout, "spans")[0].path)
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes({"short": data[:-1], "empty": b"", "long": data + b"\0"}[how])
    found = verify(layout)
    assert damaged(found) == [str(path)]
    assert [bool(lost.kept) for lost in found.lost] == [how != "missing"]
    assert counts(tmp_path)["spans"] == ROWS


def test_segments_without_a_sum_in_their_name_are_read_instead(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    (found,) = segments(layout, "samples")
    plain = Path(found.path).with_name("plain.parquet")
    Path(found.path).rename(plain)
    with catalog.opened(layout, write=True) as database:
        database.execute("UPDATE ducklake_data_file SET path = ? WHERE path = ?", (plain.name, Path(found.path).name))
    assert verify(layout).problems == []
    flip(str(plain), 100)
    assert damaged(verify(layout)) == [str(plain)]


def test_rows_out_of_order_and_series_without_definition_are_named_and_stay(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    (series,) = segments(layout, "series")
    Path(series.path).unlink()
    found = verify(layout)
    assert damaged(found) == [series.path]
    assert {problem.problem for problem in found.problems if not problem.damaged} == {
        "6 series of it are not defined anywhere",
        "1 series of it are not defined anywhere",
    }
    assert counts(tmp_path)["samples"] == 2 * ROWS


def test_a_log_with_damage_inside_is_named_and_a_torn_end_is_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.append([day(0)])
        lake.append([day(1)])
    (writer,) = layout.writers()
    path = layout.wal_path(writer, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    found = verify(layout)
    assert (found.problems, found.frames) == ([], 1)
    assert found.torn_bytes > 0
    flip(str(path), 100)
    assert damaged(verify(layout)) == [str(path)]


def test_who_only_reads_leaves_a_name_and_the_maintaining_process_acts_on_it(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    bad = segments(layout, "spans")[0]
    flip(bad.path, 50)
    with Lake.open(tmp_path, read_only=True) as lake:
        answer = lake.sql("SELECT count(*) FROM spans")
        assert answer.rows == [(ROWS,)]
        assert "12 rows of spans are missing" in answer.warnings[0]
        assert lake.sql("SELECT count(*) FROM events").warnings == ()
        assert lake.stats()["damaged_segments"] == 1
        assert is_due(layout, Catalog(layout))
        told: list[dict[str, dict[str, object]]] = []
        Maintenance(layout, told.append).round()
        assert lake.sql("SELECT count(*) FROM spans").warnings == ()
    assert [line["lost"]["path"] for line in told] == [bad.path]
    event = event_of(told[0], 1)
    assert event is not None
    assert (event.name, event.attributes["rows"]) == ("segment_lost", ROWS)
    assert not is_due(layout, Catalog(layout))


def test_a_name_that_was_left_in_error_is_forgotten(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    damage.suspect(layout, "events", segments(layout, "events")[0].path)
    damage.suspect(layout, "events", "gone.parquet")
    Maintenance(layout, lambda told: pytest.fail(str(told))).round()
    assert not damage.has_suspects(layout)


def test_compaction_and_retention_set_damaged_inputs_aside_and_go_on(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    for _ in range(2):
        wal = WalWriter(layout, "never")
        wal.append([day(0)])
        wal.close()
        Maintenance(layout, lambda _: None).seal()
    parts = segments(layout, "events")
    flip(parts[1].path, 60)
    told: list[dict[str, dict[str, object]]] = []
    maintenance = Maintenance(layout, told.append, Policy({}, (SeriesRule("load", 9),)))
    maintenance.compact_all()
    assert [line["lost"]["table"] for line in told if "lost" in line] == ["events"]
    maintenance.compact_all()
    assert len(segments(layout, "events")) == 1
    assert counts(tmp_path)["events"] == 2 * ROWS
    (sample,) = segments(layout, "samples")
    flip(sample.path, 60)
    maintenance.retain_all(2**60 // 1000)
    assert counts(tmp_path)["samples"] == 0


def test_a_damaged_catalog_is_said(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    with sqlite3.connect(layout.catalog) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    database.close()
    data = bytearray(layout.catalog.read_bytes())
    for page in range(pages // 2, pages):
        data[page * size] = 99
    layout.catalog.write_bytes(data)
    with pytest.raises(StorageError, match="cannot read the catalog"):
        verify(layout, repair=False)
