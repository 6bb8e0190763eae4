"""Charts as characters: braille dots inside axes, and a legend that needs no colour."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from firstlight.query.charts.axes import time_marks, value_marks, value_text
from firstlight.query.charts.chart import Chart, Line
from firstlight.query.charts.raster import Raster

_COLOURS = (36, 33, 35, 32, 34, 31)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEAST_COLUMNS, _LEAST_ROWS = 24, 3
_ROWS_PER_MARK = 3
_COLUMNS_PER_MARK = 14
_NO_DATA = "no value in this time"


@dataclass(frozen=True, slots=True)
class Look:
    """How large a chart is, in characters, and what it may be made of."""

    columns: int
    rows: int
    colours: bool = False
    ascii_only: bool = False

    def coloured(self, text: str, number: int) -> str:
        """Return ``text`` in the colour of line ``number``."""
        return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{text}\x1b[0m" if self.colours and number >= 0 else text


def drawn(chart: Chart, look: Look) -> str:
    """Return the lines of text of ``chart``, each at most ``look.columns`` wide."""
    title = [cut(chart.title, look.columns)]
    if not chart.lines:
        return "\n".join([*title, _NO_DATA])
    inside = _bars(chart, look) if chart.bars else [*_plot(chart, look), *_legend(chart, look)]
    more = [f"{chart.left_out} more are not drawn; narrow the query, or try topk"] if chart.left_out else []
    return "\n".join([*title, *inside, *(cut(line, look.columns) for line in more)])


def cut(text: str, columns: int) -> str:
    """Return ``text`` as one line no wider than ``columns``, what steers a terminal spelled out."""
    shown = "".join(_safe(letter) for letter in text)
    if sum(map(_cells, shown)) <= columns:
        return shown
    kept, room = [], columns - 1
    for letter in shown:
        room -= _cells(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept) + "~"


def width(text: str) -> int:
    """Return how many columns ``text`` takes."""
    return sum(map(_cells, text))


def _safe(letter: str) -> str:
    if unicodedata.category(letter) in {"Cc", "Cf", "Cs"}:
        return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
    return letter


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def _plot(chart: Chart, look: Look) -> list[str]:
    rows = max(look.rows, _LEAST_ROWS)
    marks = value_marks(*chart.limits(), max(2, rows // _ROWS_PER_MARK + 1))
    step = marks[1] - marks[0]
    texts = {round((1 - _share(mark, marks)) * (rows - 1)): value_text(mark, chart.unit, step) for mark in marks}
    margin = max(map(width, texts.values()))
    columns = max(look.columns, _LEAST_COLUMNS) - margin - 2
    body = _body(chart, look, (columns, rows), marks)
    axis, tick = ("|", "+") if look.ascii_only else ("│", "┤")
    lines = [
        f"{' ' * (margin - width(texts.get(row, '')))}{texts.get(row, '')} {tick if row in texts else axis}{line}"
        for row, line in enumerate(body)
    ]
    return [*lines, *_time_axis(chart, look, margin, columns)]


def _share(value: float, marks: list[float]) -> float:
    return (value - marks[0]) / (marks[-1] - marks[0])


def _body(chart: Chart, look: Look, size: tuple[int, int], marks: list[float]) -> list[str]:
    raster = Raster(*size, ascii_only=look.ascii_only)
    for number, line in enumerate(chart.lines):
        for times_ns, values in line.stretches():
            raster.draw(number, _across(times_ns, chart), _share(values, marks))
    cells = raster.characters()
    owners = raster.owners.tolist()
    if len(chart.lines) > 1:
        _letter(cells, owners, chart, marks)
    return [
        "".join(look.coloured(letter, owner) for letter, owner in zip(row, owned, strict=True)).rstrip()
        for row, owned in zip(cells, owners, strict=True)
    ]


def _across(times_ns: Any, chart: Chart) -> Any:
    first_ns, last_ns = chart.span_ns
    return (times_ns - first_ns) / max(last_ns - first_ns, 1)


def _letter(cells: list[list[str]], owners: list[list[int]], chart: Chart, marks: list[float]) -> None:
    """Write the letter of each line on it, here and there, those of two lines not at the same times."""
    rows, columns = len(cells), len(cells[0])
    for number, line in enumerate(chart.lines):
        places = [place for stretch in line.stretches() for place in zip(*stretch, strict=True)]
        for time_ns, value in _picked(places, number, len(chart.lines)):
            row = round((1 - _share(value, marks)) * (rows - 1))
            column = min(int(_across(time_ns, chart) * columns), columns - 1)
            cells[row][column], owners[row][column] = _LETTERS[number], number


def _picked(places: list[Any], number: int, count: int) -> list[Any]:
    """Return three of ``places``, shifted by the line's ``number`` among ``count``."""
    shares = ((number + 0.5) / count / 3 + third / 3 for third in range(3))
    return [places[min(int(share * len(places)), len(places) - 1)] for share in shares]


def _time_axis(chart: Chart, look: Look, margin: int, columns: int) -> list[str]:
    corner, along, tick = ("+", "-", "+") if look.ascii_only else ("└", "─", "┬")
    ticks, texts = [along] * columns, [" "] * (columns + margin + 2)
    for time_ns, text in time_marks(*chart.span_ns, columns // _COLUMNS_PER_MARK):
        at = round(float(_across(time_ns, chart)) * (columns - 1))
        begin = min(max(at + margin + 2 - len(text) // 2, 0), len(texts) - len(text))
        # Two spaces between texts; one that has no room is left out, its tick stays.
        if 0 <= at < columns:
            ticks[at] = tick
            if not "".join(texts[max(begin - 2, 0) : begin + len(text)]).strip():
                texts[begin : begin + len(text)] = text
    if not "".join(texts[:4]).strip():
        texts[:3] = "UTC"
    return [f"{' ' * margin} {corner}{''.join(ticks)}", "".join(texts).rstrip()]


def _legend(chart: Chart, look: Look) -> list[str]:
    """Return a line for each series: its letter, its name, and last, least and greatest value."""
    heads = ("last", "min", "max")
    figures = [[value_text(value, chart.unit) for value in _figures(line)] for line in chart.lines]
    widths = [max(map(width, column)) for column in zip(heads, *figures, strict=True)]
    room = max(look.columns - sum(widths) - 2 * len(widths) - 3, 8)
    names = [cut(line.name, room) for line in chart.lines]
    longest = max(map(width, names))
    lines = [_row(" " * (longest + 2), heads, widths)]
    for number, (name, texts) in enumerate(zip(names, figures, strict=True)):
        padded = name + " " * (longest - width(name))
        lines.append(_row(f"{look.coloured(_LETTERS[number], number)} {padded}", texts, widths))
    return lines


def _row(name: str, texts: Any, widths: list[int]) -> str:
    return name + "".join("  " + " " * (room - width(text)) + text for text, room in zip(texts, widths, strict=True))


def _figures(line: Line) -> tuple[float, float, float]:
    finite = line.finite
    return float(finite[-1]), float(finite.min()), float(finite.max())


def _bars(chart: Chart, look: Look) -> list[str]:
    """Return a bar for each series, from zero on."""
    values = [float(line.finite[-1]) for line in chart.lines]
    texts = [value_text(value, chart.unit) for value in values]
    margin = max(map(width, texts))
    names = [cut(line.name, max(look.columns // 2 - margin, 8)) for line in chart.lines]
    longest = max(map(width, names))
    room = max(look.columns - longest - margin - 4, 4)
    most = max(map(abs, values)) or 1.0
    lines = []
    for number, (name, value, text) in enumerate(zip(names, values, texts, strict=True)):
        bar = _bar(abs(value) / most * room, ascii_only=look.ascii_only)
        padding = " " * (longest - width(name)), " " * (margin - width(text))
        lines.append(f"{name}{padding[0]}  {padding[1]}{text}  {look.coloured(bar, number)}".rstrip())
    return lines


def _bar(length: float, *, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * round(length)
    eighths = round(length * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
