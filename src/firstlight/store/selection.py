"""Which rows of a lake are meant: by series, columns, attributes, text and time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.model import Matcher
from firstlight.store import schema
from firstlight.store.ages import times_us
from firstlight.store.matching import matching
from firstlight.store.rollup import STEPS_US

SIGNALS = {"events": ("events",), "spans": ("spans",), "metrics": ("samples", "exponential", *STEPS_US)}
"""The tables of each signal; definitions of series are apart."""

_OBJECTS = ("attributes", "resource")
_LISTS = ("events", "links")
_PLAIN_TEXTS = ("body", "name", "status_message", "service", "session_id", "host", "subsystem", "component")
_EVER_NS = -(2**63), 2**63 - 1
_NS_PER_US = 1000


@dataclass(frozen=True)
class Selection:
    """A row is meant when it meets every condition that is given.

    Attributes:
        signals: of these only: ``events``, ``spans``, ``metrics``.
        matchers: samples of series that meet all of them; only metrics have series.
        columns: value by column, as text: of events and spans their own, of metrics those of their series.
        attributes: value by key, as text or as JSON: of an event or span, of its sender, of what a span has inside.
        text: that is somewhere in an event or span.
        begin_ns: not before; of spans their beginning counts.
        end_ns: before this.

    Raises:
        QueryError: there is no condition, or no signal can meet all of them.
    """

    signals: tuple[str, ...] = tuple(SIGNALS)
    matchers: tuple[Matcher, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    begin_ns: int = _EVER_NS[0]
    end_ns: int = _EVER_NS[1]

    def __post_init__(self) -> None:
        if not (self.matchers or self.columns or self.attributes or self.text) and self.is_timeless:
            raise QueryError("nothing says which rows are meant; name series, a column, an attribute, a text or a time")
        if self.begin_ns >= self.end_ns:
            raise QueryError("the time ends before it begins")
        if not self.tables:
            raise QueryError(
                "no signal has all of this: series are of metrics, attributes and text of events and spans, "
                f"and columns {', '.join(self.columns) or '(none)'} must be columns of what is meant"
            )

    @property
    def is_timeless(self) -> bool:
        """Whether rows of all times are meant."""
        return (self.begin_ns, self.end_ns) == _EVER_NS

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that can have rows that are meant, definitions of series apart."""
        tables = (table for signal in self.signals for table in SIGNALS[signal])
        return tuple(table for table in tables if self._concerns(table))

    def series_ids(self, series: pa.Table) -> Any:
        """Return which series of a table of definitions are meant, whatever the time; int64, ascending."""
        if "samples" not in self.tables:
            return np.empty(0, np.int64)
        met = matching(series, self.matchers)
        for name, value in self.columns.items():
            met &= _equal(series[name], value)
        return np.unique(series["series_id"].to_numpy()[met])

    def meant(self, table: str, series_ids: Any, rows: pa.Table) -> Any:
        """Return which rows of a segment of ``table`` are meant; bool.

        Args:
            table: one of :attr:`tables`.
            series_ids: of the series that are meant; not looked at for events and spans.
            rows: with the columns :meth:`needs` at least.
        """
        met = self._in_time(table, rows)
        if "series_id" in schema.TABLES[table].names:
            return met & np.isin(rows["series_id"].to_numpy(), series_ids)
        for name, value in self.columns.items():
            met &= _equal(rows[name], value)
        if self.text:
            met &= _mentions(rows, self.text)
        for key, value in self.attributes.items():
            met &= _has_attribute(rows, key, value)
        return met

    def needs(self, table: str) -> list[str]:
        """Return the columns that :meth:`meant` looks at."""
        names = schema.TABLES[table].names
        wanted = {"time", "ns", "series_id", *self.columns}
        wanted.update((*_OBJECTS, *_LISTS) if self.attributes or self.text else ())
        wanted.update(_PLAIN_TEXTS if self.text else ())
        return [name for name in names if name in wanted]

    def _concerns(self, table: str) -> bool:
        if "series_id" in schema.TABLES[table].names:
            return not self.attributes and not self.text and set(self.columns) <= set(schema.SERIES.names)
        return not self.matchers and set(self.columns) <= set(schema.TABLES[table].names)

    def _in_time(self, table: str, rows: pa.Table) -> Any:
        if self.is_timeless:
            return np.ones(rows.num_rows, bool)
        begin_us, begin_rest = divmod(self.begin_ns, _NS_PER_US)
        end_us, end_rest = divmod(self.end_ns, _NS_PER_US)
        times = times_us(rows)
        if table in STEPS_US:
            return (times + STEPS_US[table] > begin_us) & (times <= end_us)
        rest = rows["ns"].to_numpy()
        after = (times > begin_us) | ((times == begin_us) & (rest >= begin_rest))
        return after & ((times < end_us) | ((times == end_us) & (rest < end_rest)))


def _equal(column: pa.ChunkedArray, value: str) -> Any:
    return pc.fill_null(pc.equal(pc.cast(column, pa.string()), value), False).to_numpy()


def _mentions(rows: pa.Table, text: str) -> Any:
    """Return the rows that have ``text`` in them; in JSON it is written as JSON writes it."""
    met = np.zeros(rows.num_rows, bool)
    for names, needle in ((_PLAIN_TEXTS, text), ((*_OBJECTS, *_LISTS), _as_json(text))):
        for name in names:
            if name in rows.column_names:
                met |= _contains(rows[name], needle)
    return met


def _has_attribute(rows: pa.Table, key: str, value: str) -> Any:
    met = np.zeros(rows.num_rows, bool)
    for name in (*_OBJECTS, *_LISTS):
        if name not in rows.column_names:
            continue
        possible = np.flatnonzero(_contains(rows[name], f'"{_as_json(key)}"'))
        for row, text in zip(possible.tolist(), rows[name].take(possible).to_pylist(), strict=True):
            met[row] |= any(_is_value(found, value) for found in _values(msgspec.json.decode(text), key))
    return met


def _values(document: Any, key: str) -> list[Any]:
    """Return the values of ``key`` in an object of attributes, or in those of a span's events or links."""
    objects = [document] if isinstance(document, dict) else [item.get("attributes", {}) for item in document]
    return [found[key] for found in objects if key in found]


def _is_value(found: Any, value: str) -> bool:
    return found == value if isinstance(found, str) else msgspec.json.encode(found).decode() == value


def _contains(column: pa.ChunkedArray, needle: str) -> Any:
    found = pc.match_substring(pc.cast(column, pa.string()), needle)
    return pc.fill_null(found, False).to_numpy()


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
