"""Answers to PromQL as charts."""

import numpy as np

from firstlight.query.charts.axes import unit_of
from firstlight.query.charts.chart import MOST_LINES, Chart, Line
from firstlight.query.promql.frame import Frame
from firstlight.query.promql.series_text import common_labels, series_text, short_texts

_NAME = "__name__"


def chart_of(frame: Frame) -> Chart:
    """Return the chart of ``frame``; histograms are gaps in it."""
    ends = np.cumsum(frame.lengths)
    names = short_texts(frame.labels)
    lines = [
        Line(name, frame.times_ns[end - length : end], frame.values[end - length : end])
        for name, length, end in zip(names, frame.lengths.tolist(), ends.tolist(), strict=True)
    ]
    drawn = [line for line in lines if len(line.finite)]
    units = {dict(labels).get(_NAME, "") for labels in frame.labels}
    return Chart(
        title=_title(frame),
        lines=drawn[:MOST_LINES],
        left_out=len(drawn) - len(drawn[:MOST_LINES]),
        span_ns=_span(frame),
        unit=unit_of(units) if units else "",
        bars=frame.kind in {"vector", "scalar"},
    )


def _title(frame: Frame) -> str:
    common = common_labels(frame.labels) if len(frame.labels) > 1 else frozenset[tuple[str, str]]()
    labels = series_text(pair for pair in common if pair[0] != _NAME)
    query = " ".join(frame.query.split())
    return query if labels == "{}" or labels[1:-1] in query else f"{query}  ({labels[1:-1]})"


def _span(frame: Frame) -> tuple[int, int]:
    if frame.span_ns[0] < frame.span_ns[1] or not len(frame):
        return frame.span_ns
    return int(frame.times_ns.min()), int(frame.times_ns.max())
