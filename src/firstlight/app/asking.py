"""Asking from Python: PromQL and SQL over a lake, a data directory, a hub, or what is usual here."""

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from firstlight.app.asked_times import Asked, Duration, Moment, asked_times
from firstlight.app.framed import framed
from firstlight.errors import NotReachable, UsageError

if TYPE_CHECKING:
    from firstlight.app.hub_client import HubClient
    from firstlight.app.lake import Lake
    from firstlight.query.promql.frame import Frame
    from firstlight.query.rows import RowSet

    LakeOrPath = Lake | str | os.PathLike[str]

DEFAULT_ROWS = 100_000
_URL_VARIABLE = "FIRSTLIGHT_URL"
_TOKEN_VARIABLE = "FIRSTLIGHT_TOKEN"  # noqa: S105 - a name


def promql(  # noqa: PLR0913 - one name for each thing that people say
    expr: str,
    *,
    at: Moment | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    range: Duration | None = None,  # noqa: A002 - what it is called everywhere
    step: Duration | None = None,
    lake: "LakeOrPath | None" = None,
    url: str | None = None,
) -> "Frame":
    """Evaluate PromQL at one moment (now, unless ``at`` says another), or at many when a stretch of time is given.

    Args:
        expr: the query.
        at: the moment: a ``datetime``, seconds since 1970, ISO 8601, ``-1h`` or ``now``.
        start: the first of many moments.
        end: the last one; now when it is left out.
        range: how long the stretch is, as ``6h`` or in seconds; an hour when neither it nor ``start`` is given.
        step: from one moment to the next; a round time that makes about 250 points when it is left out.
        lake: an open lake, or a data directory.
        url: a hub.  Without either: the hub of ``$FIRSTLIGHT_URL``, else that of this machine when it answers, else
            the usual data directory.

    Raises:
        QuerySyntaxError: it is no PromQL.
        QueryError: it cannot be evaluated, or costs too much.
        UsageError: a time cannot be read, or two places are named.
        NotReachable: there is no hub and no data directory.
    """
    when = asked_times(time.time_ns(), at=at, start=start, end=end, range=range, step=step)
    return place_of(lake, url).promql(expr, when)


def sql(query: str, *, lake: "LakeOrPath | None" = None, url: str | None = None, limit: int = DEFAULT_ROWS) -> "RowSet":
    """Run one read-only statement; for ``lake`` and ``url`` see :func:`promql`.

    Raises:
        QueryError: the statement is wrong, or costs too much.
        UsageError: two places are named.
        NotReachable: there is no hub and no data directory.
    """
    return place_of(lake, url).sql(query, limit)


class Place(Protocol):
    """Whoever answers."""

    def promql(self, expr: str, when: Asked) -> "Frame":
        """Return the answer to ``expr``."""

    def sql(self, query: str, limit: int) -> "RowSet":
        """Return at most ``limit`` rows."""


def place_of(lake: "LakeOrPath | None" = None, url: str | None = None) -> Place:
    """Return who is to answer; see :func:`promql`.

    Raises:
        UsageError: two places are named.
        NotReachable: there is no such place.
    """
    if lake is not None and url is not None:
        raise UsageError("lake and url name two places; give one of them")
    if url is not None:
        return _HubPlace(_client(url, os.environ.get(_TOKEN_VARIABLE, "")))
    if lake is None:
        return _usual()
    return _LakePlace(_opened(Path(lake)) if isinstance(lake, str | os.PathLike) else lake)


class _LakePlace:
    def __init__(self, lake: "Lake") -> None:
        self._lake = lake

    def promql(self, expr: str, when: Asked) -> "Frame":
        return framed(self._lake.promql_engine, expr, when)

    def sql(self, query: str, limit: int) -> "RowSet":
        return self._lake.sql(query, limit=limit)


class _HubPlace:
    def __init__(self, client: "HubClient") -> None:
        self._client = client

    def promql(self, expr: str, when: Asked) -> "Frame":
        from firstlight.app.hub_questions import ask_promql

        return ask_promql(self._client, expr, when)

    def sql(self, query: str, limit: int) -> "RowSet":
        from firstlight.app.hub_questions import ask_sql

        return ask_sql(self._client, query, limit)


def _client(url: str, token: str) -> "HubClient":
    from firstlight.app.hub_client import HubClient, parse_address

    return HubClient(parse_address(url), None, token)


def _usual() -> Place:
    from firstlight.app.hub_client import ANY_ADDRESS, DEFAULT_PORT, Address, HubClient
    from firstlight.app.settings import load

    settings = load().settings
    token = os.environ.get(_TOKEN_VARIABLE, "")
    if url := os.environ.get(_URL_VARIABLE):
        return _HubPlace(_client(url, token))  # not the settings' token, which is for this machine's hub alone
    host = ANY_ADDRESS.get(settings.hub.host, settings.hub.host)
    hub = HubClient(Address(False, host, settings.hub.port or DEFAULT_PORT), None, token or settings.hub.token)
    if hub.lives():
        return _HubPlace(hub)
    if not settings.data_path.is_dir():
        raise NotReachable(
            f"no hub answers at {hub.address} and there is no data directory {settings.data_path}; "
            "start a hub with `firstlight up`, or name a place with lake=... or url=..."
        )
    return _LakePlace(_opened(settings.data_path))


_OPEN: "dict[tuple[int, int], Lake]" = {}
"""Lakes that stay open for the next question, by device and inode of their directory."""
_opening = threading.Lock()


def _opened(directory: Path) -> "Lake":
    from firstlight.app.lake import Lake

    if not directory.is_dir():
        raise NotReachable(f"there is no data directory {directory}; record something into it, or name another")
    found = directory.stat()
    identity = (found.st_dev, found.st_ino)
    with _opening:
        lake = _OPEN.get(identity)
        if lake is None:
            lake = _OPEN[identity] = Lake.open(directory, read_only=True)
        return lake
