"""Where answers come from: a hub, or a data directory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from firstlight.cli import output
from firstlight.cli.client import DEFAULT_PORT, Address, HubClient, parse_address
from firstlight.cli.options import Wanted
from firstlight.cli.wire import Table
from firstlight.errors import NotReachable

if TYPE_CHECKING:
    from firstlight.cli.hub_source import HubSource

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_HUB_FILE = "hub.json"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted.

    Attributes:
        level: this level and louder; empty for all.
        subsystem: only of this one; empty for all.
        service: only of this one; empty for all.
    """

    level: str = ""
    subsystem: str = ""
    service: str = ""


class Source(Protocol):
    """Answers what the commands ask; every answer is plain JSON values in the shape of the hub's interface."""

    @property
    def place(self) -> str:
        """Who answers, for people."""

    def status(self) -> Any:
        """Return the answer of ``/api/status``."""

    def health(self) -> Any:
        """Return the answer of ``/api/health``."""

    def sql(self, query: str, limit: int) -> Table:
        """Return at most ``limit`` rows.

        Raises:
            QueryError: the query is wrong.
        """

    def events(self, wanted: EventFilter, limit: int) -> list[Any]:
        """Return the newest ``limit`` events, oldest first."""

    def follow(self, wanted: EventFilter, limit: int) -> Iterator[Any]:
        """Yield the newest ``limit`` events and then each new one, without end."""

    def close(self) -> None:
        """Free everything."""


class HubFile(msgspec.Struct):
    """What a running hub leaves in its data directory.

    Attributes:
        url: where it listens.
        pid: its process.
    """

    url: str
    pid: int


def open_source(wanted: Wanted) -> Source:
    """Return what shall answer.

    Raises:
        NotReachable: there is no hub and no data directory.
        UsageError: an address is malformed.
    """
    if wanted.url is not None:
        return _hub(parse_address(wanted.url), wanted)
    if wanted.data is not None:
        return _live_hub_of(wanted.data, wanted) or _lake(wanted.data)
    return _usual_source(wanted)


def usual_places(wanted: Wanted) -> tuple[Address, Path]:
    """Return the hub and the data directory that are meant when nobody names one."""
    from firstlight.app.settings import load

    settings = load().settings
    host = ANY_ADDRESS.get(settings.hub.host, settings.hub.host)
    address = Address(False, host, settings.hub.port or DEFAULT_PORT)
    return (parse_address(wanted.usual_url) if wanted.usual_url else address), settings.data_path


def live_hub(directory: Path) -> str | None:
    """Return the address of the hub that runs on ``directory``, if one says so and its process is there."""
    try:
        found = msgspec.json.decode((directory / _HUB_FILE).read_bytes(), type=HubFile)
    except (OSError, msgspec.DecodeError):
        return None
    return found.url if found.pid > 0 and _is_alive(found.pid) else None


def answers(client: HubClient) -> bool:
    """Return whether something listens at the hub's address."""
    try:
        client.text("/livez")
    except NotReachable:
        return False
    return True


def _usual_source(wanted: Wanted) -> Source:
    address, directory = usual_places(wanted)
    hub = _hub(address, wanted)
    if answers(hub.client):
        return hub
    source = _live_hub_of(directory, wanted)
    if source is None and not directory.is_dir():
        raise NotReachable(
            f"no hub answers at {address} and there is no data directory {directory}; "
            "start a hub with `firstlight up`, or name one with --url or --data"
        )
    source = source or _lake(directory)
    output.note(f"no hub answers at {address}; answering from {source.place}")
    return source


def _live_hub_of(directory: Path, wanted: Wanted) -> Source | None:
    url = live_hub(directory)
    if url is None:
        return None
    hub = _hub(parse_address(url), wanted)
    return hub if answers(hub.client) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:
        return False
    return True


def _hub(address: Address, wanted: Wanted) -> "HubSource":
    from firstlight.cli.hub_source import HubSource

    return HubSource(HubClient(address, wanted.timeout_s, wanted.token))


def _lake(directory: Path) -> Source:
    from firstlight.cli.lake_source import open_lake

    return open_lake(directory)
