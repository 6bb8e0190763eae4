"""``firstlight doctor``: whether everything that a hub needs is there."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.options import Wanted, shared

if TYPE_CHECKING:
    from pathlib import Path

    from firstlight.app.hub_client import HubClient
    from firstlight.cli.checks import Check


@click.command("doctor")
@shared()
def command(wanted: Wanted) -> int:
    """Check this machine, the data directory and the hub, and say how to mend what is wrong.

    Ends with 1 when a check fails; a warning is fine.

    Examples:
      firstlight doctor
      firstlight doctor --data ./lake --json | jq '.checks[] | select(.state != "ok")'
    """
    checks = list(_looked_at(wanted, shown=not wanted.as_json))
    failed = [check for check in checks if check.state == "fail"]
    if wanted.as_json:
        output.write_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        output.write(f"{len(failed)} failed\n" if failed else "all is well\n")
    return BAD_ANSWER if failed else FINE


def _looked_at(wanted: Wanted, *, shown: bool) -> "Iterator[Check]":
    """Yield each check, written as soon as it is done when ``shown``."""
    for check in _checks(wanted):
        if shown:
            output.write(f"{check.state:<4}  {check.name:<14}  {output.one_line(check.found)}\n")
            if check.fix:
                output.write(f"{'':22}-> {output.one_line(check.fix)}\n")
            output.flush()
        yield check


def _checks(wanted: Wanted) -> "Iterator[Check]":
    from firstlight.cli import checks

    client, path = _places(wanted)
    yield checks.python()
    yield checks.packages()
    yield checks.engine()
    yield checks.clock(path)
    yield checks.directory(path)
    yield checks.space(path)
    yield checks.sync_speed(path)
    yield checks.lake(path)
    yield checks.port(client)
    yield checks.page(client)


def _places(wanted: Wanted) -> "tuple[HubClient, Path]":
    """Return the hub and the data directory to look at: those named, else the usual ones."""
    from firstlight.app.hub_client import HubClient, parse_address
    from firstlight.cli.source import living_hub, usual

    places = usual(wanted)
    path = (wanted.data or places.directory).absolute()
    if wanted.url is not None:
        return HubClient(parse_address(wanted.url), wanted.timeout_s, wanted.token), path
    return living_hub(path, wanted, places.token) or places.hub, path
