"""``firstlight lake``: look into a data directory, look after it, and carry rows in and out of it."""

from importlib import import_module

import click

VERBS = ("stats", "export", "import", "backup", "restore", "compact", "verify", "retain", "erase")
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


_HELP = """Look into a data directory, look after it, carry rows in and out of it; a hub may be writing to it meanwhile.

\b
Examples:
  firstlight lake stats --data ./lake
  firstlight lake export everything.jsonl.zst --data ./lake
  firstlight lake import telemetry/ --data ./other
  firstlight lake backup /mnt/nas/lake --data ./lake
  firstlight lake verify --data ./lake
"""


@click.group("lake", cls=Verbs, help=_HELP)
def command() -> None:
    """Hold the commands together."""
