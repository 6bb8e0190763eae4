"""``firstlight events``: the latest events, and those still to come."""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from firstlight.cli import output
from firstlight.cli.exits import FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import EventFilter, Source, open_source
from firstlight.cli.wire import Event, read
from firstlight.errors import UsageError
from firstlight.model import Level, parse_level

DEFAULT_LIMIT = 20
_TIME_CHARS = len("2026-01-02T03:04:05.678")
_STYLES = {"TRACE": "dim", "DEBUG": "dim", "INFO": "green", "WARN": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("events")(events)


def _levels() -> list[str]:
    return [level.name.lower() for level in Level]


@shared()
def events(
    wanted: Wanted,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with each new event until Ctrl-C.")] = False,
    level: Annotated[
        str | None,
        typer.Option("--level", "-l", metavar="LEVEL", help="This level and louder.", autocompletion=_levels),
    ] = None,
    subsystem: Annotated[str | None, typer.Option("--subsystem", metavar="NAME", help="Only of this one.")] = None,
    service: Annotated[str | None, typer.Option("--service", metavar="NAME", help="Only of this one.")] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="COUNT", help=f"Begin with the newest so many.  [default: {DEFAULT_LIMIT}]"),
    ] = None,
) -> int:
    """Show the newest events, oldest first; with --follow, those to come as well.

    Levels are trace, debug, info, warn, error and critical. With --json each event is one line of JSON.

    \b
    Examples:
      firstlight events --level warn
      firstlight events --follow --subsystem host
      firstlight events --json --limit 1000 | jq -r 'select(.service == "demo").body'
    """
    count = DEFAULT_LIMIT if limit is None else limit
    if count < 0 or (count == 0 and not follow):
        raise UsageError("--limit must be 1 or more")
    chosen = EventFilter(parse_level(level).name if level else "", subsystem or "", service or "")
    source = open_source(wanted)
    try:
        _show(_asked(source, chosen, count, follow), _writer(wanted.as_json), follow)
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
        write_one(event)
        if follow:
            output.flush()


def _writer(as_json: bool) -> Callable[[Any], None]:
    if as_json:
        return output.write_json_line
    return _write_coloured() if output.on_terminal() else _write_plain


def _write_plain(event: Any) -> None:
    shown = read(event, Event, "the hub")
    output.write(f"{when(shown)} {shown.level:<8} {sentence(shown)}\n")


def _write_coloured() -> Callable[[Any], None]:
    from rich.console import Console
    from rich.text import Text

    console = Console()

    def write_one(event: Any) -> None:
        shown = read(event, Event, "the hub")
        line = Text.assemble(
            (when(shown), "dim"), " ", (f"{shown.level:<8}", _STYLES.get(shown.level, "")), " ", sentence(shown)
        )
        with console.capture() as captured:
            console.print(line, soft_wrap=True)
        output.write(captured.get())

    return write_one


def when(event: Event) -> str:
    """Return the time of an event in UTC to the millisecond."""
    seconds, _, fraction = event.time.rstrip("Z").partition(".")
    return f"{seconds}.{fraction:0<3}"[:_TIME_CHARS] + "Z"


def sentence(event: Event) -> str:
    """Return who says what, on one line: service, scope, name, body, then the attributes."""
    scope = ".".join(part for part in (event.subsystem, event.component) if part)
    body = "" if event.body == event.name else event.body
    attributes = [f"{key}={_short(value)}" for key, value in event.attributes.items()]
    words = [event.service, scope, event.name, body, *attributes]
    return output.one_line(" ".join(word for word in words if word))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
