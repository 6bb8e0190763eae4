"""Prometheus remote write 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/): requests to a batch.

A steady sender repeats the same labels in every request; so the bytes of a series' labels are looked up as they are,
and nothing is decoded twice.  Where a series has one sample with a value, as nearly all of them have, the bytes before
the last 18 are its labels: that is one slice and one look-up for each, and numbers are read for all at once.

A series keeps its Prometheus name, with ``job`` and ``instance`` among its labels.
"""

from typing import Any

import numpy as np

from firstlight.codecs.otlp.outcome import Refused
from firstlight.codecs.otlp.wire import MORE, fields, varint
from firstlight.codecs.remote_write_points import LABEL, SAMPLE, Written, add_point, read_metadata
from firstlight.codecs.remote_write_series import Memo
from firstlight.codecs.remote_write_wire import field
from firstlight.codecs.snappy import inflated
from firstlight.errors import DecodeError

SERIES_MAX = 200_000
"""Series remembered, about 1.5 KiB each; a fuller memory starts anew."""

_SERIES, _METADATA = 0x0A, 0x1A
_SAMPLE_HEAD = b"\x12\x10\x09"
_SAMPLE_BYTES = 18
"""Tag and length, tag and value, tag and a time between 2004 and 2109."""
_TIME_BYTES = 6
_TIME_TAG, _TIME_TAG_AT, _TIME_AT = 0x10, 11, 12
_VALUE_AT = 3
_SHIFTS = 7 * np.arange(_TIME_BYTES)
_TWO_BYTES = 1 << 14
"""What a length of two bytes cannot say."""
_NS_PER_MS = 1_000_000


class RemoteWriteDecoder:
    """Decodes requests; many threads may use it.

    Args:
        max_series: series remembered from one request to the next.
    """

    def __init__(self, max_series: int = SERIES_MAX) -> None:
        self._max_series = max_series
        self._memo = Memo()

    @property
    def memo(self) -> Memo:
        """What is known of series and metrics by now."""
        return self._memo

    def decode(self, body: bytes, limit_bytes: int) -> Written:
        """Return what a compressed ``WriteRequest`` holds.

        Args:
            body: snappy's block format.
            limit_bytes: most that it may inflate to.

        Raises:
            DecodeError: it is no such request; nothing of it can be kept.
            PayloadTooLarge: it is too large.
        """
        return self.read(inflated(body, limit_bytes))

    def read(self, request: bytes) -> Written:
        """Return what a ``WriteRequest`` holds; raises like :meth:`decode`."""
        if len(self._memo) >= self._max_series:
            self._memo = self._memo.emptied()
        written = Written()
        _Reader(request, self._memo, written).read()
        return written


class _Reader:
    """Reads one request."""

    def __init__(self, body: bytes, memo: Memo, written: Written) -> None:
        self._body = body
        self._memo = memo
        self._written = written
        self._ids: list[int] = []
        self._ends: list[int] = []

    def read(self) -> None:
        odd = self._read_usual()
        self._read_numbers()
        for start, stop in odd:
            self._read_odd(start, stop)
        batch, series = self._written.batch, self._memo.series
        used = {*batch.samples.series_ids, *(point.series_id for point in batch.exponential)}
        batch.series = dict(series) if len(used) == len(series) else {one: series[one] for one in used}

    def _read_usual(self) -> list[tuple[int, int]]:
        """Note the series that are laid out as usual; return where the others lie."""
        try:
            return self._noted()
        except IndexError:
            raise DecodeError("not remote write: it ends in the middle of a field") from None

    def _noted(self) -> list[tuple[int, int]]:
        body, find = self._body, self._memo.ids.get
        add_id, add_end = self._ids.append, self._ends.append
        odd: list[tuple[int, int]] = []
        position, end = 0, len(body)
        while position < end:
            tag, size, start = body[position], body[position + 1], position + 2
            if size >= MORE:
                size += (body[start] << 7) - MORE
                start += 1
            if tag != _SERIES or size >= _TWO_BYTES:
                tag, start, position = next(fields(body, position, end))
                if tag == _SERIES:
                    odd.append((start, position))
                elif tag == _METADATA:
                    read_metadata(body[start:position], self._memo)
                continue
            position = start + size
            edge = position - _SAMPLE_BYTES
            if edge > start and body[edge : edge + 3] == _SAMPLE_HEAD and body[edge + _TIME_TAG_AT] == _TIME_TAG:
                series_id = find(body[start:edge])
                if series_id is not None:
                    add_id(series_id)
                    add_end(position)
                    continue
            odd.append((start, position))
        if position != end:
            raise DecodeError("not remote write: a field runs over the end")
        return odd

    def _read_numbers(self) -> None:
        """Read the samples of all usual series at once."""
        if not self._ids:
            return
        octets = np.frombuffer(self._body, np.uint8)
        ids, rows = np.array(self._ids), octets[np.array(self._ends)[:, None] + np.arange(-_SAMPLE_BYTES, 0)]
        proper = _has_proper_time(rows)
        self._append(ids[proper], rows[proper])
        for row in np.flatnonzero(~proper).tolist():
            add_point(self._written, self._ids[row], SAMPLE, rows[row, 2:].tobytes())

    def _append(self, ids: Any, rows: Any) -> None:
        """Append samples given as the bytes of each."""
        groups = (rows[:, _TIME_AT:] & 0x7F).astype(np.int64)
        times_ns = (groups << _SHIFTS).sum(axis=1) * _NS_PER_MS
        samples = self._written.batch.samples
        samples.series_ids.frombytes(ids.astype(np.int64).tobytes())
        samples.times_ns.frombytes(times_ns.tobytes())
        samples.values.frombytes(np.ascontiguousarray(rows[:, _VALUE_AT:_TIME_TAG_AT]).tobytes())

    def _read_odd(self, start: int, stop: int) -> None:
        """Read a series whose labels are new, or which has not one sample with a value."""
        rest = self._end_of_labels(start, stop)
        rows = self._usual_rows(rest, stop)
        labels = self._body[start:rest]
        others = [] if rows is not None else list(fields(self._body, rest, stop))
        labels += b"".join(field(LABEL, self._body[begin:end]) for tag, begin, end in others if tag == LABEL)
        try:
            series_id = self._memo.find(labels)
        except Refused as error:
            items = sum(tag != LABEL for tag, _, _ in others) if rows is None else len(rows)
            self._written.refuse(str(error), max(items, 1))
            return
        if rows is not None:
            self._append(np.full(len(rows), series_id), rows)
        for tag, begin, end in others:
            try:
                add_point(self._written, series_id, tag, self._body[begin:end])
            except Refused as error:
                self._written.refuse(str(error))

    def _end_of_labels(self, position: int, stop: int) -> int:
        body = self._body
        while position < stop and body[position] == LABEL:
            size, begin = varint(body, position + 1)
            position = begin + size
        if position > stop:
            raise DecodeError("not remote write: a label runs over the end of its series")
        return position

    def _usual_rows(self, start: int, stop: int) -> Any:
        """Return the bytes of each sample; None where there is anything but samples that are laid out as usual."""
        if (stop - start) % _SAMPLE_BYTES or self._body[start : start + 3] != _SAMPLE_HEAD:
            return None
        rows = np.frombuffer(self._body, np.uint8, stop - start, start).reshape(-1, _SAMPLE_BYTES)
        is_alike = (rows[:, :3] == rows[0, :3]).all() and (rows[:, _TIME_TAG_AT] == _TIME_TAG).all()
        return rows if is_alike and _has_proper_time(rows).all() else None


def _has_proper_time(rows: Any) -> Any:
    """Return for each sample whether its last bytes are one number."""
    times = rows[:, _TIME_AT:]
    return (times[:, :-1] >= MORE).all(axis=1) & (times[:, -1] < MORE)
