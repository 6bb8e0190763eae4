"""Metrics that nobody records: they are asked for when a report is due."""

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any, NamedTuple, Protocol

from firstlight.model import Series
from firstlight.model.series import sorted_labels
from firstlight.sdk.flow.plain import text
from firstlight.sdk.metrics.instruments import Instrument, Row, as_number

Answer = float | Iterable[tuple[Mapping[str, Any] | Iterable[Any], float]]
"""What a callback returns: one number, or labels (by name, or values in the order of the names) and number of each."""


class Example(NamedTuple):
    """An exemplar of a reading; see :class:`~firstlight.model.Exemplar`."""

    time_ns: int
    value: float
    trace_id: str
    span_id: str
    labels: tuple[tuple[str, str], ...]


class Reading(NamedTuple):
    """One value that was asked for.

    Attributes:
        series: its identity, still without the sender (service and session).
        value: as of now.
        time_ns: when it was measured; 0 is now.
        example: its exemplar, if it is new.
    """

    series: Series
    value: float
    time_ns: int = 0
    example: Example | None = None


class Source(Protocol):
    """What is asked at each report, on a thread that it may not keep for long."""

    def read(self) -> list[Reading]:
        """Return the present state; whatever it raises is counted and reported once a minute."""


class Observable(Instrument):
    """A metric whose values a callback of the host returns, asked once for each report."""

    __slots__ = ()

    def read(self) -> list[Reading]:
        """Ask the callback."""
        assert self.definition.callback is not None
        answer: Answer = self.definition.callback()
        found = self._lines(answer) if isinstance(answer, Iterable) else self._line((), answer)
        return [Reading(self._series(labels), value) for labels, value in found.items()]

    def stop(self) -> None:
        """Ask no more; the name is free again."""
        self._keeper.forget(self)

    def fold(self) -> None:
        """Do nothing: nothing is recorded."""

    def rows(self) -> Iterable[Row]:
        """Return nothing: what there is must be asked for."""
        return ()

    def restart(self, now_ns: int) -> None:
        """Note when the child began."""
        self.created_ns = now_ns

    def _bind(self) -> None:
        """Have no method that records."""

    def _unbind(self) -> None:
        """Have no method that records."""

    def _lines(self, answer: Iterable[Any]) -> dict[tuple[tuple[str, str], ...], float]:
        found: dict[tuple[tuple[str, str], ...], float] = {}
        over = 0
        for labels, value in answer:
            line = self._line(labels, value)
            if line.keys() <= found.keys() or len(found) < self._keeper.max_lines:
                found |= line
            else:
                over += 1
        if over:
            self._keeper.overflow(self.definition, over)
        return found

    def _line(self, labels: Mapping[str, Any] | Iterable[Any], value: Any) -> dict[tuple[tuple[str, str], ...], float]:
        names = self.definition.label_names
        if not isinstance(labels, Mapping):
            values = (labels,) if isinstance(labels, str) else tuple(labels)
            labels = dict(zip(names, values, strict=True))
        if set(labels) != set(names):
            raise ValueError(f"{self.definition.name} has labels {names}, not {tuple(labels)}")
        number = as_number(value)
        if isnan(number):
            self._keeper.invalid(1)
            return {}
        return {sorted_labels({name: text(label) for name, label in labels.items()}): number}

    def _series(self, labels: tuple[tuple[str, str], ...]) -> Series:
        what = self.definition
        return Series(what.name, labels, "", "", what.scope, "value", what.kind, what.unit, what.help)
