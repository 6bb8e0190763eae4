"""``firstlight metrics``: what can be asked for."""

import click

from firstlight.cli import output, table
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source


@click.command("metrics")
@click.argument("text", required=False, default="")
@shared()
def command(wanted: Wanted, text: str) -> int:
    """List the metrics: name as PromQL knows it, type, number of series, unit and help; with TEXT, only names with it.

    Examples:
      firstlight metrics
      firstlight metrics cpu
      firstlight metrics --json | jq -r '.[] | select(.type == "counter").name'
    """
    from firstlight.app.metric_names import MOST, STATEMENT, metric_names
    from firstlight.cli.wire import Column, Table

    source = open_source(wanted)
    try:
        answer = source.sql(STATEMENT, MOST)
    finally:
        source.close()
    rows = [[one.name, one.type, one.series, one.unit, one.help] for one in metric_names(answer.rows, text)]
    columns = [Column(name) for name in ("name", "type", "series", "unit", "help")]
    table.write(Table(columns, rows), "json" if wanted.as_json else "text")
    output.note_each(answer.warnings)
    if answer.truncated:
        output.note("there are more metrics than the hub tells of (limits.query_rows)")
    return FINE
