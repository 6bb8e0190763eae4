"""Who looks at what is recorded, at once: monitors and alerts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from firstlight.alert.threshold import Threshold, ThresholdWatch, Turn
from firstlight.compat.bridge.errors import SOURCE, Log
from firstlight.compat.bridge.loops import LoopGuard
from firstlight.compat.bridge.times import recorded_text
from firstlight.errors import UsageError
from firstlight.ports import Clock

Callback = Callable[[dict[str, Any]], object]
"""Gets an alert: ``name``, ``state``, ``metric``, ``value``, ``operator``, ``threshold``, ``aggregation``,
``window_seconds``, ``context`` and ``timestamp``."""


class Monitor(Protocol):
    """Looks at everything that is recorded; either method may be missing."""

    def process_event(self, event_data: dict[str, Any]) -> object:
        """Look at an event, which is stored by then."""

    def process_metric(
        self, metric_name: str, metric_value: float | str, context: dict[str, Any], timestamp: str
    ) -> object:
        """Look at a metric, which is stored by then."""


@dataclass(slots=True)
class Alert:
    """A threshold of one metric and who is told.

    Attributes:
        metric: its name.
        watch: the threshold and its state.
        callback: is called when it begins to fire.
        on_resolved: is called when that ends.
        context: only metrics whose context has all of this count.
    """

    metric: str
    watch: ThresholdWatch
    callback: Callback
    on_resolved: Callback | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


class Monitors(dict[str, Monitor]):
    """The monitors by name, as the document has them, and the alerts.

    All are called on the thread that records; what fails in them is logged and stops nothing.

    Args:
        logger: hears of failures.
        loops: knows what is being handled.
        clock: nanoseconds since the epoch.

    Attributes:
        alerts: by name.
    """

    def __init__(self, logger: Log, loops: LoopGuard, clock: Clock) -> None:
        super().__init__()
        self._logger = logger
        self._loops = loops
        self._clock = clock
        self.alerts: dict[str, Alert] = {}
        self.restart()

    def restart(self) -> None:
        """Take a lock of its own, as a forked child does."""
        self._lock = Lock()

    def add(self, name: str, monitor: Monitor) -> None:
        """Let ``monitor`` look.

        Raises:
            UsageError: it has neither ``process_event`` nor ``process_metric``.
        """
        if not any(callable(getattr(monitor, method, None)) for method in ("process_event", "process_metric")):
            raise UsageError("a monitor has process_event(event_data) or process_metric(name, value, context, time)")
        self[name] = monitor

    def add_alert(self, name: str, alert: Alert) -> None:
        """Watch ``alert`` from now on, in place of another one of that name."""
        self.alerts = {**self.alerts, name: alert}

    def show_event(self, event: dict[str, Any]) -> None:
        """Show an event to all monitors."""
        if not self:
            return
        with self._loops.handling((event["event_type"], event["source"])):
            for name, monitor in list(self.items()):
                if look := getattr(monitor, "process_event", None):
                    self._call(name, look, event)

    def show_metric(self, name: str, value: float | str, context: dict[str, Any], time_ns: int) -> None:
        """Show a metric to all monitors and alerts."""
        if not self and not self.alerts:
            return
        with self._loops.handling(("METRIC", name)):
            for monitor_name, monitor in list(self.items()):
                if look := getattr(monitor, "process_metric", None):
                    self._call(monitor_name, look, name, value, context, recorded_text(time_ns))
            if not isinstance(value, str):
                self._watch(name, value, context, time_ns)

    def _watch(self, metric: str, value: float, context: Mapping[str, Any], time_ns: int) -> None:
        for name, alert in self.alerts.items():
            if alert.metric != metric or not alert.context.items() <= context.items():
                continue
            now_ns = self._clock()
            with self._lock:
                turn = alert.watch.observe(value, time_ns, now_ns)
                reading = alert.watch.reading
            tell = {"firing": alert.callback, "resolved": alert.on_resolved, None: None}[turn]
            if turn and tell:
                self._call(name, tell, _said(name, alert, turn, reading, now_ns))

    def _call(self, name: str, call: Callable[..., object], *given: Any) -> None:
        try:
            call(*given)
        except Exception as error:  # noqa: BLE001
            # The host's own code may fail in any way; what was recorded stays recorded.
            entry = {
                "source": SOURCE,
                "status": "ERROR",
                "message": f"{name} failed: {type(error).__name__}: {error}",
                "payload": {"name": name},
            }
            self._logger.log(entry, log_level="ERROR")


def _said(name: str, alert: Alert, turn: Turn, reading: float | None, now_ns: int) -> dict[str, Any]:
    rule: Threshold = alert.watch.rule
    return {
        "name": name,
        "state": turn,
        "metric": alert.metric,
        "value": reading,
        "operator": rule.operator,
        "threshold": rule.threshold,
        "aggregation": rule.aggregation,
        "window_seconds": rule.window_s,
        "context": dict(alert.context),
        "timestamp": recorded_text(now_ns),
    }
