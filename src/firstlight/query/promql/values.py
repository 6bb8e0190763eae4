"""What expressions evaluate to: over all steps and all series at once."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from firstlight.query.promql.sources.source import Labels, are_there


@dataclass(frozen=True, slots=True)
class Steps:
    """The moments of evaluation.

    Attributes:
        start_ns: the first.
        step_ns: how far apart they are.
        count: how many there are, at least 1.
    """

    start_ns: int
    step_ns: int
    count: int

    @property
    def end_ns(self) -> int:
        """The last."""
        return self.start_ns + (self.count - 1) * self.step_ns

    def times_ns(self) -> Any:
        """Return all of them, ``(S,)`` int64."""
        return self.start_ns + np.arange(self.count, dtype=np.int64) * self.step_ns

    def one(self) -> "Steps":
        """Return only the first."""
        return Steps(self.start_ns, self.step_ns, 1)


@dataclass(frozen=True, slots=True)
class Vector:
    """N series over S steps.

    Attributes:
        labels: of each series.
        values: ``(N, S)`` float64; whatever where there is no float.
        present: ``(N, S)`` bool, where there is a float or a histogram.
        nameless: ``(N,)`` bool, whose names are to be dropped before the answer is given.
        histograms: ``(N, S)`` objects, a Histogram or None; None when there is none at all.
    """

    labels: list[Labels]
    values: Any
    present: Any
    nameless: Any
    histograms: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_histogram(self) -> Any:
        """``(N, S)`` bool, where there is a histogram."""
        if self.histograms is None:
            return np.zeros(self.present.shape, bool)
        return self.present & are_there(self.histograms)

    @property
    def is_float(self) -> Any:
        """``(N, S)`` bool, where there is a float."""
        return self.present if self.histograms is None else self.present & ~self.is_histogram

    def rows(self, chosen: Any) -> "Vector":
        """Return the series at these positions, or where an array of bools says so."""
        positions = np.flatnonzero(chosen) if getattr(chosen, "dtype", None) == np.bool_ else np.asarray(chosen, int)
        return Vector(
            [self.labels[position] for position in positions.tolist()],
            self.values[positions],
            self.present[positions],
            self.nameless[positions],
            None if self.histograms is None else self.histograms[positions],
        )

    def floats(self, values: Any, present: Any = None) -> "Vector":
        """Return the same series with other floats, without names and histograms."""
        kept = self.is_float if present is None else present
        return Vector(self.labels, values, kept, np.ones(len(self), bool))

    def only(self, present: Any) -> "Vector":
        """Return what is here where ``present`` says so, too."""
        return replace(self, present=self.present & present)

    def steps(self) -> int:
        """Return how many steps there are."""
        return int(self.values.shape[1])


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number for each step, ``(S,)``."""

    values: Any


@dataclass(frozen=True, slots=True)
class Text:
    """A text."""

    value: str


Value = Vector | Scalar | Text


def empty(steps: int) -> Vector:
    """Return a vector without series."""
    return Vector([], np.empty((0, steps)), np.empty((0, steps), bool), np.empty(0, bool))


def one_series(values: Any, present: Any = None, labels: Labels = ()) -> Vector:
    """Return a vector of one series, by default present everywhere."""
    row = values.reshape(1, -1)
    kept = np.ones(row.shape, bool) if present is None else present.reshape(1, -1)
    return Vector([labels], row, kept, np.zeros(1, bool))


def stacked(pieces: list[Vector], steps: int) -> Vector:
    """Return the series of all ``pieces``."""
    pieces = [piece for piece in pieces if len(piece)]
    if not pieces:
        return empty(steps)
    if len(pieces) == 1:
        return pieces[0]
    histograms = None
    if any(piece.histograms is not None for piece in pieces):
        histograms = np.concatenate([_histograms_of(piece) for piece in pieces])
    return Vector(
        [labels for piece in pieces for labels in piece.labels],
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.present for piece in pieces]),
        np.concatenate([piece.nameless for piece in pieces]),
        histograms,
    )


def _histograms_of(piece: Vector) -> Any:
    return np.full(piece.values.shape, None, object) if piece.histograms is None else piece.histograms


def spread(value: Value, count: int) -> Value:
    """Return the value of one step as that of ``count`` equal steps."""
    if isinstance(value, Scalar):
        return Scalar(np.repeat(value.values, count))
    if isinstance(value, Vector):
        histograms = None if value.histograms is None else np.repeat(value.histograms, count, axis=1)
        return replace(
            value,
            values=np.repeat(value.values, count, axis=1),
            present=np.repeat(value.present, count, axis=1),
            histograms=histograms,
        )
    return value
