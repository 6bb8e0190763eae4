"""``firstlight lake``: look into a data directory, and carry rows in and out of it."""

from importlib import import_module

import click

VERBS = ("stats", "export", "import", "backup", "restore")
"""Each is a module ``lake_<verb>`` beside this one with a ``command``; only the one that is asked for is loaded."""


class Verbs(click.Group):
    """The commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command, or None when there is none of this name."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"firstlight.cli.lake_{cmd_name}").command
        return command


@click.group("lake", cls=Verbs)
def command() -> None:
    """Look into a data directory, and carry rows in and out of it; a hub may be writing to it meanwhile."""
