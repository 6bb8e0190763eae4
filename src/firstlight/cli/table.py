"""Rows for people (a table that fits the terminal) and for programs (JSON, CSV, tab-separated lines)."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from firstlight.cli import output

if TYPE_CHECKING:
    from firstlight.cli.wire import Table

Form = Literal["text", "json", "csv"]
NULL = "NULL"
_CSV_SPECIAL = frozenset(',"\r\n')
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_MIN_COLUMN_WIDTH = 3


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
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, header_style="bold")
    numeric = [_is_numeric(answer.rows, at) for at in range(len(answer.columns))]
    for column, right in zip(answer.columns, numeric, strict=True):
        grid.add_column(
            Text(output.one_line(column.name)),
            justify="right" if right else "left",
            overflow="ellipsis",
            no_wrap=True,
            min_width=_MIN_COLUMN_WIDTH,
        )
    for row in answer.rows:
        grid.add_row(*(_cell(value, Text) for value in row))
    console = Console()
    with console.capture() as captured:
        console.print(grid)
        console.print(f"[dim]{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'}[/dim]", highlight=False)
    output.write(captured.get())


def _cell(value: Any, text: Any) -> Any:
    return text(NULL, style="dim italic") if value is None else text(output.one_line(plain(value)))


def _is_numeric(rows: Sequence[Sequence[Any]], at: int) -> bool:
    values = [row[at] for row in rows if row[at] is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
