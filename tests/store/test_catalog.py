import sqlite3
from pathlib import Path

from firstlight.store import lakehouse
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.reader import LakeReader
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter
from tests.store.test_seal import DAY_NS, START_NS, full_batch

DAY_US, START_US = DAY_NS // 1000, START_NS // 1000


def sealed_lake(path: Path) -> Layout:
    """Make a lake with ten rows of each kind, sealed, six hours apart."""
    layout = Layout(path)
    layout.create()
    lakehouse.create(layout)
    wal = WalWriter(layout)
    wal.append([full_batch()])
    wal.close()
    assert Sealer(layout).seal() is not None
    return layout


def test_a_segment_says_its_size_and_times(tmp_path: Path) -> None:
    segments = Catalog(sealed_lake(tmp_path)).snapshot().segments
    assert sum(segment.rows for segment in segments["samples"]) == 10
    for segment in (segment for found in segments.values() for segment in found):
        assert Path(segment.path).stat().st_size == segment.bytes
    times = sorted((segment.begin_us, segment.end_us) for segment in segments["events"])
    assert times[0][0] == START_US
    assert times[-1][1] == START_US + 9 * DAY_US // 4
    assert all(begin // DAY_US == end // DAY_US for begin, end in times)
    assert [(segment.begin_us, segment.end_us) for segment in segments["series"]] == [(0, 0)]


def test_segments_outside_the_asked_time_are_left_out(tmp_path: Path) -> None:
    reader = LakeReader(sealed_lake(tmp_path))
    view = reader.view()
    every = reader.segments("samples", view)
    assert every.count(".parquet") == len(view.snapshot.segments["samples"]) > 2
    assert reader.segments("samples", view, begin_us=START_US + 2 * DAY_US).count(".parquet") == 1
    assert reader.segments("samples", view, end_us=START_US).count(".parquet") == 1
    assert "WHERE false" in reader.segments("samples", view, begin_us=START_US + 5 * DAY_US)
    reader.close()


def test_a_segment_without_statistics_is_never_left_out(tmp_path: Path) -> None:
    layout = sealed_lake(tmp_path)
    with sqlite3.connect(layout.catalog) as database:
        database.execute("DELETE FROM ducklake_file_column_stats")
    database.close()
    segments = Catalog(layout).snapshot().segments
    assert all(segment.touches(0, 0) for segment in segments["samples"])


def test_each_commit_is_seen_at_once(tmp_path: Path) -> None:
    layout = sealed_lake(tmp_path)
    catalog = Catalog(layout)
    with sqlite3.connect(layout.catalog, isolation_level=None) as database:
        for number in range(1000, 1100):
            database.execute("UPDATE ducklake_snapshot SET snapshot_id = ? WHERE snapshot_id > 1", (number,))
            assert catalog.snapshot().number == number
            assert catalog.snapshot().number == number
    database.close()
