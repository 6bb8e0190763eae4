"""``firstlight lake verify``: is every byte what was written?"""

from dataclasses import asdict

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.lake_directory import directory_of
from firstlight.cli.lake_upkeep import size_text, with_wait
from firstlight.cli.options import Wanted, shared
from firstlight.cli.progress import bar


@click.command("verify")
@click.option("--no-repair", is_flag=True, help="Leave damaged segments where they are.")
@with_wait
@shared()
def command(wanted: Wanted, no_repair: bool, wait_s: float) -> int:
    """Read every segment, log and the catalog, and compare them with their checksums.

    A damaged segment is moved to the directory quarantine/ and answers go on without it. Ends with 1 when anything is
    wrong.

    Examples:
      firstlight lake verify --data ./lake
      firstlight lake verify --json | jq '.problems[].path'
    """
    from firstlight.app import upkeep

    with bar("bytes") as show:
        found = upkeep.verify(directory_of(wanted), show, repair=not no_repair, wait_s=wait_s)
    code = BAD_ANSWER if found.problems else FINE
    if wanted.as_json:
        output.write_json(asdict(found))
        return code
    for problem in found.problems:
        output.write(f"{output.one_line(f'{problem.what} {problem.path}: {problem.problem}')}\n")
    for lost in found.lost:
        output.write(f"{output.one_line(f'{lost}; it is kept as {lost.kept}' if lost.kept else str(lost))}\n")
    output.write(
        f"{found.segments:,} segments with {found.rows:,} rows ({size_text(found.bytes)}), {found.logs:,} logs with "
        f"{found.frames:,} deliveries: {len(found.problems) or 'no'} problem{'s' * (len(found.problems) != 1)}\n"
    )
    return code
