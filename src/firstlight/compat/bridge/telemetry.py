"""002, "Bridge Telemetry"."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Self
from uuid import uuid4
from weakref import finalize

import msgspec

from firstlight.alert.threshold import Threshold, ThresholdWatch
from firstlight.app.lake import Lake
from firstlight.compat.bridge import answers, times
from firstlight.compat.bridge.answers import METRICS_SOURCE
from firstlight.compat.bridge.configuration import BridgeConfig, configuration
from firstlight.compat.bridge.errors import (
    LOOP_DETECTED,
    RETRIEVAL_FAILURE,
    STORAGE_FAILURE,
    ErrorHandler,
    Refusal,
)
from firstlight.compat.bridge.logger import BridgeLogger
from firstlight.compat.bridge.monitors import Alert, Callback, Monitor, Monitors
from firstlight.compat.bridge.retention import RetentionManager
from firstlight.compat.bridge.storage import Row, Storage
from firstlight.compat.bridge.validation import Checked, accept_event, accept_metric
from firstlight.errors import FirstlightError, QueryError, UsageError
from firstlight.model import Event
from firstlight.model.series import sorted_labels
from firstlight.query.rows import RowSet
from firstlight.query.summary import NAMES, Reduce, reading_of, summarize
from firstlight.store.forks import restart_in_children

VERSION = "0.8.0"
"""Of the document."""

FULL_PERCENT = 90.0
"""From here on the health check says that there is too little room."""

METRIC = "METRIC"
Response = dict[str, Any]
"""``{"status": "success", …}``, or ``{"status": "error", "error": {"code", "message", "details"}}``."""

_TOLD_APART = frozenset({"event_type", "source", "timestamp"})
"""Of an event's keys, those that have columns of their own."""


class BridgeTelemetry:
    """The document's component over a lake.

    ``record_event``, ``record_metric``, ``get_metrics`` and ``health_check`` never raise: what goes wrong is in the
    response.  All methods may be called from any thread, and in forked children.

    Example::

        with BridgeTelemetry({"storage_config": {"connection_string": "runtime/data/telemetry_store"}}) as telemetry:
            telemetry.record_metric("command_processing_time_ms", 127, context={"source": "bridge_core"})
            answer = telemetry.get_metrics(["command_processing_time_ms"], aggregation="P95", group_by=["source"])
            answer["metrics"]["command_processing_time_ms"]["value"]  # 127.0

    Args:
        config: the document's configuration; what it leaves out is as usual.

    Raises:
        ConfigError: a key is unknown or a value is wrong.

    Attributes:
        config: as it was given.
        logger: the JSON Lines log.
        error_handler: makes the error responses.
        monitors: who looks at what is recorded, by name.
        retention_manager: how long things are kept.
        stats: ``events_recorded`` and ``metrics_recorded`` by this object, and its ``start_time``.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        given = configuration(BridgeConfig, config)
        self.config = dict(config or {})
        self.logger = BridgeLogger(given.logger_config, given.loop_detection)
        self.error_handler = ErrorHandler(self.logger)
        self.monitors = Monitors(self.logger, self.logger.loops, time.time_ns)
        self.retention_manager = RetentionManager(given.retention_policy, None, time.time_ns)
        self.stats: dict[str, float] = {"events_recorded": 0, "metrics_recorded": 0, "start_time": time.time()}
        self._retention_days = given.retention_policy.events.duration_days
        self._aggregations: dict[str, Reduce] = {}
        self._storage = Storage(given.storage_config)
        self._at_exit = finalize(self, self._storage.close)
        self.restart()
        restart_in_children(self)

    def restart(self) -> None:
        """Take locks of its own, as a forked child does."""
        self._lock = Lock()
        self.logger.restart()
        self.monitors.restart()

    @property
    def lake(self) -> Lake:
        """The lake, for everything that the document has no name for.

        Raises:
            FirstlightError: it cannot be opened.
        """
        return self._storage.lake

    def record_event(self, event_data: Mapping[str, Any]) -> Response:
        """Keep an event: ``event_type``, ``source``, ``data``; ``timestamp`` and ``event_id`` are made when missing.

        Returns:
            ``status``, ``event_id`` and ``timestamp``; or INVALID_EVENT, LOOP_DETECTED, STORAGE_FAILURE.
        """
        try:
            return self._record_event(accept_event(event_data))
        except Exception as error:  # noqa: BLE001 - the document's promise: the answer tells, nothing is raised
            return self.error_handler.handle_exception(error, {"received_event": event_data})

    def record_metric(
        self,
        metric_name: str,
        metric_value: float | str,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
    ) -> Response:
        """Keep a value of a metric; a number is a sample, and the context its labels; a text is an event.

        Returns:
            ``status``, ``event_id`` and ``timestamp``; or INVALID_EVENT, LOOP_DETECTED, STORAGE_FAILURE.
        """
        try:
            return self._record_metric(accept_metric(metric_name, metric_value, context, timestamp))
        except Exception as error:  # noqa: BLE001 - as above
            data = {"metric_name": metric_name, "metric_value": metric_value, "context": context or {}}
            received = {"event_type": METRIC, "source": METRICS_SOURCE, "timestamp": timestamp, "data": data}
            return self.error_handler.handle_exception(error, {"received_event": received})

    def get_metrics(
        self,
        metric_names: Sequence[str] | None = None,
        time_range: Sequence[datetime | str | None] | None = None,
        aggregation: str = "MEAN",
        group_by: Sequence[str] | None = None,
    ) -> Response:
        """Return one figure for each metric, of what any bridge recorded into the lake.

        Args:
            metric_names: None for all.
            time_range: from, to; both are included, without a zone they are UTC.
            aggregation: see :func:`~firstlight.query.summary.reading_of`, or the name of one of your own.
            group_by: keys of the context, by whose values each metric has ``groups`` as well.

        Returns:
            ``status`` and ``metrics``, which lacks those without a sample; or INVALID_AGGREGATION, RETRIEVAL_FAILURE.
        """
        try:
            return self._get_metrics(metric_names, time_range, aggregation, group_by)
        except Exception as error:  # noqa: BLE001 - as above
            asked = {"metric_names": metric_names, "time_range": time_range, "aggregation": aggregation}
            return self.error_handler.handle_exception(error, {"received_query": asked})

    def health_check(self) -> Response:
        """Return how the component is: ``healthy``, ``degraded`` (little room) or ``unhealthy``, with ``problems``."""
        try:
            problems, used_percent = self._look()
            status = "unhealthy" if problems else "healthy"
            if not problems and used_percent >= FULL_PERCENT:
                status = "degraded"
                problems = [f"{used_percent} % of the storage is in use"]
        except Exception as error:  # noqa: BLE001 - as above
            return self.error_handler.handle_exception(error)
        return self._health(status, used_percent) | ({"problems": problems} if problems else {})

    def register_aggregation(self, name: str, reduce: Reduce) -> None:
        """Let ``get_metrics`` use ``reduce``, which gets the values of a metric in their order of time, as ``name``.

        Raises:
            UsageError: there is an aggregation of that name already.
        """
        try:
            reading_of(name)
        except QueryError:
            self._aggregations = {**self._aggregations, name: reduce}
            return
        raise UsageError(f"{name} is an aggregation of Firstlight's own; there are {', '.join(NAMES)}")

    def add_monitor(self, name: str, monitor: Monitor) -> None:
        """Show ``monitor`` everything that is recorded from now on.

        Raises:
            UsageError: it has neither ``process_event`` nor ``process_metric``.
        """
        self.monitors.add(name, monitor)

    def add_alert(
        self,
        name: str,
        metric: str,
        threshold: Threshold,
        callback: Callback,
        *,
        on_resolved: Callback | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Call ``callback`` when ``threshold`` is exceeded by what this object records, and ``on_resolved`` after it.

        Args:
            name: of the alert; another one of that name ends.
            metric: whose values are looked at.
            threshold: the condition.
            callback: gets the alert, on the thread that records.
            on_resolved: likewise.
            context: only values whose context has all of this count.
        """
        self.monitors.add_alert(name, Alert(metric, ThresholdWatch(threshold), callback, on_resolved, context or {}))

    def sql(self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> RowSet:
        """Ask anything of what is kept: the tables are those of ``docs/sql.md``.

        Raises:
            QueryError: the statement is wrong or took too long.
            FirstlightError: the lake cannot be read.
        """
        return self._storage.lake.sql(query, params)

    def close(self) -> None:
        """Bring everything to the disk and close; calls are answered with STORAGE_FAILURE from then on."""
        self._at_exit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record_event(self, checked: Checked) -> Response:
        given = checked.event
        if self.logger.loops.is_loop(given):
            raise Refusal(LOOP_DETECTED, "Event appears to be in an infinite loop")
        event, time_ns, told = _stamped(checked)
        self._keep(_row(event, time_ns), "events_recorded")
        self.monitors.show_event(event)
        return told

    def _record_metric(self, checked: Checked) -> Response:
        data = checked.event
        name, value, context = data["metric_name"], data["metric_value"], data["context"]
        if self.logger.loops.is_nested((METRIC, name)):
            raise Refusal(LOOP_DETECTED, "Metric is recorded by what looks at it")
        described = {"event_type": METRIC, "source": METRICS_SOURCE, "data": data}
        event, time_ns, told = _stamped(Checked(described, checked.time_ns, []))
        if isinstance(value, str):
            row: Row = _row(event, time_ns)
        else:
            row = (*self._storage.series(name, sorted_labels(_labels(context)), METRICS_SOURCE), time_ns, float(value))
        self._keep(row, "metrics_recorded")
        self.monitors.show_metric(name, value, context, time_ns)
        return told

    def _keep(self, row: Row, counted: str) -> None:
        try:
            self._storage.keep(row)
        except FirstlightError as error:
            raise Refusal(STORAGE_FAILURE, str(error)) from error
        with self._lock:
            self.stats[counted] += 1

    def _get_metrics(self, metric_names: object, time_range: object, aggregation: object, group_by: object) -> Response:
        name, made_by = answers.aggregation_of(aggregation, self._aggregations)
        asked = answers.question(metric_names, time_range, made_by, group_by)
        try:
            found = summarize(self._storage.lake, asked)
        except FirstlightError as error:
            raise Refusal(RETRIEVAL_FAILURE, str(error)) from error
        return {"status": "success", "metrics": answers.metrics(found, name, asked)}

    def _look(self) -> tuple[list[str], float]:
        problems = [self._storage.problem] if self._storage.problem else []
        try:
            self._storage.lake.stats()
            used_percent = self._storage.usage_percent()
        except FirstlightError as error:
            return list(dict.fromkeys([*problems, str(error)])), self._storage.disk_percent()
        return problems, used_percent

    def _health(self, status: str, used_percent: float) -> Response:
        return {
            "status": status,
            "version": VERSION,
            "uptime_seconds": round(time.time() - self.stats["start_time"], 3),
            "stats": {
                "events_recorded": self.stats["events_recorded"],
                "metrics_recorded": self.stats["metrics_recorded"],
                "data_retention_days": self._retention_days,
                "storage_usage_percentage": used_percent,
            },
        }


def _stamped(checked: Checked) -> tuple[dict[str, Any], int, Response]:
    """Return the event with an id and a time, its time, and the answer that tells both."""
    given = checked.event
    time_ns = time.time_ns() if checked.time_ns is None else checked.time_ns
    event_id = given.get("event_id") or str(uuid4())
    stamp = given.get("timestamp") or times.recorded_text(time_ns)
    told = {"status": "success", "event_id": event_id, "timestamp": stamp}
    return {**given, "event_id": event_id, "timestamp": stamp}, time_ns, told


def _row(event: Mapping[str, Any], time_ns: int) -> Event:
    subsystem, _, component = event["source"].partition(".")
    attributes = {key: value for key, value in event.items() if key not in _TOLD_APART}
    return Event(time_ns, event["event_type"], subsystem=subsystem, component=component, attributes=attributes)


def _labels(context: Mapping[str, Any]) -> dict[str, str]:
    return {key: _label(value) for key, value in context.items() if value is not None}


def _label(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
