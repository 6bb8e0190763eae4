"""What became of every record, counted exactly."""

from itertools import count
from threading import Lock
from typing import NamedTuple

from firstlight.model import Batch


class Tally:
    """A counter that any thread may hit without a lock.

    ``hit`` is the iterator's own C method, which runs under one hold of the interpreter lock, so no hit is lost.
    """

    __slots__ = ("_count", "hit")

    def __init__(self) -> None:
        self._count = count()
        self.hit = self._count.__next__

    def value(self) -> int:
        """Return the hits so far; reading takes none (``count(7)`` is how the iterator shows its next number)."""
        return int(repr(self._count)[6:-1])


class Rows(NamedTuple):
    """How many of each signal."""

    events: int = 0
    spans: int = 0
    samples: int = 0

    @classmethod
    def of(cls, batch: Batch) -> "Rows":
        """Count what ``batch`` holds."""
        return cls(batch.count_events(), len(batch.spans), len(batch.samples) + len(batch.exponential))

    def plus(self, other: "Rows") -> "Rows":
        """Return the sums."""
        return Rows(self.events + other.events, self.spans + other.spans, self.samples + other.samples)


class Counts(NamedTuple):
    """The ledger at one moment.

    Attributes:
        recorded: taken over from the host, those that were dropped later included.
        exported: delivered.
        dropped: lost, by reason.
        export_errors: tries of a delivery that failed.
        misuses: calls that could not be understood.
        redacted: values that were hidden, by kind.
        overhead_ratio: share of one core that recording took in the last second, when it was last measured.
    """

    recorded: Rows
    exported: Rows
    dropped: dict[str, Rows]
    export_errors: int
    misuses: int
    redacted: dict[str, int]
    overhead_ratio: float


class Ledger:
    """Adds up; every method may be called from any thread.

    Events and spans balance: ``recorded == exported + dropped + what is still queued``.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Count from zero, with a lock of our own, as a forked child does."""
        self._lock = Lock()
        self._recorded = Rows()
        self._exported = Rows()
        self._dropped: dict[str, Rows] = {}
        self._export_errors = 0
        self._misuses = 0
        self.redacted: dict[str, int] = {}
        self.overhead_ratio = 0.0
        self.shed_events = Tally()
        self.shed_spans = Tally()
        self.late_events = Tally()
        self.late_spans = Tally()

    def recorded(self, rows: Rows) -> None:
        """Count what was taken over."""
        with self._lock:
            self._recorded = self._recorded.plus(rows)

    def exported(self, rows: Rows) -> None:
        """Count what was delivered."""
        with self._lock:
            self._exported = self._exported.plus(rows)

    def dropped(self, reason: str, rows: Rows) -> None:
        """Count what was lost."""
        if not any(rows):
            return
        with self._lock:
            self._dropped[reason] = self._dropped.get(reason, Rows()).plus(rows)

    def rejected(self, rows: Rows) -> None:
        """Count rows of a delivery that the receiver turned down though it took the rest."""
        with self._lock:
            self._exported = self._exported.plus(Rows(-rows.events, -rows.spans, -rows.samples))
            self._dropped["rejected"] = self._dropped.get("rejected", Rows()).plus(rows)

    def export_error(self) -> None:
        """Count one failed try."""
        with self._lock:
            self._export_errors += 1

    def misuse(self) -> None:
        """Count one call that could not be understood."""
        with self._lock:
            self._misuses += 1

    def counts(self) -> Counts:
        """Return everything counted so far."""
        shed = Rows(self.shed_events.value(), self.shed_spans.value())
        late = Rows(self.late_events.value(), self.late_spans.value())
        with self._lock:
            dropped = self._dropped | {
                reason: rows for reason, rows in (("backlog", shed), ("closed", late)) if any(rows)
            }
            recorded = self._recorded.plus(shed).plus(late)
            return Counts(
                recorded,
                self._exported,
                dropped,
                self._export_errors,
                self._misuses,
                self.redacted,
                self.overhead_ratio,
            )
