"""``firstlight version``."""

import platform

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.native import loops
from firstlight.version import __version__


@click.command("version")
@shared("as_json")
def command(wanted: Wanted) -> int:
    """Show the version of Firstlight and of the Python it runs on, and whether its loops in C are there.

    Examples:
      firstlight version --json | jq -r .version
    """
    python, is_compiled = platform.python_version(), loops.compiled is not None
    if wanted.as_json:
        output.write_json({"version": __version__, "python": python, "compiled": is_compiled})
    else:
        output.write(f"firstlight {__version__} (Python {python}, {'with' if is_compiled else 'without'} loops in C)\n")
    return FINE
