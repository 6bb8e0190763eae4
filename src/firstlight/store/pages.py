"""Reading single pages of a Parquet file.

Arrow reads whole row groups only.  Where a few rows of a large file are wanted that is nearly all work in vain, and
small row groups make the footer large.  So a segment's pages are all cut at the same rows (*blocks* of at most
``BLOCK_ROWS``), a :class:`PageMap` knows where each lies, and :func:`carve` puts the wanted ones, byte for byte, into a
small Parquet file in memory, which Arrow then reads: every encoding, compression and checksum is left to Arrow.

Source: https://parquet.apache.org/docs/file-format/
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.store import thrift

BLOCK_ROWS = 1024
"""Rows of a page at most; half as many make a search a fifth faster and the segment 4 % larger."""

_MAGIC = b"PAR1"
_PHYSICAL = {"BOOLEAN": 0, "INT32": 1, "INT64": 2, "FLOAT": 4, "DOUBLE": 5, "BYTE_ARRAY": 6}
_ZSTD = 6
_OPTIONAL = 1
_UTF8 = 0
_DICTIONARY_PAGE = 2
_PLAIN = 0

_Span = tuple[int, int, int]
"""Where a page lies in the file, its bytes there (header included), and its bytes when it is inflated."""


class NotInBlocks(ValueError):
    """The file's pages are not cut at common rows, or it has columns that are not flat and optional."""


@dataclass(frozen=True, eq=False)
class PageMap:
    """Where the pages of a Parquet file lie.

    Attributes:
        columns: name and physical type of each.
        rows: of each block.
        groups: the row group of each block, ascending.
        dictionaries: (row groups, columns, 3) int64: where the dictionary page lies, its bytes in the file, inflated;
            zeros without one.
        pages: (blocks, columns, 3) int64: the same of each block's page.
    """

    columns: tuple[tuple[str, str], ...]
    rows: Any
    groups: Any
    dictionaries: Any
    pages: Any


def page_map(file: thrift.Source, metadata: pq.FileMetaData) -> PageMap:
    """Return where the pages of a Parquet file lie.

    Raises:
        NotInBlocks: it cannot be read by blocks.
    """
    columns = tuple(_flat(metadata.schema.column(i)) for i in range(metadata.num_columns))
    dictionaries: list[list[_Span]] = []
    pages: list[tuple[_Span, ...]] = []
    rows: list[int] = []
    groups: list[int] = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [_chunk(file, group.column(i)) for i in range(len(columns))]
        counts = chunks[0].rows
        if any(chunk.rows != counts for chunk in chunks) or max(counts) > BLOCK_ROWS:
            raise NotInBlocks("pages of different sizes")
        dictionaries.append([chunk.dictionary for chunk in chunks])
        pages.extend(zip(*(chunk.pages for chunk in chunks), strict=True))
        rows += counts
        groups += [number] * len(counts)
    shape = (-1, len(columns), 3)
    return PageMap(
        columns,
        np.array(rows, np.int32),
        np.array(groups, np.int32),
        np.array(dictionaries, np.int64).reshape(shape),
        np.array(pages, np.int64).reshape(shape),
    )


def _flat(column: Any) -> tuple[str, str]:
    if column.max_definition_level != 1 or column.max_repetition_level or column.physical_type not in _PHYSICAL:
        raise NotInBlocks(f"column {column.name}")
    return column.name, column.physical_type


class _Chunk(NamedTuple):
    """The pages of one column in one row group, and the rows of each."""

    dictionary: _Span
    pages: list[_Span]
    rows: list[int]


def _chunk(file: thrift.Source, chunk: Any) -> _Chunk:
    if chunk.compression != "ZSTD":
        raise NotInBlocks(f"compression {chunk.compression}")
    at = chunk.dictionary_page_offset or chunk.data_page_offset
    end = at + chunk.total_compressed_size
    found = _Chunk((0, 0, 0), [], [])
    while at < end:
        header, body = thrift.read_struct(file, at)
        stored, inflated = _number(header, 3), _number(header, 2)
        span = (at, body - at + stored, body - at + inflated)
        if header[1] == _DICTIONARY_PAGE:
            found = found._replace(dictionary=span)
        else:
            found.pages.append(span)
            found.rows.append(_number(header.get(5) or header.get(8), 1))
        at = body + stored
    return found


def _number(struct: Any, field: int) -> int:
    value = struct[field]
    assert isinstance(value, int)
    return value


def carve(descriptor: int, pages: PageMap, columns: Sequence[str], blocks: Sequence[int]) -> pa.Table:
    """Return ``columns`` of the rows in ``blocks``; numbers and times in their physical types.

    Text that the file has in dictionaries comes as dictionaries.

    Args:
        descriptor: of the open file.
        pages: where its pages lie.
        columns: names.
        blocks: ascending numbers.

    Raises:
        OSError: a page fails its checksum or does not inflate (Arrow's errors are ``OSError``).
    """
    names = [name for name, _ in pages.columns]
    wanted = [names.index(name) for name in columns]
    in_dictionaries = pages.dictionaries[:, :, 1].any(axis=0)
    by_group = [list(own) for _, own in groupby(blocks, lambda block: int(pages.groups[block]))]
    parts = [
        # Pages with a dictionary need that of their row group; others can all stand in one.
        _carved(descriptor, pages, [i for i in wanted if in_dictionaries[i]], by_group),
        _carved(descriptor, pages, [i for i in wanted if not in_dictionaries[i]], [list(blocks)]),
    ]
    found = {name: column for part in parts for name, column in zip(part.column_names, part.columns, strict=True)}
    return pa.table({name: found[name] for name in columns})


def _carved(descriptor: int, pages: PageMap, columns: Sequence[int], groups: Sequence[Sequence[int]]) -> pa.Table:
    """Return columns (by number) of some blocks, which become as many row groups as they come in."""
    if not columns:
        return pa.table({})
    parts, at, footers = [_MAGIC], len(_MAGIC), []
    for blocks in groups:
        rows = int(pages.rows[blocks].sum())
        chunks = []
        for column in columns:
            spans = _spans(pages, blocks, column)
            parts += [os.pread(descriptor, size, begin) for begin, size, _ in spans]
            chunks.append(_chunk_footer(pages.columns[column], spans, at, rows, len(spans) > len(blocks)))
            at += sum(size for _, size, _ in spans)
        footers.append((rows, chunks))
    footer = _footer([pages.columns[column] for column in columns], footers)
    parts += [footer, len(footer).to_bytes(4, "little"), _MAGIC]
    dictionaries = [pages.columns[column][0] for column in columns if pages.dictionaries[:, column, 1].any()]
    source = pa.BufferReader(b"".join(parts))
    with pq.ParquetFile(source, read_dictionary=dictionaries, page_checksum_verification=True) as carved:
        return carved.read(use_threads=False)


def _spans(pages: PageMap, blocks: Sequence[int], column: int) -> list[_Span]:
    """Return the dictionary page, if there is one, and the data pages of ``blocks``, all of one row group then."""
    dictionary: _Span = tuple(pages.dictionaries[pages.groups[blocks[0]], column].tolist())
    data: list[_Span] = pages.pages[blocks, column].tolist()
    return [dictionary, *data] if dictionary[1] else data


def _chunk_footer(column: tuple[str, str], spans: Sequence[_Span], at: int, rows: int, has_dictionary: bool) -> bytes:
    fields: list[tuple[int, int, int | bytes]] = [
        (5, thrift.I64, rows),
        (6, thrift.I64, sum(inflated for _, _, inflated in spans)),
        (7, thrift.I64, sum(size for _, size, _ in spans)),
        (9, thrift.I64, at + spans[0][1] if has_dictionary else at),
    ]
    if has_dictionary:
        fields.append((11, thrift.I64, at))
    about = thrift.write_struct(fields, after=4)
    return thrift.write_struct([(2, thrift.I64, at), (3, thrift.STRUCT, _chunk_beginning(*column) + about)])


@cache
def _chunk_beginning(name: str, physical: str) -> bytes:
    """Return the first four fields of what a footer says of a column in a row group."""
    fields: list[tuple[int, int, int | bytes]] = [
        (1, thrift.I32, _PHYSICAL[physical]),
        (2, thrift.LIST, thrift.write_list(thrift.I32, [thrift.write_int(_PLAIN)])),
        (3, thrift.LIST, thrift.write_list(thrift.BINARY, [thrift.write_binary(name.encode())])),
        (4, thrift.I32, _ZSTD),
    ]
    return thrift.write_struct(fields)[:-1]


def _footer(columns: Sequence[tuple[str, str]], groups: Sequence[tuple[int, Sequence[bytes]]]) -> bytes:
    root = thrift.write_struct([(4, thrift.BINARY, b"rows"), (5, thrift.I32, len(columns))])
    elements = [root, *map(_element, columns)]
    row_groups = [
        thrift.write_struct(
            [(1, thrift.LIST, thrift.write_list(thrift.STRUCT, chunks)), (2, thrift.I64, 0), (3, thrift.I64, rows)]
        )
        for rows, chunks in groups
    ]
    return thrift.write_struct(
        [
            (1, thrift.I32, 2),
            (2, thrift.LIST, thrift.write_list(thrift.STRUCT, elements)),
            (3, thrift.I64, sum(rows for rows, _ in groups)),
            (4, thrift.LIST, thrift.write_list(thrift.STRUCT, row_groups)),
        ]
    )


def _element(column: tuple[str, str]) -> bytes:
    name, physical = column
    fields: list[tuple[int, int, int | bytes]] = [
        (1, thrift.I32, _PHYSICAL[physical]),
        (3, thrift.I32, _OPTIONAL),
        (4, thrift.BINARY, name.encode()),
    ]
    if physical == "BYTE_ARRAY":
        fields.append((6, thrift.I32, _UTF8))
    return thrift.write_struct(fields)
