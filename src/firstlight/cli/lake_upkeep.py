"""What the commands that change a lake have in common."""

from datetime import UTC, datetime

import click

from firstlight.cli import output
from firstlight.cli.config import with_config_file
from firstlight.cli.options import Decorator
from firstlight.store.turn import DEFAULT_WAIT_S

__all__ = ["day_text", "size_text", "with_config_file", "with_dry_run", "with_wait", "write_lines"]

_STEP = 1024

with_wait: Decorator = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=DEFAULT_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for another process that is changing the lake.",
)


def with_dry_run(text: str) -> Decorator:
    """Return the option ``--dry-run`` with ``text`` as its help."""
    option: Decorator = click.option("--dry-run", is_flag=True, help=text)
    return option


def write_lines(lines: list[str], otherwise: str) -> None:
    """Write ``lines``, or ``otherwise`` when there are none."""
    output.write("".join(f"{output.one_line(line)}\n" for line in lines or [otherwise]))


def size_text(size_bytes: float) -> str:
    """Return a size for people."""
    for unit in ("B", "KiB", "MiB"):
        if abs(size_bytes) < _STEP:
            return f"{size_bytes:,.0f} {unit}" if unit == "B" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= _STEP
    return f"{size_bytes:,.1f} GiB"


def day_text(time_us: int) -> str:
    """Return the day (UTC) of a time for people."""
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%d}"
