"""``firstlight sql``: ask the lake."""

import sys
from pathlib import Path

import click

from firstlight.cli import output, table
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source
from firstlight.errors import UsageError

DEFAULT_LIMIT = 1000
_EXAMPLE = 'firstlight sql "select count(*) from events"'


@click.command("sql")
@click.argument("query", required=False, metavar="[QUERY]")
@click.option("--file", "-f", metavar="FILE", help="Read the statement from FILE.")
@click.option("--csv", "as_csv", is_flag=True, help='Answer as CSV; NULL is empty and empty text is "".')
@click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="At most so many rows."
)
@shared()
def command(wanted: Wanted, query: str | None, file: str | None, as_csv: bool, limit: int) -> int:
    """Run one read-only SQL statement (DuckDB) over metrics, events, spans, series and exponential_histograms.

    QUERY is read from a pipe when it is - or left out. A terminal gets a table; a pipe gets tab-separated lines under
    a line of names, or a single value alone. With --json the answer is an array of objects, one row a line.

    Examples:
      firstlight sql "select count(*) from spans where service='demo'"
      firstlight sql "select level, count(*) from events group by all" --json | jq -r '.[].level'
      firstlight sql --file slow.sql --csv > slow.csv
      echo "select max(value) from metrics where name='host_cpu_busy_ratio'" | firstlight sql
    """
    if wanted.as_json and as_csv:
        raise UsageError("--json and --csv are two answers; ask for one of them")
    text = statement(query, file)
    source = open_source(wanted)
    try:
        answer = source.sql(text, limit)
    finally:
        source.close()
    table.write(answer, "json" if wanted.as_json else "csv" if as_csv else "text")
    output.note_each(answer.warnings)
    if answer.truncated:
        more = "ask for more with --limit" if len(answer.rows) == limit else "the hub gives no more (limits.query_rows)"
        output.note(f"only the first {len(answer.rows):,} rows are shown; {more}")
    return FINE


def statement(query: str | None, file: str | None, example: str = _EXAMPLE) -> str:
    """Return the statement from the one place that was named; ``example`` is told where there is none.

    Raises:
        UsageError: there is none, or there are two.
    """
    if file is not None and query is not None:
        raise UsageError("a statement and --file were given; give one of them")
    text = _read(file) if file is not None else _piped() if query in (None, "-") else query
    if not text or not text.strip():
        raise UsageError(f"there is no statement; try: {example}")
    return text


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--file {file} cannot be read: {error}") from error


def _piped() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"the statement from the pipe is no UTF-8: {error}") from error
