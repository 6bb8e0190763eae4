"""Where answers come from: a hub, or a data directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from firstlight.cli import output
from firstlight.cli.options import Wanted
from firstlight.errors import NotReachable

if TYPE_CHECKING:
    from firstlight.app.asked_times import Asked
    from firstlight.app.hub_client import HubClient
    from firstlight.cli.wire import Table
    from firstlight.query.promql.frame import Frame


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted.

    Attributes:
        level: this level and louder; empty for all.
        subsystem: only of this one; empty for all.
        service: only of this one; empty for all.
        search: what its name, body or attributes contain; empty for all.
        words: each word of ``search``, wherever, instead of ``search`` as it is.
        ignore_case: letters of either case are alike.
    """

    level: str = ""
    subsystem: str = ""
    service: str = ""
    search: str = ""
    words: bool = False
    ignore_case: bool = False


class Source(Protocol):
    """Answers what the commands ask; every answer is plain JSON values in the shape of the hub's interface."""

    @property
    def place(self) -> str:
        """Who answers, for people."""

    def status(self) -> Any:
        """Return the answer of ``/api/status``."""

    def health(self) -> Any:
        """Return the answer of ``/api/health``."""

    def sql(self, query: str, limit: int) -> "Table":
        """Return at most ``limit`` rows.

        Raises:
            QueryError: the query is wrong.
        """

    def promql(self, expr: str, when: "Asked") -> "Frame":
        """Evaluate PromQL at one moment or many.

        Raises:
            QueryError: the query is wrong.
        """

    def events(self, wanted: EventFilter, limit: int) -> list[Any]:
        """Return the newest ``limit`` events, oldest first."""

    def follow(self, wanted: EventFilter, limit: int) -> Iterator[Any]:
        """Yield the newest ``limit`` events, ``None``, and then each new one, without end."""

    def close(self) -> None:
        """Free everything."""


def open_source(wanted: Wanted) -> Source:
    """Return what shall answer.

    Raises:
        NotReachable: there is no hub and no data directory.
        UsageError: an address is malformed.
    """
    from firstlight.app.hub_client import HubClient, parse_address

    if wanted.url is not None:
        return _hub(HubClient(parse_address(wanted.url), wanted.timeout_s, wanted.token))
    if wanted.data is not None:
        hub = living_hub(wanted.data, wanted, wanted.token or usual(wanted).token)
        return _hub(hub) if hub else _lake(wanted.data)
    return _usual_source(wanted)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is meant when nobody names a place.

    Attributes:
        hub: the hub of this machine, or that of ``$FIRSTLIGHT_URL``.
        directory: of the lake.
        token: for a hub of this machine.
    """

    hub: "HubClient"
    directory: Path
    token: str


def usual(wanted: Wanted) -> Usual:
    """Return the usual hub and data directory, by the settings in force here.

    Raises:
        ConfigError: a setting is wrong.
    """
    from firstlight.app.hub_client import ANY_ADDRESS, DEFAULT_PORT, Address, HubClient, parse_address
    from firstlight.app.settings import load

    settings = load().settings
    token = wanted.token or settings.hub.token
    if wanted.usual_url:
        hub = HubClient(parse_address(wanted.usual_url), wanted.timeout_s, wanted.token)
    else:
        host = ANY_ADDRESS.get(settings.hub.host, settings.hub.host)
        hub = HubClient(Address(False, host, settings.hub.port or DEFAULT_PORT), wanted.timeout_s, token)
    return Usual(hub, settings.data_path, token)


def living_hub(directory: Path, wanted: Wanted, token: str) -> "HubClient | None":
    """Return the hub that serves ``directory``, when one does and answers."""
    from firstlight.app.hub_client import HubClient, parse_address
    from firstlight.app.presence import find

    found = find(directory)
    hub = HubClient(parse_address(found.url), wanted.timeout_s, token) if found else None
    return hub if hub is not None and hub.lives() else None


def _usual_source(wanted: Wanted) -> Source:
    places = usual(wanted)
    if places.hub.lives():
        return _hub(places.hub)
    other, directory = living_hub(places.directory, wanted, places.token), places.directory
    if other is None and not directory.is_dir():
        raise NotReachable(
            f"no hub answers at {places.hub.address} and there is no data directory {directory}; "
            "start a hub with `firstlight up`, or name one with --url or --data"
        )
    source = _hub(other) if other else _lake(directory)
    output.note(f"no hub answers at {places.hub.address}; answering from {source.place}")
    return source


def _hub(client: "HubClient") -> Source:
    from firstlight.cli.hub_source import HubSource

    return HubSource(client)


def _lake(directory: Path) -> Source:
    from firstlight.cli.lake_source import open_lake

    return open_lake(directory)
