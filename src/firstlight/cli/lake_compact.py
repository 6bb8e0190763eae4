"""``firstlight lake compact``: make every day one segment."""

from dataclasses import asdict

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.lake_upkeep import size_text, with_dry_run, with_wait, write_lines
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar


@click.command("compact")
@with_dry_run("Only say what would be merged.")
@with_wait
@shared()
def command(wanted: Wanted, dry_run: bool, wait_s: float) -> int:
    """Seal finished logs and merge the segments of each day into one.

    A running hub does this by itself when a day is over; this does it now.

    Examples:
      firstlight lake compact --data ./lake
      firstlight lake compact --data ./lake --dry-run --json
    """
    from firstlight.app import upkeep

    with bar("merges") as show:
        merged = upkeep.compact(directory_of(wanted), show, dry_run=dry_run, wait_s=wait_s)
    if wanted.as_json:
        output.write_json({"dry_run": dry_run, "merges": [asdict(one) for one in merged]})
        return FINE
    lines = [
        f"{one.table} {one.day}: {one.segments} segments with {one.rows:,} rows, {size_text(one.bytes_before)}"
        + ("" if dry_run else f", are one of {size_text(one.bytes_after)}")
        for one in merged
    ]
    write_lines(lines, "every day is one segment already")
    return FINE
