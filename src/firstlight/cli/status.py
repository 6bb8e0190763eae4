"""``firstlight status``: what is received, and how things are."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source

if TYPE_CHECKING:
    from firstlight.cli.wire import Sender, Status

CRITICAL = "critical"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_NS = 1_000_000_000


@click.command("status")
@shared()
def command(wanted: Wanted) -> int:
    """Show what is received, what is stored and how this host is.

    Ends with 1 when the overall health is critical.

    Examples:
      firstlight status
      firstlight status --json | jq .health.score
    """
    from firstlight.cli.wire import Status, read

    source = open_source(wanted)
    try:
        answer = source.status()
    finally:
        source.close()
    found = read(answer, Status, source.place)
    if wanted.as_json:
        output.write_json(answer)
    else:
        output.write(as_text(found, source.place))
    return BAD_ANSWER if found.health.state == CRITICAL else FINE


def as_text(found: "Status", place: str) -> str:
    """Return the status as lines of text."""
    lines = [
        _line("from", place + (f" (pid {found.pid})" if found.pid else "")),
        _line("version", found.version),
        _line("data", found.data_dir or "unknown"),
        _line("health", score(found.health.score, found.health.state)),
        *(
            f"  {score(part.score)}  {output.one_line(part.name)}  {output.one_line(part.evidence)}"
            for part in found.health_parts
        ),
        _line("series", f"{found.series:,} ({found.host_series:,} of this host)"),
        *(_line("lake", text) for text in _lake_lines(found.lake)),
        _line(
            "sources", "" if found.sources else "none yet; send OTLP to this hub or record with firstlight.configure()"
        ),
        *(f"  {_sender(sender, found.time_ns)}" for sender in found.sources),
    ]
    if found.uptime_s is not None:
        lines.insert(2, _line("up for", duration(found.uptime_s)))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def score(value: float | None, state: str = "") -> str:
    """Return a score with two decimals, right aligned, and its state."""
    return f"{'   -' if value is None else f'{value:.2f}'} {state}".rstrip()


def duration(seconds: float) -> str:
    """Return ``seconds`` in the two largest units that fit."""
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next((index for index, (number, _) in enumerate(units) if number), len(units) - 1)
    return " ".join(f"{number} {unit}" for number, unit in units[first : first + 2])


def size(count_bytes: float) -> str:
    """Return a number of bytes with a binary unit."""
    for unit in _UNITS[:-1]:
        if count_bytes < _STEP:
            return f"{count_bytes:.0f} {unit}" if unit == "B" else f"{count_bytes:.1f} {unit}"
        count_bytes /= _STEP
    return f"{count_bytes:.1f} {_UNITS[-1]}"


def moment(time_ns: int) -> str:
    """Return a time in UTC to the second."""
    return datetime.fromtimestamp(time_ns / _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(name: str, value: str) -> str:
    return f"{name:<8} {output.one_line(value)}"


def _lake_lines(lake: dict[str, Any]) -> list[str]:
    """Return the lake's figures, a few on a line."""
    words = [
        f"{key} {_figure(key, value)}"
        for key, value in lake.items()
        if isinstance(value, int | float | str) and value != ""
    ]
    return [", ".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _figure(key: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if key.endswith("bytes"):
        return size(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def _sender(sender: "Sender", now_ns: int) -> str:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sender.signals.items())
    age_s = max(0, now_ns - sender.last_seen_ns) / _NS
    who = " ".join(word for word in (sender.service or "(no name)", sender.session_id, sender.host) if word)
    return output.one_line(f"{who}: {counts}; last seen {duration(age_s)} ago")
