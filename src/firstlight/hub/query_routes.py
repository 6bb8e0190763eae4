"""``POST /api/sql``, ``GET /api/events``, ``/api/series``, ``/api/range``: what is in the lake."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from firstlight.app.queries import Runner
from firstlight.app.shown import EventShown, iso
from firstlight.hub.attended import attended
from firstlight.hub.given import GivenPlatform
from firstlight.hub.ranges import Range, RangeAnswer, as_time, read_range
from firstlight.hub.values import answer
from firstlight.model import Level, Series, level_name, parse_level
from firstlight.ports import Rows
from firstlight.query.search import SearchOptions

MAX_SQL_BODY_BYTES = 2**20
MAX_EVENTS = 10_000
MAX_SERIES = 10_000
_HOUR_NS = 3600 * 1_000_000_000
_LABEL_PREFIX = "labels."
_EVENT_COLUMNS = (
    *("time_ns", "level_number", "subsystem", "component", "name", "body"),
    *("attributes", "trace_id", "span_id", "service"),
)


class SqlQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """One read-only statement, values for its ``?`` or ``$name``, and how many rows to answer at most."""

    query: str
    params: list[Any] | dict[str, Any] | None = None
    limit: Annotated[int, msgspec.Meta(ge=0)] = 10_000


class EventsAnswer(msgspec.Struct):
    """Events, oldest first, and for people what is missing."""

    events: list[EventShown]
    warnings: list[str] = []


class SeriesShown(msgspec.Struct):
    """One series; its id is text because it has more digits than a JSON number keeps everywhere."""

    series_id: str
    name: str
    field: str
    labels: dict[str, str]
    service: str
    kind: str
    unit: str


class SeriesAnswer(msgspec.Struct):
    """Series by name."""

    series: list[SeriesShown]
    truncated: bool


@post("/api/sql", status_code=HTTP_200_OK, request_max_body_size=MAX_SQL_BODY_BYTES)
async def run_sql(
    request: Request[Any, Any, Any], data: JSONBody[SqlQuestion], platform: GivenPlatform
) -> Response[bytes]:
    """Run one read-only SQL statement."""
    limit = min(data.limit, platform.settings.limits.query_rows)

    def reading(runner: Runner) -> bytes:
        began_s = time.perf_counter()
        rows = runner.sql(data.query, data.params, limit=limit)
        return answer(rows, (time.perf_counter() - began_s) * 1000)

    body = await attended(request, platform.queries.run(reading))
    return Response(body, media_type="application/json")


@dataclass(frozen=True, slots=True)
class EventsAsked:
    """Which events are wanted: those of a level and louder, of one sender, with a text, the newest so many."""

    level: int
    subsystem: str
    service: str
    limit: int
    after_ns: int | None


@get("/api/events")
async def list_events(  # noqa: PLR0913, PLR0917 - one argument for each part of the query string
    request: Request[Any, Any, Any],
    platform: GivenPlatform,
    level: FromQuery[str] = "",
    subsystem: FromQuery[str] = "",
    service: FromQuery[str] = "",
    search: FromQuery[str] = "",
    words: FromQuery[bool] = False,
    ignore_case: FromQuery[bool] = False,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_EVENTS)] = 100,
    after_ns: FromQuery[int | None] = None,
) -> EventsAnswer:
    """Return the newest events of a level and louder, oldest first; with ``search``, those that have that text."""
    asked = EventsAsked(int(parse_level(level)) if level else 0, subsystem, service, limit, after_ns)
    if after_ns is not None:
        as_time(after_ns)

    def reading(runner: Runner) -> EventsAnswer:
        if not search:
            return _events_shown(_newest(runner, asked))
        start_ns = None if after_ns is None else after_ns + 1
        how = SearchOptions(words=words, ignore_case=ignore_case, attributes=True)
        how |= SearchOptions(limit=limit, level=asked.level, subsystem=subsystem, service=service)
        return _events_shown(platform.store.search(search, start_ns, cancel=runner.cancel, **how))

    return await attended(request, platform.queries.run(reading))


def _newest(runner: Runner, asked: EventsAsked) -> Rows:
    conditions: dict[str, Any] = {
        "time >= ?": None if asked.after_ns is None else as_time(asked.after_ns),
        "level_number >= ?": asked.level or None,
        "subsystem = ?": asked.subsystem or None,
        "service = ?": asked.service or None,
        "time_ns > ?": asked.after_ns,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    columns = ", ".join(_EVENT_COLUMNS)
    query = f"SELECT {columns} FROM events {where} ORDER BY time DESC, time_ns DESC LIMIT ?"  # noqa: S608 - values are bound
    return runner.sql(query, [*given.values(), asked.limit])


def _events_shown(found: Rows) -> EventsAnswer:
    """Return rows, newest first, as they are shown, oldest first."""
    places = [found.columns.index(column) for column in _EVENT_COLUMNS]
    shown = [_event_shown([row[place] for place in places]) for row in reversed(found.rows)]
    return EventsAnswer(shown, list(found.warnings))


@get("/api/series")
async def list_series(
    request: Request[Any, Any, Any], platform: GivenPlatform, name: FromQuery[str] = ""
) -> SeriesAnswer:
    """Return the series whose name begins with ``name``."""

    def reading(_: Runner) -> SeriesAnswer:
        known = platform.store.series()
        found = sorted((series.name, series_id) for series_id, series in known.items() if series.name.startswith(name))
        shown = [_series_shown(series_id, known[series_id]) for _, series_id in found[:MAX_SERIES]]
        return SeriesAnswer(shown, truncated=len(found) > MAX_SERIES)

    return await attended(request, platform.queries.run(reading))


@get("/api/range")
async def read_metric_range(  # noqa: PLR0913, PLR0917 - one argument for each part of the query string
    request: Request[Any, Any, Any],
    platform: GivenPlatform,
    name: FromQuery[str],
    field: FromQuery[str] = "value",
    start_ns: FromQuery[int | None] = None,
    end_ns: FromQuery[int | None] = None,
    points: Annotated[int, QueryParameter(ge=1, le=5000)] = 600,
) -> RangeAnswer:
    """Return a metric as means over equal steps; the last hour unless told otherwise."""
    end = platform.clock() if end_ns is None else end_ns
    start = end - _HOUR_NS if start_ns is None else start_ns
    labels = {
        key.removeprefix(_LABEL_PREFIX): value
        for key, value in request.query_params.items()
        if key.startswith(_LABEL_PREFIX)
    }
    wanted = Range(name, field, start, end, points, labels)
    return await attended(request, platform.queries.run(lambda runner: read_range(runner, platform.store, wanted)))


def _event_shown(row: Sequence[Any]) -> EventShown:
    time_ns, level_number, subsystem, component, name, body, attributes, trace_id, span_id, service = row
    return EventShown(
        time=iso(time_ns),
        time_ns=time_ns,
        level=level_name(level_number or Level.INFO),
        subsystem=subsystem or "",
        component=component or "",
        name=name or "",
        body=body or "",
        attributes=msgspec.Raw((attributes or "{}").encode()),
        trace_id=trace_id or "",
        span_id=span_id or "",
        service=service or "",
    )


def _series_shown(series_id: int, series: Series) -> SeriesShown:
    return SeriesShown(
        series_id=str(series_id),
        name=series.name,
        field=series.field,
        labels=dict(series.labels),
        service=series.service,
        kind=str(series.kind),
        unit=series.unit,
    )
