"""``firstlight lake backup``."""

import time

import click

from firstlight.cli import output
from firstlight.cli.amounts import bytes_text
from firstlight.cli.exits import FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar


@click.command("backup")
@click.argument("target", metavar="DIR")
@click.option("--copy", is_flag=True, help="Copy every segment, also where a link would do.")
@shared("as_json", "data")
def command(wanted: Wanted, target: str, copy: bool) -> int:
    """Back the lake up into DIR, consistent while others write.

    Every row that was acknowledged before the backup began is in it, once. A second backup into the same DIR adds what
    is new; the one before stays whole until then. Where DIR is on the same disk segments are linked and take no room.

    Examples:
      firstlight lake backup /backup/lake --data ./lake
      firstlight lake backup /mnt/nas/lake --json
    """
    from firstlight.app.lake_backup import back_up

    began_s = time.monotonic()
    with bar("bytes") as show:
        report = back_up(directory_of(wanted), target, link=not copy, progress=show)
    seconds = time.monotonic() - began_s
    if wanted.as_json:
        output.write_json({**vars(report), "seconds": round(seconds, 3)})
        return FINE
    output.write(
        f"backed up {report.segments:,} segments ({bytes_text(report.segment_bytes)}) and {report.logs:,} logs "
        f"({bytes_text(report.log_bytes)}) in {seconds:.1f} s\n"
        f"new: {report.new_segments:,} segments ({bytes_text(report.new_bytes)}), {report.linked:,} of them linked; "
        f"{report.removed:,} old ones removed\n"
    )
    return FINE
