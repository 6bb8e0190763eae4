"""The JSON shapes in which signals leave the hub."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from firstlight.model import Event, level_name

_NS_PER_S = 1_000_000_000


class EventShown(msgspec.Struct):
    """An event as ``/api/events`` and ``/api/stream`` write it."""

    time: str
    time_ns: int
    level: str
    subsystem: str
    component: str
    name: str
    body: str
    attributes: dict[str, Any] | msgspec.Raw
    trace_id: str
    span_id: str
    service: str


def iso(time_ns: int) -> str:
    """Return nanoseconds since the epoch as ISO 8601 in UTC with nine decimals and a Z."""
    seconds, rest_ns = divmod(time_ns, _NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def shown(event: Event, service: str) -> EventShown:
    """Return ``event`` in the shape in which it leaves the hub."""
    return EventShown(
        time=iso(event.time_ns),
        time_ns=event.time_ns,
        level=level_name(event.level),
        subsystem=event.subsystem,
        component=event.component,
        name=event.name,
        body=event.body,
        attributes=event.attributes,
        trace_id=event.trace_id,
        span_id=event.span_id,
        service=service,
    )
