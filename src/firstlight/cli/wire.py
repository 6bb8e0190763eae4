"""What the hub says, as far as the commands rely on it; anything more that it says is kept and passed on."""

from typing import Any, TypeVar

import msgspec

from firstlight.errors import NotReachable

T = TypeVar("T")


class Column(msgspec.Struct):
    """One column of an answer to SQL."""

    name: str
    type: str = ""


class Table(msgspec.Struct):
    """The answer to SQL: rows of plain JSON values.

    Attributes:
        columns: in the order they were asked for.
        rows: each as long as ``columns``.
        truncated: there are more rows than were given.
        elapsed_ms: milliseconds that the query took where it ran.
        warnings: what is missing, for people.
    """

    columns: list[Column]
    rows: list[list[Any]]
    truncated: bool = False
    elapsed_ms: float = 0.0
    warnings: list[str] = []


class Event(msgspec.Struct):
    """One event as the JSON interface writes it."""

    time: str
    time_ns: int
    level: str = "INFO"
    subsystem: str = ""
    component: str = ""
    name: str = ""
    body: str | None = ""
    attributes: dict[str, Any] = {}
    trace_id: str | None = ""
    span_id: str | None = ""
    service: str | None = ""


class Events(msgspec.Struct):
    """Some events, oldest first, and for people what is missing."""

    events: list[Event]
    warnings: list[str] = []


class Score(msgspec.Struct):
    """A score 0..1, or None when nothing is known, and its band."""

    score: float | None
    state: str


class Part(msgspec.Struct):
    """One reason for a score."""

    name: str
    score: float | None = None
    weight: float = 1.0
    value: float | None = None
    unit: str = ""
    evidence: str = ""
    source: str = ""


class Judged(Score):
    """A score with its parts."""

    parts: list[Part] = []


class Health(msgspec.Struct):
    """The health of everything at one time."""

    overall: Judged
    time_ns: int = 0
    subsystems: dict[str, Judged] = {}


class Sender(msgspec.Struct):
    """Somebody who sends signals."""

    service: str = ""
    session_id: str = ""
    host: str = ""
    signals: dict[str, int] = {}
    last_seen_ns: int = 0


class Status(msgspec.Struct):
    """What ``/api/status`` says."""

    version: str
    time_ns: int
    health: Score
    started_ns: int | None = None
    uptime_s: float | None = None
    url: str | None = None
    pid: int | None = None
    data_dir: str | None = None
    health_parts: list[Part] = []
    series: int = 0
    host_series: int = 0
    sources: list[Sender] = []
    lake: dict[str, Any] = {}
    counters: dict[str, Any] = {}


class Setting(msgspec.Struct):
    """One setting in force."""

    path: str
    value: Any
    source: str = ""


class Configuration(msgspec.Struct):
    """What ``/api/config`` says."""

    settings: list[Setting]


def read(answer: Any, shape: type[T], place: str) -> T:
    """Return a decoded answer as ``shape``.

    Raises:
        NotReachable: what answers at ``place`` does not speak as a hub does.
    """
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise NotReachable(
            f"{place} answered something else than a Firstlight hub does ({error}); check --url"
        ) from error
