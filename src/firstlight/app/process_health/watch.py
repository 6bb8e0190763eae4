"""Sums of what was recorded, by subsystem and by operation, in slots of ten seconds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Lock

from firstlight.model import Batch, Level, Span
from firstlight.store.forks import restart_in_children

NS_PER_S = 1_000_000_000
SLOT_S = 10
WINDOW_S = 300
"""How far back records count; as in the pack ``signals``."""
MAX_SUBSYSTEMS = 500
MAX_OPERATIONS = 2000
OTHERS = "others"
"""Where records of further subsystems are counted."""

_PLACE = attrgetter("subsystem", "level")
_SLOT_NS = SLOT_S * NS_PER_S
_SLOTS = WINDOW_S // SLOT_S

Operation = tuple[str, str, str]
"""Subsystem, component and name."""


@dataclass(slots=True)
class Sums:
    """What was recorded in some time.

    Attributes:
        events: of all levels.
        errors: events of level ERROR and above.
        operations: spans that ended.
        failed: those of them that failed.
        seconds: how long they took together.
    """

    events: int = 0
    errors: int = 0
    operations: int = 0
    failed: int = 0
    seconds: float = 0.0

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums(
            self.events + other.events,
            self.errors + other.errors,
            self.operations + other.operations,
            self.failed + other.failed,
            self.seconds + other.seconds,
        )

    @property
    def mean_s(self) -> float | None:
        """Seconds that an operation took; None when none ended."""
        return self.seconds / self.operations if self.operations else None


@dataclass(slots=True)
class Track:
    """The sums of one subsystem or operation.

    Attributes:
        records: all of them since the beginning.
        first_ns: when the first was.
        last_ns: when the last was.
    """

    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    _slots: dict[int, Sums] = field(default_factory=dict)

    def add_events(self, time_ns: int, events: int, errors: int) -> None:
        """Count what happened about then."""
        sums = self._at(time_ns, events)
        sums.events += events
        sums.errors += errors

    def add_span(self, span: Span) -> None:
        """Count ``span`` at its end."""
        sums = self._at(span.end_ns, 1)
        sums.operations += 1
        sums.failed += span.status == "error"
        sums.seconds += (span.end_ns - span.start_ns) / NS_PER_S

    def sums(self, from_ns: int, to_ns: int) -> Sums:
        """Return the sums of the slots that begin after ``from_ns`` and not after ``to_ns``."""
        found = (sums for slot, sums in self._slots.items() if from_ns < slot * _SLOT_NS <= to_ns)
        return total(found)

    def _at(self, time_ns: int, records: int) -> Sums:
        self.first_ns = min(self.first_ns, time_ns) if self.records else time_ns
        self.last_ns = max(self.last_ns, time_ns)
        self.records += records
        slot = time_ns // _SLOT_NS
        found = self._slots.get(slot)
        if found is None:
            for old in [one for one in self._slots if one <= slot - _SLOTS]:
                del self._slots[old]
            found = self._slots[slot] = Sums()
        return found


class Watch:
    """Sees every batch that leaves; bounded, and safe to read from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._subsystems: dict[str, Track] = {}
        self._operations: dict[Operation, Track] = {}
        restart_in_children(self)

    def see(self, batch: Batch) -> None:
        """Count the events and spans of ``batch``; without a subsystem they count for ``service:<name>``.

        A batch is of one moment, so its events are taken as being of the time of its last.
        """
        unnamed = f"service:{batch.resource.service}"
        # Counted together first, because that runs in C.
        events = Counter(map(_PLACE, batch.events))
        with self._lock:
            for (subsystem, level), count in events.items():
                errors = count if level >= Level.ERROR else 0
                self._subsystem(subsystem or unnamed).add_events(batch.events[-1].time_ns, count, errors)
            for span in batch.spans:
                subsystem = span.subsystem or unnamed
                self._subsystem(subsystem).add_span(span)
                self._operation((subsystem, span.component, span.name)).add_span(span)

    def subsystems(self) -> dict[str, Track]:
        """Return what is known of each subsystem; read it under :attr:`reading`."""
        return self._subsystems

    def operations(self) -> dict[Operation, Track]:
        """Return what is known of each operation; read it under :attr:`reading`."""
        return self._operations

    @property
    def reading(self) -> Lock:
        """Held while tracks are read."""
        return self._lock

    def restart(self) -> None:
        """Begin anew with a lock of our own, as a forked child does."""
        self._lock = Lock()
        self._subsystems.clear()
        self._operations.clear()

    def _subsystem(self, name: str) -> Track:
        found = self._subsystems.get(name)
        if found is None:
            if len(self._subsystems) >= MAX_SUBSYSTEMS:
                name = OTHERS
            found = self._subsystems.setdefault(name, Track())
        return found

    def _operation(self, key: Operation) -> Track:
        found = self._operations.get(key)
        if found is None:
            if len(self._operations) >= MAX_OPERATIONS:
                key = (key[0] if key[0] in self._subsystems else OTHERS, "", OTHERS)
            found = self._operations.setdefault(key, Track())
        return found


def total(sums: Iterable[Sums]) -> Sums:
    """Return all of ``sums`` together."""
    added = Sums()
    for one in sums:
        added = added.plus(one)
    return added
