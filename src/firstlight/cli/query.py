"""``firstlight query``: ask by PromQL."""

import math
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output, table
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source
from firstlight.cli.sql import statement
from firstlight.cli.values import json_value
from firstlight.errors import FirstlightError, UsageError

if TYPE_CHECKING:
    from firstlight.app.asked_times import Asked
    from firstlight.cli.wire import Table
    from firstlight.query.promql.frame import Frame

DEFAULT_LIMIT = 10_000
_EXAMPLE = "firstlight query up"
_NAME_BEGUN = re.compile(r"[a-zA-Z_:][\w:.]*\Z", re.ASCII)
_CHART_SHARE = 0.55
_LEAST_ROWS, _MOST_ROWS = 6, 24
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_EXACT_BELOW = 2**53


def _names(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return ``begun`` with the metric's name at its end completed; nothing where nobody can be asked."""
    from firstlight.app.asking import place_of
    from firstlight.app.metric_names import MOST, STATEMENT, metric_names

    found = _NAME_BEGUN.search(begun)
    head, name = (begun[: found.start()], found[0]) if found else (begun, "")
    try:
        rows = place_of(context.params.get("data"), context.params.get("url")).sql(STATEMENT, MOST).rows
    except FirstlightError:
        return []
    return [head + one.name for one in metric_names(rows) if one.name.startswith(name)]


@click.command("query")
@click.argument("query", required=False, metavar="[QUERY]", shell_complete=_names)
@click.option("--at", metavar="MOMENT", help="At this moment.  [default: now]")
@click.option("--range", metavar="SPAN", help="Over a stretch of time this long, as 1h or 90s.")
@click.option("--start", metavar="MOMENT", help="Over a stretch of time that begins here.")
@click.option("--end", metavar="MOMENT", help="Over a stretch of time that ends here.")
@click.option("--step", metavar="SPAN", help="From one moment of a stretch to the next.  [default: 250 points]")
@click.option("--plot", is_flag=True, help="Draw it; the last hour unless a time is given.")
@click.option("--watch", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Ask again so often until Ctrl-C.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="At most so many rows."
)
@shared()
def command(wanted: Wanted, query: str | None, plot: bool, watch: float | None, **chosen: Any) -> int:
    """Evaluate PromQL at one moment, or over a stretch of time with --range, --start, --end or --step.

    QUERY is read from a pipe when it is - or left out. A terminal gets a table, a pipe tab-separated lines under a
    line of names: time, labels, value. A MOMENT is 2026-01-31T12:30:00Z, -15m, now or seconds since 1970.

    Examples:
      firstlight query 'sum by (service) (rate(requests_total[5m]))'
      firstlight query host_cpu_busy_ratio --range 1h --plot
      firstlight query host_load1 --plot --watch 5
      firstlight query up --start -1d --step 5m --csv > up.csv
      firstlight query 'topk(3, host_disk_used_ratio)' --json | jq -r '.[].value'
    """
    as_csv, limit = chosen.pop("as_csv"), chosen.pop("limit")
    if wanted.as_json + as_csv + plot > 1:
        raise UsageError("--json, --csv and --plot are different answers; ask for one of them")
    text = statement(query, None, _EXAMPLE)
    form = "plot" if plot else "json" if wanted.as_json else "csv" if as_csv else "text"
    source = open_source(wanted)
    try:
        _show(source.promql(text, _when(chosen, plot)), form, limit)
        while watch is not None:
            output.flush()
            time.sleep(watch)
            frame = source.promql(text, _when(chosen, plot))
            output.write(_CLEAR if output.on_terminal() else "\n")
            _show(frame, form, limit)
    except KeyboardInterrupt:
        if watch is None:
            raise
    finally:
        source.close()
    return FINE


def _when(chosen: dict[str, Any], plot: bool) -> "Asked":
    from firstlight.app.asked_times import asked_times

    given = {key: value for key, value in chosen.items() if value is not None}
    if plot and not given:
        given = {"range": "1h"}
    return asked_times(time.time_ns(), **given)


def _show(frame: "Frame", form: Any, limit: int) -> None:
    if form == "plot":
        _draw(frame)
    else:
        table.write(as_table(frame, limit), form)
        if len(frame) > limit:
            output.note(f"only the first {limit:,} of {len(frame):,} rows are shown; ask for more with --limit")
    output.note_each([*(f"warning: {one}" for one in frame.warnings), *(f"info: {one}" for one in frame.infos)])


def as_table(frame: "Frame", limit: int) -> "Table":
    """Return the first ``limit`` points of ``frame`` as rows of plain JSON values."""
    from firstlight.cli.wire import Column, Table
    from firstlight.query.rows import python_values

    found = frame.arrow().slice(0, limit)
    columns = [Column(name, str(kind)) for name, kind in zip(found.column_names, found.schema.types, strict=True)]
    cells = [[_cell(value) for value in python_values(column)] for column in found.columns]
    return Table(columns, [list(row) for row in zip(*cells, strict=True)], len(frame) > limit)


def _cell(value: Any) -> Any:
    """Return ``value`` as JSON has it, whole numbers without a fraction."""
    if isinstance(value, float) and math.isfinite(value) and abs(value) < _EXACT_BELOW and value == int(value):
        return int(value)
    return json_value(value)


def _draw(frame: "Frame") -> None:
    size = shutil.get_terminal_size()
    rows = min(max(int(size.lines * _CHART_SHARE), _LEAST_ROWS), _MOST_ROWS)
    drawn = frame.plot().text(size.columns, rows, colours=output.has_colours(), ascii_only=not output.can_write("⣿█│"))
    output.write(drawn + "\n")
