"""The command line: its commands, and how one run of it ends."""

import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

import click

from firstlight.cli import output
from firstlight.cli.exits import FAULT, FINE, INTERRUPTED, USAGE, classify
from firstlight.cli.options import Wanted, shared
from firstlight.errors import FirstlightError
from firstlight.version import __version__

NOUNS = (
    *("up", "run", "status", "health", "query", "metrics", "sql", "events"),
    *("lake", "shell", "config", "doctor", "completion", "version"),
)
"""Each is a module beside this one with a ``command``; only the one that is asked for is loaded."""

_HELP = """Lets a running system see itself: record, store, query, watch and show.

\b
Examples:
  firstlight up                                  start a hub; its page is at http://127.0.0.1:4318
  firstlight status                              what it receives and how this host is
  firstlight query host_load1 --plot             ask by PromQL, draw the answer
  firstlight sql "select count(*) from spans"    ask the lake
  firstlight events --follow --level warn        watch what goes wrong
  firstlight health --json --data ./lake         read a data directory; no hub is needed

\b
Where answers come from:
  --url URL asks that hub; --data DIR reads that directory. With neither, the
  hub on this machine is asked, and when none answers the usual data directory.

\b
Exit codes:
  0  fine
  1  the answer is bad: critical health, a failed check, a file of wrong settings,
     damage in a lake, rows left after erasing
  2  wrong usage: an option, a query, a setting
  3  not reachable: no hub, no data directory, or one that cannot answer
  70 a fault of Firstlight itself
"""


class Nouns(click.Group):
    """The commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the help."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command, or None when there is none of this name."""
        if cmd_name not in NOUNS:
            return None
        command: click.Command = import_module(f"firstlight.cli.{cmd_name}").command
        return command


@click.group(
    name="firstlight",
    cls=Nouns,
    help=_HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="firstlight", message="%(prog)s %(version)s")
@click.option("--token", metavar="SECRET", envvar="FIRSTLIGHT_TOKEN", default="", help="Show this to the hub.")
@click.option("--usual-url", envvar="FIRSTLIGHT_URL", hidden=True)
@click.option("--debug", is_flag=True, expose_value=False, help="Show where a fault of Firstlight happened.")
@shared()
def firstlight(wanted: Wanted, token: str, usual_url: str | None) -> int:
    """Keep what was said before the command's name."""
    context = click.get_current_context()
    context.obj = replace(wanted, usual_url=usual_url, token=token)
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
    return FINE


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing but ``--debug`` ever shows a stack trace."""
    output.prepare()
    try:
        code = _invoke(arguments)
        output.flush()
    except output.ReaderGone:
        output.abandon()
        return FINE
    return code


def _invoke(arguments: Sequence[str]) -> int:
    try:
        result = firstlight.main(list(arguments), prog_name="firstlight", standalone_mode=False)
    except click.ClickException as error:
        return _fail(arguments, "BAD_USAGE", f"{error.format_message()} See: {_help_of(error)}", USAGE)
    except FirstlightError as error:
        code, exit_code = classify(error)
        return _fail(arguments, code, str(error), exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "firstlight":
            return _fault(arguments, error)
        message = f'this needs {error.name}, which is not installed; try: pip install "firstlight[hub]"'
        return _fail(arguments, "MISSING_EXTRA", message, USAGE)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except output.ReaderGone:
        raise
    except Exception as error:  # noqa: BLE001 - the last stop: a person gets one line, whatever went wrong
        return _fault(arguments, error)
    return result if isinstance(result, int) else FINE


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'firstlight'} --help"


def _fault(arguments: Sequence[str], error: Exception) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error, file=sys.stderr)
    message = f"a fault of Firstlight: {type(error).__name__}: {error}; `firstlight --debug ...` shows where"
    return _fail(arguments, "FAULT", message, FAULT)


def _fail(arguments: Sequence[str], code: str, message: str, exit_code: int) -> int:
    """Say what went wrong in one line, where and how the caller wants it."""
    if _wants_json(arguments):
        output.write_json({"status": "error", "error": {"code": code, "message": message}})
    else:
        output.note(_in_one_line(message))
    return exit_code


def _in_one_line(message: str) -> str:
    """Return ``message`` without the excerpt of the query that the database puts under its own."""
    return " ".join(message.partition("\n\nLINE ")[0].split())


def _wants_json(arguments: Sequence[str]) -> bool:
    before_positionals = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before_positionals
