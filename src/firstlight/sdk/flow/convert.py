"""Raw records of the front to what leaves the process.

Records come in hundreds and nearly always hold nothing but short text and numbers.  So the events of a batch are first
looked at, and kept, column by column, mostly in C; only where something unusual shows are they taken one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from firstlight.model import Batch, Event, EventColumns, SpanEvent
from firstlight.model import Span as SpanRow
from firstlight.sdk.flow.gates import is_event
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.plain import MAX_FIELDS, Telling, all_plain, plain_fields, telling, text
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.tracing.spans import Span

BODY = "body"
NS_PER_S = 1_000_000_000
NO_IDS = ("", "")
REQUESTS = frozenset({"server", "client"})

Observe = Callable[[str, str, float], None]
"""Takes scope, name and duration in seconds of a span that ended."""

Record = tuple[Any, ...]


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
        if set(map(type, records)) == {tuple}:
            try:
                batch.columns, told = _columns(records)
            except (ValueError, TypeError):
                # Something unusual: one by one.
                pass
            else:
                return told, Rows()
        return None, self._add_singly(records, batch)

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


def _columns(records: Sequence[Record]) -> tuple[EventColumns, Telling]:
    """Return the events of ``records`` and what of them could be secret.

    Raises:
        ValueError: some of them hold what must be looked at one by one.
        TypeError: likewise.
    """
    if any(site.fields is not None for site in {record[1] for record in records}):
        records = [record if record[1].fields is None else _named(*record) for record in records]
    times_ns, sites, spans, thread_ids, names, fields = zip(*records, strict=True)
    told = telling(fields, set(names))
    if len(told.keys) > MAX_FIELDS or not all_plain([*told.keys, *told.names], {str}):
        raise ValueError
    nothing = ("",) * len(records)
    bodies: Sequence[str] = list(map(_body, sites, fields)) if BODY in told.keys else nothing
    trace_ids = span_ids = nothing
    if set(spans) != {None}:
        trace_ids, span_ids = zip(*[NO_IDS if span is None else span.ids() for span in spans], strict=True)
    places = [site.place for site in sites]
    return EventColumns(times_ns, places, names, fields, thread_ids, bodies, trace_ids, span_ids), told


def _named(time_ns: int, site: Any, span: Span | None, thread_id: int, *values: Any) -> Record:
    """Return a declared event as any other."""
    return time_ns, site, span, thread_id, site.name, dict(zip(site.fields, values, strict=True))


def _event(record: Record) -> Event:
    time_ns, site, span, thread_id, name, fields = record if record[1].fields is None else _named(*record)
    plain = plain_fields(fields)
    body = _body(site, plain)
    trace_id, span_id = NO_IDS if span is None else span.ids()
    level, subsystem, component = site.place
    return Event(time_ns, text(name), level, subsystem, component, body, plain, trace_id, span_id, thread_id)


def _body(site: Any, fields: dict[str, Any]) -> str:
    """Take the human sentence out of ``fields``, which are the recorder's own."""
    return text(fields.pop(BODY)) if site.has_body and BODY in fields else ""
