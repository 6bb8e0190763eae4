"""Rows for people (a table that fits the terminal) and for programs (JSON, CSV, tab-separated lines)."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from firstlight.cli import output

if TYPE_CHECKING:
    from rich.console import RenderableType

    from firstlight.cli.wire import Table

Form = Literal["text", "json", "csv"]
NULL = "NULL"
_CSV_SPECIAL = frozenset(',"\r\n')
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_GAP = 2
_READABLE_WIDTH = 8


def write(answer: "Table", form: Form) -> None:
    """Write ``answer``; text is a table on a terminal and tab-separated lines elsewhere."""
    if form == "json":
        _write_json(answer)
    elif form == "csv":
        _write_csv(answer)
    elif output.on_terminal():
        _write_table(answer)
    else:
        _write_lines(answer)


def distinct_names(answer: "Table") -> list[str]:
    """Return the columns' names; a repeated one gets ``_2``, ``_3`` so that no value is lost in an object."""
    taken = Counter[str]()
    names = {column.name for column in answer.columns}
    result = []
    for column in answer.columns:
        taken[column.name] += 1
        name = column.name
        while taken[column.name] > 1 and name in names:
            name = f"{column.name}_{taken[column.name]}"
            taken[column.name] += name in names
        names.add(name)
        result.append(name)
    return result


def plain(value: Any) -> str:
    """Return ``value`` as one word for programs: text as it is, structures as JSON, booleans as SQL spells them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return NULL if value is None else str(value)


def _write_json(answer: "Table") -> None:
    names = distinct_names(answer)
    rows = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in answer.rows)
    output.write("[" + ",\n ".join(rows) + "]\n")


def _write_csv(answer: "Table") -> None:
    """Write RFC 4180, with line feeds as line ends."""
    output.write(",".join(_csv(column.name) for column in answer.columns) + "\n")
    for row in answer.rows:
        output.write(",".join("" if value is None else _csv(plain(value)) for value in row) + "\n")


def _csv(text: str) -> str:
    if text and _CSV_SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _write_lines(answer: "Table") -> None:
    if len(answer.rows) == 1 and len(answer.columns) == 1:
        output.write(_tsv(answer.rows[0][0]) + "\n")
        return
    output.write("\t".join(_tsv(column.name) for column in answer.columns) + "\n")
    for row in answer.rows:
        output.write("\t".join(map(_tsv, row)) + "\n")


def _tsv(value: Any) -> str:
    return plain(value).translate(_TSV_ESCAPES)


def _write_table(answer: "Table") -> None:
    """Write a table as wide as the terminal; rows one under the other when that is too narrow for their columns."""
    from rich.console import Console

    size = shutil.get_terminal_size()
    console = Console(width=size.columns, height=size.lines)  # rich takes 80 columns for granted where TERM is dumb
    cells = [[output.one_line(plain(value)) for value in row] for row in answer.rows]
    names = [output.one_line(column.name) for column in answer.columns]
    widths = _fitted(_natural_widths(names, cells), console.width)
    with console.capture() as captured:
        console.print(
            _grid(answer, names, cells, widths) if widths else _blocks(answer, names, cells), soft_wrap=not widths
        )
        console.print(f"[dim]{len(cells):,} row{'' if len(cells) == 1 else 's'}[/dim]", highlight=False)
    output.write(captured.get())


def _natural_widths(names: list[str], cells: list[list[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max([cell_len(name), *(cell_len(row[at]) for row in cells)]) for at, name in enumerate(names)]


def _fitted(natural: list[int], room: int) -> list[int]:
    """Return a width for each column, the widest ones cut to the same; none when one would be too narrow to read."""
    left, widths = room - _GAP * (len(natural) - 1), dict[int, int]()
    for done, at in enumerate(sorted(range(len(natural)), key=natural.__getitem__)):
        widths[at] = min(natural[at], left // (len(natural) - done))
        left -= widths[at]
    fits = all(widths[at] >= min(width, _READABLE_WIDTH) for at, width in enumerate(natural))
    return [max(1, widths[at]) for at in range(len(natural))] if fits else []


def _grid(answer: "Table", names: list[str], cells: list[list[str]], widths: list[int]) -> "RenderableType":
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for at, name in enumerate(names):
        side: Literal["left", "right"] = "right" if _is_numeric(answer.rows, at) else "left"
        grid.add_column(Text(name), justify=side, overflow="ellipsis", no_wrap=True, width=widths[at])
    for row, texts in zip(answer.rows, cells, strict=True):
        grid.add_row(*(Text(text, style=_style(value)) for value, text in zip(row, texts, strict=True)))
    return grid


def _blocks(answer: "Table", names: list[str], cells: list[list[str]]) -> "RenderableType":
    """Return each row as lines of ``name  value``, with an empty line after it."""
    from rich.cells import cell_len
    from rich.text import Text

    width = max(map(cell_len, names))
    blocks = Text()
    for row, texts in zip(answer.rows, cells, strict=True):
        for name, value, text in zip(names, row, texts, strict=True):
            blocks.append(name, style="bold").append(" " * (width - cell_len(name) + _GAP))
            blocks.append(text, style=_style(value)).append("\n")
        blocks.append("\n")
    blocks.right_crop(1)
    return blocks


def _style(value: Any) -> str:
    return "dim italic" if value is None else ""


def _is_numeric(rows: Sequence[Sequence[Any]], at: int) -> bool:
    values = [row[at] for row in rows if row[at] is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
