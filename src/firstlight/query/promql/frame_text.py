"""Frames as text and as HTML: what they are, and a row for each series."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from firstlight.query.promql.language.numbers import api_text
from firstlight.query.promql.series_text import series_text

if TYPE_CHECKING:
    from firstlight.query.promql.frame import Frame

_MOST_SERIES = 20
_SMALL, _LARGE = 1e-4, 1e6
_NS_PER_S = 1_000_000_000
_HEADS = ("series", "points", "last", "min", "max")


def plain(frame: "Frame") -> str:
    """Return ``frame`` as lines of text."""
    heads, rows = _rows(frame)
    cells = [list(heads), *rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(heads))]
    lines = ["  ".join(_padded(text, widths[at], at) for at, text in enumerate(row)).rstrip() for row in cells]
    return "\n".join([about(frame), *(lines if rows else []), *_rest(frame), *_notes(frame)])


def html(frame: "Frame") -> str:
    """Return ``frame`` as a chart, where there is one to draw, and a table."""
    heads, rows = _rows(frame)
    chart = frame.plot()._repr_html_() if frame.kind == "matrix" and len(frame) else ""
    head = _cells("th", heads)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    notes = "".join(f"<div>{escape(note)}</div>" for note in [*_rest(frame), *_notes(frame)])
    return f"<div>{chart}{table}<div><small>{escape(about(frame))}</small></div>{notes}</div>"


def _cells(tag: str, texts: Sequence[str]) -> str:
    sides = ("right" if at else "left" for at in range(len(texts)))
    cells = zip(sides, texts, strict=True)
    return "".join(f'<{tag} style="padding:1px 8px;text-align:{side}">{escape(text)}</{tag}>' for side, text in cells)


def about(frame: "Frame") -> str:
    """Return in one line what ``frame`` is."""
    query = " ".join(frame.query.split())
    if frame.kind in {"scalar", "string"}:
        return f"{frame.kind} of {query} at {time_text(int(frame.times_ns[0]))}"
    counts = f"{_counted(len(frame.labels), 'series', 'series')}, {_counted(len(frame), 'point', 'points')}"
    start_ns, end_ns = frame.span_ns
    when = f"at {time_text(end_ns)}" if start_ns == end_ns else f"{time_text(start_ns)} to {time_text(end_ns)}"
    return f"{frame.kind} of {query}: {counts}, {when}"


def time_text(time_ns: int) -> str:
    """Return a time in UTC, to the millisecond where it is no whole second."""
    moment = datetime.fromtimestamp(time_ns // _NS_PER_S, UTC).replace(microsecond=time_ns % _NS_PER_S // 1000)
    exact = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=exact).replace("+00:00", "Z")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _rows(frame: "Frame") -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the heads and the cells of at most so many series."""
    if frame.kind == "string":
        return ("value",), [[frame.text]]
    is_matrix = frame.kind == "matrix"
    rows, end = [], 0
    for labels, length in zip(frame.labels[:_MOST_SERIES], frame.lengths.tolist()[:_MOST_SERIES], strict=True):
        begin, end = end, end + length
        last = _value(frame, end - 1)
        figures = [str(length), last, *_extremes(frame.values[begin:end])] if is_matrix else [last]
        rows.append([series_text(labels), *figures])
    return (_HEADS if is_matrix else ("series", "value")), rows


def _value(frame: "Frame", at: int) -> str:
    if frame.histograms is not None and frame.histograms[at] is not None:
        return str(frame.histograms[at])
    return figure(float(frame.values[at]))


def figure(value: float) -> str:
    """Return ``value`` for people: whole numbers with every digit, others with six."""
    return f"{value:.6g}" if _SMALL <= abs(value) < _LARGE and value != int(value) else api_text(value)


def _extremes(values: np.ndarray) -> list[str]:
    known = values[~np.isnan(values)]
    return [figure(float(known.min())), figure(float(known.max()))] if len(known) else ["", ""]


def _rest(frame: "Frame") -> list[str]:
    more = len(frame.labels) - _MOST_SERIES
    return [f"and {more:,} more"] if more > 0 else []


def _notes(frame: "Frame") -> list[str]:
    return [f"warning: {one}" for one in frame.warnings] + [f"info: {one}" for one in frame.infos]


def _padded(text: str, width: int, at: int) -> str:
    return text.rjust(width) if at else text.ljust(width)
