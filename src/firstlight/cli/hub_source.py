"""Answers from a hub."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from firstlight.app.asked_times import Asked
from firstlight.app.hub_client import HubClient
from firstlight.app.hub_questions import ask_promql
from firstlight.cli import output
from firstlight.cli.seen import Seen
from firstlight.cli.source import EventFilter
from firstlight.cli.texts import has_text
from firstlight.cli.wire import Event, Events, Health, Status, Table, read
from firstlight.errors import NotReachable
from firstlight.model import parse_level

if TYPE_CHECKING:
    from firstlight.query.promql.frame import Frame

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0
_TRIES = 15
_MISSED = 1000
_MARGIN_NS = 2_000_000_000


class HubSource:
    """A hub that runs."""

    def __init__(self, client: HubClient) -> None:
        self.client = client

    @property
    def place(self) -> str:
        """Who answers, for people."""
        return f"the hub at {self.client.address}"

    def status(self) -> Any:
        """Return the answer of ``/api/status``."""
        return self._checked(self.client.get("/api/status"), Status)

    def health(self) -> Any:
        """Return the answer of ``/api/health``."""
        return self._checked(self.client.get("/api/health"), Health)

    def sql(self, query: str, limit: int) -> Table:
        """Return at most ``limit`` rows."""
        return read(self.client.post("/api/sql", {"query": query, "limit": limit}), Table, self.place)

    def promql(self, expr: str, when: Asked) -> "Frame":
        """Evaluate PromQL at one moment or many."""
        return ask_promql(self.client, expr, when)

    def events(self, wanted: EventFilter, limit: int, after_ns: int | None = None) -> list[Any]:
        """Return the newest ``limit`` events, oldest first."""
        asked = {key: value for key, value in asdict(wanted).items() if value}
        parameters = {key: "1" if value is True else value for key, value in asked.items()} | {"limit": str(limit)}
        if after_ns is not None:
            parameters["after_ns"] = str(after_ns)
        answer = self._checked(self.client.get("/api/events", parameters), Events)
        output.note_each(answer.get("warnings", ()))
        return list(answer["events"])

    def follow(self, wanted: EventFilter, limit: int) -> Iterator[Any]:
        """Yield the newest ``limit`` events, ``None``, and then each new one; a lost stream is taken up where it broke.

        Raises:
            NotReachable: the hub does not answer at first, or has been gone for about a minute.
        """
        seen, lost = Seen(), _Lost()
        events = self._connected(wanted, seen, limit, None)
        while True:
            try:
                for event in events:
                    lost.over()
                    yield event
            except NotReachable as error:
                lost.again(error)
            events = self._connected(wanted, seen, _MISSED, seen.since_ns(_MARGIN_NS))

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _connected(self, wanted: EventFilter, seen: Seen, limit: int, after_ns: int | None) -> Iterator[Any]:
        """Yield what there is (``None`` when connected), then what comes; the stream is opened before the question."""
        stream = self.client.stream("/api/stream", {"events": "1"})
        next(stream)
        yield from seen.read_again(self.events(wanted, limit, after_ns) if limit else [])
        yield None
        for name, data in stream:
            events = self._checked(data, Events)["events"] if name == "events" else []
            yield from seen.live([event for event in events if matches(event, wanted)])

    def _checked(self, answer: Any, shape: type[Any]) -> Any:
        read(answer, shape, self.place)
        return answer


class _Lost:
    """A stream that is gone: told once, tried again with longer and longer waits, then given up."""

    def __init__(self) -> None:
        self._was_there = False
        self._tries = 0

    def over(self) -> None:
        """Note that the stream is there."""
        self._was_there = True
        self._tries = 0

    def again(self, error: NotReachable) -> None:
        """Wait before the next try, or raise ``error``."""
        self._tries += 1
        if not self._was_there or self._tries > _TRIES:
            raise error
        if self._tries == 1:
            output.note(f"trying again: {error}")
        time.sleep(min(_FIRST_WAIT_S * 2 ** (self._tries - 1), _LONGEST_WAIT_S))


def matches(event: Any, wanted: EventFilter) -> bool:
    """Return whether an event passes the filter."""
    shown = read(event, Event, "the stream")
    if wanted.level and parse_level(shown.level) < parse_level(wanted.level):
        return False
    if wanted.subsystem not in ("", shown.subsystem) or wanted.service not in ("", shown.service):
        return False
    return not wanted.search or has_text(shown, wanted)
