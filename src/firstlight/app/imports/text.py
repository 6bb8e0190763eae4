"""Readers of text files: JSON Lines of every kind, line protocol, Prometheus text and OpenMetrics."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import IO, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from firstlight.app.imports.blocks import Line, Piece, blocks, salvage
from firstlight.app.imports.requests import Requests
from firstlight.app.imports.wanted import Wanted
from firstlight.codecs import influx, jsonl, jsonl_rows, openmetrics_read, prometheus_text
from firstlight.codecs.influx_batches import batches as influx_batches
from firstlight.codecs.otlp.messages import Signal
from firstlight.codecs.prometheus_batches import openmetrics_batch, text_batch
from firstlight.errors import DecodeError
from firstlight.model import Batch

_METADATA = (b"HELP", b"TYPE", b"UNIT")
_HEAD_WORDS = 3
_END = b"# EOF"


class Kinds(Struct, rename="camel", gc=False):
    """The keys that tell what a line of JSON is."""

    start_ns: int | UnsetType = msgspec.field(default=UNSET, name="start_ns")
    field: str | UnsetType = UNSET
    resource_spans: msgspec.Raw | UnsetType = UNSET
    resource_metrics: msgspec.Raw | UnsetType = UNSET
    resource_logs: msgspec.Raw | UnsetType = UNSET


_look = msgspec.json.Decoder(Kinds).decode


def _metrics(data: bytes) -> list[Batch]:
    return [jsonl_rows.decode_metrics(data)]


_OURS: dict[str, Callable[[bytes], list[Batch]]] = {
    "event": jsonl.decode_events,
    "span": jsonl_rows.decode_spans,
    "metric": _metrics,
}


class JsonLinesReader:
    """Events, spans, samples and OTLP requests, one JSON object a line, in any mixture."""

    def __init__(self, wanted: Wanted) -> None:
        self._otlp = Requests(wanted, as_json=True)

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what each block amounts to."""
        for lines in blocks(stream):
            piece = Piece()
            for kind, group in groupby(lines, _kind):
                if kind in _OURS:
                    salvage(list(group), _OURS[kind], piece)
                elif kind:
                    for line in group:
                        self._request(kind, line, piece)
            yield piece

    def _request(self, kind: str, line: Line, piece: Piece) -> None:
        try:
            piece.take(line.number, self._otlp.read(cast(Signal, kind), line.data))
        except DecodeError as error:
            piece.refuse(line.number, str(error))


def _kind(line: Line) -> str:
    """Return what a line is; empty when there is nothing on it."""
    if line.data.isspace():
        return ""
    try:
        found = _look(line.data)
    except ValueError:
        return "event"  # whose reader says what is wrong
    if found.start_ns is not UNSET:
        return "span"
    if found.field is not UNSET:
        return "metric"
    if found.resource_spans is not UNSET:
        return "traces"
    if found.resource_metrics is not UNSET:
        return "metrics"
    return "event" if found.resource_logs is UNSET else "logs"


class InfluxReader:
    """InfluxDB line protocol."""

    def __init__(self, wanted: Wanted) -> None:
        self._default_time_ns = wanted.default_time_ns
        self._precision = wanted.precision

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what each block amounts to."""
        for lines in blocks(stream):
            piece = Piece()
            salvage(lines, self._decode, piece)
            yield piece

    def _decode(self, data: bytes) -> list[Batch]:
        return influx_batches(influx.decode(data, self._default_time_ns, self._precision))


class PrometheusReader:
    """The Prometheus text format 0.0.4, or OpenMetrics 1.0 when ``openmetrics`` is set.

    A family may be larger than a block, so each sample is read with the metadata that stands before it.  What
    OpenMetrics asks of a file as a whole (its end, the order within a family) is not checked.
    """

    def __init__(self, wanted: Wanted, *, openmetrics: bool = False) -> None:
        self._default_time_ns = wanted.default_time_ns
        self._openmetrics = openmetrics

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what each block amounts to."""
        head = _Head()
        for lines in blocks(stream):
            piece = Piece()
            salvage([head.put_before(line) for line in lines if not line.data.startswith(_END)], self._decode, piece)
            yield piece

    def _decode(self, data: bytes) -> list[Batch]:
        whole = data if data.endswith(b"\n") else data + b"\n"
        if self._openmetrics:
            return [openmetrics_batch(openmetrics_read.decode_part(whole), self._default_time_ns)]
        return [text_batch(prometheus_text.decode(whole), self._default_time_ns)]


class _Head:
    """The metadata of the family that is being read."""

    def __init__(self) -> None:
        self._name = b""
        self._lines = b""

    def put_before(self, line: Line) -> Line:
        """Return ``line`` with the metadata that stands before it."""
        before = self._lines
        if line.data.startswith(b"#"):
            words = line.data.split(None, _HEAD_WORDS)
            if len(words) >= _HEAD_WORDS and words[1] in _METADATA:
                self._lines = before + line.data if words[2] == self._name else line.data
                self._name = words[2]
        return line._replace(head=before)
