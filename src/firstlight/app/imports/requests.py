"""OTLP requests in files: one message a file, or many with their lengths before them."""

from collections.abc import Iterator
from typing import IO

from firstlight.app.imports.blocks import LINE_MOST_BYTES, Piece
from firstlight.app.imports.wanted import Wanted
from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.messages import Signal
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.wire import FIXED32, FIXED64, LENGTH, VARINT, fields
from firstlight.errors import DecodeError
from firstlight.ingest.deltas import DeltaTotals

_LENGTH_BYTES = 4
_OUTER = 1 << 3 | LENGTH
"""``resource_spans``, ``resource_metrics``, ``resource_logs``."""
_SCOPE = _ITEMS = 2 << 3 | LENGTH
_SPAN_START = 7 << 3 | FIXED64
_RECORD_MARKS = frozenset({1 << 3 | FIXED64, 11 << 3 | FIXED64, 2 << 3 | VARINT, 8 << 3 | FIXED32})
"""Of a log record: its times, its level and its flags."""


class Requests:
    """Reads one request after the other; adds delta points up from one to the next.

    Args:
        wanted: for times that were left out.
        as_json: whether the requests are OTLP JSON and not protobuf.
    """

    def __init__(self, wanted: Wanted, *, as_json: bool) -> None:
        self._as_json = as_json
        self._now_ns = wanted.received_ns if wanted.default_time_ns is None else wanted.default_time_ns
        self._decoder = OtlpDecoder()
        self._deltas = DeltaTotals()

    def read(self, signal: Signal, body: bytes) -> Decoded:
        """Return the content of one request.

        Raises:
            DecodeError: it is none.
        """
        draft = self._deltas.draft()
        decoded = self._decoder.read(signal, body, self._now_ns, as_json=self._as_json, deltas=draft)
        draft.commit()
        return decoded


class ProtobufReader:
    """Binary OTLP: a file that is one request, or requests with four bytes of length (big-endian) before each.

    The latter is what the OpenTelemetry Collector's file exporter writes with ``format: proto``.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._signal = wanted.signal
        self._requests = Requests(wanted, as_json=False)

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what each message amounts to.

        Raises:
            DecodeError: the file ends inside a message.
        """
        for number, body in enumerate(_messages(stream), 1):
            piece = Piece()
            try:
                signal = signal_of(body) if self._signal == "auto" else self._signal
                if signal:
                    piece.take(number, self._requests.read(signal, body))
            except DecodeError as error:
                piece.refuse(number, str(error))
            yield piece


def _messages(stream: IO[bytes]) -> Iterator[bytes]:
    start = stream.read(_LENGTH_BYTES)
    if start[:1] == bytes([_OUTER]):
        body = start + stream.read(LINE_MOST_BYTES)
        if stream.read(1):
            raise DecodeError(f"one request of more than {LINE_MOST_BYTES >> 20} MiB; is this an OTLP file?")
        yield body
        return
    while start:
        size = int.from_bytes(start, "big")
        if len(start) < _LENGTH_BYTES or size > LINE_MOST_BYTES:
            raise DecodeError("not a binary OTLP file: no length of a message where one should stand")
        body = stream.read(size)
        if len(body) < size:
            raise DecodeError("the file ends in the middle of a message")
        yield body
        start = stream.read(_LENGTH_BYTES)


def signal_of(body: bytes) -> Signal | None:
    """Return what a request carries, told by the fields of its first item; None when it carries nothing.

    Raises:
        DecodeError: it is no request.
    """
    for item in _items(body):
        tags = {tag for tag, _, _ in fields(body, *item)}
        if _SPAN_START in tags:
            return "traces"
        return "logs" if tags & _RECORD_MARKS else "metrics"
    return None


def _items(body: bytes) -> Iterator[tuple[int, int]]:
    for outer_tag, *outer in fields(body, 0, len(body)):
        if outer_tag != _OUTER:
            raise DecodeError("not OTLP protobuf: an unknown field in the request")
        for scope_tag, *scope in fields(body, *outer):
            if scope_tag == _SCOPE:
                yield from ((start, stop) for tag, start, stop in fields(body, *scope) if tag == _ITEMS)
