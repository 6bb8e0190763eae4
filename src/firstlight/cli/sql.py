"""``firstlight sql``: ask the lake."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from firstlight.cli import output, table
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source
from firstlight.errors import UsageError

DEFAULT_LIMIT = 1000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sql")(sql)


@shared()
def sql(
    wanted: Wanted,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="One SQL statement; - or nothing reads it from a pipe.")
    ] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", metavar="FILE", help="Read the statement from FILE.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer as CSV; NULL is empty and empty text is \"\".")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="ROWS", help=f"At most so many rows.  [default: {DEFAULT_LIMIT}]")
    ] = None,
) -> int:
    """Run one read-only SQL statement (DuckDB) over metrics, events, spans, series and exponential_histograms.

    A terminal gets a table. A pipe gets tab-separated lines under a line of names, and a single value alone. With
    --json the answer is an array of objects, one row a line.

    \b
    Examples:
      firstlight sql "select count(*) from spans where service='demo'"
      firstlight sql "select level, count(*) from events group by all" --json | jq -r '.[].level'
      firstlight sql --file slow.sql --csv > slow.csv
      echo "select max(value) from metrics where name='host_cpu_busy_ratio'" | firstlight sql
    """
    if wanted.as_json and as_csv:
        raise UsageError("--json and --csv are two answers; ask for one of them")
    rows = DEFAULT_LIMIT if limit is None else limit
    if rows < 1:
        raise UsageError("--limit must be 1 or more")
    text = statement(query, file)
    source = open_source(wanted)
    try:
        answer = source.sql(text, rows)
    finally:
        source.close()
    table.write(answer, "json" if wanted.as_json else "csv" if as_csv else "text")
    if answer.truncated:
        output.note(f"only the first {len(answer.rows):,} rows are shown; ask for more with --limit")
    return FINE


def statement(query: str | None, file: str | None) -> str:
    """Return the statement from the one place that was named.

    Raises:
        UsageError: there is none, or there are two.
    """
    if file is not None and query is not None:
        raise UsageError("a statement and --file were given; give one of them")
    text = _read(file) if file is not None else _piped() if query in (None, "-") else query
    if not text or not text.strip():
        raise UsageError('there is no statement; try: firstlight sql "select count(*) from events"')
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
