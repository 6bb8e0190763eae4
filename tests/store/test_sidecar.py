from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import CorruptSegment
from firstlight.store import segment, sidecar
from firstlight.store.blocks import SegmentBlocks
from firstlight.store.catalog import Segment
from firstlight.store.pages import BLOCK_ROWS
from firstlight.store.sidecar import Unusable
from tests.store.event_rows import BEGIN_US, STEP_US, events

ROWS = 4 * BLOCK_ROWS
RARE = 2 * BLOCK_ROWS + 7


def written(
    folder: Path, name: str = "x", *, step_us: int = STEP_US, marker: str = "(Xid 79)"
) -> tuple[Segment, pa.Table]:
    table = events([f"body {i}" + f" {marker}" * (i == RARE) for i in range(ROWS)], step_us=step_us)
    target = folder / f"{name}.parquet"
    found = segment.write(table, "events", folder / "staging" / name, target)
    assert found.begin_us is not None
    assert found.end_us is not None
    return Segment(str(found.path), found.rows, found.bytes, found.begin_us, found.end_us), table


def test_it_lies_beside_the_segment_and_is_small(tmp_path: Path) -> None:
    found, _ = written(tmp_path)
    beside = sidecar.path_of(found.path)
    assert beside.stat().st_size < ROWS
    assert {path for path in tmp_path.iterdir() if path.is_file()} == {beside, Path(found.path)}


def test_files_that_are_no_part_of_a_lake_have_none(tmp_path: Path) -> None:
    segment.write(events(["x"]), "events", tmp_path / "staging" / "x", tmp_path / "x.parquet", use="apart")
    segment.write(events(["x"]).drop_columns(["pid"]), "spans", tmp_path / "staging" / "y", tmp_path / "y.parquet")
    assert not list(tmp_path.glob("*.idx"))


@pytest.mark.parametrize("step_us", [STEP_US, 2000])
def test_blocks_are_read_with_the_lakes_types(tmp_path: Path, step_us: int) -> None:
    found, table = written(tmp_path, step_us=step_us)
    with SegmentBlocks().opened(found) as blocks:
        assert blocks.begins_us.tolist() == [BEGIN_US + i * BLOCK_ROWS * step_us for i in range(4)]
        assert np.flatnonzero(blocks.candidates("body", "Xid 79", ignore_case=False)).tolist() == [2]
        rows, counts = blocks.read(["body", "time", "level_number", "subsystem"], [1, 3])
        assert (blocks.inflated_bytes(["body", "time"]) > blocks.inflated_bytes(["body"])).all()
    assert counts.tolist() == [BLOCK_ROWS, BLOCK_ROWS]
    expected = pa.concat_tables([table.slice(BLOCK_ROWS, BLOCK_ROWS), table.slice(3 * BLOCK_ROWS)])
    for name in rows.column_names:
        assert rows[name].cast(expected[name].type).to_pylist() == expected[name].to_pylist()
    assert rows["time"].type == table["time"].type


def test_without_it_row_groups_are_the_blocks(tmp_path: Path) -> None:
    found, table = written(tmp_path)
    sidecar.path_of(found.path).unlink()
    with SegmentBlocks().opened(found) as blocks:
        assert blocks.begins_us.tolist() == [BEGIN_US]
        assert blocks.candidates("body", "nowhere", ignore_case=False).tolist() == [True]
        rows, counts = blocks.read(["body", "time"], [0])
    assert counts.tolist() == [ROWS]
    assert rows.equals(table.select(["body", "time"]))


def test_that_of_another_segment_is_not_believed(tmp_path: Path) -> None:
    one, _ = written(tmp_path, "one")
    other, _ = written(tmp_path, "other", marker="(Xid 80)")
    sidecar.path_of(one.path).write_bytes(sidecar.path_of(other.path).read_bytes())
    with SegmentBlocks().opened(one) as blocks:
        assert len(blocks.begins_us) == 1


def test_a_segment_that_is_damaged_is_named(tmp_path: Path) -> None:
    found, _ = written(tmp_path)
    path = Path(found.path)
    sidecar.path_of(path).unlink()
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(CorruptSegment, match=r"x\S*\.parquet"), SegmentBlocks().opened(found):
        pass
    path.write_bytes(b"")
    with pytest.raises(CorruptSegment, match=r"x\S*\.parquet"), SegmentBlocks().opened(found):
        pass
    path.unlink()
    with pytest.raises(FileNotFoundError), SegmentBlocks().opened(found):
        pass


def test_sidecars_in_memory_keep_within_bounds(tmp_path: Path) -> None:
    segments = [written(tmp_path, f"x{i}")[0] for i in range(3)]
    size = sidecar.decode(sidecar.path_of(segments[0].path).read_bytes()).bytes
    opener = SegmentBlocks(cache_bytes=2 * size + size // 2)
    for found in [*segments, segments[1]]:
        with opener.opened(found) as blocks:
            assert len(blocks.begins_us) == 4
    for found in segments:
        sidecar.path_of(found.path).unlink()
    counts = []
    for found in segments:
        with opener.opened(found) as blocks:
            counts.append(len(blocks.begins_us))
    assert counts == [1, 4, 4], "the one asked for longest ago was forgotten"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    found, _ = written(tmp_path_factory.mktemp("good"))
    return sidecar.path_of(found.path).read_bytes()


@given(data=st.data())
def test_damage_anywhere_is_noticed(good: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= data.draw(st.integers(1, 255))
    is_padding = 6 <= at < 8
    if not is_padding:
        with pytest.raises(Unusable):
            sidecar.decode(bytes(changed))
    with pytest.raises(Unusable):
        sidecar.decode(good[:at])


@given(st.binary(max_size=200))
def test_noise_is_not_read(noise: bytes) -> None:
    with pytest.raises(Unusable):
        sidecar.decode(noise)


def test_it_comes_back_as_it_was_written(good: bytes) -> None:
    assert sidecar.encode(sidecar.decode(good)) == good
