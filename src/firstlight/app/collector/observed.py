"""Metrics that follow from events: the three sets of the UtilityFog telemetry document (004, "System Integration").

The document names the metrics; the events that change them are named here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from firstlight.app.collector.collector import Collector
from firstlight.app.collector.hooks import EVENT
from firstlight.app.collector.recorded import RecordedEvent
from firstlight.sdk.metrics.histogram import Histogram
from firstlight.sdk.metrics.instruments import Counter, Gauge, Instrument

HEALTH_CODES = {"unknown": 0, "healthy": 1, "degraded": 2, "unhealthy": 3}


class Metric(NamedTuple):
    """A metric of a set."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str


class Rule(NamedTuple):
    """What an event does to a metric.

    Attributes:
        event: its name.
        metric: the metric's name.
        amount: what is added; None when the event itself tells a value.
        key: where in the event's value that stands.
        alone: the event's value may also be that value alone.
    """

    event: str
    metric: str
    amount: float | None = None
    key: str = ""
    alone: bool = False


class Observed(NamedTuple):
    """A set of metrics and the rules by which they follow events."""

    metrics: tuple[Metric, ...]
    rules: tuple[Rule, ...]


COORDINATION = Observed(
    (
        Metric("counter", "coordination_messages_total", "Total coordination messages"),
        Metric("gauge", "coordination_active_nodes", "Number of active coordination nodes"),
        Metric("histogram", "coordination_message_latency_seconds", "Coordination message latency"),
    ),
    (
        Rule("coordination_message", "coordination_messages_total", 1),
        Rule("coordination_message", "coordination_message_latency_seconds", key="latency_seconds"),
        Rule("coordination_node_joined", "coordination_active_nodes", 1),
        Rule("coordination_node_left", "coordination_active_nodes", -1),
        Rule("coordination_nodes", "coordination_active_nodes", key="active_nodes", alone=True),
    ),
)
MESSAGING = Observed(
    (
        Metric("counter", "messages_sent_total", "Total messages sent"),
        Metric("counter", "messages_received_total", "Total messages received"),
        Metric("gauge", "message_queue_size", "Current message queue size"),
        Metric("histogram", "message_processing_duration_seconds", "Message processing duration"),
    ),
    (
        Rule("message_sent", "messages_sent_total", 1),
        Rule("message_received", "messages_received_total", 1),
        Rule("message_queue", "message_queue_size", key="size", alone=True),
        Rule("message_processed", "message_processing_duration_seconds", key="duration_seconds", alone=True),
    ),
)
HEALTH = Observed(
    (
        Metric("gauge", "health_status", "Current health status (0=unknown, 1=healthy, 2=degraded, 3=unhealthy)"),
        Metric("counter", "health_checks_total", "Total health checks performed"),
        Metric("histogram", "health_check_duration_seconds", "Health check duration"),
    ),
    (
        Rule("health_check", "health_checks_total", 1),
        Rule("health_check", "health_status", key="status"),
        Rule("health_check", "health_check_duration_seconds", key="duration_seconds"),
        Rule("health_status", "health_status", key="status", alone=True),
    ),
)


def observe(collector: Collector, observed: Observed) -> None:
    """Register the metrics of ``observed`` and let them follow the events of ``collector``; a second time does nothing.

    Raises:
        UsageError: one of the names is taken by another metric.
    """
    register: dict[str, Callable[[str, str], Instrument]] = {
        "counter": collector.register_counter,
        "gauge": collector.register_gauge,
        "histogram": collector.register_histogram,
    }
    made = {metric.name: register[metric.kind](metric.name, metric.help) for metric in observed.metrics}
    for rule in observed.rules:
        collector.add_hook(EVENT, _Follow(rule, made[rule.metric]))


@dataclass(frozen=True, slots=True)
class _Follow:
    """Lets one metric follow one rule."""

    rule: Rule
    metric: Instrument

    def __call__(self, event: RecordedEvent) -> None:
        if event.name != self.rule.event:
            return
        value = self.rule.amount if self.rule.amount is not None else _told(self.rule, event.value)
        if value is not None:
            self._apply(value)

    def _apply(self, value: Any) -> None:
        if isinstance(self.metric, Counter):
            self.metric.add(value)
        elif isinstance(self.metric, Histogram):
            self.metric.observe(value)
        elif isinstance(self.metric, Gauge):
            (self.metric.set if self.rule.amount is None else self.metric.inc)(value)


def _told(rule: Rule, value: Any) -> Any:
    if isinstance(value, Mapping):
        value = value.get(rule.key)
    elif not rule.alone:
        return None
    return HEALTH_CODES.get(value, value) if isinstance(value, str) else value
