"""Raw records of the front to what leaves the process.

Events alone go the way of ``columns``; spans, and events among which something unusual shows, are taken one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from firstlight.model import Batch, Event, SpanEvent
from firstlight.model import Span as SpanRow
from firstlight.sdk.flow.columns import NO_IDS, Record, body_of, columns_of, named
from firstlight.sdk.flow.gates import is_event
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.plain import Telling, plain_fields, text
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.tracing.spans import Span

NS_PER_S = 1_000_000_000
REQUESTS = frozenset({"server", "client"})

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

    def add(self, records: Sequence[Any], batch: Batch) -> Telling | None:
        """Put what ``records`` stand for into ``batch``, which must be empty.

        Returns what there is in its columns of events that could be secret, or None when it has only rows.
        """
        told, lost = self._add(records, batch)
        self._ledger.recorded(Rows.of(batch).plus(lost))
        self._ledger.dropped("invalid", lost)
        return told

    def _add(self, records: Sequence[Any], batch: Batch) -> tuple[Telling | None, Rows]:
        try:
            batch.columns, told = columns_of(records)
        except (ValueError, TypeError):
            return None, self._add_singly(records, batch)
        return told, Rows()

    def _add_singly(self, records: Iterable[Any], batch: Batch) -> Rows:
        bad_events = bad_spans = 0
        for record in records:
            try:
                if type(record) is tuple:
                    batch.events.append(_event(record))
                else:
                    self._add_other(record, batch)
            except Exception as error:  # noqa: BLE001
                # Whatever the host handed over, the records after it must still go out.
                bad = is_event(record)
                bad_events += bad
                bad_spans += not bad
                self._troubles.internal("a record could not be understood", error)
        return Rows(bad_events, bad_spans)

    def _add_other(self, record: Any, batch: Batch) -> None:
        if isinstance(record, Span):
            batch.spans.append(self._span(record))
        elif isinstance(record, SpanRow):
            self._ended(scope_of(record), record)
            batch.spans.append(record)
        else:
            batch.events.append(record)

    def _span(self, span: Span) -> SpanRow:
        trace_id, span_id = span.ids()
        start_ns, site, parent, name = span.start_ns, span.site, span.parent, span.name
        end_ns = max(start_ns, span.end_ns)
        name = name if type(name) is str and name.isascii() else text(name)
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
        self._ended(site.scope, row)
        return row

    def _ended(self, scope: str, row: SpanRow) -> None:
        # A request is measured by whoever knows its route; its name has no bounds.
        if row.kind not in REQUESTS:
            self._observe(scope, row.name, (row.end_ns - row.start_ns) / NS_PER_S)


def scope_of(row: SpanRow) -> str:
    """Return "subsystem.component"."""
    return f"{row.subsystem}.{row.component}" if row.component else row.subsystem


def _event(record: Record) -> Event:
    time_ns, site, span, thread_id, name, fields = record if record[1].fields is None else named(*record)
    plain = plain_fields(fields)
    body = body_of(site, plain)
    trace_id, span_id = NO_IDS if span is None else span.ids()
    level, subsystem, component = site.place
    return Event(time_ns, text(name), level, subsystem, component, body, plain, trace_id, span_id, thread_id)
