"""The command line: its commands, and how one run of it ends."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from firstlight.cli import config, doctor, events, health, output, sql, status, up, version
from firstlight.cli.exits import FAULT, FINE, INTERRUPTED, USAGE, classify
from firstlight.cli.options import DEFAULT_TIMEOUT_S, Data, Json, Timeout, Url, Wanted
from firstlight.errors import FirstlightError

_HELP = """Lets a running system see itself: record, store, query, watch and show.

\b
Examples:
  firstlight up                                  start a hub; its page is at http://127.0.0.1:4318
  firstlight status                              what it receives and how this host is
  firstlight sql "select count(*) from spans"    ask the lake
  firstlight events --follow --level warn        watch what goes wrong
  firstlight health --json --data ./lake         read a data directory; no hub is needed

\b
Where answers come from:
  --url URL asks that hub; --data DIR reads that directory. With neither, the hub on this machine is asked, and when
  none answers the usual data directory is read.

\b
Exit codes:
  0 fine    1 the answer is bad    2 wrong usage, query or setting    3 not reachable    70 a fault of ours
"""

app = typer.Typer(
    name="firstlight",
    help=_HELP,
    rich_markup_mode=None,  # plain help takes 80 ms instead of 210
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
for _noun in (up, status, health, sql, events, config, doctor, version):
    _noun.add_to(app)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    *,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
    timeout_s: Timeout = None,
    token: Annotated[
        str, typer.Option("--token", envvar="FIRSTLIGHT_TOKEN", help="Show this secret to the hub.", show_default=False)
    ] = "",
    usual_url: Annotated[str | None, typer.Option(envvar="FIRSTLIGHT_URL", hidden=True)] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where a fault of Firstlight happened.")] = False,
) -> int:
    """Keep what was said before the command's name."""
    context.obj = Wanted(
        as_json=as_json,
        url=url,
        data=None if data is None else Path(data),
        timeout_s=DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
        usual_url=usual_url,
        token=token,
    )
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
    command = typer.main.get_command(app)
    try:
        result = command.main(list(arguments), prog_name="firstlight", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(arguments, "BAD_USAGE", f"{error.format_message()} See: firstlight --help", USAGE)
    except FirstlightError as error:
        code, exit_code = classify(error)
        return _fail(arguments, code, str(error), exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except output.ReaderGone:
        raise
    except Exception as error:  # noqa: BLE001 - the last stop: a person gets one line, whatever went wrong
        return _fault(arguments, error)
    return result if isinstance(result, int) else FINE


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
        output.note(" ".join(message.split()))
    return exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    before_positionals = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before_positionals
