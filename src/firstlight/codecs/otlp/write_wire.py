"""Batches to OTLP protobuf, byte by byte; standard library only: it runs inside other people's processes.

Source: opentelemetry-proto 1.x and protobuf.dev/programming-guides/encoding.  What repeats (keys, names, levels) is
encoded once and remembered; the rest of a record is a handful of joins.  Field numbers stand where they are used, as
the tag byte ``number << 3 | wire type``.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from firstlight.codecs.otlp.senders import join_scope, resource_attributes
from firstlight.codecs.otlp.values import DEPTH_MAX
from firstlight.codecs.otlp.write_json import SPAN_KINDS, STATUS_CODES
from firstlight.model import Batch, Event, Resource, Span, level_name
from firstlight.model.signals import THREAD_ID

Row = TypeVar("Row", Event, Span)

REMEMBERED_MAX = 2048
"""Keys, names and the like whose bytes are kept, some 100 bytes each."""

_INT64_MIN, _INT64_MAX, _UINT64 = -(2**63), 2**63 - 1, 2**64 - 1
_MORE = 0x80
"""The bit of a byte that says that another one follows."""
_SMALL = [bytes([number]) if number < _MORE else bytes([number & 0x7F | _MORE, number >> 7]) for number in range(2048)]
_SMALL_END = len(_SMALL)
_INTEGERS = [bytes([1 + len(number), 0x18]) + number for number in _SMALL]
_SHORT_CHARS = 0x60
"""Of a text whose lengths take one byte each."""
_KEY_BYTES = 512
"""Of a key that is remembered; with a short value it is still no longer than a small number."""
_two_times = struct.Struct("<BqBq").pack
_double_value = struct.Struct("<BBd").pack
_tagged_time = struct.Struct("<Bq").pack
_time = struct.Struct("<q").pack
_join = b"".join


def encode_wire(batch: Batch) -> dict[str, bytes]:
    """Return the OTLP protobuf requests that carry ``batch``: ``traces``, ``metrics``, ``logs``, where not empty."""
    from firstlight.codecs.otlp.write_wire_metrics import metrics_request

    requests: dict[str, bytes] = {}
    if batch.spans:
        requests["traces"] = _by_scope(batch, batch.spans, _span)
    if batch.samples or batch.exponential:
        requests["metrics"] = metrics_request(batch)
    if batch.events:
        requests["logs"] = _by_scope(batch, batch.events, _record)
    return requests


def varint(number: int) -> bytes:
    """Return ``number`` (0 or more) in protobuf's variable length."""
    if number < _SMALL_END:
        return _SMALL[number]
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number & 0x7F | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def sized(tag: int, content: bytes) -> bytes:
    """Return a field with a length before it."""
    size = len(content)
    return _join((_SMALL[tag], _SMALL[size] if size < _SMALL_END else varint(size), content))


def text(value: str) -> bytes:
    """Return UTF-8; what is no text (lone surrogates) becomes a question mark."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def resource_field(resource: Resource) -> bytes:
    """Return field 1 of ``Resource…``: the sender."""
    return sized(0x0A, pairs(0x0A, resource_attributes(resource)))


def scope_field(name: str) -> bytes:
    """Return field 1 of ``Scope…``."""
    return sized(0x0A, sized(0x0A, text(name)))


def pairs(tag: int, attributes: Mapping[str, Any], depth: int = 0) -> bytes:
    """Return ``attributes`` as repeated ``KeyValue`` fields with this tag."""
    parts: list[bytes] = []
    _add_pairs(parts, _SMALL[tag], attributes, depth)
    return _join(parts)


def _add_pairs(parts: list[bytes], mark: bytes, attributes: Mapping[str, Any], depth: int = 0) -> None:
    for key, value in attributes.items():
        head, kind = _keys.get(key), type(value)
        if head is None:
            head = _remembered_key(key)
            kind = kind if len(head) <= _KEY_BYTES else object
        if kind is str and len(value) <= _SHORT_CHARS and value.isascii():
            size = len(value)
            parts += (mark, _SMALL[len(head) + size + 3], head, _SMALL[size + 2], b"\x0a", _SMALL[size], value.encode())
        elif kind is int and 0 <= value < _SMALL_END:
            content = _INTEGERS[value]
            parts += (mark, _SMALL[len(head) + len(content)], head, content)
        elif kind is float:
            parts += (mark, _SMALL[len(head) + 10], head, _double_value(9, 0x21, value))
        else:
            content = _any_value(value, depth)
            content = varint(len(content)) + content
            parts += (mark, varint(len(head) + len(content)), head, content)


_keys: dict[str, bytes] = {}
_names: dict[str, bytes] = {}
_threads: dict[int, bytes] = {}
_levels: dict[int, bytes] = {}


def _remembered_key(key: Any) -> bytes:
    name = text(str(key))
    head = _join((b"\x0a", varint(len(name)), name, b"\x12"))
    return _remembered(_keys, key, head) if type(key) is str and len(head) <= _KEY_BYTES else head


def _remembered(kept: dict[Any, bytes], key: Any, encoded: bytes) -> bytes:
    if len(kept) >= REMEMBERED_MAX:
        kept.clear()
    kept[key] = encoded
    return encoded


def _any_value(value: Any, depth: int) -> bytes:
    if value is None or depth >= DEPTH_MAX:
        return b""
    if isinstance(value, str):
        return sized(0x0A, text(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        if _INT64_MIN <= value <= _INT64_MAX:
            return b"\x18" + varint(value & _UINT64)
        return sized(0x0A, str(value).encode())
    if isinstance(value, float):
        return _double_value(9, 0x21, value)[1:]
    return _compound(value, depth)


def _compound(value: Any, depth: int) -> bytes:
    if isinstance(value, Mapping):
        return sized(0x32, pairs(0x0A, value, depth + 1))
    if isinstance(value, list | tuple):
        return sized(0x2A, _join(sized(0x0A, _any_value(item, depth + 1)) for item in value))
    return sized(0x3A, value) if isinstance(value, bytes) else sized(0x0A, text(str(value)))


def _by_scope(batch: Batch, rows: Iterable[Row], encode: Callable[[Row], bytes]) -> bytes:
    scopes: dict[tuple[str, str], list[bytes]] = {}
    for row in rows:
        key = (row.subsystem, row.component)
        parts = scopes.get(key)
        if parts is None:
            parts = scopes[key] = [scope_field(join_scope(*key))]
        content = encode(row)
        size = len(content)
        parts += (b"\x12", _SMALL[size] if size < _SMALL_END else varint(size), content)
    inner = _join(sized(0x12, _join(parts)) for parts in scopes.values())
    return sized(0x0A, resource_field(batch.resource) + inner)


def _record(event: Event) -> bytes:
    # In the order of the fields' numbers, as every serialiser has it: the hub's fast reader counts on it.
    name, level = event.name, event.level
    time_bytes = _time(event.time_ns)
    parts = [b"\x09", time_bytes, _levels.get(level) or _remembered_level(level)]
    if event.body:
        parts.append(sized(0x2A, sized(0x0A, text(event.body))))
    _add_pairs(parts, b"\x32", event.attributes)
    if thread_id := event.thread_id:
        parts.append(_threads.get(thread_id) or _remembered(_threads, thread_id, pairs(0x32, {THREAD_ID: thread_id})))
    if event.trace_id:
        parts.append(sized(0x4A, bytes.fromhex(event.trace_id)))
    if event.span_id:
        parts.append(sized(0x52, bytes.fromhex(event.span_id)))
    parts += (b"\x59", time_bytes)
    if name:
        parts.append(_names.get(name) or _remembered(_names, name, sized(0x62, text(name))))
    return _join(parts)


def _remembered_level(level: int) -> bytes:
    number = int(level)
    return _remembered(_levels, level, b"\x10" + varint(number & _UINT64) + sized(0x1A, level_name(number).encode()))


def _span(span: Span) -> bytes:
    parts = [sized(0x0A, bytes.fromhex(span.trace_id)), sized(0x12, bytes.fromhex(span.span_id))]
    if span.parent_id:
        parts.append(sized(0x22, bytes.fromhex(span.parent_id)))
    parts.append(sized(0x2A, text(span.name)))
    parts.append(b"\x30" + varint(SPAN_KINDS.get(span.kind, 1)))
    parts.append(_two_times(0x39, span.start_ns, 0x41, span.end_ns))
    parts.append(pairs(0x4A, span.attributes))
    for moment in span.events:
        content = _tagged_time(0x09, moment.time_ns) + sized(0x12, text(moment.name))
        parts.append(sized(0x5A, content + pairs(0x1A, moment.attributes)))
    for link in span.links:
        content = sized(0x0A, bytes.fromhex(link.trace_id)) + sized(0x12, bytes.fromhex(link.span_id))
        parts.append(sized(0x6A, content + pairs(0x22, link.attributes)))
    if span.status != "unset" or span.status_message:
        message = sized(0x12, text(span.status_message)) if span.status_message else b""
        parts.append(sized(0x7A, message + b"\x18" + varint(STATUS_CODES.get(span.status, 0))))
    return _join(parts)
