"""Tables that are not ours: rows to samples or events, by a mapping of their columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from firstlight.app.imports.blocks import Piece
from firstlight.app.imports.wanted import Mapping, Wanted
from firstlight.app.moments import number_time, parse_time
from firstlight.errors import FirstlightError, UsageError
from firstlight.model import Batch, Event, Kind, Level, Resource, Series, parse_level
from firstlight.model.series import sorted_labels

_TIMES = ("time", "timestamp", "ts", "@timestamp", "datetime", "date", "time_ns", "_time")
_VALUES = ("value", "_value")
_MESSAGES = ("message", "body", "msg")
_LEVELS = ("level", "severity", "loglevel")
_FALSE_AND_TRUE = {"false": 0.0, "true": 1.0}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column, by its place, says what; -1 is none."""

    time: int
    values: tuple[int, ...]
    name: int
    message: int
    level: int
    labels: tuple[int, ...]


class TableReader:
    """Turns rows into batches.

    Args:
        columns: names of the columns.
        wanted: its mapping, and the time of rows that have none.

    Raises:
        UsageError: the mapping names a column that is not there, or says too little.
    """

    def __init__(self, columns: Sequence[str], wanted: Wanted) -> None:
        self._columns = tuple(columns)
        self._wanted = wanted
        self._mapping = wanted.mapping
        self._roles = _roles(self._columns, wanted)
        self._known: dict[tuple[str, tuple[Any, ...]], tuple[int, Series]] = {}

    def add(self, rows: Iterable[tuple[int, Sequence[Any]]], piece: Piece) -> None:
        """Add ``rows``, each with its number, to ``piece``."""
        batch = Batch(Resource(self._mapping.service))
        take = self._sample if self._roles.values else self._event
        for number, row in rows:
            try:
                if len(row) != len(self._columns):
                    raise ValueError(f"{len(row)} cells where {len(self._columns)} should be")
                take(row, batch)
            except (FirstlightError, ValueError, TypeError, OverflowError) as error:
                piece.refuse(number, str(error))
        if len(batch):
            piece.batches.append(batch)

    def _time_ns(self, row: Sequence[Any]) -> int:
        value = row[self._roles.time] if self._roles.time >= 0 else None
        if value in (None, ""):
            if self._wanted.default_time_ns is None:
                raise ValueError("the row has no time, and none was given for those without")
            return self._wanted.default_time_ns
        return time_of(value, self._mapping.time_unit)

    def _sample(self, row: Sequence[Any], batch: Batch) -> None:
        roles, time_ns = self._roles, self._time_ns(row)
        labels = tuple(row[at] for at in roles.labels)
        values = [(at, number_of(row[at])) for at in roles.values if row[at] not in (None, "")]
        for at, value in values:
            key = (self._metric(row, at), labels)
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = self._series(*key)
            batch.series[found[0]] = found[1]
            batch.samples.add(found[0], time_ns, value)

    def _metric(self, row: Sequence[Any], value_at: int) -> str:
        if self._roles.name >= 0:
            return _text(row[self._roles.name])
        alone = len(self._roles.values) == 1
        return self._mapping.name if alone and self._mapping.name else self._prefixed(self._columns[value_at])

    def _prefixed(self, column: str) -> str:
        return f"{self._mapping.name}_{column}" if self._mapping.name else column

    def _series(self, name: str, cells: tuple[Any, ...]) -> tuple[int, Series]:
        if not name:
            raise ValueError("the metric has no name")
        pairs = {self._columns[at]: _text(cell) for at, cell in zip(self._roles.labels, cells, strict=True)}
        series = Series(name, sorted_labels(pairs), self._mapping.service, kind=Kind(self._mapping.kind))
        return series.id(), series

    def _event(self, row: Sequence[Any], batch: Batch) -> None:
        roles = self._roles
        level = parse_level(_text(row[roles.level])) if roles.level >= 0 and row[roles.level] else Level.INFO
        name = _text(row[roles.name]) if roles.name >= 0 else self._mapping.name
        data = {self._columns[at]: _plain(row[at]) for at in roles.labels if row[at] not in (None, "")}
        body = _text(row[roles.message]) if roles.message >= 0 else ""
        batch.events.append(Event(self._time_ns(row), name, level, body=body, attributes=data))


def _roles(columns: tuple[str, ...], wanted: Wanted) -> Roles:
    mapping = wanted.mapping
    for name in (mapping.time, *mapping.values, *mapping.labels, mapping.message, mapping.level):
        if name and name not in columns:
            raise UsageError(f"there is no column {name!r}; there are {', '.join(columns)}")
    time = _place(columns, mapping.time, _TIMES)
    if time < 0 and wanted.default_time_ns is None:
        raise UsageError(f"which column is the time? name it with --time; there are {', '.join(columns)}")
    values = tuple(columns.index(name) for name in mapping.values)
    if not values and not mapping.message:
        values = tuple(at for at in (_place(columns, "", _VALUES),) if at >= 0)
    message = -1 if values else _place(columns, mapping.message, _MESSAGES)
    if not values and message < 0:
        raise UsageError(f"name the columns with --value, or with --message; there are {', '.join(columns)}")
    level = -1 if values else _place(columns, mapping.level, _LEVELS)
    named = columns.index(mapping.name) if mapping.name in columns else _usual_name(columns, mapping)
    taken = {time, *values, named, message, level}
    rest = tuple(at for at in range(len(columns)) if at not in taken)
    labels = tuple(columns.index(label) for label in mapping.labels) or rest
    return Roles(time, values, named, message, level, labels)


def _usual_name(columns: tuple[str, ...], mapping: Mapping) -> int:
    return -1 if mapping.name or len(mapping.values) > 1 else _place(columns, "", ("name", "metric"))


def _place(columns: tuple[str, ...], wanted: str, usual: tuple[str, ...]) -> int:
    if wanted:
        return columns.index(wanted)
    lower = [column.lower() for column in columns]
    return next((lower.index(name) for name in usual if name in lower), -1)


def time_of(value: Any, unit: str) -> int:
    """Return the nanoseconds since the epoch of a cell.

    Raises:
        ValueError: it is no time.
    """
    if isinstance(value, datetime):
        zoned = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return parse_time(zoned.isoformat())
    if isinstance(value, date):
        return parse_time(value.isoformat())
    if isinstance(value, str):
        return parse_time(value, unit)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return number_time(value, unit)
    raise ValueError(f"{value!r} is no time")


def number_of(value: Any) -> float:
    """Return a cell as a double; truth values are 1 and 0.

    Raises:
        ValueError: it is no number.
    """
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _FALSE_AND_TRUE:
        return _FALSE_AND_TRUE[word]
    try:
        return float(value)
    except (ValueError, TypeError):
        raise ValueError(f"{value!r} is no number") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _plain(value: Any) -> Any:
    """Return a cell as an attribute: plain JSON values as they are, all else as text."""
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
