"""``firstlight lake restore``."""

import time

import click

from firstlight.cli import output
from firstlight.cli.amounts import bytes_text
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar


@click.command("restore")
@click.argument("source", metavar="DIR")
@shared("as_json", "data")
def command(wanted: Wanted, source: str) -> int:
    """Restore the backup in DIR into the data directory, which must be missing or empty; every checksum is verified.

    Examples:
      firstlight lake restore /backup/lake --data ./lake
    """
    from firstlight.app.lake_restore import restore

    began_s = time.monotonic()
    with bar("bytes") as show:
        report = restore(source, directory_of(wanted, must_exist=False), progress=show)
    seconds = time.monotonic() - began_s
    if wanted.as_json:
        output.write_json({**vars(report), "seconds": round(seconds, 3)})
    else:
        output.write(f"restored {report.files:,} files ({bytes_text(report.bytes)}) in {seconds:.1f} s\n")
    return FINE
