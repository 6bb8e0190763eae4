"""``firstlight lake retain``: let go what is too old."""

import time
from dataclasses import asdict

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.lake_upkeep import day_text, size_text, with_config_file, with_dry_run, with_wait, write_lines
from firstlight.cli.options import Wanted, shared


@click.command("retain")
@with_dry_run("Only say what would go because of its age.")
@with_config_file
@with_wait
@shared()
def command(wanted: Wanted, dry_run: bool, config: str | None, wait_s: float) -> int:
    """Let go what is older than the settings below lake.retention say, and keep to lake.disk_budget_bytes.

    A running hub does this by itself, by its own settings; this does it now, by those in force here.

    Examples:
      firstlight lake retain --data ./lake --dry-run
      FIRSTLIGHT_LAKE_RETENTION_EVENTS_DAYS=1 firstlight lake retain --data ./lake
    """
    from firstlight.app import upkeep
    from firstlight.app.settings import load

    policy = upkeep.policy_of(load(config=config).settings.lake)
    let = upkeep.retain(directory_of(wanted), policy, time.time_ns(), dry_run=dry_run, wait_s=wait_s)
    if wanted.as_json:
        reduced = None if let.reduced is None else asdict(let.reduced)
        output.write_json({"dry_run": dry_run, "retained": [asdict(one) for one in let.retained], "reduced": reduced})
        return FINE
    lines = [
        f"{one.table}: {one.rows:,} rows, {one.segments} whole segments and part of {one.rewritten}, "
        f"{size_text(one.bytes)}"
        for one in let.retained
    ]
    if let.reduced is not None:
        lines.append(
            f"to keep to the disk budget: {let.reduced.rows:,} rows of {day_text(let.reduced.begin_us)} to "
            f"{day_text(let.reduced.end_us)}, {size_text(let.reduced.bytes)}"
        )
    write_lines(lines, "nothing is too old")
    return FINE
