"""Remote-write requests by the ten thousand: the bytes of a batch are laid out once, then only numbers change.

The message is ``WriteRequest`` of https://prometheus.io/docs/specs/prw/remote_write_spec/, compressed with snappy.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

_VALUE_BYTES = 8
_TIME_BYTES = 6
"""A time in milliseconds between 1.1 and 140 years after 1970 has as many bytes as a varint."""


class RemoteWrite:
    """Writes requests for always the same series, one sample of each.

    Args:
        labels: of each series, name and value, sorted by name.
    """

    def __init__(self, labels: list[list[tuple[str, str]]]) -> None:
        parts: list[bytes] = []
        size, value_at, time_at = 0, [], []
        for pairs in labels:
            encoded = b"".join(_field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in pairs)
            sample = b"\x09" + bytes(_VALUE_BYTES) + b"\x10" + bytes(_TIME_BYTES)
            series = encoded + _field(2, sample)
            part = _field(1, series)
            parts.append(part)
            size += len(part)
            time_at.append(size - _TIME_BYTES)
            value_at.append(size - len(sample) + 1)
        self._layout = np.frombuffer(b"".join(parts), np.uint8).copy()
        self._value_at = np.array(value_at)[:, None] + np.arange(_VALUE_BYTES)
        self._time_at = np.array(time_at)[:, None] + np.arange(_TIME_BYTES)

    def body(self, times_ms: Any, values: Any) -> bytes:
        """Return a request with a sample of each series."""
        self._layout[self._value_at] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, _VALUE_BYTES)
        groups = (np.asarray(times_ms)[:, None] >> (7 * np.arange(_TIME_BYTES))) & 0x7F
        groups[:, :-1] |= 0x80
        self._layout[self._time_at] = groups.astype(np.uint8)
        return bytes(pa.compress(self._layout.tobytes(), codec="snappy", asbytes=True))


def bodies(writers: list[RemoteWrite], times_ms: Any, values: Any) -> Iterator[bytes]:
    """Yield, for each row of ``times_ms`` and ``values`` (steps, series), a request of each writer in turn."""
    width = times_ms.shape[1] // len(writers)
    for step_times, step_values in zip(times_ms, values, strict=True):
        for number, writer in enumerate(writers):
            part = slice(number * width, (number + 1) * width)
            yield writer.body(step_times[part], step_values[part])


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 128 * 128
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + content
