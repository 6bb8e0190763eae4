"""``firstlight completion``: what a shell needs to complete commands and options."""

import click
from click.shell_completion import get_completion_class

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_FIRSTLIGHT_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@shared("as_json")
def command(wanted: Wanted, shell: str) -> int:
    """Print the completion script for a shell.

    Examples:
      firstlight completion bash >> ~/.bashrc
      firstlight completion zsh >> ~/.zshrc
      firstlight completion fish > ~/.config/fish/completions/firstlight.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(click.get_current_context().find_root().command, {}, "firstlight", _VARIABLE).source()
    if wanted.as_json:
        output.write_json({"shell": shell, "script": script})
    else:
        output.write(script + "\n")
    return FINE
