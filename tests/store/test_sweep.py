import os
import sqlite3
import time
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.errors import StorageError
from firstlight.store import catalog, compact, lakehouse, seal, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter
from tests.store.ducklake import attached
from tests.store.test_compact import compact_all, everything, sealed


def files_of(layout: Layout) -> set[str]:
    return {str(path) for path in layout.data.rglob("*") if path.is_file()}


def segments_of(layout: Layout) -> set[str]:
    return {found.path for parts in Catalog(layout).snapshot().segments.values() for found in parts}


def wanted_of(layout: Layout) -> set[str]:
    """Return the segments and the text indexes of those that have one."""
    segments = segments_of(layout)
    return segments | {str(Path(path).with_suffix(sweep.SIDECAR)) for path in segments if "/events/" in path}


def test_replaced_segments_go_when_their_grace_is_over(tmp_path: Path) -> None:
    layout = sealed(tmp_path, *map(everything, range(3)))
    compact_all(layout)
    assert not sweep.is_due(layout)
    assert sweep.sweep(layout).files == 0
    indexes = 3 + 1
    assert len(files_of(layout)) == 3 * 4 + 1 + 4 + indexes
    assert sweep.is_due(layout, 0.0)
    swept = sweep.sweep(layout, 0.0)
    assert swept.files == 3 * 4 + 3
    assert swept.bytes > 0
    assert files_of(layout) == wanted_of(layout)
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM samples").rows == [(300,)]


def test_a_text_index_goes_with_its_segment(tmp_path: Path) -> None:
    layout = sealed(tmp_path, everything(0), everything(1))
    before = {path for path in files_of(layout) if path.endswith(sweep.SIDECAR)}
    assert len(before) == 2
    compact_all(layout)
    assert before < files_of(layout)
    sweep.sweep(layout, 0.0)
    assert files_of(layout) == wanted_of(layout)
    assert not before & files_of(layout)


def test_old_snapshots_go_and_what_they_noted_stays(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    lakehouse.create(layout)
    logs = {}
    for number in range(3):
        wal = WalWriter(layout, "never")
        wal.append([everything(number)], f"delivery {number}".encode())
        wal.close()
        logs[wal.name] = layout.wal_path(wal.name, 1).read_bytes()
        Sealer(layout).seal()
    before = Catalog(layout).snapshot()
    # As if the crash came between the commit and the removal of the log.
    name, data = next(iter(logs.items()))
    layout.wal_path(name, 1).parent.mkdir(exist_ok=True)
    layout.wal_path(name, 1).write_bytes(data)
    sweep.sweep(layout, 0.0)
    with catalog.opened(layout) as database:
        assert database.execute("SELECT count(*) FROM ducklake_snapshot").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM ducklake_snapshot_changes").fetchone() == (1,)
    after = Catalog(layout).snapshot()
    assert after.unanswered == before.unanswered
    assert after.sealed == {(name, 1)}
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(60,)]
    connection = attached(layout)
    assert connection.execute("SELECT count(*) FROM lake.events").fetchall() == [(60,)]
    connection.close()


def test_leftovers_of_a_crash_go_when_they_are_old(tmp_path: Path, monkeypatch) -> None:
    layout = sealed(tmp_path, everything(0))

    def crash(*_: object, **__: object) -> None:
        raise StorageError("power cut")

    wal = WalWriter(layout, "never")
    wal.append([everything(1)])
    wal.close()
    with monkeypatch.context() as patch:
        patch.setattr(seal, "commit", crash)
        with pytest.raises(StorageError):
            Sealer(layout).seal()
    left = files_of(layout) - wanted_of(layout)
    assert len(left) == 4 + 1
    half_written = layout.staging / "half"
    half_written.write_bytes(b"PAR1")
    without_segment = layout.table_dir("events") / "2026-01-01-gone.idx"
    without_segment.write_bytes(b"FLIX")
    assert sweep.sweep(layout).files == 0
    long_ago = time.time() - 2 * sweep.ABANDONED_S
    for path in (*left, half_written, without_segment):
        os.utime(path, (long_ago, long_ago))
    assert sweep.sweep(layout).files == 7
    assert files_of(layout) == wanted_of(layout)


def test_a_reader_that_began_before_a_merge_reads_on(tmp_path: Path) -> None:
    layout = sealed(tmp_path, everything(0), everything(1))
    with Lake.open(tmp_path, read_only=True) as lake:
        for work in compact.possible(Catalog(layout).snapshot()):
            assert lake.sql("SELECT count(*) FROM events").rows == [(40,)]
            compact.run(layout, work)
            sweep.sweep(layout)
        assert lake.sql("SELECT count(*) FROM events").rows == [(40,)]


def test_a_catalog_that_somebody_holds_is_an_error_and_nothing_is_removed(tmp_path: Path, monkeypatch) -> None:
    layout = sealed(tmp_path, everything(0), everything(1))
    compact_all(layout)
    monkeypatch.setattr(catalog, "_BUSY_TIMEOUT_S", 0.1)
    before = files_of(layout)
    holder = sqlite3.connect(layout.catalog, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageError, match="locked"):
            sweep.sweep(layout, 0.0)
    finally:
        holder.close()
    assert files_of(layout) == before
