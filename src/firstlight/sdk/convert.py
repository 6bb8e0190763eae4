"""Raw records of the front to rows of the model."""

from collections.abc import Callable, Sequence
from typing import Any

from firstlight.model import Batch, Event
from firstlight.model import Span as SpanRow
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.plain import plain_fields, text
from firstlight.sdk.spans import Span
from firstlight.sdk.troubles import Troubles

BODY = "body"
NS_PER_S = 1_000_000_000

Observe = Callable[[str, str, float], None]
"""Takes scope, name and duration in seconds of a span that ended."""


class Converter:
    """Turns records into rows; one that cannot be turned is counted as ``invalid``.

    Args:
        ledger: counts.
        troubles: hears of what could not be converted.
        observe: told of each span's duration.
    """

    def __init__(self, ledger: Ledger, troubles: Troubles, observe: Observe) -> None:
        self._ledger = ledger
        self._troubles = troubles
        self._observe = observe

    def add(self, records: Sequence[Any], batch: Batch) -> None:
        """Append the rows that ``records`` stand for to ``batch``."""
        for record in records:
            is_event = type(record) is tuple
            try:
                if is_event:
                    batch.events.append(_event(record))
                else:
                    batch.spans.append(self._span(record))
            except Exception as error:
                # Whatever the host handed over, the records after it must still go out.
                self._ledger.dropped("invalid", Rows(events=is_event, spans=not is_event))
                self._troubles.internal("a record could not be understood", error)
        spans = sum(type(record) is not tuple for record in records)
        self._ledger.recorded(Rows(events=len(records) - spans, spans=spans))

    def _span(self, span: Span) -> SpanRow:
        trace_id, span_id = span.ids()
        end_ns = max(span.start_ns, span.end_ns)
        name = text(span.name)
        site, parent, fate = span.site, span.parent, span.outcome()
        row = SpanRow(span.start_ns, end_ns, name, trace_id, span_id, parent.span_id if parent is not None else "")
        row.subsystem = site.subsystem
        row.component = site.component
        row.attributes = plain_fields(span.attributes)
        if fate is not None:
            row.status = fate.status
            row.status_message = text(fate.message)
            row.events = [type(moment)(moment.time_ns, text(moment.name), plain_fields(moment.attributes)) for moment in fate.events]
        self._observe(site.scope, name, (end_ns - span.start_ns) / NS_PER_S)
        return row


def _event(record: tuple[Any, ...]) -> Event:
    time_ns, site, span = record[:3]
    names = site.fields
    if names is None:
        name, fields = text(record[3]), plain_fields(record[4])
    else:
        name, fields = site.name, plain_fields(dict(zip(names, record[3], strict=True)))
    body = fields.pop(BODY, "")
    trace_id, span_id = span.ids() if span is not None else ("", "")
    body = body if type(body) is str else text(body)
    return Event(time_ns, name, site.level, site.subsystem, site.component, body, fields, trace_id, span_id)
