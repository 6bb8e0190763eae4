"""Which reader a file wants: by its name, else by its first bytes."""

import re
from collections.abc import Iterator
from typing import IO, Protocol

from firstlight.app.imports.blocks import Piece
from firstlight.app.imports.csv_files import CsvReader
from firstlight.app.imports.inputs import Input
from firstlight.app.imports.parquet import ParquetReader
from firstlight.app.imports.requests import ProtobufReader
from firstlight.app.imports.text import InfluxReader, JsonLinesReader, PrometheusReader
from firstlight.app.imports.wanted import Format, Wanted
from firstlight.errors import UsageError

PEEK_BYTES = 4096

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".prom": "prometheus",
    ".om": "openmetrics",
    ".openmetrics": "openmetrics",
    ".lp": "influx",
    ".line": "influx",
    ".influx": "influx",
    ".pb": "otlp",
    ".binpb": "otlp",
    ".otlp": "otlp",
}
_PARQUET = b"PAR1"
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_EXPOSITION = re.compile(
    rb"# (?:HELP|TYPE|UNIT) |[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^\n]*\})? [-+.0-9NnIi]\S*(?: -?[0-9.]+)?\r?\n"
)
_LINE_PROTOCOL = re.compile(rb"[^\s,]+(?:,[^\s=]+=[^\s]+)? [^\s=]+=")
_OPENMETRICS = re.compile(rb"^# (?:EOF|UNIT )|^# TYPE \S+ (?:unknown|info|stateset|gaugehistogram)\b", re.MULTILINE)


class Reader(Protocol):
    """Reads one format."""

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what the file holds, a piece at a time, cut at the same places each time.

        Raises:
            DecodeError: the file is not what it should be, and cannot be read on.
            UsageError: what was asked for does not fit the file.
        """


def format_of(source: Input, start: bytes) -> Format:
    """Return the format of an input.

    Args:
        source: its name is asked first.
        start: its first bytes, inflated.

    Raises:
        UsageError: it is none that is known here.
    """
    found = _SUFFIXES.get(source.suffix) or _by_content(start.lstrip(b"\xef\xbb\xbf"))
    if found is None:
        raise UsageError(f"{source.name} is in no format that is known here; say which with --format")
    if found == "prometheus" and _OPENMETRICS.search(start):
        return "openmetrics"
    return "otlp" if found == "jsonl" and _CONTROL.search(start) else found


def reader_of(wanted: Wanted, chosen: Format) -> Reader:
    """Return a reader of ``chosen``."""
    if chosen == "prometheus":
        return PrometheusReader(wanted)
    if chosen == "openmetrics":
        return PrometheusReader(wanted, openmetrics=True)
    readers: dict[str, type[Reader]] = {
        "jsonl": JsonLinesReader,
        "csv": CsvReader,
        "parquet": ParquetReader,
        "influx": InfluxReader,
        "otlp": ProtobufReader,
    }
    return readers[chosen](wanted)  # type: ignore[call-arg]


def _by_content(start: bytes) -> Format | None:
    if start.startswith(_PARQUET):
        return "parquet"
    if start.lstrip().startswith(b"{"):
        return "jsonl"
    if _CONTROL.search(start):
        return "otlp"
    first = start.lstrip().partition(b"\n")[0] + b"\n"
    if _EXPOSITION.match(first):
        return "prometheus"
    if _LINE_PROTOCOL.match(first):
        return "influx"
    return "csv" if b"," in first or b";" in first or b"\t" in first else None
