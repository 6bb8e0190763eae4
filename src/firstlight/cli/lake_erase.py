"""``firstlight lake erase``: take rows out for good, and prove it."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.lake_upkeep import with_dry_run, with_wait
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar
from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.store.erase import Erased
    from firstlight.store.selection import Selection

_SIGNALS = ("events", "spans", "metrics")


@click.command("erase")
@click.option("--signal", "signals", multiple=True, type=click.Choice(_SIGNALS), help="Only this signal.")
@click.option("--match", metavar="SELECTOR", help='Samples of these series: name{label="value"}.')
@click.option("--where", "columns", multiple=True, metavar="COLUMN=VALUE", help="Rows with this value in a column.")
@click.option("--attribute", "attributes", multiple=True, metavar="KEY=VALUE", help="Events and spans with this.")
@click.option("--text", default="", metavar="TEXT", help="Events and spans that have this anywhere in them.")
@click.option("--from", "begin", metavar="TIME", help="Not before this time.")
@click.option("--to", "end", metavar="TIME", help="Before this time.")
@with_dry_run("Only count the rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_wait
@shared()
def command(wanted: Wanted, dry_run: bool, yes: bool, wait_s: float, **conditions: Any) -> int:
    """Erase the rows that meet every condition given, wherever in the data directory they are.

    Segments and logs, definitions of series, text indexes, what is in quarantine and the catalog's history are covered;
    backups are yours to see to. At the end the lake is searched again. Ends with 1 when rows were found then: a writer
    did not begin a new log in time, or new ones came.

    Examples:
      firstlight lake erase --where session_id=4711 --dry-run
      firstlight lake erase --attribute user.id=42 --signal events --signal spans --yes
      firstlight lake erase --match 'cart_total{customer="ada"}' --from 2026-01-01 --to 2026-02-01 --yes
    """
    from firstlight.app import upkeep
    from firstlight.store.erase import Patience

    selection = _selection(conditions)
    directory = directory_of(wanted)
    if not (dry_run or yes):
        _ask()
    with bar("segments") as show:
        done = upkeep.erase(directory, selection, show, dry_run=dry_run, patience=Patience(wait_s, max(wait_s, 1.0)))
    _write(wanted, done)
    return FINE if done.is_complete else BAD_ANSWER


def _selection(given: Mapping[str, Any]) -> "Selection":
    from firstlight.app.moments import TIME_MAX_NS, TIME_MIN_NS, parse_moment
    from firstlight.model import parse_selector
    from firstlight.store.selection import Selection

    now_ns = time.time_ns()
    return Selection(
        signals=tuple(given["signals"]) or _SIGNALS,
        matchers=parse_selector(given["match"]) if given["match"] else (),
        columns=_pairs("--where", given["columns"]),
        attributes=_pairs("--attribute", given["attributes"]),
        text=given["text"],
        begin_ns=parse_moment(given["begin"], now_ns) if given["begin"] else TIME_MIN_NS,
        end_ns=parse_moment(given["end"], now_ns) if given["end"] else TIME_MAX_NS,
    )


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if not all(name and mark for name, mark, _ in pairs):
        raise UsageError(f"{option} wants NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _ask() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("this erases rows for good; say --yes, or look first with --dry-run")
    click.confirm("This erases rows for good. Go on?", abort=True, err=True)


def _write(wanted: Wanted, done: "Erased") -> None:
    if wanted.as_json:
        from msgspec import to_builtins

        output.write_json({**to_builtins(done), "is_complete": done.is_complete})
        return
    if done.is_dry:
        output.write(f"would erase {_counts(done.before)}\n")
        return
    output.write(f"found {_counts(done.before)}\nerased {_counts(done.erased)}\n")
    output.write(f"a search afterwards finds {_counts(done.after)}\n")
    output.write(f"{len(done.rewritten)} segments rewritten, {len(done.deleted)} files removed\n")
    for path in done.open_logs:
        output.note(f"{path} is open in a living process; close it, or erase again")
    for lost in done.lost:
        output.note(str(lost))


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} of {table}" for table, count in rows.items()) or "nothing"
