"""What is said rather than measured: facts about the process, and which of several states it is in."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from firstlight.model.series import sorted_labels
from firstlight.sdk.flow.plain import text
from firstlight.sdk.metrics.instruments import Instrument, Row, take

MAX_FACTS = 32


class Info(Instrument):
    """Facts as labels of a series that is always 1, such as a version; silent until they are set.

    Attributes:
        set: says the facts, a mapping of names to values; the last one counts.
    """

    __slots__ = ("_facts", "_said", "set")

    set: Callable[[Mapping[str, Any]], None]
    _facts: tuple[tuple[str, str], ...] | None

    def fold(self) -> None:
        """Take the last facts."""
        for said in take(self._said):
            if isinstance(said, Mapping) and len(said) <= MAX_FACTS:
                facts = sorted_labels({text(name): text(value) for name, value in said.items()})
                self.shape += facts != self._facts
                self._facts = facts
            else:
                self._keeper.invalid(1)

    def rows(self) -> Iterable[Row]:
        """Return 1 with the facts, if there are any."""
        return [] if self._facts is None else [("value", self._facts, 1.0)]

    def zeros(self) -> Iterable[Row]:
        """Return nothing: facts do not count up."""
        return ()

    def restart(self, now_ns: int) -> None:
        """Keep the facts; they hold in a forked child too."""
        self.created_ns = now_ns

    def _bind(self) -> None:
        self._facts = None
        self._said: list[Any] = []
        self.set = self._said.append

    def _unbind(self) -> None:
        self.set = self._needs_labels


class Enumeration(Instrument):
    """One of several states: a series for each, 1 for the present one and 0 for the others.

    The state stands in a label named like the metric, as OpenMetrics has it.

    Attributes:
        set: says which state; at the beginning it is the first.
    """

    __slots__ = ("_at", "_said", "set")

    set: Callable[[str], None]

    def value(self) -> str:
        """Return the present state as of the last tick."""
        state: str = self.definition.details[self._at]
        return state

    def fold(self) -> None:
        """Take the last state that is one."""
        for said in take(self._said):
            if said in self.definition.details:
                self._at = self.definition.details.index(said)
            else:
                self._keeper.invalid(1)

    def rows(self) -> Iterable[Row]:
        """Return 1 for the present state, 0 for the others."""
        name = self.definition.name
        return [("value", ((name, state),), float(at == self._at)) for at, state in enumerate(self.definition.details)]

    def zeros(self) -> Iterable[Row]:
        """Return nothing: a state does not count up."""
        return ()

    def restart(self, now_ns: int) -> None:
        """Begin with the first state."""
        self.created_ns = now_ns
        self._said.clear()
        self._at = 0

    def _bind(self) -> None:
        self._said: list[Any] = []
        self._at = 0
        self.set = self._said.append

    def _unbind(self) -> None:
        self.set = self._needs_labels
