"""Increments added up: delta temporality to cumulative."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from firstlight.codecs.otlp.outcome import Refused

STREAMS_MAX = 20_000
"""Streams added up at a time, about 1 KiB each: 20 MB of a hub that shall stay under 300."""

IDLE_NS = 3_600_000_000_000
"""A stream without a point for an hour gives its place up when another needs it; its total then starts anew."""

Identity = tuple[Any, ...]


class Total(NamedTuple):
    """What a stream amounts to up to ``end_ns``."""

    end_ns: int
    parts: tuple[float, ...]


class DeltaTotals:
    """The running total of every delta stream.  Not for use by two threads at a time.

    A total starts at the first increment seen; after a restart of the hub it starts anew, which readers of counters see
    as a reset.  A gap between two intervals (the sender restarted) adds up like any other interval.

    Source: OpenTelemetry metrics data model, "Delta-to-cumulative".
    """

    def __init__(self, max_streams: int = STREAMS_MAX) -> None:
        self._totals: dict[Identity, Total] = {}
        self._max_streams = max_streams

    def __len__(self) -> int:
        return len(self._totals)

    def draft(self) -> "DeltaDraft":
        """Return a set of changes that counts only once it is committed."""
        return DeltaDraft(self)

    def get(self, identity: Identity) -> Total | None:
        """Return the committed total of a stream."""
        return self._totals.get(identity)

    def make_room(self, new_streams: int, time_ns: int) -> None:
        """See that ``new_streams`` more fit.

        Raises:
            Refused: every place is taken by a stream that had a point within the last hour.
        """
        while len(self._totals) + new_streams > self._max_streams:
            oldest = next(iter(self._totals), None)
            if oldest is None or time_ns - self._totals[oldest].end_ns < IDLE_NS:
                raise Refused(f"more than {self._max_streams} delta streams; send cumulative temporality")
            del self._totals[oldest]

    def replace(self, identity: Identity, total: Total) -> None:
        """Set a stream's total; the streams stay in the order of their last change."""
        self._totals.pop(identity, None)
        self._totals[identity] = total


class DeltaDraft:
    """The changes that one request makes; a request that could not be stored leaves no trace.

    Attributes:
        changes: new totals by stream.
    """

    def __init__(self, totals: DeltaTotals) -> None:
        self.changes: dict[Identity, Total] = {}
        self._totals = totals
        self._new_streams = 0

    def add(self, identity: Identity, start_ns: int, time_ns: int, parts: Sequence[float]) -> Sequence[float]:
        """See :meth:`firstlight.codecs.otlp.points.DeltaSum.add`."""
        last = self.changes.get(identity) or self._totals.get(identity)
        if last is None:
            self._totals.make_room(self._new_streams + 1, time_ns)
            self._new_streams += 1
            total = tuple(parts)
        else:
            if time_ns <= last.end_ns or 0 < start_ns < last.end_ns:
                raise Refused("the delta repeats or overlaps an interval that was counted already")
            total = tuple(old + new for old, new in zip(last.parts, parts, strict=True))
        self.changes[identity] = Total(time_ns, total)
        return total

    def commit(self) -> None:
        """Make the changes count."""
        for identity, total in self.changes.items():
            self._totals.replace(identity, total)
