"""The answer to PromQL as Python people use it: a table, a chart, rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from firstlight.query.promql import frame_tables, frame_text
from firstlight.query.promql.answer import Answer, AnswerKind
from firstlight.query.promql.frame_tables import Columns
from firstlight.query.promql.histograms.text import json_text
from firstlight.query.promql.sources.source import Labels
from firstlight.query.rows import package, python_values

if TYPE_CHECKING:
    from firstlight.query.charts.chart import Chart


@dataclass(frozen=True, repr=False, eq=False)
class Frame:
    """What a query came to, as columns of all points, series after series.

    In a notebook it shows itself as a chart and a table, in a terminal as text.  Its length is the number of points.

    Attributes:
        query: the text that was asked.
        kind: ``vector``, ``matrix``, ``scalar`` or ``string``, as Prometheus' API calls it.
        labels: of each series, ascending by name; a scalar is one series without labels.
        lengths: ``(N,)`` int64, how many points each series has.
        times_ns: ``(n,)`` int64, nanoseconds UTC.
        values: ``(n,)`` float64, NaN where there is a histogram.
        histograms: ``(n,)`` objects: a native histogram as the JSON text of Prometheus' API, or None; None when no
            point is one.
        text: of a string.
        span_ns: first and last moment of the question; the same for one moment.
        warnings: what may be missing or wrong.
        infos: what may not have been meant.
    """

    query: str
    kind: AnswerKind
    labels: list[Labels]
    lengths: Any
    times_ns: Any
    values: Any
    histograms: Any = None
    text: str = ""
    span_ns: tuple[int, int] = (0, 0)
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.times_ns)

    def arrow(self, *, wide: bool = False) -> pa.Table:
        """Return a ``pyarrow.Table``.

        The long form has a row for each point: ``time`` (timestamp of nanoseconds, UTC), a column for each label (empty
        where a series does not have it), ``value`` and, if there is any, ``histogram`` (JSON text, NULL beside a
        value).  A label that is called as one of these gets ``label_`` before its name.

        Args:
            wide: ``time`` and a column for each series instead, NULL where it has no point.

        Raises:
            QueryFailed: histograms are in the answer, which have no wide form.
        """
        return frame_tables.wide(self._columns) if wide else frame_tables.long(self._columns)

    def polars(self, *, wide: bool = False) -> Any:
        """Return a ``polars.DataFrame``; see :meth:`arrow`.

        Raises:
            PluginError: polars is not installed.
        """
        return package("polars").from_arrow(self.arrow(wide=wide))

    def pandas(self, *, wide: bool = False) -> Any:
        """Return a ``pandas.DataFrame`` of pandas' own types; the wide form has the times as its index.

        Raises:
            PluginError: pandas is not installed.
        """
        package("pandas")
        table = self.arrow(wide=wide).to_pandas()
        return table.set_index("time") if wide else table

    def dicts(self) -> list[dict[str, Any]]:
        """Return the long form as a dict for each point; times are ``datetime``, to the microsecond."""
        table = self.arrow()
        columns = [python_values(column) for column in table.columns]
        return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]

    def plot(self) -> "Chart":
        """Return a chart: SVG in a notebook, characters in a terminal (``print(frame.plot())``)."""
        from firstlight.query.charts.of_frames import chart_of

        return chart_of(self)

    @cached_property
    def _columns(self) -> Columns:
        if self.kind == "string":
            return Columns([()], np.ones(1, np.int64), self.times_ns, [self.text], None)
        return Columns(self.labels, self.lengths, self.times_ns, self.values, self.histograms)

    def __repr__(self) -> str:
        return frame_text.plain(self)

    def _repr_html_(self) -> str:
        return frame_text.html(self)


def frame_of(answer: Answer, query: str, span_ns: tuple[int, int]) -> Frame:
    """Return the engine's ``answer`` to ``query`` as a frame."""
    histograms, values, times_ns = None, answer.values, answer.times_ns
    if answer.histograms is not None:
        is_histogram = frame_tables.are_there(answer.histograms)
        values = np.where(is_histogram, np.nan, values)
        histograms = np.full(len(values), None, object)
        histograms[is_histogram] = [json_text(one) for one in answer.histograms[is_histogram]]
    if answer.kind == "string":
        times_ns, values = np.array([answer.time_ns], np.int64), np.array([np.nan])
    return Frame(
        query=query,
        kind=answer.kind,
        labels=answer.labels,
        lengths=answer.lengths,
        times_ns=times_ns,
        values=values,
        histograms=histograms,
        text=answer.text,
        span_ns=span_ns,
        warnings=answer.warnings,
        infos=answer.infos,
    )
