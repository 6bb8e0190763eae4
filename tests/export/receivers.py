"""Exporters that stand for a receiver: away when told so, and they keep what they got."""

from threading import Event as Signal

from firstlight.errors import Unavailable
from firstlight.model import Batch, Event, Resource

SENDER = Resource("shop")


def events(first: int, count: int = 1, resource: Resource = SENDER) -> Batch:
    batch = Batch(resource)
    batch.events += [Event(number, "step", attributes={"n": number}) for number in range(first, first + count)]
    return batch


class Receiver:
    """Knows deliveries by their numbers, as the hub does.

    Attributes:
        fails: raised by the next deliveries, as long as it is set.
        loses_answers: keeps what it gets and then says that it is away.
        got: the events' times in the order of arrival.
    """

    def __init__(self) -> None:
        self.fails: BaseException | None = None
        self.loses_answers = False
        self.got: list[int] = []
        self.tries = 0
        self.closed = 0
        self._known: dict[str, int] = {}

    def export_named(self, batch: Batch, sender: str, sequence: int) -> None:
        self.tries += 1
        if self.fails is not None:
            raise self.fails
        if sequence > self._known.get(sender, 0):
            self._known[sender] = sequence
            self.got += [event.time_ns for event in batch.events]
        if self.loses_answers:
            raise Unavailable("the answer was lost", 0.0)

    def export(self, batch: Batch) -> None:
        raise AssertionError("who knows numbers is given them")

    def close(self) -> None:
        self.closed += 1


class Plain:
    """Takes batches without numbers; waits at ``gate`` while that is clear."""

    def __init__(self) -> None:
        self.fails: BaseException | None = None
        self.got: list[int] = []
        self.batches = 0
        self.tries = 0
        self.closed = 0
        self.gate = Signal()
        self.gate.set()
        self.is_inside = Signal()

    def export(self, batch: Batch) -> None:
        self.tries += 1
        self.is_inside.set()
        self.gate.wait(30)
        if self.fails is not None:
            raise self.fails
        self.batches += 1
        self.got += [event.time_ns for event in batch.events]

    def close(self) -> None:
        self.closed += 1
