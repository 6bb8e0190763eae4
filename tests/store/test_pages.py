import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store import pages, segment
from firstlight.store.pages import BLOCK_ROWS, NotInBlocks, PageMap
from tests.store.event_rows import events

ROWS = 3 * BLOCK_ROWS + 17


@contextmanager
def mapped(path: Path) -> Iterator[tuple[int, PageMap]]:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        yield file.fileno(), pages.page_map(data, pq.read_metadata(path))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    """Return a segment of two row groups, and its rows."""
    table = events([f"body {i} ☃" if i % 11 else "" for i in range(ROWS)])
    folder = tmp_path_factory.mktemp("segment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "ROW_GROUP_ROWS", 2 * BLOCK_ROWS + 5)
        writer = segment.SegmentWriter("events", folder / "staging", folder / "x.parquet")
    with writer:
        writer.write(table.slice(0, 2 * BLOCK_ROWS + 5))
        writer.write(table.slice(2 * BLOCK_ROWS + 5))
    return writer.written().path, table


STARTS = [0, BLOCK_ROWS, 2 * BLOCK_ROWS, 2 * BLOCK_ROWS + 5, 3 * BLOCK_ROWS + 5]


@given(st.sets(st.sampled_from(range(5)), min_size=1), st.sets(st.sampled_from(range(15)), min_size=1))
def test_any_columns_of_any_blocks(written: tuple[Path, pa.Table], blocks: set[int], columns: set[int]) -> None:
    path, table = written
    names = [table.column_names[i] for i in sorted(columns)]
    with mapped(path) as (file, found):
        assert found.rows.tolist() == [BLOCK_ROWS, BLOCK_ROWS, 5, BLOCK_ROWS, 12]
        carved = pages.carve(file, found, names, sorted(blocks))
    expected = pa.concat_tables([table.slice(STARTS[i], int(found.rows[i])) for i in sorted(blocks)])
    assert carved.column_names == names
    for name in names:
        assert carved[name].cast(expected[name].type).to_pylist() == expected[name].to_pylist()


def test_nulls_are_kept(tmp_path: Path) -> None:
    table = events([None if i % 3 else "x" for i in range(10)])  # type: ignore[misc]
    path = segment.write(table, "events", tmp_path / "staging" / "x", tmp_path / "x.parquet").path
    with mapped(path) as (file, found):
        assert pages.carve(file, found, ["body"], [0])["body"].to_pylist() == table["body"].to_pylist()


def test_a_page_that_was_damaged_is_noticed(written: tuple[Path, pa.Table], tmp_path: Path) -> None:
    path, table = written
    with mapped(path) as (_, found):
        at, size, _ = found.pages[1, table.column_names.index("body")].tolist()
    damaged = bytearray(path.read_bytes())
    damaged[at + size - 9] ^= 1
    copy = tmp_path / "x.parquet"
    copy.write_bytes(damaged)
    with mapped(copy) as (file, found):
        assert pages.carve(file, found, ["body"], [0]).num_rows == BLOCK_ROWS
        with pytest.raises(OSError, match=r"(?i)crc|checksum"):
            pages.carve(file, found, ["body"], [1])


@pytest.mark.parametrize(
    ("table", "options"),
    [
        (pa.table({"a": [1] * 3000, "b": ["x"] * 3000}), {}),
        (pa.table({"a": [1]}), {"compression": "snappy"}),
        (pa.table({"a": [[1]]}), {}),
        (pa.table([pa.array([1])], schema=pa.schema([pa.field("a", pa.int64(), nullable=False)])), {}),
    ],
)
def test_other_files_are_not_read_by_blocks(tmp_path: Path, table: pa.Table, options: dict[str, str]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, **{"compression": "zstd", **options})
    with pytest.raises(NotInBlocks), mapped(path):
        pass
