"""``firstlight version``."""

import platform

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.version import __version__


@click.command("version")
@shared("as_json")
def command(wanted: Wanted) -> int:
    """Show the version of Firstlight and of the Python it runs on.

    Examples:
      firstlight version --json | jq -r .version
    """
    if wanted.as_json:
        output.write_json({"version": __version__, "python": platform.python_version()})
    else:
        output.write(f"firstlight {__version__} (Python {platform.python_version()})\n")
    return FINE
