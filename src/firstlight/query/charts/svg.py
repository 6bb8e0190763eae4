"""Charts as SVG for notebooks: no script, no font, nothing from elsewhere, text in the colour of the page around."""

from html import escape
from typing import Any

import numpy as np

from firstlight.query.charts.axes import time_marks, value_marks, value_text
from firstlight.query.charts.chart import Chart

# Okabe and Ito's palette, which people of any colour vision tell apart, without its black and yellow.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_FONT = "font-family:system-ui,sans-serif;font-size:11px"
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 8, 22
_PIXELS_PER_MARK_Y, _PIXELS_PER_MARK_X = 48, 100
_BAR_HEIGHT = 20
_NAME_SHARE = 0.45
_LETTER_WIDTH = 6.2


def figure(chart: Chart) -> str:
    """Return the title, the chart and its legend as HTML."""
    title = f'<div style="{_FONT};font-weight:600">{escape(chart.title)}</div>'
    more = f'<div style="{_FONT}">{chart.left_out} more are not drawn</div>' if chart.left_out else ""
    legend = "" if chart.bars else _legend(chart)
    return f"<div>{title}{drawn(chart, 760, 260)}{legend}{more}</div>"


def drawn(chart: Chart, width: int, height: int) -> str:
    """Return ``chart`` as an SVG element of ``width`` and, unless it has bars, ``height`` pixels."""
    if chart.bars:
        return _element(_bars(chart, width), width, _BAR_HEIGHT * len(chart.lines) + 4, chart.title)
    if not chart.lines:
        return _element([_text(width / 2, height / 2, "no value in this time", "middle")], width, height, chart.title)
    area = (width - _LEFT - _RIGHT, height - _TOP - _BOTTOM)
    marks = value_marks(*chart.limits(), max(2, area[1] // _PIXELS_PER_MARK_Y))
    return _element([*_grid(chart, area, marks), *_lines(chart, area, marks)], width, height, chart.title)


def _element(parts: list[str], width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;{_FONT}" role="img" aria-label="{escape(title)}" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _grid(chart: Chart, area: tuple[int, int], marks: list[float]) -> list[str]:
    parts, step = [], marks[1] - marks[0]
    for mark in marks:
        y = _TOP + area[1] * (1 - (mark - marks[0]) / (marks[-1] - marks[0]))
        parts.append(_rule(_LEFT, y, _LEFT + area[0], y))
        parts.append(_text(_LEFT - 6, y + 4, value_text(mark, chart.unit, step), "end"))
    for time_ns, text in time_marks(*chart.span_ns, area[0] // _PIXELS_PER_MARK_X):
        x = _LEFT + area[0] * _share(time_ns, chart)
        parts.append(_rule(x, _TOP, x, _TOP + area[1]))
        parts.append(_text(x, _TOP + area[1] + 15, text, "middle"))
    parts.append(_text(_LEFT - 6, _TOP + area[1] + 15, "UTC", "end"))
    return parts


def _lines(chart: Chart, area: tuple[int, int], marks: list[float]) -> list[str]:
    parts = []
    for number, line in enumerate(chart.lines):
        path = ""
        for times_ns, values in line.stretches():
            x = _LEFT + area[0] * _share(times_ns, chart)
            y = _TOP + area[1] * (1 - (values - marks[0]) / (marks[-1] - marks[0]))
            points = [f"{one:.1f},{other:.1f}" for one, other in zip(x, y, strict=True)]
            path += f"M{'L'.join(points)}" + ("h0.1" if len(points) == 1 else "")
        parts.append(
            f'<path d="{path}" fill="none" stroke="{_colour(number)}" stroke-width="1.5" stroke-linecap="round" '
            f'stroke-linejoin="round"{_dash(number)}><title>{escape(line.name)}</title></path>'
        )
    return parts


def _share(times_ns: Any, chart: Chart) -> Any:
    first_ns, last_ns = chart.span_ns
    return (np.asarray(times_ns) - first_ns) / max(last_ns - first_ns, 1)


def _legend(chart: Chart) -> str:
    items = [
        f'<span style="margin-right:14px;white-space:nowrap"><svg width="20" height="8"><path d="M0,4h20" '
        f'stroke="{_colour(number)}" stroke-width="2"{_dash(number)}/></svg> {escape(line.name)} '
        f'<span style="opacity:.65">{escape(value_text(float(line.finite[-1]), chart.unit))}</span></span>'
        for number, line in enumerate(chart.lines)
    ]
    return f'<div style="{_FONT};max-width:760px;line-height:1.6">{" ".join(items)}</div>'


def _bars(chart: Chart, width: int) -> list[str]:
    values = [float(line.finite[-1]) for line in chart.lines]
    most = max(map(abs, values), default=0.0) or 1.0
    begin = min(width * _NAME_SHARE, max((len(line.name) for line in chart.lines), default=0) * _LETTER_WIDTH + 12)
    room = width - begin - 80
    parts = []
    for number, (line, value) in enumerate(zip(chart.lines, values, strict=True)):
        y, long = 2 + number * _BAR_HEIGHT, max(abs(value) / most * room, 0.5)
        parts.append(_text(begin - 6, y + 14, line.name, "end"))
        parts.append(
            f'<rect x="{begin:.1f}" y="{y + 2}" width="{long:.1f}" height="{_BAR_HEIGHT - 5}" fill="{_COLOURS[0]}"/>'
        )
        parts.append(_text(begin + long + 6, y + 14, value_text(value, chart.unit), "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rule(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:.1f},{y:.1f}L{to_x:.1f},{to_y:.1f}" stroke="currentColor" stroke-opacity=".15"/>'


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _dash(number: int) -> str:
    pattern = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""
