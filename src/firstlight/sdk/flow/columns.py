"""The usual way of events: columns of many at once.

Records come in hundreds and nearly always hold nothing but short text and numbers.  So they are taken apart, looked at
and kept column by column, in C; where something unusual shows they are refused, to be taken one by one.
"""

from collections.abc import Sequence, Set
from operator import itemgetter
from typing import Any, NamedTuple

from firstlight.model import EventColumns
from firstlight.native import loops
from firstlight.sdk.flow.plain import (
    MAX_FIELDS,
    MAX_TEXT_CHARS,
    TELLING_CHARS,
    TELLING_INT,
    Telling,
    all_plain,
    telling,
    text,
)

BODY = "body"
NO_IDS = ("", "")

Record = tuple[Any, ...]
_site_of = itemgetter(1)


class Apart(NamedTuple):
    """Events of the front, taken apart.

    Attributes:
        times_ns: when.
        places: level, subsystem and component of each.
        names: what.
        fields: plain scalars by name, the body among them.
        thread_ids: who.
        spans: the current one of each, or None where none has one.
        keys: of all fields.
        distinct_names: of all events.
        values: what may be secret by its form, see :class:`~firstlight.sdk.flow.plain.Telling`.
    """

    times_ns: Sequence[int]
    places: Sequence[tuple[int, str, str]]
    names: Sequence[str]
    fields: Sequence[dict[str, Any]]
    thread_ids: Sequence[int]
    spans: Sequence[Any] | None
    keys: Set[str]
    distinct_names: Set[str]
    values: Sequence[str | int]


def columns_of(records: Sequence[Record]) -> tuple[EventColumns, Telling]:
    """Return the events of ``records`` and what of them could be secret.

    Raises:
        ValueError: some of them hold what must be looked at one by one.
        TypeError: likewise.
    """
    if (compiled := loops.compiled) is not None:
        apart = Apart(*compiled.columns(records, TELLING_CHARS, TELLING_INT, MAX_TEXT_CHARS))
    else:
        apart = _apart(records)
    if not apart.names or len(apart.keys) > MAX_FIELDS or not all_plain([*apart.keys, *apart.distinct_names], {str}):
        raise ValueError
    nothing = ("",) * len(apart.names)
    bodies: Sequence[str] = nothing
    if BODY in apart.keys:
        bodies = tuple(map(body_of, map(_site_of, records), apart.fields))
    trace_ids = span_ids = nothing
    if apart.spans is not None:
        trace_ids, span_ids = zip(*[NO_IDS if span is None else span.ids() for span in apart.spans], strict=True)
    return EventColumns(*apart[:5], bodies, trace_ids, span_ids), Telling(*apart[6:])


def named(time_ns: int, site: Any, span: Any, thread_id: int, *values: Any) -> Record:
    """Return a declared event as any other."""
    return time_ns, site, span, thread_id, site.name, dict(zip(site.fields, values, strict=True))


def body_of(site: Any, fields: dict[str, Any]) -> str:
    """Take the human sentence out of ``fields``, which are the recorder's own."""
    return text(fields.pop(BODY)) if site.has_body and BODY in fields else ""


def _apart(records: Sequence[Record]) -> Apart:
    """Do what the compiled ``columns`` does."""
    if set(map(type, records)) != {tuple}:
        raise ValueError
    if any(site.fields is not None for site in set(map(_site_of, records))):
        records = [record if record[1].fields is None else named(*record) for record in records]
    times_ns, sites, spans, thread_ids, names, fields = zip(*records, strict=True)
    if set(map(type, fields)) != {dict}:
        raise ValueError
    places = tuple([site.place for site in sites])
    told = telling(fields, set(names))
    return Apart(times_ns, places, names, fields, thread_ids, None if set(spans) == {None} else spans, *told)
