"""What spans and log records have in common when they are read straight from protobuf's bytes."""

from collections.abc import Callable
from typing import Any, TypeVar

from firstlight.codecs.otlp.messages import parse
from firstlight.codecs.otlp.outcome import Decoded, Refused
from firstlight.codecs.otlp.read_senders import read_resource, split_scope
from firstlight.codecs.otlp.read_values import KNOWN_MAX, RAW_MAX_BYTES, SCALARS, cut, plain
from firstlight.codecs.otlp.wire import MORE, Unusual, fields, head_and_items
from firstlight.errors import DecodeError
from firstlight.model import Batch, Event, Resource, Span

_FIRST, _SECOND = 0x0A, 0x12
_LEAST_PAIR_BYTES = 6
"""Two tags and lengths for key and value, one more pair for the text in the value."""


Row = TypeVar("Row", Event, Span)
K = TypeVar("K")
V = TypeVar("V")


class Known:
    """Attributes, resources and scopes by their raw bytes.  Not for use by two threads at a time.

    Attributes:
        pairs: key and plain value of attributes; only values that nobody can change.
    """

    def __init__(self) -> None:
        self.pairs: dict[bytes, tuple[str, Any]] = {}
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, tuple[str, str]] = {}

    def learn_pair(self, raw: bytes) -> tuple[str, Any]:
        """Return the attribute that ``raw`` is."""
        pair = _text_pair(raw) or _any_pair(raw)
        if len(raw) <= RAW_MAX_BYTES and isinstance(pair[1], SCALARS):
            _remember(self.pairs, raw, pair)
        return pair

    def resource(self, raw: bytes) -> Resource:
        """Return the resource that ``raw`` is."""
        return self._resources.get(raw) or _remember(self._resources, raw, read_resource(parse("Resource", raw)))

    def scope(self, raw: bytes) -> tuple[str, str]:
        """Return subsystem and component of the scope that ``raw`` is."""
        scope = self._scopes.get(raw)
        return scope or _remember(self._scopes, raw, split_scope(parse("InstrumentationScope", raw)))


def _text_pair(raw: bytes) -> tuple[str, str] | None:
    """Return a short attribute whose value is text; None when it is another one.  All its lengths take one byte."""
    size = len(raw)
    if not _LEAST_PAIR_BYTES <= size < MORE or raw[0] != _FIRST:
        return None
    value_at = 2 + raw[1]
    if value_at + 4 > size or raw[value_at] != _SECOND or raw[value_at + 1] != size - value_at - 2:
        return None
    if raw[value_at + 2] != _FIRST or raw[value_at + 3] != size - value_at - 4:
        return None
    return text_at(raw, 2, value_at), text_at(raw, value_at + 4, size)


def _any_pair(raw: bytes) -> tuple[str, Any]:
    message = parse("KeyValue", raw)
    return cut(message.key), plain(message.value)


def _remember(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= KNOWN_MAX:
        known.clear()
    known[key] = value
    return value


def read_records(
    body: bytes,
    known: Known,
    rows_of: Callable[[Batch], list[Row]],
    read_usual: Callable[[bytes, int, int, str, str], Row],
    read_any: Callable[[bytes, str, str], Row],
) -> Decoded:
    """Return the rows of a request for traces or logs, which are alike but for the innermost message.

    Args:
        body: the request.
        known: what was seen before.
        rows_of: gives the list of a batch that takes the rows.
        read_usual: reads the record between two places, or raises ``Unusual``, ``IndexError`` or ``struct.error``.
        read_any: reads any record.

    Raises:
        DecodeError: ``body`` is no such request.
    """
    decoded = Decoded()
    for tag, start, stop in fields(body, 0, len(body)):
        if tag != _FIRST:
            continue
        raw, scopes = head_and_items(body, start, stop, _FIRST, _SECOND)
        batch = Batch(known.resource(raw))
        add = rows_of(batch).append
        for scope_start, scope_stop in scopes:
            raw_scope, records = head_and_items(body, scope_start, scope_stop, _FIRST, _SECOND)
            subsystem, component = known.scope(raw_scope)
            decoded.received += len(records)
            for first, last in records:
                try:
                    add(read_usual(body, first, last, subsystem, component))
                except (Unusual, IndexError):
                    _add_any(add, read_any, body[first:last], (subsystem, component), decoded)
        decoded.keep(batch)
    return decoded


def _add_any(
    add: Callable[[Row], None],
    read_any: Callable[[bytes, str, str], Row],
    raw: bytes,
    scope: tuple[str, str],
    decoded: Decoded,
) -> None:
    try:
        add(read_any(raw, *scope))
    except Refused as refused:
        decoded.refuse(str(refused))


def text_at(body: bytes, start: int, stop: int) -> str:
    """Return the text between two places.

    Raises:
        DecodeError: it is not UTF-8.
    """
    try:
        return body[start:stop].decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"not OTLP protobuf: {error}") from error


def long_size(body: bytes, position: int) -> tuple[int, int]:
    """Return a length of one to three bytes and the place behind it."""
    size = body[position]
    if size < MORE:
        return size, position + 1
    second = body[position + 1]
    if second < MORE:
        return size - MORE + (second << 7), position + 2
    third = body[position + 2]
    if third < MORE:
        return size - MORE + (second - MORE << 7) + (third << 14), position + 3
    raise Unusual
