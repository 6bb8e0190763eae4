"""A chart: lines over time, or bars of one moment, and the forms that it can take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.query.charts.axes import NS_PER_S

DEFAULT_COLUMNS, DEFAULT_ROWS = 80, 12
MOST_LINES = 20
"""More are hard to tell apart; the rest is counted."""
_GAP_STEPS = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        name: what tells it apart from the others.
        times_ns: ``(n,)`` int64, ascending.
        values: ``(n,)`` float64; what is not finite is a gap.
    """

    name: str
    times_ns: Any
    values: Any

    @property
    def finite(self) -> Any:
        """The values that can be drawn."""
        return self.values[np.isfinite(self.values)]

    def stretches(self) -> list[tuple[Any, Any]]:
        """Return times and values of each stretch without a gap: no missing value, no missing step."""
        kept = np.isfinite(self.values)
        times_ns, values = self.times_ns[kept], self.values[kept]
        if not len(times_ns):
            return []
        usual_ns = float(np.median(np.diff(self.times_ns))) if len(self.times_ns) > 1 else NS_PER_S
        cuts = np.flatnonzero(np.diff(times_ns) > usual_ns * _GAP_STEPS) + 1
        return list(zip(np.split(times_ns, cuts), np.split(values, cuts), strict=True))


@dataclass(frozen=True, repr=False, eq=False)
class Chart:
    """What is drawn: each series as a line, or as a bar where each is one point.

    Attributes:
        title: above it.
        lines: those that are drawn.
        left_out: how many more there are.
        span_ns: first and last moment.
        unit: of all values; see :func:`firstlight.query.charts.axes.unit_of`.
        bars: each line is one point, drawn as a bar.
    """

    title: str
    lines: Sequence[Line]
    left_out: int
    span_ns: tuple[int, int]
    unit: str = ""
    bars: bool = False

    def limits(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        values = np.concatenate([np.empty(0), *(line.finite for line in self.lines)])
        return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)

    def text(
        self,
        columns: int = DEFAULT_COLUMNS,
        rows: int = DEFAULT_ROWS,
        *,
        colours: bool = False,
        ascii_only: bool = False,
    ) -> str:
        """Return it as characters.

        Args:
            columns: its width.
            rows: height of what is inside the axes.
            colours: with the colours of ANSI terminals; without them letters alone tell the lines apart.
            ascii_only: without braille, blocks and lines.
        """
        from firstlight.query.charts import terminal

        return terminal.drawn(self, terminal.Look(columns, rows, colours=colours, ascii_only=ascii_only))

    def svg(self, width: int = 760, height: int = 260) -> str:
        """Return it as an SVG element, in pixels."""
        from firstlight.query.charts import svg

        return svg.drawn(self, width, height)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from firstlight.query.charts import svg

        return svg.figure(self)
