"""Prometheus remote write 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/): requests to a batch.

A steady sender repeats the same labels in every request; so the bytes of a series' labels are looked up as they are,
and nothing is decoded twice (``remote_write_usual``).  What is not usual is read here, field by field.

A series keeps its Prometheus name, with ``job`` and ``instance`` among its labels.
"""

from collections.abc import Mapping

from firstlight.codecs.otlp.outcome import Refused
from firstlight.codecs.otlp.wire import fields, varint
from firstlight.codecs.remote_write_points import HISTOGRAM, LABEL, Written, add_point, read_metadata
from firstlight.codecs.remote_write_series import Memo, Metadata
from firstlight.codecs.remote_write_usual import read_usual
from firstlight.codecs.remote_write_wire import field
from firstlight.codecs.snappy import inflated
from firstlight.errors import DecodeError

SERIES_MAX = 200_000
"""Series remembered, about 1.5 KiB each; a fuller memory starts anew."""


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

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """What senders said that their metrics mean; it may have come after the series."""
        return self._memo.metadata

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
        memo, written = self._memo, Written()
        usual = read_usual(request, memo.ids)
        for start, stop in usual.metadata:
            read_metadata(request[start:stop], memo)
        samples = written.batch.samples
        samples.series_ids.frombytes(usual.ids)
        samples.times_ns.frombytes(usual.times_ns)
        samples.values.frombytes(usual.values)
        more = [_read_odd(request[start:stop], memo, written) for start, stop in usual.odd]
        written.batch.series = memo.of(usual.ids, usual.series)
        written.batch.series.update((one, memo.series[one]) for one in more if one is not None)
        return written


def _read_odd(message: bytes, memo: Memo, written: Written) -> int | None:
    """Read a series that is not known yet or holds more than samples; return its id if anything of it is kept."""
    rest = _end_of_labels(message)
    others = list(fields(message, rest, len(message)))
    later = b"".join(field(LABEL, message[begin:end]) for tag, begin, end in others if tag == LABEL)
    points = [(tag, begin, end) for tag, begin, end in others if tag != LABEL]
    try:
        native = any(tag == HISTOGRAM for tag, _, _ in points)
        series_id = memo.find(message[:rest] + later, native=native)
    except Refused as error:
        written.refuse(str(error), max(len(points), 1))
        return None
    rejected = written.rejected
    for tag, begin, end in points:
        try:
            add_point(written, series_id, tag, message[begin:end])
        except Refused as error:
            written.refuse(str(error))
    return series_id if written.rejected - rejected < len(points) else None


def _end_of_labels(message: bytes) -> int:
    position = 0
    while position < len(message) and message[position] == LABEL:
        size, begin = varint(message, position + 1)
        position = begin + size
    if position > len(message):
        raise DecodeError("not remote write: a label runs over the end of its series")
    return position
