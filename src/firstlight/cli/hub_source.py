"""Answers from a hub."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from firstlight.cli import output
from firstlight.cli.client import HubClient
from firstlight.cli.source import EventFilter
from firstlight.cli.wire import Event, Events, Health, Status, Table, read
from firstlight.errors import NotReachable
from firstlight.model import parse_level

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0
_TRIES = 15
_MISSED = 1000
_REMEMBERED = 4 * _MISSED


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

    def events(self, wanted: EventFilter, limit: int, after_ns: int | None = None) -> list[Any]:
        """Return the newest ``limit`` events, oldest first."""
        asked = {"level": wanted.level, "subsystem": wanted.subsystem, "service": wanted.service}
        parameters = {key: value for key, value in asked.items() if value} | {"limit": str(limit)}
        if after_ns is not None:
            parameters["after_ns"] = str(after_ns)
        answer = self._checked(self.client.get("/api/events", parameters), Events)
        return list(answer["events"])

    def follow(self, wanted: EventFilter, limit: int) -> Iterator[Any]:
        """Yield the newest ``limit`` events and then each new one; a lost stream is taken up where it broke."""
        seen = _Seen()
        wait_s, tries = _FIRST_WAIT_S, 0
        while True:
            try:
                for event in self._connected(wanted, limit, seen):
                    wait_s, tries = _FIRST_WAIT_S, 0
                    yield event
            except NotReachable as error:
                tries += 1
                if not seen.connected or tries > _TRIES:
                    raise
                if tries == 1:
                    output.note(f"{error}; trying again")
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _connected(self, wanted: EventFilter, limit: int, seen: "_Seen") -> Iterator[Any]:
        """Yield what was missed since the last connection, then what comes; the stream is opened first."""
        stream = self.client.stream("/api/stream", {"events": "1"})
        next(stream)
        after_ns, count = (seen.last_ns - 1, _MISSED) if seen.connected else (None, limit)
        seen.connected = True
        yield from seen.missed(self.events(wanted, count, after_ns) if count else [])
        for name, data in stream:
            if name == "events":
                events = self._checked(data, Events)["events"]
                yield from seen.live([event for event in events if matches(event, wanted)])

    def _checked(self, answer: Any, shape: type[Any]) -> Any:
        read(answer, shape, self.place)
        return answer


class _Seen:
    """Which events were already shown.

    The stream is opened before the events that it missed are asked for, so some come twice.  They are told apart by
    content and number: two events that are equal in everything are still shown twice.
    """

    def __init__(self) -> None:
        self.connected = False
        self.last_ns = time.time_ns()
        self._shown: deque[str] = deque(maxlen=_REMEMBERED)
        self._expected: Counter[str] = Counter()

    def missed(self, events: list[Any]) -> list[Any]:
        """Return those of the events asked for that were not shown before the stream broke."""
        self._expected = Counter(self._shown)
        fresh = self._unexpected(events)
        self._expected = Counter(map(_key, events))
        return fresh

    def live(self, events: list[Any]) -> list[Any]:
        """Return those of the stream's events that were not among those asked for."""
        return self._unexpected(events)

    def _unexpected(self, events: list[Any]) -> list[Any]:
        fresh = []
        for event in events:
            key = _key(event)
            if self._expected[key] > 0:
                self._expected[key] -= 1
            else:
                fresh.append(event)
                self._shown.append(key)
                self.last_ns = event["time_ns"]
        return fresh


def _key(event: Any) -> str:
    return json.dumps(event, sort_keys=True)


def matches(event: Any, wanted: EventFilter) -> bool:
    """Return whether an event passes the filter."""
    shown = read(event, Event, "the stream")
    if wanted.level and parse_level(shown.level) < parse_level(wanted.level):
        return False
    return wanted.subsystem in ("", shown.subsystem) and wanted.service in ("", shown.service)
