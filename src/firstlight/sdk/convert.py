"""Raw records of the front to rows of the model."""

from collections.abc import Callable, Sequence
from typing import Any

from firstlight.model import Batch, Event, SpanEvent
from firstlight.model import Span as SpanRow
from firstlight.sdk.gates import is_event
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
        """Append the rows that ``records`` stand for to ``batch``, which must be empty."""
        bad_events = bad_spans = 0
        for record in records:
            try:
                if type(record) is tuple:
                    batch.events.append(_event(*record))
                else:
                    self._add_other(record, batch)
            except Exception as error:  # noqa: BLE001
                # Whatever the host handed over, the records after it must still go out.
                bad = is_event(record)
                bad_events += bad
                bad_spans += not bad
                self._troubles.internal("a record could not be understood", error)
        lost = Rows(bad_events, bad_spans)
        self._ledger.recorded(Rows.of(batch).plus(lost))
        if any(lost):
            self._ledger.dropped("invalid", lost)

    def _add_other(self, record: Any, batch: Batch) -> None:
        if isinstance(record, Span):
            batch.spans.append(self._span(record))
        elif isinstance(record, SpanRow):
            self._observe(scope_of(record), record.name, (record.end_ns - record.start_ns) / NS_PER_S)
            batch.spans.append(record)
        else:
            batch.events.append(record)

    def _span(self, span: Span) -> SpanRow:
        trace_id, span_id = span.ids()
        start_ns, site, parent, name = span.start_ns, span.site, span.parent, span.name
        end_ns = max(start_ns, span.end_ns)
        name = name if type(name) is str and name.isascii() else text(name)
        self._observe(site.scope, name, (end_ns - start_ns) / NS_PER_S)
        row = SpanRow(start_ns, end_ns, name, trace_id, span_id)
        row.subsystem = site.subsystem
        row.component = site.component
        # A copy, because the host may still hold the span and add to it.
        row.attributes = plain_fields(dict(span.attributes))
        if parent is not None:
            row.parent_id = parent.ids()[1]
        if (fate := span.outcome()) is not None:
            row.kind = fate.kind
            row.status = fate.status
            row.status_message = text(fate.message)
            row.events = [SpanEvent(at.time_ns, text(at.name), plain_fields(at.attributes)) for at in fate.events]
            row.links = fate.links.copy()
        return row


def scope_of(row: SpanRow) -> str:
    """Return "subsystem.component"."""
    return f"{row.subsystem}.{row.component}" if row.component else row.subsystem


def _event(
    time_ns: int, site: Any, span: Span | None, thread_id: int, named: Any, fields: dict[str, Any] | None = None
) -> Event:
    """Convert an event; ``named`` is its name or, for a declared one (without ``fields``), the values."""
    if fields is None:
        name = site.name
        fields = dict(zip(site.fields, named, strict=True))
    else:
        name = text(named)
    plain = plain_fields(fields)
    trace_id, span_id = span.ids() if span is not None else ("", "")
    body = plain.pop(BODY) if site.has_body and BODY in plain else ""
    body = body if type(body) is str else text(body)
    return Event(time_ns, name, site.level, site.subsystem, site.component, body, plain, trace_id, span_id, thread_id)
