"""The file beside a segment of events that makes searching it quick: ``X.idx`` beside ``X.parquet``.

It holds where the segment's pages lie (:mod:`firstlight.store.pages`), when each block begins, what is the same in all
rows, and the trigrams of its texts (:mod:`firstlight.store.text_index`).  All of it can be had from the segment, so a
sidecar that is missing, damaged or not of this segment costs time only.

Layout: magic, version, CRC-32 of what follows (begun with its inflated length), both lengths; then zstd over a line of
JSON and the arrays that it names.
"""

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firstlight.store import schema, text_index
from firstlight.store.pages import BLOCK_ROWS, NotInBlocks, PageMap, page_map
from firstlight.store.text_index import TextIndex

SUFFIX = ".idx"
TABLES = frozenset({"events"})
"""Whose segments have a sidecar."""

INDEXED = ("name", "body", "attributes")

_MAGIC = b"FLIX"
_VERSION = 1
_HEAD = struct.Struct("<4sHxxIIQ")  # magic, version, CRC-32, stored bytes, inflated bytes
_LEVEL = 3
_TAIL_BYTES = 8
_FEW_ROWS = 64
_MAX_INFLATED_BYTES = 2**30


class Unusable(ValueError):
    """The sidecar is missing, damaged, of another version or not of this segment."""


@dataclass(frozen=True, eq=False)
class Sidecar:
    """What a sidecar says.

    Attributes:
        segment_bytes: size of the segment it belongs to.
        footer_crc: CRC-32 of that segment's footer.
        time_unit: of its column ``time``: ``us`` or ``ms``.
        pages: where its pages lie.
        constants: columns with one value in all rows, and that value.
        begins_us: the time of each block's first row, microseconds, int64.
        texts: the index of each indexed column.
        bytes: what it takes in memory.
    """

    segment_bytes: int
    footer_crc: int
    time_unit: str
    pages: PageMap
    constants: Mapping[str, str | int]
    begins_us: Any
    texts: Mapping[str, TextIndex]
    bytes: int = 0


def path_of(segment: str | os.PathLike[str]) -> Path:
    """Return where the sidecar of a segment lies."""
    return Path(segment).with_suffix(SUFFIX)


class Builder:
    """Makes the sidecar of a segment while it is written."""

    def __init__(self) -> None:
        self._begins: list[Any] = []
        self._rows: list[int] = []
        self._texts = {name: text_index.Builder(BLOCK_ROWS) for name in INDEXED}
        self._constants: dict[str, str | int] | None = None

    def add(self, table: pa.Table) -> None:
        """Add the rows of the next row groups; only the last one of a piece may have fewer rows than a full one."""
        begins = range(0, table.num_rows, BLOCK_ROWS)
        self._begins.append(table["time"].cast(schema.TIME).cast(pa.int64()).to_numpy()[::BLOCK_ROWS])
        self._rows += [min(BLOCK_ROWS, table.num_rows - begin) for begin in begins]
        for name, text in self._texts.items():
            text.add(table[name])
        if table.num_rows:
            known = _first_values(table) if self._constants is None else self._constants
            self._constants = {name: value for name, value in known.items() if _is_always(table[name], value)}

    def sidecar(self, segment: Path) -> Sidecar:
        """Return the sidecar of ``segment``, which holds the rows added.

        Raises:
            NotInBlocks: the segment cannot be read by blocks.
            OSError: it cannot be read.
        """
        with open(segment, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            pages = page_map(data, pq.read_metadata(segment))
            size, crc = len(data), footer_crc(file.fileno(), len(data))
        if pages.rows.tolist() != self._rows:
            raise NotInBlocks("other rows than were indexed")
        time = pq.read_schema(segment).field("time")
        begins = np.concatenate(self._begins)
        texts = {name: text.index() for name, text in self._texts.items()}
        return Sidecar(size, crc, time.type.unit, pages, self._constants or {}, begins, texts)

    def write(self, segment: Path) -> int:
        """Write the sidecar of ``segment``, which holds the rows added, beside it; synced.

        Returns:
            Its size in bytes; 0 when the segment cannot be read by blocks and gets none.

        Raises:
            OSError: the disk refused.
        """
        if not self._rows:
            return 0
        try:
            data = encode(self.sidecar(segment))
        except NotInBlocks:
            return 0
        with open(path_of(segment), "wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        return len(data)


def _first_values(table: pa.Table) -> dict[str, str | int]:
    columns = [column for column in table.column_names if column != "time"]
    return {name: value for name in columns if (value := table[name][0].as_py()) is not None}


def _is_always(column: pa.ChunkedArray, value: str | int) -> bool:
    # Most columns that vary do so within a few rows.
    for rows in (column.slice(0, _FEW_ROWS), column):
        if rows.null_count or not pc.all(pc.equal(rows, value)).as_py():
            return False
    return True


def footer_crc(descriptor: int, size_bytes: int) -> int:
    """Return the CRC-32 of the footer of a Parquet file of that size, which tells segments apart."""
    footer_bytes = int.from_bytes(os.pread(descriptor, 4, max(0, size_bytes - _TAIL_BYTES)), "little")
    begin = max(0, size_bytes - _TAIL_BYTES - footer_bytes)
    return zlib.crc32(os.pread(descriptor, size_bytes - begin, begin))


def encode(sidecar: Sidecar) -> bytes:
    """Return ``sidecar`` as the bytes of a file."""
    arrays = _arrays(sidecar)
    header = {
        "segment_bytes": sidecar.segment_bytes,
        "footer_crc": sidecar.footer_crc,
        "time_unit": sidecar.time_unit,
        "columns": sidecar.pages.columns,
        "constants": sidecar.constants,
        "texts": list(sidecar.texts),
        "arrays": {name: [array.dtype.str, *array.shape] for name, array in arrays.items()},
    }
    parts = [json.dumps(header).encode(), b"\n", *(array.tobytes() for array in arrays.values())]
    plain = b"".join(parts)
    stored: bytes = pa.Codec("zstd", _LEVEL).compress(plain, asbytes=True)
    return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(stored, len(plain)), len(stored), len(plain)) + stored


def _arrays(sidecar: Sidecar) -> dict[str, Any]:
    # sizes and distances repeat more than places do
    arrays = {
        "begins_us": np.diff(sidecar.begins_us, prepend=0),
        "rows": sidecar.pages.rows,
        "groups": sidecar.pages.groups,
        "dictionaries": sidecar.pages.dictionaries,
        "places": np.diff(sidecar.pages.pages[:, :, 0], axis=0, prepend=0),
        "sizes": sidecar.pages.pages[:, :, 1:].astype(np.int32),
    }
    for name, text in sidecar.texts.items():
        arrays |= {
            f"{name}.present": text.present,
            f"{name}.grams": np.diff(text.grams, prepend=np.uint32(0)),
            f"{name}.bits": text.bits,
            f"{name}.odd": text.odd,
        }
    return arrays


def decode(data: bytes) -> Sidecar:
    """Return what the bytes of a file say.

    Raises:
        Unusable: they are damaged or of another version.
    """
    try:
        magic, version, crc, stored, plain_bytes = _HEAD.unpack_from(data)
        body = data[_HEAD.size :]
        if (magic, version, stored, crc) != (_MAGIC, _VERSION, len(body), zlib.crc32(body, plain_bytes)):
            raise Unusable("the sidecar is damaged or of another version")
        if plain_bytes > _MAX_INFLATED_BYTES:
            raise Unusable("the sidecar claims to be too large")
        return _decoded(pa.Codec("zstd").decompress(body, plain_bytes, asbytes=True))
    except (struct.error, OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise Unusable(str(error)) from error


def _decoded(plain: bytes) -> Sidecar:
    line, _, rest = plain.partition(b"\n")
    header = json.loads(line)
    arrays, at = {}, 0
    for name, (kind, *shape) in header["arrays"].items():
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(rest, kind, count, at).reshape(shape)
        at += arrays[name].nbytes
    places = np.cumsum(arrays["places"], axis=0)[:, :, np.newaxis]
    pages = PageMap(
        tuple((name, physical) for name, physical in header["columns"]),
        arrays["rows"],
        arrays["groups"],
        arrays["dictionaries"],
        np.concatenate([places, arrays["sizes"].astype(np.int64)], axis=2),
    )
    texts = {
        name: TextIndex(
            len(pages.pages),
            arrays[f"{name}.present"],
            np.cumsum(arrays[f"{name}.grams"], dtype=np.uint32),
            arrays[f"{name}.bits"],
            arrays[f"{name}.odd"],
        )
        for name in header["texts"]
    }
    begins = np.cumsum(arrays["begins_us"])
    known = header["segment_bytes"], header["footer_crc"], header["time_unit"]
    return Sidecar(*known, pages, header["constants"], begins, texts, len(plain) + pages.pages.nbytes)
