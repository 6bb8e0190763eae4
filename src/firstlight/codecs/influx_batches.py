"""Points of line protocol to batches: the opposite of ``influx_points``, and a reading of anybody else's points.

* A point of ``spans`` with a trace, a span and a duration is a span.
* A point with a tag ``level`` that is a level's name, and a text ``message`` or the numbers of a process and a thread,
  is an event called like the measurement.
* Of any other point each number is a sample and each truth value one of 1 or 0.  Its metric is called
  ``<measurement>_<field>``, the name that users of Telegraf and VictoriaMetrics know, or like the measurement where the
  field is one of the parts that metrics have here (``value``, ``bucket``, ``sum`` …).  Texts are the attributes of an
  event called like the measurement.
"""

from collections.abc import Iterable
from typing import Any

from firstlight.codecs.influx import Point, Value
from firstlight.codecs.influx_points import NAMELESS, SPANS
from firstlight.errors import DecodeError, UsageError
from firstlight.model import Batch, Event, Kind, Resource, Series, Span, parse_level
from firstlight.model.series import sorted_labels

_PARTS = {
    "value": Kind.UNKNOWN,
    "bucket": Kind.HISTOGRAM,
    "sum": Kind.UNKNOWN,
    "count": Kind.UNKNOWN,
    "min": Kind.UNKNOWN,
    "max": Kind.UNKNOWN,
    "quantile": Kind.SUMMARY,
}
_SPAN_FIELDS = frozenset({"trace_id", "span_id", "duration_ns"})
_SPAN_OWN = _SPAN_FIELDS | {"parent_id", "session_id", "status_message"}
_EVENT_OWN = frozenset({"message", "process_id", "session_id", "span_id", "thread_id", "trace_id"})
_EVENT_MARKS = frozenset({"process_id", "thread_id"})
_PLACE = frozenset({"service", "session_id", "subsystem", "component", "level"})


def batches(points: Iterable[Point]) -> list[Batch]:
    """Return what ``points`` say, a batch for each sender.

    Raises:
        DecodeError: a point has no time.
    """
    maker = _Maker()
    for point in points:
        maker.take(point)
    return [batch for batch in maker.batches.values() if len(batch)]


class _Maker:
    """Sorts points by sender; makes each series once."""

    def __init__(self) -> None:
        self.batches: dict[tuple[str, str, int], Batch] = {}
        self._known: dict[tuple[str, tuple[tuple[str, str], ...], str], int] = {}

    def take(self, point: Point) -> None:
        if point.time_ns is None:
            raise DecodeError("the point has no time of its own, and none was given for those without")
        if point.name == SPANS and point.fields.keys() >= _SPAN_FIELDS:
            self._span(point, point.time_ns)
        elif _is_event(point):
            self._event(point, point.time_ns)
        else:
            self._samples(point, point.time_ns)

    def _batch(self, service: str, session_id: Any, pid: Any) -> Batch:
        sender = (service, str(session_id), pid if type(pid) is int else 0)
        found = self.batches.get(sender)
        if found is None:
            found = self.batches[sender] = Batch(Resource(sender[0], sender[1], "", sender[2]))
        return found

    def _span(self, point: Point, time_ns: int) -> None:
        tags, fields = point.tags, point.fields
        duration_ns = fields["duration_ns"]
        if not isinstance(duration_ns, int) or duration_ns < 0:
            raise DecodeError(f"the duration of a span is whole nanoseconds, not {duration_ns!r}")
        ids = (_text(fields, "trace_id"), _text(fields, "span_id"), _text(fields, "parent_id"))
        span = Span(time_ns, time_ns + duration_ns, tags.get("operation", ""), *ids, tags.get("kind", "internal"))
        span.status, span.status_message = tags.get("status", "unset"), _text(fields, "status_message")
        span.subsystem, span.component = tags.get("subsystem", ""), tags.get("component", "")
        span.attributes = {key: value for key, value in fields.items() if key not in _SPAN_OWN}
        self._batch(tags.get("service", ""), fields.get("session_id", ""), 0).spans.append(span)

    def _event(self, point: Point, time_ns: int) -> None:
        tags, fields = point.tags, point.fields
        data: dict[str, Any] = {key: value for key, value in tags.items() if key not in _PLACE}
        data |= {key: value for key, value in fields.items() if key not in _EVENT_OWN}
        name = "" if point.name == NAMELESS else point.name
        place = (parse_level(tags["level"]), tags.get("subsystem", ""), tags.get("component", ""))
        event = Event(time_ns, name, *place, _text(fields, "message"), data)
        event.trace_id, event.span_id = _text(fields, "trace_id"), _text(fields, "span_id")
        thread_id = fields.get("thread_id", 0)
        event.thread_id = thread_id if type(thread_id) is int else 0
        sender = (tags.get("service", ""), fields.get("session_id", ""), fields.get("process_id", 0))
        self._batch(*sender).events.append(event)

    def _samples(self, point: Point, time_ns: int) -> None:
        texts = {}
        tags = tuple(sorted(point.tags.items()))
        for field, value in point.fields.items():
            if isinstance(value, str):
                texts[field] = value
            else:
                series_id = self._known.get((point.name, tags, field)) or self._series(point.name, tags, field)
                self._batch("", "", 0).samples.add(series_id, time_ns, float(value))
        if texts:
            event = Event(time_ns, point.name, attributes={**point.tags, **texts})
            self._batch(point.tags.get("service", ""), "", 0).events.append(event)

    def _series(self, measurement: str, tags: tuple[tuple[str, str], ...], field: str) -> int:
        labels = dict(tags)
        sender = (labels.pop("service", ""), labels.pop("session_id", ""))
        is_part = field in _PARTS
        name = measurement if is_part else f"{measurement}_{field}"
        part, kind = (field, _PARTS[field]) if is_part else ("value", Kind.UNKNOWN)
        series = Series(name, sorted_labels(labels), *sender, "", part, kind)
        series_id = series.id()
        self._batch("", "", 0).series[series_id] = series
        self._known[measurement, tags, field] = series_id
        return series_id


def _is_event(point: Point) -> bool:
    if not (isinstance(point.fields.get("message"), str) or point.fields.keys() >= _EVENT_MARKS):
        return False
    try:
        return "level" in point.tags and bool(parse_level(point.tags["level"]))
    except UsageError:
        return False


def _text(fields: dict[str, Value], key: str) -> str:
    value = fields.get(key, "")
    return value if isinstance(value, str) else str(value)
