"""Answers from a data directory, without a hub."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from firstlight.app.asked_times import Asked
from firstlight.app.framed import framed
from firstlight.app.lake import Lake
from firstlight.app.settings import load
from firstlight.app.shown import iso
from firstlight.assess.health import assess
from firstlight.assess.packs import load_packs
from firstlight.cli import output
from firstlight.cli.seen import Seen
from firstlight.cli.source import EventFilter
from firstlight.cli.values import json_value
from firstlight.cli.wire import Column, Table
from firstlight.errors import NotReachable
from firstlight.model import HealthReport, parse_level
from firstlight.version import __version__

if TYPE_CHECKING:
    from firstlight.query.promql.frame import Frame

_POLL_S = 0.5
_MARGIN_NS = 2_000_000_000
_MOST_PER_POLL = 10_000
_STALE_NS = 60_000_000_000
_HOST_SERVICE = "host"

_EVENT_COLUMNS = (
    *("time_ns", "level", "subsystem", "component", "name", "body"),
    *("attributes", "trace_id", "span_id", "service"),
)
_EVENTS = (
    "SELECT time_ns, level, subsystem, component, name, body, attributes, trace_id, span_id, service FROM events "
    "WHERE level_number >= $level AND ($subsystem = '' OR subsystem = $subsystem) "
    "AND ($service = '' OR service = $service) AND time >= make_timestamptz($after_us) AND time_ns > $after_ns "
    "ORDER BY time_ns DESC LIMIT $limit"
)
_NEWEST = "SELECT max(time_ns) FROM (SELECT max(time_ns) AS time_ns FROM {0} UNION ALL SELECT max(time_ns) FROM {1})"
_SENDERS = {
    "events": "SELECT service, session_id, max(host), count(*), max(time_ns) FROM events GROUP BY ALL",
    "spans": "SELECT service, session_id, max(host), count(*), max(time_ns) FROM spans GROUP BY ALL",
    "samples": "SELECT service, session_id, '', count(*), max(time_ns) FROM metrics GROUP BY ALL",
}


class LakeSource:
    """A data directory, opened for reading only."""

    def __init__(self, directory: Path, lake: Lake) -> None:
        self._directory = directory
        self._lake = lake

    @property
    def place(self) -> str:
        """Who answers, for people."""
        return f"the data directory {self._directory}"

    def status(self) -> Any:
        """Return the answer of ``/api/status``: rows are those stored, and what only a hub knows is null."""
        report = self._report()
        series = self._lake.series()
        return {
            "version": __version__,
            "time_ns": time.time_ns(),
            "started_ns": None,
            "uptime_s": None,
            "url": None,
            "pid": None,
            "data_dir": str(self._directory.absolute()),
            "health": {"score": report.overall.score, "state": str(report.overall.state)},
            "health_parts": msgspec.to_builtins(report.overall.parts),
            "subsystems": msgspec.to_builtins(report.subsystems),
            "series": len(series),
            "host_series": sum(one.service == _HOST_SERVICE for one in series.values()),
            "sources": self._senders(),
            "lake": self._lake.stats(),
            "counters": {},
        }

    def health(self) -> Any:
        """Return the answer of ``/api/health``, judged when the newest rows were new."""
        return msgspec.to_builtins(self._report())

    def sql(self, query: str, limit: int) -> Table:
        """Return at most ``limit`` rows."""
        began = time.perf_counter()
        answer = self._lake.sql(query, limit=limit)
        columns = [Column(name, kind) for name, kind in zip(answer.columns, answer.types, strict=True)]
        rows = [[json_value(value) for value in row] for row in answer.rows]
        elapsed_ms = (time.perf_counter() - began) * 1000
        return Table(columns, rows, answer.truncated, elapsed_ms, list(answer.warnings))

    def promql(self, expr: str, when: Asked) -> "Frame":
        """Evaluate PromQL at one moment or many."""
        return framed(self._lake.promql_engine, expr, when)

    def events(self, wanted: EventFilter, limit: int, after_ns: int = 0) -> list[Any]:
        """Return the newest ``limit`` events, oldest first."""
        level = int(parse_level(wanted.level)) if wanted.level else 0
        if wanted.search:
            return self._found(wanted, level, limit, after_ns)
        parameters = {
            "level": level,
            "subsystem": wanted.subsystem,
            "service": wanted.service,
            "after_ns": after_ns,
            "after_us": after_ns // 1000,
            "limit": limit,
        }
        found = self._lake.sql(_EVENTS, parameters)
        output.note_each(found.warnings)
        return [_event(row) for row in reversed(found.rows)]

    def _found(self, wanted: EventFilter, level: int, limit: int, after_ns: int) -> list[Any]:
        found = self._lake.search(
            wanted.search,
            after_ns + 1,
            limit=limit,
            words=wanted.words,
            ignore_case=wanted.ignore_case,
            attributes=True,
            level=level,
            subsystem=wanted.subsystem,
            service=wanted.service,
        )
        output.note_each(found.warnings)
        return [_event([row[column] for column in _EVENT_COLUMNS]) for row in reversed(found.dicts())]

    def follow(self, wanted: EventFilter, limit: int) -> Iterator[Any]:
        """Yield the newest ``limit`` events, ``None``, then each new one that comes less than 2 s late."""
        seen = Seen()
        yield from seen.read_again(self.events(wanted, limit) if limit else [])
        yield None
        while True:
            time.sleep(_POLL_S)
            yield from seen.read_again(self.events(wanted, _MOST_PER_POLL, seen.since_ns(_MARGIN_NS)))

    def close(self) -> None:
        """Close the lake."""
        self._lake.close()

    def _report(self) -> HealthReport:
        now_ns = time.time_ns()
        newest_ns = self._lake.sql(_NEWEST.format("metrics", "events")).rows[0][0]
        if newest_ns is not None and now_ns - newest_ns > _STALE_NS:
            output.note(f"nothing was recorded after {iso(newest_ns)}; health is as it was then")
            now_ns = newest_ns + 1
        return assess(load_packs(load().settings.health.packs), self._lake, now_ns)

    def _senders(self) -> list[dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for signal, query in _SENDERS.items():
            for service, session_id, host, count, last_ns in self._lake.sql(query).rows:
                who = (service or "", session_id or "")
                sender = found.setdefault(who, _sender(*who))
                sender["signals"][signal] = count
                sender["host"] = sender["host"] or host or ""
                sender["last_seen_ns"] = max(sender["last_seen_ns"], last_ns)
        return sorted(found.values(), key=lambda sender: -int(sender["last_seen_ns"]))


def open_lake(directory: Path) -> LakeSource:
    """Return the lake in ``directory``, opened for reading only.

    Raises:
        NotReachable: there is no such directory.
        StorageError: it cannot be read.
    """
    if not directory.is_dir():
        raise NotReachable(f"there is no data directory {directory}; check --data, or make one with `firstlight up`")
    return LakeSource(directory, Lake.open(directory, read_only=True))


def _sender(service: str, session_id: str) -> dict[str, Any]:
    signals = {"events": 0, "spans": 0, "samples": 0}
    return {"service": service, "session_id": session_id, "host": "", "signals": signals, "last_seen_ns": 0}


def _event(row: Sequence[Any]) -> Any:
    time_ns, level, *texts, attributes, trace_id, span_id, service = row
    subsystem, component, name, body = (text or "" for text in texts)
    return {
        "time": iso(time_ns),
        "time_ns": time_ns,
        "level": level,
        "subsystem": subsystem,
        "component": component,
        "name": name,
        "body": body,
        "attributes": json.loads(attributes or "{}"),
        "trace_id": trace_id or "",
        "span_id": span_id or "",
        "service": service or "",
    }
