"""``firstlight events``: the latest events, and those still to come."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import EventFilter, Source, open_source
from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.cli.wire import Event

DEFAULT_LIMIT = 20
_TIME_CHARS = len("2026-01-02T03:04:05.678")
_STYLES = {"TRACE": "dim", "DEBUG": "dim", "INFO": "green", "WARN": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


def _levels(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from firstlight.model import Level

    return [level.name.lower() for level in Level if level.name.lower().startswith(begun)]


@click.command("events")
@click.option("--follow", "-f", is_flag=True, help="Go on with each new event until Ctrl-C.")
@click.option("--level", "-l", metavar="LEVEL", shell_complete=_levels, help="This level and louder.")
@click.option("--subsystem", metavar="NAME", default="", help="Only of this one.")
@click.option("--service", metavar="NAME", default="", help="Only of this one.")
@click.option("--search", "-s", metavar="TEXT", default="", help="Only with this in name, body or attributes.")
@click.option("--words", "-w", is_flag=True, help="Search for each word of TEXT instead of TEXT as it is.")
@click.option("--ignore-case", "-i", is_flag=True, help="Search for letters of either case.")
@click.option(
    "--limit", "-n", type=click.IntRange(min=0), default=DEFAULT_LIMIT, show_default=True, help="Begin with the newest."
)
@shared()
def command(wanted: Wanted, follow: bool, level: str | None, limit: int, **chosen: Any) -> int:
    """Show the newest events, oldest first; with --follow, those to come as well.

    Levels are trace, debug, info, warn, error and critical. With --json each event is one line of JSON.

    Examples:
      firstlight events --level warn
      firstlight events --follow --subsystem host
      firstlight events --search "Xid 79"
      firstlight events --words --ignore-case --search "timeout gpu7"
      firstlight events --json --limit 1000 | jq -r 'select(.service == "demo").body'
    """
    from firstlight.model import parse_level

    if limit == 0 and not follow:
        raise UsageError("--limit 0 shows nothing without --follow; give 1 or more")
    which = EventFilter(parse_level(level).name if level else "", **chosen)
    if (which.words or which.ignore_case) and not which.search:
        raise UsageError("--words and --ignore-case say how to search; give what to search for with --search")
    source = open_source(wanted)
    try:
        _show(_asked(source, which, limit, follow), _writer(wanted.as_json), follow)
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        source.close()
    return FINE


def _asked(source: Source, chosen: EventFilter, count: int, follow: bool) -> Iterable[Any]:
    return source.follow(chosen, count) if follow else source.events(chosen, count)


def _show(found: Iterable[Any], write_one: Callable[[Any], None], follow: bool) -> None:
    for event in found:
        if event is not None:
            write_one(event)
        if follow:
            output.flush()


def _writer(as_json: bool) -> Callable[[Any], None]:
    if as_json:
        return output.write_json_line
    return _write_coloured() if output.on_terminal() else _write_plain


def _write_plain(event: Any) -> None:
    shown = _event(event)
    output.write(f"{when(shown)} {shown.level:<8} {sentence(shown)}\n")


def _write_coloured() -> Callable[[Any], None]:
    from rich.console import Console
    from rich.text import Text

    console = Console()

    def write_one(event: Any) -> None:
        shown = _event(event)
        line = Text.assemble(
            (when(shown), "dim"), " ", (f"{shown.level:<8}", _STYLES.get(shown.level, "")), " ", sentence(shown)
        )
        with console.capture() as captured:
            console.print(line, soft_wrap=True)
        output.write(captured.get())

    return write_one


def _event(event: Any) -> "Event":
    from firstlight.cli.wire import Event, read

    return read(event, Event, "the hub")


def when(event: "Event") -> str:
    """Return the time of an event in UTC to the millisecond."""
    seconds, _, fraction = event.time.rstrip("Z").partition(".")
    return f"{seconds}.{fraction:0<3}"[:_TIME_CHARS] + "Z"


def sentence(event: "Event") -> str:
    """Return who says what, on one line: service, scope, name, body, then the attributes."""
    scope = ".".join(part for part in (event.subsystem, event.component) if part)
    body = "" if event.body == event.name else event.body
    attributes = [f"{key}={_short(value)}" for key, value in event.attributes.items()]
    words = [event.service, scope, event.name, body, *attributes]
    return output.one_line(" ".join(word for word in words if word))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
